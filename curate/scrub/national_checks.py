"""Whether a number can be somebody's in a country: its check digits, and the day of birth in it.

b"44051401359" ─▶ is_pesel ─▶ True        Each takes letters in capitals and digits, without what separates them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from curate.scrub.checksums import (
    digits_of,
    is_luhn,
    is_mod_11_10,
    is_verhoeff,
    weighted,
)

Holds = Callable[[bytes], bool]
SPANISH = b"TRWAGMYFPDXBNJZSQVHLCKE"
FINNISH = b"0123456789ABCDEFHJKLMNPRSTUVWXY"
ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""What Italy's letters weigh in odd places; digits weigh as the first ten."""
SINGAPORE = {"ST": b"JZIHGFEDCBA", "FG": b"XWUTRQPNMLK", "M": b"XWUTRQPNJLK"}
CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def is_day(year: int, month: int, day: int) -> bool:
    """There was such a day, or there will be."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def is_day_of_any_century(year: bytes, month: bytes, day: bytes) -> bool:
    """Of a year in two digits: 1900 has no 29 February, 2000 has one."""
    return is_day(2000 + int(year), int(month), int(day))


def is_ssn(number: bytes) -> bool:
    """Areas and groups that the Social Security Administration gives out; no check digit."""
    return number[:3] not in (b"000", b"666") and number[:1] != b"9" and number[3:5] != b"00" and number[5:] != b"0000"


def is_itin(number: bytes) -> bool:
    group = int(number[3:5])
    return number[:1] == b"9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


def is_nif(number: bytes) -> bool:
    return SPANISH[int(number[:8]) % 23] == number[8]


def is_nie(number: bytes) -> bool:
    return is_nif(b"%d" % b"XYZ".index(number[0]) + number[1:])


def is_fiscal_code(number: bytes) -> bool:
    values = [byte - 48 if byte < 58 else byte - 65 for byte in number]
    total = sum(ODD[value] if place % 2 == 0 else value for place, value in enumerate(values[:15]))
    return total % 26 == values[15]


def is_pesel(number: bytes) -> bool:
    digits = digits_of(number)
    century, month = divmod(int(number[2:4]), 20)
    year = (1900, 2000, 2100, 2200, 1800)[century] + int(number[:2])
    return is_day(year, month, int(number[4:6])) and weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)) % 10 == 0


def is_hetu(number: bytes) -> bool:
    """Finland's, with its sign of the century: `131052-308T`."""
    year = {b"+": 1800, b"-": 1900}.get(number[6:7], 1900 if number[6:7] in b"YXWVU" else 2000) + int(number[4:6])
    is_born = is_day(year, int(number[2:4]), int(number[:2]))
    return is_born and FINNISH[int(number[:6] + number[7:10]) % 31] == number[10]


def is_nhs(number: bytes) -> bool:
    return weighted(digits_of(number), range(10, 0, -1)) % 11 == 0


def is_aadhaar(number: bytes) -> bool:
    return number[:1] not in b"01" and number != number[::-1] and is_verhoeff(digits_of(number))


def is_nric(number: bytes) -> bool:
    total = weighted(digits_of(number), (2, 7, 6, 5, 4, 3, 2)) + {"T": 4, "G": 4, "M": 3}.get(chr(number[0]), 0)
    letters = next(letters for heads, letters in SINGAPORE.items() if chr(number[0]) in heads)
    return letters[10 - total % 11 if number[:1] == b"M" else total % 11] == number[8]


