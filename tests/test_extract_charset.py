"""Charset detection on real legacy texts and on what pages say, and say wrongly, about themselves."""

from __future__ import annotations

import codecs
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.extract.charset import UndecodableText, decode, find_encoding

LEGACY = Path(__file__).resolve().parents[2] / "shared" / "data" / "legacy-encodings.tar.gz"
GERMAN = "Die Größe der Bäume überraschte alle Gäste — und das für 5 €. " * 3
RUSSIAN = "Все люди рождаются свободными и равными в своем достоинстве и правах. "
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。"
KOREAN = "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. "


@pytest.mark.parametrize(
    ("label", "encoding"),
    [
        ("ISO-8859-1", "cp1252"),
        (" 'us-ascii' ", "cp1252"),
        ("x-sjis", "cp932"),
        ("gb2312", "gb18030"),
        ("ks_c_5601-1987", "cp949"),
        ("UTF8", "utf-8"),
        ("utf-16", "utf-16-le"),
        ("koi8-r", "koi8-r"),
        ("iso-8859-9", "cp1254"),
        ("x-mac-cyrillic", "mac-cyrillic"),
        ("x-mac-ukrainian", "mac-cyrillic"),
        ("sun_eu_greek", "iso8859-7"),
        ("csISOLatin6", "iso8859-10"),
        ("koi", "koi8-r"),
        ("dos-874", "cp874"),
        ("iso-ir-166", "cp874"),
        ("l9", "iso8859-15"),
        ("logical", "iso8859-8"),
        ("iso-8859-8-I", "iso8859-8"),
        ("visual", "iso8859-8"),
        ("ms_kanji", "cp932"),
        ("windows-31j", "cp932"),
        ("cseucpkdfmtjapanese", "euc_jp"),
        ("cn-big5", "big5hkscs"),
        ("x-x-big5", "big5hkscs"),
        ("gb_2312-80", "gb18030"),
        ("unicodeFFFE", "utf-16-be"),
        ("csUnicode", "utf-16-le"),
        ("x-cp1250", "cp1250"),
        ("\fasmo-708\n", "iso8859-6"),
        ("hz-gb-2312", "hz"),
        ("utf-32", "utf-32-le"),
        ("x-user-defined", None),
        ("replacement", None),
        ("rot13", None),
        ("unicode_escape", None),
        ("idna", None),
        ("utf-7", None),
        ("none\0such", None),
        ("", None),
    ],
)
def test_labels_mean_what_browsers_read_in_them(label: str, encoding: str | None) -> None:
    assert find_encoding(label) == encoding


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1))
def test_utf8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode(), declared=None, html=False)[0] == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_decides_and_is_removed(encoding: str) -> None:
    assert decode(JAPANESE.encode(encoding), declared="iso-8859-1", html=True)[0] == JAPANESE


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_a_mark_are_told_by_their_nuls(encoding: str) -> None:
    assert decode(GERMAN.encode(encoding), declared=None, html=False) == (GERMAN, encoding)


@pytest.mark.parametrize(
    ("text", "encoding", "declared"),
    [
        (GERMAN, "cp1252", "ISO-8859-1"),
        (RUSSIAN, "koi8-r", "KOI8-R"),
        (RUSSIAN, "iso8859-5", "iso-8859-5"),
        (JAPANESE, "cp932", "Shift_JIS"),
        (JAPANESE, "iso2022_jp", "ISO-2022-JP"),
        (KOREAN, "cp949", "euc-kr"),
    ],
)
def test_the_http_header_is_believed_where_it_decodes(text: str, encoding: str, declared: str) -> None:
    assert decode(text.encode(encoding), declared=declared, html=True) == (text, encoding)


@pytest.mark.parametrize(
    "template",
    [
        '<html><head><meta charset="{}"><title>{}</title>',
        '<META http-equiv=Content-Type content="text/html; charset={}"><p>{}',
        "<?xml version='1.0' encoding='{}'?><html>{}</html>",
        "<!-- <meta charset=koi8-r> --><meta charset={}><p>{}",
    ],
)
def test_a_page_says_its_own_encoding(template: str) -> None:
    page = template.format("windows-1251", RUSSIAN)
    assert decode(page.encode("cp1251"), declared=None, html=True) == (page, "cp1251")
    page = template.format("UTF-16", GERMAN)
    assert decode(page.encode(), declared=None, html=True) == (page, "utf-8")


