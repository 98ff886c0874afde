"""Check digits: the arithmetic by which a number of twelve digits differs from a national id.

b"79927398713" ─▶ is_luhn ─▶ True
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

LUHN = (tuple(range(10)), (0, 2, 4, 6, 8, 1, 3, 5, 7, 9))
DIHEDRAL = tuple(
    tuple((a + b) % 5 if b < 5 else 5 + (a + b) % 5 for b in range(10))
    if a < 5
    else tuple(5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5 for b in range(10))
    for a in range(10)
)
"""The multiplication of the dihedral group of ten elements (Verhoeff 1969)."""
PERMUTATION = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def digits_of(number: bytes) -> list[int]:
    """The digits among some bytes."""
    return [byte - 48 for byte in number if 48 <= byte <= 57]


def is_luhn(digits: Sequence[int]) -> bool:
    """The last digit is Luhn's (ISO/IEC 7812-1)."""
    return sum(table[digit] for digit, table in zip(reversed(digits), cycle(LUHN), strict=False)) % 10 == 0


def is_verhoeff(digits: Sequence[int]) -> bool:
    """The last digit is Verhoeff's."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        for _ in range(place % 8):
            digit = PERMUTATION[digit]
        check = DIHEDRAL[check][digit]
    return check == 0


def weighted(digits: Sequence[int], weights: Sequence[int]) -> int:
    """The sum of as many products as there are weights."""
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


def is_mod_11_10(digits: Sequence[int]) -> bool:
    """The last digit is that of ISO/IEC 7064, MOD 11,10."""
    product = 10
    for digit in digits[:-1]:
        product = ((product + digit) % 10 or 10) * 2 % 11
    return (product + digits[-1]) % 10 == 1


def is_mod_97(letters: str) -> bool:
    """Letters as 10 to 35, the number is 1 modulo 97 (ISO/IEC 7064, MOD 97-10)."""
    return int("".join(str(int(letter, 36)) for letter in letters)) % 97 == 1
