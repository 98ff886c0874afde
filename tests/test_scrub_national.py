"""National numbers: published examples are found, wrong check digits are not, and Presidio says the same of both."""

from __future__ import annotations

import random
import string
import warnings
from collections.abc import Callable
from datetime import date, timedelta

import polars as pl
import pytest

from curate.scrub import national_checks as checks
from curate.scrub.national import NATIONAL
from curate.scrub.pii import scrub_texts

Make = Callable[[random.Random], str]

SURE = {
    "US_SSN": ["125-17-4954"],
    "ES_NIF": ["12345678Z", "12345678-Z"],
    "ES_NIE": ["X1234567L", "X1234567-L"],
    "IT_FISCAL_CODE": ["RSSMRA85T10A562S", "MRTMTT91D08F205J"],
    "FI_PERSONAL_IDENTITY_CODE": ["131052-308T", "131052A308T"],
    "UK_NINO": ["AB 12 34 56 C"],
    "IN_PAN": ["ABCPE1234F"],
    "SG_NRIC_FIN": ["S1234567D"],
    "AU_ABN": ["51 824 753 556"],
    "BR_CPF": ["529.982.247-25"],
    "FR_NIR": ["2 55 08 14 168 025 38", "255081416802538"],
    "SE_PERSONNUMMER": ["811218-9876", "19811218-9876"],
    "CH_AHV": ["756.9217.0769.85"],
    "BE_NATIONAL_NUMBER": ["85.07.30-033.28"],
    "CN_RESIDENT_ID": ["11010519491231002X"],
    "MX_CURP": ["BOXW310820HNERXN09"],
}
"""Found wherever they stand; from the publishers of the numbers, and articles about them."""

BESIDE_A_WORD = {
    "US_SSN": "SSN 125 17 4954|social security number: 125174954",
    "PL_PESEL": "PESEL: 44051401359|numer PESEL 02070803628",
    "UK_NHS": "NHS number 943 476 5919|the patient 9434765919",
    "UK_NINO": "national insurance number AB123456C",
    "IN_AADHAAR": "Aadhaar 2341 2341 2346|aadhar no. 234123412346",
    "AU_TFN": "TFN 123 456 782|tax file number: 123456782",
    "AU_ABN": "ABN 51824753556",
    "BR_CPF": "CPF 52998224725|CPF nº 529982247-25",
    "DE_TAX_ID": "Steuer-ID: 86095742719|IdNr. 86 095 742 719",
    "SE_PERSONNUMMER": "personnummer 8112189876",
    "TR_NATIONAL_ID": "TC kimlik no 10000000146",
    "ZA_ID_NUMBER": "ID number 8001015009087|identity 800101 5009 087",
    "CA_SIN": "SIN 193-456-787|social insurance number 193456787",
    "NL_BSN": "BSN 111222333|burgerservicenummer: 1112.22.333",
    "CH_AHV": "AHV 7569217076985",
    "BE_NATIONAL_NUMBER": "rijksregisternummer 85073003328",
    "NO_FODSELSNUMMER": "fødselsnummer 15076500565",
    "DK_CPR": "CPR-nr. 211062-5629",
}
"""Found there, and not without the word."""

PRESIDIO: dict[str, tuple[str, checks.Holds, Make]] = {}


def digits(count: int, among: str = string.digits) -> Make:
    return lambda chance: "".join(chance.choices(among, k=count))


def day(form: str) -> Make:
    return lambda chance: (date(1910, 1, 1) + timedelta(days=chance.randrange(41_000))).strftime(form)


def glued(*makers: Make) -> Make:
    return lambda chance: "".join(make(chance) for make in makers)


def letters(among: str = string.ascii_uppercase, count: int = 1) -> Make:
    return digits(count, among)


def steuer_id(chance: random.Random) -> str:
    ten = chance.sample(string.digits, 9)
    ten.append(chance.choice(ten))
    chance.shuffle(ten)
    return "".join(ten) + chance.choice(string.digits)