@pytest.mark.parametrize("declared", ["iso-8859-1", "windows-1251", "shift_jis", "utf-8", "nonsense", None])
def test_valid_utf8_wins_over_what_is_declared(declared: str | None) -> None:
    assert decode(GERMAN.encode(), declared=declared, html=True) == (GERMAN, "utf-8")


def test_a_wrong_header_gives_way_to_the_page_and_then_to_the_bytes() -> None:
    page = f"<meta charset=windows-1251><p>{RUSSIAN}"
    assert decode(page.encode("cp1251"), declared="utf-8", html=True) == (page, "cp1251")
    assert decode((RUSSIAN * 3).encode("cp1251"), declared="utf-8", html=True) == (RUSSIAN * 3, "cp1251")


def test_utf8_cut_in_mid_character_loses_only_that() -> None:
    text, encoding = decode((JAPANESE * 5).encode()[:-1], declared=None, html=False)
    assert (text, encoding) == ((JAPANESE * 5)[:-1] + "\ufffd", "utf-8")


def test_a_few_broken_bytes_do_not_turn_a_declared_encoding_away() -> None:
    damaged = (KOREAN * 10).encode("cp949") + b"\xff" + KOREAN.encode("cp949")
    text, encoding = decode(damaged, declared="euc-kr", html=False)
    assert encoding == "cp949"
    assert text.startswith(KOREAN * 10)
    assert text.count("\ufffd") == 1


@pytest.mark.parametrize("declared", [None, "utf-8", "iso-8859-1", "euc-jp"])
@pytest.mark.parametrize(
    "data", [b"%PDF-1.4\n" + bytes(range(256)) * 20, bytes(500), codecs.BOM_UTF16_LE + b"\x00\xd8" * 99]
)
def test_what_is_no_text_is_refused(data: bytes, declared: str | None) -> None:
    with pytest.raises(UndecodableText):
        decode(data, declared=declared, html=True)


@settings(deadline=None, max_examples=200)
@given(
    st.binary(max_size=200),
    st.sampled_from([None, "utf-8", "gbk", "utf-16", "iso-2022-jp", "hz", "x-mac-roman", "big5"]),
)
def test_no_bytes_raise_anything_else_and_no_surrogate_comes_out(data: bytes, declared: str | None) -> None:
    try:
        text, _ = decode(data, declared=declared, html=True)
    except UndecodableText:
        return
    assert text.encode().decode() == text


def legacy_texts() -> Iterator[tuple[str, str, bytes]]:
    """Folder, true encoding and bytes; EUC-TW is not in Python."""
    suffix = re.compile(
        r"(?<=\d)-(croatian|czech|hungarian|polish|slovak|slovene|bulgarian|russian|arabic|greek|turkish|hebrew|romanian)$"
    )
    names = {"MacRoman": "mac_roman", "MacCyrillic": "mac_cyrillic"}
    with tarfile.open(LEGACY) as archive:
        for entry in archive:
            parts = entry.name.split("/")
            if entry.isfile() and len(parts) == 3 and parts[1] != "EUC-TW":
                name = suffix.sub("", names.get(parts[1], parts[1]))
                encoding = find_encoding(name) or name
                yield parts[1], encoding, archive.extractfile(entry).read()  # type: ignore[union-attr]


def test_real_legacy_texts_are_read_in_their_true_encoding() -> None:
    if not LEGACY.exists():
        pytest.skip("the shared texts are not here")
    right, wrong = 0, []
    for folder, encoding, data in legacy_texts():
        expected = data.decode(encoding, "replace").removeprefix("\ufeff")
        try:
            text = decode(data, declared=None, html=True)[0]
        except UndecodableText:
            text = ""
        right += text == expected
        wrong += [folder] if text != expected else []
    assert right >= 410, wrong
