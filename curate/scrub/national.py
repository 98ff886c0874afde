"""Numbers by which countries know people: a table of forms, check digits and the words beside them.

candidate ─▶ a form that nothing else has, or another one beside a word ─▶ check digits, day of birth ─▶ Entity

A single check digit lets one of ten or eleven numbers pass, so plain digits count only where a word says what they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.scrub import national_checks as checks
from curate.scrub.context import is_spoken_of
from curate.scrub.entity import Check, Entity, Pattern
from curate.scrub.scan.shapes import CODE, DIGITS
from curate.scrub.spans import Span


def _national(
    name: str,
    about: str,
    holds: checks.Holds,
    *,
    shapes: tuple[int, ...] = (DIGITS,),
    sizes: tuple[int, ...],
    words: str,
    sure: str = "",
    weak: str = "",
    weak_holds: checks.Holds | None = None,
    signs: bytes = b" -.",
) -> Entity:
    """`sure` is a form that counts by itself, `weak` one that needs a word; each has to hold without the `signs`."""
    ids = _ids_within(holds, weak_holds or holds, words, sure, weak, signs)
    return Entity(name=name, about=about, find=Pattern(shapes, ids, sizes))


def _ids_within(holds: checks.Holds, weak_holds: checks.Holds, words: str, sure: str, weak: str, signs: bytes) -> Check:
    sure_form, weak_form = sure.encode(), weak.encode()

    def ids_within(data: bytes, start: int, end: int) -> Iterator[Span]:
        written = data[start:end]
        number = written.translate(None, signs).upper()
        is_sure = sure_form and re.fullmatch(sure_form, written) and holds(number)
        is_weak = not is_sure and weak_form and re.fullmatch(weak_form, written) and weak_holds(number)
        if is_sure or (is_weak and is_spoken_of(words, data, start, end)):
            yield start, end

    return ids_within


BIRTH = r"\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
"""Year, month and day in two digits each."""

NATIONAL = (
    _national(
        "US_SSN",
        "social security numbers with hyphens; other spellings beside a word",
        checks.is_ssn,
        sizes=(9,),
        sure=r"\d{3}-\d\d-\d{4}",
        weak=r"\d{3}([ .]?)\d\d\1\d{4}",
        words=r"ssns?|social[ _]?security|soc\.? ?sec|social|ss ?(?:#|no|number)",
    ),
    _national(
        "ES_NIF",
        "Spain: eight digits and the letter that they give",
        checks.is_nif,
        shapes=(CODE,),
        sizes=(9, 10),
        sure=r"\d{8}-?[A-Z]",
        words="",
    ),
    _national(
        "ES_NIE",
        "Spain, foreigners: X, Y or Z, seven digits and the letter that they give",
        checks.is_nie,
        shapes=(CODE,),
        sizes=(9, 10),
        sure=r"[XYZ]\d{7}-?[A-Z]",
        words="",
    ),
    _national(
        "IT_FISCAL_CODE",
        "Italy: sixteen letters and digits with a right check letter",
        checks.is_fiscal_code,
        shapes=(CODE,),
        sizes=(16,),
        sure=r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]",
        words="",
    ),
    _national(
        "PL_PESEL",
        "Poland: eleven digits with a day of birth and a right check digit, beside a word",
        checks.is_pesel,
        sizes=(11,),
        weak=r"\d{11}",
        words="pesele?|nr ewidencyjny",
    ),
    _national(
        "FI_PERSONAL_IDENTITY_CODE",
        "Finland: a day of birth, a sign of the century and a right check character",
        checks.is_hetu,
        shapes=(CODE,),
        sizes=(11,),
        sure=r"\d{6}[-+ABCDEFYXWVU]\d{3}[0-9A-FHJ-NPR-Y]",
        words="",
        signs=b"",
    ),
    _national(
        "UK_NHS",
        "Britain, patients: ten digits with a right check digit, beside a word",
        checks.is_nhs,
        sizes=(10,),
        weak=r"\d{3}([ -]?)\d{3}\1\d{4}",
        words="nhs|national health|health service|patients?",
    ),
    _national(
        "UK_NINO",
        "Britain, national insurance: two letters, three pairs of digits, a letter; without spaces beside a word",
        checks.is_any,
        shapes=(CODE,),
        sizes=(9, 13),
        sure=r"(?:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]) \d\d \d\d \d\d [A-D]",
        weak=r"(?i)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?\d\d){3} ?[A-D]",
        words="ninos?|nis?|n\\.i\\.|national insurance|insurance",
    ),
    _national(
        "IN_AADHAAR",
        "India: twelve digits with Verhoeff's check digit, beside a word",
        checks.is_aadhaar,
        sizes=(12,),
        weak=r"\d{4}([ -]?)\d{4}\1\d{4}",
        words="aa?dhaa?r|uidai|uid|आधार",
    ),
    _national(
        "IN_PAN",
        "India, taxes: five letters, four digits and a letter, in capitals",
        checks.is_any,
        shapes=(CODE,),
        sizes=(10,),
        sure=r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]",
        words="",
    ),
    _national(
        "SG_NRIC_FIN",
        "Singapore: a letter, seven digits and the letter that they give",
        checks.is_nric,
        shapes=(CODE,),
        sizes=(9,),
        sure=r"[STFGM]\d{7}[A-Z]",
        words="",
    ),
    _national(
        "AU_TFN",
        "Australia, taxes: nine digits with a right check digit, beside a word",
        checks.is_tfn,
        sizes=(9,),
        weak=r"\d{3}([ -]?)\d{3}\1\d{3}",
        words="tfn|tax file(?: number| no)?",
    ),
    _national(
        "AU_ABN",
        "Australia, businesses: eleven digits with right check digits, in groups or beside a word",
        checks.is_abn,
        sizes=(11,),
        sure=r"\d\d \d{3} \d{3} \d{3}",
        weak=r"\d{11}",
        words="abn|australian business(?: number| no)?",
    ),
    _national(
        "KR_RRN",
        "South Korea: a day of birth, a hyphen and seven digits with a right check digit; others beside a word",
        checks.is_rrn,
        sizes=(13,),
        sure=BIRTH + r"-[1-8]\d{6}",
        weak=BIRTH + r"[- ]?[1-8]\d{6}",
        weak_holds=checks.is_rrn_of_any_year,
        words="rrn|resident registration|주민(?:등록)?(?:번호)?|주민등록번호|외국인등록번호",
    ),
    _national(
        "BR_CPF",
        "Brazil: `123.456.789-09` with right check digits; without dots beside a word",
        checks.is_cpf,
        sizes=(11,),
        sure=r"\d{3}\.\d{3}\.\d{3}-\d\d",
        weak=r"\d{11}|\d{9}-\d\d",
        words="cpfs?|cadastro",
    ),
    _national(
        "DE_TAX_ID",
        "Germany, taxes: eleven digits with a right check digit, beside a word",
        checks.is_steuer_id,
        sizes=(11,),
        weak=r"\d\d( ?)\d{3}\1\d{3}\1\d{3}",
        words=r"steuer[- ]?(?:id|identifikationsnummer|identifikations(?:-nr|nr)|nummer|nr)|idnr|identifikationsnummer"
        r"|tin|tax[- ]?id",
    ),
    _national(
        "FR_NIR",
        "France, social security: sex, month of birth and place, with a right key of two digits",
        checks.is_nir,
        shapes=(DIGITS, CODE),
        sizes=(15,),
        sure=r"[12]( ?)\d\d\1\d\d\1(?:\d\d|2[AB])\1\d{3}\1\d{3} ?\d\d",
        words="",
    ),
    _national(
        "SE_PERSONNUMMER",
        "Sweden: a day of birth, a hyphen and four digits with a right check digit; without a hyphen beside a word",
        checks.is_personnummer,
        sizes=(10, 12),
        sure=r"(?:19|20)?\d{6}-\d{4}",
        weak=r"(?:19|20)?\d{10}",
        words="personnummer|personnr|pnr|personal identity|swedish",
    ),
    _national(
        "TR_NATIONAL_ID",
        "Turkey: eleven digits with two right check digits, beside a word",
        checks.is_kimlik,
        sizes=(11,),
        weak=r"\d{11}",
        words=r"t\.?c\.?|tckn|kimlik(?: no| numarası)?|turkish id",
    ),
    _national(
        "TH_TNIN",
        "Thailand: `1-2345-67890-12-1` with a right check digit; without hyphens beside a word",
        checks.is_tnin,
        sizes=(13,),
        sure=r"\d-\d{4}-\d{5}-\d\d-\d",
        weak=r"\d{13}",
        words="thai|tnin|pin|บัตรประชาชน|เลขประจำตัวประชาชน|ประชาชน",
    ),
    _national(
        "ZA_ID_NUMBER",
        "South Africa: thirteen digits with a day of birth and a right check digit, beside a word",
        checks.is_za_id,
        sizes=(13,),
        weak=r"\d{13}|\d{6} \d{4} \d{3}|\d{6} \d{4} \d\d \d",
        words="id|id[ _]?(?:no|num|number|nr)|identity|identiteit\\w*|rsa",
    ),
    _national(
        "CA_SIN",
        "Canada: nine digits with a right check digit, beside a word",
        checks.is_sin,
        sizes=(9,),
        weak=r"\d{3}([ -]?)\d{3}\1\d{3}",
        words="sins?|social insurance(?: number| no)?|assurance sociale|nas",
    ),
    _national(
        "NL_BSN",
        "the Netherlands: nine digits that pass the test of eleven, beside a word",
        checks.is_bsn,
        sizes=(9,),
        weak=r"\d{9}|\d{4} \d\d \d{3}|\d{3} \d{3} \d{3}|\d{4}\.\d\d\.\d{3}",
        words="bsn|burgerservicenummer|sofi(?:-?nummer)?|citizen service",
    ),
    _national(
        "CH_AHV",
        "Switzerland: `756.1234.5678.97` with a right check digit; without dots beside a word",
        checks.is_ahv,
        sizes=(13,),
        sure=r"756\.\d{4}\.\d{4}\.\d\d",
        weak=r"756 ?\d{4} ?\d{4} ?\d\d",
        words="ahv|avs|oasi|sozialversicherung\\w*|assurance",
    ),
    _national(
        "BE_NATIONAL_NUMBER",
        "Belgium: `85.07.30-033.28` with right check digits; without signs beside a word",
        checks.is_rijksregister,
        sizes=(11,),
        sure=r"\d\d\.\d\d\.\d\d-\d{3}\.\d\d",
        weak=r"\d{11}",
        words=r"rijksregister\w*|insz|niss|registre national|national (?:register )?number|nationaal",
    ),
    _national(
        "NO_FODSELSNUMMER",
        "Norway: a day of birth and five digits with two right check digits, beside a word or with a space",
        checks.is_fodselsnummer,
        sizes=(11,),
        sure=r"\d{6} \d{5}",
        weak=r"\d{11}",
        words=r"fødselsn(?:umme)?r|personnummer|fnr|f\.nr|national identity",
    ),
    _national(
        "DK_CPR",
        "Denmark: a day of birth and four digits, beside a word",
        checks.is_cpr,
        sizes=(10,),
        weak=r"\d{6}-?\d{4}",
        words=r"cpr(?:-?nr|-?nummer)?|personnummer",
    ),
    _national(
        "CN_RESIDENT_ID",
        "China: eighteen digits with a day of birth and a right check digit",
        checks.is_chinese,
        shapes=(DIGITS, CODE),
        sizes=(18,),
        sure=r"[1-8]\d{16}[\dX]",
        words="",
    ),
    _national(
        "MX_CURP",
        "Mexico: eighteen letters and digits with a day of birth and a right check digit",
        checks.is_curp,
        shapes=(CODE,),
        sizes=(18,),
        sure=r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d",
        words="",
    ),
)
