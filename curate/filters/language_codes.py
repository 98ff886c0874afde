"""Codes of languages: ISO 639-1 or 639-3, alone or with a script, and which labels of a model a code means.

"de", "deu" ─▶ deu ─┐
labels of a model ──┴▶ those that name the same language: "de", "deu_Latn"
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from curate.errors import UsageError, nearest

TWO_TO_THREE = """
aa:aar ab:abk ae:ave af:afr ak:aka am:amh an:arg ar:ara as:asm av:ava ay:aym az:aze ba:bak be:bel bg:bul bi:bis bm:bam
bn:ben bo:bod br:bre bs:bos ca:cat ce:che ch:cha co:cos cr:cre cs:ces cu:chu cv:chv cy:cym da:dan de:deu dv:div dz:dzo
ee:ewe el:ell en:eng eo:epo es:spa et:est eu:eus fa:fas ff:ful fi:fin fj:fij fo:fao fr:fra fy:fry ga:gle gd:gla gl:glg
gn:grn gu:guj gv:glv ha:hau he:heb hi:hin ho:hmo hr:hrv ht:hat hu:hun hy:hye hz:her ia:ina id:ind ie:ile ig:ibo ii:iii
ik:ipk io:ido is:isl it:ita iu:iku ja:jpn jv:jav ka:kat kg:kon ki:kik kj:kua kk:kaz kl:kal km:khm kn:kan ko:kor kr:kau
ks:kas ku:kur kv:kom kw:cor ky:kir la:lat lb:ltz lg:lug li:lim ln:lin lo:lao lt:lit lu:lub lv:lav mg:mlg mh:mah mi:mri
mk:mkd ml:mal mn:mon mr:mar ms:msa mt:mlt my:mya na:nau nb:nob nd:nde ne:nep ng:ndo nl:nld nn:nno no:nor nr:nbl nv:nav
ny:nya oc:oci oj:oji om:orm or:ori os:oss pa:pan pi:pli pl:pol ps:pus pt:por qu:que rm:roh rn:run ro:ron ru:rus rw:kin
sa:san sc:srd sd:snd se:sme sg:sag sh:hbs si:sin sk:slk sl:slv sm:smo sn:sna so:som sq:sqi sr:srp ss:ssw st:sot su:sun
sv:swe sw:swa ta:tam te:tel tg:tgk th:tha ti:tir tk:tuk tl:tgl tn:tsn to:ton tr:tur ts:tso tt:tat tw:twi ty:tah ug:uig
uk:ukr ur:urd uz:uzb ve:ven vi:vie vo:vol wa:wln wo:wol xh:xho yi:yid yo:yor za:zha zh:zho zu:zul
"""
"""ISO 639-1 and ISO 639-3, from Debian's iso-codes 4.15."""

MAIN_OF_MACRO = """
arb:ara azj:aze bho:bih ekk:est pes:fas gug:grn kmr:kur lvs:lav plt:mlg khk:mon zsm:msa npi:nep nob:nor ory:ori
pbt:pus quy:que als:sqi swh:swa fil:tgl uzn:uzb ydd:yid cmn:zho
"""
"""The language that most texts of a macrolanguage are in, which some models name instead: one here. lid.176's "no" is
Bokmål."""

OLD_LABELS = {"als": "gsw", "bh": "bih", "nah": "nhe", "eml": "egl"}
"""What lid.176 writes, after Wikipedia's addresses, for languages that ISO 639-3 calls otherwise."""

LABEL = re.compile(r"(?P<code>[a-z]{2,3})(?:[_-](?P<script>[A-Z][a-z]{3}))?")


def iso_639_3(label: str) -> str | None:
    """The code of three letters for a model's label without its prefix ("de", "deu", "deu_Latn"); None for others.

    Macrolanguages keep their own code ("zho"), and the main language of one is taken for it ("cmn" ─▶ "zho").
    """
    found = LABEL.fullmatch(label)
    if not found:
        return None
    code = found["code"] if found["script"] else OLD_LABELS.get(found["code"], found["code"])
    three = _three_letters().get(code, code)
    return _macros().get(three, three) if len(three) == 3 else None


def script_of_label(label: str) -> str | None:
    """The ISO 15924 code in a label such as "srp_Cyrl"."""
    found = LABEL.fullmatch(label)
    return found["script"] if found else None


def labels_of(code: str, labels: Iterable[str]) -> tuple[str, ...]:
    """The labels, without prefix, that a user's code names: the one of this name, or those of the same language.

    Raises:
        UsageError: none is.
    """
    known = tuple(labels)
    if code in known:
        return (code,)
    script, wanted = script_of_label(code), _language_of(code)
    found = tuple(
        label
        for label in known
        if wanted is not None and iso_639_3(label) == wanted and script in (None, script_of_label(label))
    )
    if not found:
        raise UsageError(f'the language model knows no "{code}"{nearest(code, known)}')
    return found


def _language_of(code: str) -> str | None:
    """As `iso_639_3`, but a user's "als" is ISO's, Albanian."""
    found = LABEL.fullmatch(code)
    three = _three_letters().get(found["code"], found["code"]) if found else ""
    return _macros().get(three, three) or None


@cache
def _three_letters() -> dict[str, str]:
    return dict(pair.split(":") for pair in TWO_TO_THREE.split())


@cache
def _macros() -> dict[str, str]:
    return dict(pair.split(":") for pair in MAIN_OF_MACRO.split())
