"""XXH3 of short names (Collet 2019), 64 bits with a seed: the draw needs it where only numpy is installed.

bytes, seed ─▶ by length: up to 3, 8, 16, 128, 240 or 1,024 ─▶ words multiplied to 128 bits, folded ─▶ 64 bits

The numbers are those of the package `xxhash`, byte for byte: runs that were drawn with it draw the same rows. In Python
it takes some microseconds a name, and a run has a few.
"""

from __future__ import annotations

MASK = (1 << 64) - 1
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221"
    "b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb"
    "170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
MAX_LENGTH = 1024
"""A block of the long form; the name of a pool has 508 bytes at most."""
PRIME_32_1, PRIME_32_2, PRIME_32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
PRIME_64_1, PRIME_64_2, PRIME_64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
PRIME_64_4, PRIME_64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
PRIME_MX_1, PRIME_MX_2 = 0x165667919E3779F9, 0x9FB21C651E98DF25


def xxh3_64(data: bytes, *, seed: int) -> int:
    """Of up to MAX_LENGTH bytes, with a seed of 64 bits."""
    if len(data) > MAX_LENGTH:
        raise ValueError(f"{len(data)} bytes are hashed here, and at most {MAX_LENGTH} can be")
    if len(data) > 240:
        return _of_a_block(data, seed)
    if len(data) > 16:
        return _of_many(data, seed)
    if len(data) > 8:
        return _of_9_to_16(data, seed)
    if len(data) >= 4:
        return _of_4_to_8(data, seed)
    return _of_1_to_3(data, seed) if data else _avalanche_64(seed ^ _word(SECRET, 56) ^ _word(SECRET, 64))


def _of_1_to_3(data: bytes, seed: int) -> int:
    size = len(data)
    joined = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
    flip = (_half(SECRET, 0) ^ _half(SECRET, 4)) + seed & MASK
    return _avalanche_64(joined ^ flip)


def _of_4_to_8(data: bytes, seed: int) -> int:
    size = len(data)
    seed ^= int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32
    flip = (_word(SECRET, 8) ^ _word(SECRET, 16)) - seed & MASK
    x = (_half(data, size - 4) + (_half(data, 0) << 32)) ^ flip
    x ^= _rotate(x, 49) ^ _rotate(x, 24)
    x = x * PRIME_MX_2 & MASK
    x ^= (x >> 35) + size
    x = x * PRIME_MX_2 & MASK
    return x ^ x >> 28


def _of_9_to_16(data: bytes, seed: int) -> int:
    size = len(data)
    low = _word(data, 0) ^ ((_word(SECRET, 24) ^ _word(SECRET, 32)) + seed & MASK)
    high = _word(data, size - 8) ^ ((_word(SECRET, 40) ^ _word(SECRET, 48)) - seed & MASK)
    swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
    return _avalanche(size + swapped + high + _fold(low, high) & MASK)


def _of_many(data: bytes, seed: int) -> int:
    """Of 17 to 240: pairs of words from both ends, or, over 128, from the front on, with other parts of the secret."""
    size = len(data)
    sum_ = size * PRIME_64_1 & MASK
    if size <= 128:
        for turn in range((size - 1) // 32, -1, -1):
            sum_ += _mixed(data, 16 * turn, 32 * turn, seed)
            sum_ += _mixed(data, size - 16 * (turn + 1), 32 * turn + 16, seed)
        return _avalanche(sum_ & MASK)
    sum_ += sum(_mixed(data, 16 * turn, 16 * turn, seed) for turn in range(8))
    sum_ = _avalanche(sum_ & MASK)
    sum_ += sum(_mixed(data, 16 * turn, 16 * (turn - 8) + 3, seed) for turn in range(8, size // 16))
    sum_ += _mixed(data, size - 16, 136 - 17, seed)
    return _avalanche(sum_ & MASK)


def _of_a_block(data: bytes, seed: int) -> int:
    """Of 241 to 1,024: stripes of eight words go into eight sums, each with the secret eight bytes farther on."""
    words = [_word(SECRET, at) + (seed if at % 16 == 0 else -seed) & MASK for at in range(0, len(SECRET), 8)]
    secret = b"".join(word.to_bytes(8, "little") for word in words)
    sums = [PRIME_32_3, PRIME_64_1, PRIME_64_2, PRIME_64_3, PRIME_64_4, PRIME_32_2, PRIME_64_5, PRIME_32_1]
    stripes = [(64 * turn, 8 * turn) for turn in range((len(data) - 1) // 64)]
    for at, key in (*stripes, (len(data) - 64, len(SECRET) - 64 - 7)):
        for lane in range(8):
            word = _word(data, at + 8 * lane)
            mixed = word ^ _word(secret, key + 8 * lane)
            sums[lane ^ 1] += word
            sums[lane] += (mixed & 0xFFFFFFFF) * (mixed >> 32)
    keyed = [sum_ & MASK ^ _word(secret, 11 + 8 * lane) for lane, sum_ in enumerate(sums)]
    folded = sum(_fold(keyed[lane], keyed[lane + 1]) for lane in range(0, 8, 2))
    return _avalanche(len(data) * PRIME_64_1 + folded & MASK)


def _mixed(data: bytes, at: int, secret: int, seed: int) -> int:
    """16 bytes, against 16 of the secret."""
    low, high = _word(data, at), _word(data, at + 8)
    return _fold(low ^ (_word(SECRET, secret) + seed & MASK), high ^ (_word(SECRET, secret + 8) - seed & MASK))


def _fold(a: int, b: int) -> int:
    product = a * b
    return (product & MASK) ^ product >> 64


def _avalanche(x: int) -> int:
    x ^= x >> 37
    x = x * PRIME_MX_1 & MASK
    return x ^ x >> 32


def _avalanche_64(x: int) -> int:
    """The older one, of XXH64."""
    x ^= x >> 33
    x = x * PRIME_64_2 & MASK
    x ^= x >> 29
    x = x * PRIME_64_3 & MASK
    return x ^ x >> 32


def _rotate(x: int, by: int) -> int:
    return (x << by | x >> 64 - by) & MASK


def _word(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 8], "little")


def _half(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")