PRESIDIO |= {
    "PlPeselRecognizer": ("PL_PESEL", checks.is_pesel, glued(day("%y%m%d"), digits(5))),
    "InAadhaarRecognizer": ("IN_AADHAAR", checks.is_aadhaar, digits(12)),
    "AuTfnRecognizer": ("AU_TFN", checks.is_tfn, digits(9)),
    "AuAbnRecognizer": ("AU_ABN", checks.is_abn, digits(11)),
    "NhsRecognizer": ("UK_NHS", checks.is_nhs, digits(10)),
    "EsNifRecognizer": ("ES_NIF", checks.is_nif, glued(digits(8), letters())),
    "EsNieRecognizer": ("ES_NIE", checks.is_nie, glued(letters("XYZ"), digits(7), letters())),
    "ItFiscalCodeRecognizer": (
        "IT_FISCAL_CODE",
        checks.is_fiscal_code,
        glued(letters(count=6), digits(2), letters("ABCDEHLMPRST"), digits(2), letters(), digits(3), letters()),
    ),
    "FiPersonalIdentityCodeRecognizer": (
        "FI_PERSONAL_IDENTITY_CODE",
        checks.is_hetu,
        glued(day("%d%m%y"), letters("-A+"), digits(3), letters("0123456789ABCDEFHJKLMNPRSTUVWXY")),
    ),
    "TrNationalIdRecognizer": ("TR_NATIONAL_ID", checks.is_kimlik, glued(digits(1, "123456789"), digits(10))),
    "ThTninRecognizer": ("TH_TNIN", checks.is_tnin, glued(digits(1, "12345678"), digits(12))),
    "ZaIdNumberRecognizer": (
        "ZA_ID_NUMBER",
        checks.is_za_id,
        glued(day("%y%m%d"), digits(4), letters("01"), digits(2)),
    ),
    "DeTaxIdRecognizer": ("DE_TAX_ID", checks.is_steuer_id, steuer_id),
    "SePersonnummerRecognizer": ("SE_PERSONNUMMER", checks.is_personnummer, glued(day("%y%m%d"), digits(4))),
    "KrRrnRecognizer": ("KR_RRN", checks.is_rrn, glued(day("%y%m%d"), letters("1234"), digits(6))),
}


def scrub(text: str, kind: str) -> str:
    return scrub_texts(pl.Series([text]), entities=(kind,))["text"][0]


@pytest.mark.parametrize("kind", SURE)
def test_published_examples_are_found_and_with_another_digit_they_are_not(kind: str) -> None:
    for number in SURE[kind]:
        assert scrub(f"so {number}, he", kind) == f"so <{kind}>, he"
        assert scrub(f"so x{number} and {number}9", kind) == f"so x{number} and {number}9"
        if kind in ("US_SSN", "UK_NINO", "IN_PAN"):
            continue  # without a check digit
        place = max(place for place, letter in enumerate(number[:-1]) if letter.isdigit())
        broken = number[:place] + str((int(number[place]) + 1) % 10) + number[place + 1 :]
        assert scrub(f"so {broken}, he", kind) == f"so {broken}, he"


@pytest.mark.parametrize("kind", BESIDE_A_WORD)
def test_plain_digits_are_found_beside_a_word_alone(kind: str) -> None:
    for text in BESIDE_A_WORD[kind].split("|"):
        first = next(place for place, letter in enumerate(text) if letter.isdigit() or text[place:] == "AB123456C")
        words, number = text[:first], text[first:]
        assert scrub(text, kind) == f"{words}<{kind}>"
        assert scrub(f"the code {number} is", kind) == f"the code {number} is"


def test_a_korean_number_without_a_check_digit_needs_a_word() -> None:
    stem = "900101-120123"
    numbers = [f"{stem}{digit}" for digit in string.digits]
    found = [number for number in numbers if scrub(number, "KR_RRN") != number]
    assert len(found) == 1
    assert all(scrub(f"주민등록번호 {number}", "KR_RRN") == "주민등록번호 <KR_RRN>" for number in numbers)
    assert scrub("주민등록번호 909901-1201234", "KR_RRN") == "주민등록번호 909901-1201234"


def test_thai_numbers_with_hyphens_are_found() -> None:
    numbers = [f"1-1015-00012-34-{digit}" for digit in string.digits]
    assert [scrub(number, "TH_TNIN") for number in numbers].count("<TH_TNIN>") == 1


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("recognizer", PRESIDIO)
def test_presidio_validates_the_same_numbers(recognizer: str) -> None:
    """The same of a day that is no day or is yet to come aside, which not all of its recognizers look at."""
    pytest.importorskip("presidio_analyzer", reason="needs the extra curate-corpus[pii]")
    with warnings.catch_warnings(action="ignore"):
        from presidio_analyzer import predefined_recognizers

    _, holds, make = PRESIDIO[recognizer]
    theirs, chance = getattr(predefined_recognizers, recognizer)(), random.Random(0)
    numbers = [make(chance) for _ in range(3_000)]
    answers = [(holds(number.encode()), bool(theirs.validate_result(number))) for number in numbers]
    assert sum(ours for ours, _ in answers) > 20
    assert [number for number, (one, other) in zip(numbers, answers, strict=True) if one != other] == []


def test_every_country_has_a_row_and_each_says_what_counts() -> None:
    countries = {entity.name.partition("_")[0] for entity in NATIONAL}
    assert len(countries) >= 20
    assert {*SURE, *BESIDE_A_WORD, "KR_RRN", "TH_TNIN"} == {entity.name for entity in NATIONAL}
    assert all(entity.about for entity in NATIONAL)
