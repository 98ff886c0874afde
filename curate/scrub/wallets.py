"""Addresses of wallets: Bitcoin's, in Base58 and Bech32, and Ethereum's, by their checksums.

`1BvBM…`, `bc1q…`, `0x5aAe…` ─▶ its checksum ─▶ Entity
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256

from curate.scrub.context import is_spoken_of
from curate.scrub.entity import Entity, Pattern
from curate.scrub.keccak import keccak_256
from curate.scrub.scan.shapes import WALLET
from curate.scrub.spans import Span

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
OLD = re.compile(rb"[13][1-9A-HJ-NP-Za-km-z]{25,34}")
SEGWIT = re.compile(rb"bc1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71}")
ETHEREUM = re.compile(rb"0x[0-9a-fA-F]{40}")
WORDS = r"eth|ether|ethereum|wallets?|crypto|token|contract|erc-?20|donat\w+|tip|address"
GENERATORS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


def wallets_within(data: bytes, start: int, end: int) -> Iterator[Span]:
    word = data[start:end]
    if OLD.fullmatch(word):
        is_one = is_base58_check(word.decode())
    elif SEGWIT.fullmatch(word):
        is_one = is_bech32(word.decode().lower())
    elif ETHEREUM.fullmatch(word):
        is_one = is_ethereum(word.decode()) or (is_of_one_case(word) and is_spoken_of(WORDS, data, start, end))
    else:
        return
    if is_one:
        yield start, end


def is_base58_check(address: str) -> bool:
    """25 bytes of which the last four are of the others' double SHA-256."""
    number = 0
    for letter in address:
        number = number * 58 + BASE58.index(letter)
    if number >= 1 << 200:
        return False
    payload = number.to_bytes(25, "big")
    zeros = len(payload) - len(payload.lstrip(b"\0"))
    is_plain = zeros == len(address) - len(address.lstrip("1")) and payload[0] in (0, 5)
    return is_plain and sha256(sha256(payload[:-4]).digest()).digest()[:4] == payload[-4:]


def is_bech32(address: str) -> bool:
    """BIP 173 for version 0, BIP 350 for the others; an address of Bitcoin's main net."""
    values = [BECH32.index(letter) for letter in address[3:]]
    check = 1
    for value in [3, 3, 0, 2, 3, *values]:  # "bc", as these take a name apart
        top, check = check >> 25, (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(GENERATORS):
            check ^= generator if top >> bit & 1 else 0
    return check == (1 if values[0] == 0 else 0x2BC830A3)


def is_of_one_case(word: bytes) -> bool:
    return word[2:] in (word[2:].lower(), word[2:].upper()) and len(set(word[2:])) > 4


def is_ethereum(address: str) -> bool:
    """Its capitals are the checksum (ERC-55); one without any letters, or with those of one case, has none."""
    digits = address[2:]
    if digits in (digits.lower(), digits.upper()):
        return False
    digest = keccak_256(digits.lower().encode()).hex()
    return all(
        not letter.isalpha() or letter.isupper() == (int(nibble, 16) > 7)
        for letter, nibble in zip(digits, digest, strict=False)
    )


CRYPTO = Entity(
    name="CRYPTO",
    about="addresses of Bitcoin and Ethereum wallets with a right checksum; Ethereum's without one beside a word",
    find=Pattern((WALLET,), wallets_within),
)