def is_tfn(number: bytes) -> bool:
    return weighted(digits_of(number), (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def is_abn(number: bytes) -> bool:
    first, *rest = digits_of(number)
    return weighted([first - 1, *rest], (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)) % 89 == 0


def is_rrn(number: bytes) -> bool:
    """South Korea's; those given out since October 2020 have no check digit, and are found beside a word only."""
    return is_rrn_of_any_year(number) and (
        (11 - weighted(digits_of(number), (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11) % 10 == int(number[12:])
    )


def is_rrn_of_any_year(number: bytes) -> bool:
    is_place = number[7:9] <= b"95"
    return is_place and number[6:7] not in b"09" and is_day_of_any_century(number[:2], number[2:4], number[4:6])


def is_cpf(number: bytes) -> bool:
    digits = digits_of(number)
    sums = weighted(digits, range(10, 1, -1)), weighted(digits, range(11, 1, -1))
    return len(set(digits)) > 1 and [total * 10 % 11 % 10 for total in sums] == digits[9:]


def is_steuer_id(number: bytes) -> bool:
    """Of its first ten digits, one stands there twice or thrice, the others at most once."""
    often = sorted((number[:10].count(digit) for digit in set(number[:10])), reverse=True)
    return number[:1] != b"0" and often[0] in (2, 3) and often[1] == 1 and is_mod_11_10(digits_of(number))


def is_nir(number: bytes) -> bool:
    """France's, Corsica's letters among them."""
    plain = number.replace(b"2A", b"19", 1).replace(b"2B", b"18", 1) if number[5:7] in (b"2A", b"2B") else number
    is_month = 1 <= int(number[3:5]) <= 12 or 20 <= int(number[3:5]) <= 42 or int(number[3:5]) >= 50
    return is_month and 97 - int(plain[:13]) % 97 == int(plain[13:])


def is_personnummer(number: bytes) -> bool:
    """Sweden's in ten or twelve digits; numbers of coordination have 60 added to the day."""
    short = number[-10:]
    day = int(short[4:6])
    is_born = is_day_of_any_century(short[:2], short[2:4], b"%d" % (day - 60 if day > 60 else day))
    return is_born and number[:-10] in (b"", b"18", b"19", b"20") and is_luhn(digits_of(short))


def is_kimlik(number: bytes) -> bool:
    digits = digits_of(number)
    tenth = (7 * sum(digits[0:9:2]) - sum(digits[1:8:2])) % 10
    return digits[0] != 0 and digits[9] == tenth and digits[10] == sum(digits[:10]) % 10


def is_tnin(number: bytes) -> bool:
    digits = digits_of(number)
    return digits[0] not in (0, 9) and (11 - weighted(digits, range(13, 1, -1)) % 11) % 10 == digits[12]


def is_za_id(number: bytes) -> bool:
    is_born = is_day_of_any_century(number[:2], number[2:4], number[4:6])
    return is_born and number[10:11] in b"012" and number[11:12] in b"89" and is_luhn(digits_of(number))


def is_sin(number: bytes) -> bool:
    return number[:1] not in b"08" and is_luhn(digits_of(number))


def is_bsn(number: bytes) -> bool:
    return int(number) > 0 and weighted(digits_of(number), (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def is_ahv(number: bytes) -> bool:
    return number[:3] == b"756" and weighted(digits_of(number), (1, 3) * 6 + (1,)) % 10 == 0


def is_rijksregister(number: bytes) -> bool:
    """Belgium's; whoever was born from 2000 on has a 2 before it for the check."""
    is_born = number[2:4] == b"00" or is_day_of_any_century(number[:2], b"%d" % (int(number[2:4]) % 20), number[4:6])
    check = int(number[9:])
    return is_born and (97 - int(number[:9]) % 97 == check or 97 - int(b"2" + number[:9]) % 97 == check)


def is_fodselsnummer(number: bytes) -> bool:
    digits = digits_of(number)
    is_born = is_day_of_any_century(number[4:6], b"%d" % (int(number[2:4]) % 40), b"%d" % (int(number[:2]) % 40))
    first = weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    return is_born and first == 0 and weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0


def is_cpr(number: bytes) -> bool:
    """Denmark's: a day of birth; the check digit was given up in 2007."""
    return is_day_of_any_century(number[4:6], number[2:4], number[:2])


def is_chinese(number: bytes) -> bool:
    digits = [*digits_of(number[:17]), 10 if number[17:] == b"X" else int(number[17:])]
    is_born = number[6:8] in (b"18", b"19", b"20") and is_day(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    return is_born and weighted(digits, [2 ** (17 - place) % 11 for place in range(18)]) % 11 == 1


def is_curp(number: bytes) -> bool:
    values = [CURP.index(chr(byte)) for byte in number]
    is_born = is_day_of_any_century(number[4:6], number[6:8], number[8:10])
    return is_born and -weighted(values, range(18, 1, -1)) % 10 == values[17]


def is_any(number: bytes) -> bool:
    """For what has no check digit that anybody publishes."""
    return bool(number)
