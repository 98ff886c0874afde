"""Keccak-256 as Ethereum has it: the sponge before FIPS 202 gave SHA-3 another padding, which `hashlib` follows.

bytes ─▶ blocks of 136 ─▶ 24 rounds on 25 lanes of 64 bits ─▶ 32 bytes
"""

from __future__ import annotations

LANE = (1 << 64) - 1
RATE = 136
Lanes = list[list[int]]


def keccak_256(message: bytes) -> bytes:
    """The Keccak reference, version 3.0 (Bertoni, Daemen, Peeters and Van Assche 2011), with a capacity of 512 bits."""
    padded = bytearray(message + b"\x01" + bytes(-(len(message) + 1) % RATE))
    padded[-1] |= 0x80
    lanes: Lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), RATE):
        for place in range(RATE // 8):
            word = padded[start + 8 * place : start + 8 * place + 8]
            lanes[place % 5][place // 5] ^= int.from_bytes(word, "little")
        lanes = _permute(lanes)
    return b"".join(lanes[place][0].to_bytes(8, "little") for place in range(4))


def _permute(lanes: Lanes) -> Lanes:
    register = 1
    for _ in range(24):
        lanes = _chi(_rho_and_pi(_theta(lanes)))
        for bit in range(7):
            register = (register << 1 ^ (register >> 7) * 0x71) % 256
            if register & 2:
                lanes[0][0] ^= 1 << (1 << bit) - 1
    return lanes


def _theta(lanes: Lanes) -> Lanes:
    parity = [lane[0] ^ lane[1] ^ lane[2] ^ lane[3] ^ lane[4] for lane in lanes]
    mixed = [parity[x - 1] ^ _rotated(parity[(x + 1) % 5], 1) for x in range(5)]
    return [[lanes[x][y] ^ mixed[x] for y in range(5)] for x in range(5)]


def _rho_and_pi(lanes: Lanes) -> Lanes:
    x, y, current = 1, 0, lanes[1][0]
    for step in range(24):
        x, y = y, (2 * x + 3 * y) % 5
        current, lanes[x][y] = lanes[x][y], _rotated(current, (step + 1) * (step + 2) // 2)
    return lanes


def _chi(lanes: Lanes) -> Lanes:
    return [[lanes[x][y] ^ ~lanes[(x + 1) % 5][y] & lanes[(x + 2) % 5][y] for y in range(5)] for x in range(5)]


def _rotated(lane: int, by: int) -> int:
    by %= 64
    return (lane << by | lane >> 64 - by) & LANE if by else lane
