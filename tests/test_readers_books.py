"""Books: framing, EPUB structure, archives and their damage, on real books and on hostile ones built from them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.batch import Part, Record, Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.readers import books
from curate.recipe import Source
from curate.steps.extract import extract_text

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SAMPLE = Path(books.__file__).parents[1] / "recipes" / "quickstart" / "books"
NOVEL = (SAMPLE / "persuasion.txt").read_text(encoding="utf-8")[:20_000]

HEADER = """The Project Gutenberg EBook of Persuasion, by Jane Austen

This eBook is for the use of anyone anywhere at no cost.

Title: Persuasion
       and nothing else

Author: Jane Austen

Character set encoding: ISO-8859-1

*** START OF {this} PROJECT GUTENBERG EBOOK PERSUASION ***


Produced by Sharon Partridge and Martin Ward.  HTML version
by Al Haines.


"""
FOOTER = """

End of the Project Gutenberg EBook of Persuasion, by Jane Austen

*** END OF {this} PROJECT GUTENBERG EBOOK PERSUASION ***

Updated editions will replace the previous one.
"""
CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">
<rootfiles><rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><!DOCTYPE package [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Persuasion &secret;</dc:title>
<dc:creator>Jane Austen</dc:creator><dc:creator>An Editor</dc:creator><dc:language>en-GB</dc:language></metadata>
<manifest><item id="one" href="text/chapter%201.xhtml" media-type="application/xhtml+xml"/>
<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="two" href="text/2.xhtml#start" media-type="application/xhtml+xml"/>
<item id="cover" href="cover.svg" media-type="image/svg+xml"/></manifest>
<spine><itemref idref="cover"/><itemref idref="nav"/><itemref idref="two"/><itemref idref="one"/></spine></package>"""
EPUB = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/text/2.xhtml": "<p>Second file, first chapter</p>",
    "OPS/text/chapter 1.xhtml": "<p>First file, second chapter</p>",
    "../../evil.txt": "a name is only data",
}


def read_one(path: Path, *, max_record_bytes: int = 1 << 26) -> list[Record | Rejected]:
    source = Source(name="shelf", read="books", paths=(str(path),))
    file = find_inputs([str(path)], base=path.parent)[0]
    [(start, end)] = books.split_file(file, target_bytes=1)
    return list(books.read(FileRange(file, start, end), source=source, max_record_bytes=max_record_bytes))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def make_zip(files: dict[str, str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


def make_tar(files: dict[str, bytes], *, format: int = tarfile.PAX_FORMAT) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format) as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    return packed.getvalue()


def outcomes(found: list[Record | Rejected]) -> list[str]:
    return [item.reason if isinstance(item, Rejected) else "read" for item in found]


@pytest.mark.parametrize("this", ["THE", "THIS"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_gutenberg_framing_is_cut_and_its_header_read(tmp_path: Path, this: str, line_end: str) -> None:
    framed = (HEADER + NOVEL + FOOTER).format(this=this).replace("\n", line_end)
    [book] = read_one(write(tmp_path / "persuasion.txt", framed.encode()))
    assert isinstance(book, Record)
    assert book.id == "shelf/persuasion.txt"
    assert book.payload == NOVEL.strip("\n") + "\n"
    assert book.columns == {"title": "Persuasion and nothing else", "author": "Jane Austen"}


def test_the_small_print_of_1993_ends_the_header(tmp_path: Path) -> None:
    small_print = (
        '***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nWhy is this "Small Print!" statement here? '
        "Project Gutenberg tm etexts.\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n"
    )
    text = small_print + NOVEL + "\nEnd of The Project Gutenberg Etext of Persuasion\n"
    [book] = read_one(write(tmp_path / "old.txt", text.encode()))
    assert isinstance(book, Record)
    assert book.payload == NOVEL.strip("\n") + "\n"


SMALL_PRINT = (
    "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START***\nYou know: lawyers.\n\n"
    "*BEFORE!* YOU USE OR READ THIS EBOOK\nThe Project Gutenberg Association.\n\n"
    "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*\n"
)
HEADER_OF_2002 = """The Project Gutenberg EBook of Some Verses, by A. Poet

Copyright laws are changing all over the world. Be sure to check them.

**Welcome To The World of Free Plain Vanilla Electronic Texts**

Title: Some Verses

Author: A. Poet

Release Date: December, 2003 [EBook #4688]

"""
HEADER_OF_1994 = """The Project Gutenberg Etext of Some Verses, by A. Poet

Please take a look at the important information in this header.

Some Verses

by A. Poet

January, 1994  [Etext #98]

"""
VERSES = "Verse one: the sea was calm.\n\nVerse two: the ships went out at dawn.\n"


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        (HEADER_OF_2002, f"\nEnd of the Project Gutenberg EBook of Some Verses\n\n{SMALL_PRINT}"),
        (HEADER_OF_2002, f"\n**The Legal Small Print**\n\n(Three Pages)\n\n{SMALL_PRINT}"),
        (HEADER_OF_2002 + "*** START OF THE PROJECT GUTENBERG EBOOK, SOME VERSES ***\n\n", f"\n{SMALL_PRINT}"),
        (f"{HEADER_OF_1994}{SMALL_PRINT}\n", "\nEnd of The Project Gutenberg Etext of Some Verses\n"),
        (
            f"{HEADER_OF_1994}{SMALL_PRINT}\n\nThis etext was prepared by A. Volunteer,\nsomewhere.\n\n",
            "\nEnd of Project Gutenberg's Some Verses, by A. Poet\n",
        ),
        (HEADER_OF_2002, "\nEnde dieses Project Gutenberg Etextes Some Verses\n\nMehr dazu.\n"),
        (HEADER_OF_2002, "\nEnde dieses Etextes Some Verses\n"),
        (HEADER_OF_2002, "\nFin du Projet Gutenberg Etext de Some Verses\n"),
        (
            HEADER_OF_2002 + "*** DÉBUT DU PROJET GUTENBERG EBOOK SOME VERSES ***\n\nProduced by A. Volunteer\n\n",
            "\n*** FIN DU PROJET GUTENBERG EBOOK SOME VERSES ***\n\nLicence\n",
        ),
        ("*** BEGINN DIESES PROJEKT GUTENBERG EBOOKS ***\n\n", "\n*** ENDE DIESES PROJEKT GUTENBERG EBOOKS ***\n"),
        (HEADER_OF_1994, ""),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_each_decades_framing_is_cut_and_the_verses_stay(
    tmp_path: Path, before: str, behind: str, line_end: str
) -> None:
    path = write(tmp_path / "verses.txt", (before + VERSES + behind).replace("\n", line_end).encode())
    [book] = read_one(path)
    assert isinstance(book, Record)
    assert book.payload == VERSES


@pytest.mark.parametrize("place", range(4))
def test_a_mark_in_the_wrong_place_costs_no_book(tmp_path: Path, place: int) -> None:
    long = NOVEL * 4
    text = [
        long + "\n\nEnd of the Project Gutenberg EBook of Persuasion\n\n" + long,
        long + "\n\n*** START OF THE PROJECT GUTENBERG EBOOK PERSUASION ***\n\n" + long,
        HEADER_OF_2002 + long + "\n\n" + SMALL_PRINT + "\n" + long,
        "He had come to the\nend of the Project Gutenberg, and so\n" + NOVEL,
    ][place]
    [book] = read_one(write(tmp_path / "odd.txt", text.encode()))
    assert isinstance(book, Record)
    assert isinstance(book.payload, str)
    assert book.payload.count(NOVEL[200:19_000]) == text.count(NOVEL[200:19_000])


def test_two_volumes_in_one_file_are_both_kept(tmp_path: Path) -> None:
    volume = (HEADER + "{body}" + FOOTER).format(this="THE", body="{body}")
    text = volume.format(body=NOVEL[:9000]) + volume.format(body=NOVEL[9000:])
    [book] = read_one(write(tmp_path / "two.txt", text.encode()))
    assert isinstance(book, Record)
    assert book.payload == NOVEL[:9000].strip("\n") + "\n\n" + NOVEL[9000:].strip("\n") + "\n"


def test_a_book_emptied_by_its_framing_is_set_aside_and_not_dropped(tmp_path: Path) -> None:
    text = "*** START OF THE PROJECT GUTENBERG EBOOK A ***\n\n*** END OF THE PROJECT GUTENBERG EBOOK A ***\n" + VERSES
    [lost] = read_one(write(tmp_path / "hollow.txt", text.encode()))
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "framing")


def test_a_marker_over_two_lines_is_cut(tmp_path: Path) -> None:
    header = "*** START OF THE PROJECT GUTENBERG EBOOK A VERY\nLONG TITLE OF AN OLD BOOK ***\n\n"
    [book] = read_one(write(tmp_path / "long.txt", (header + NOVEL).encode()))
    assert isinstance(book, Record)
    assert book.payload == NOVEL.strip("\n") + "\n"


def test_a_book_that_only_speaks_of_the_project_stays_whole(tmp_path: Path) -> None:
    text = "Project Gutenberg was founded in 1971.\n" + NOVEL
    [book] = read_one(write(tmp_path / "essay.txt", text.encode()))
    assert isinstance(book, Record)
    assert book.payload == text


def test_a_framed_latin_book_is_decoded_and_an_unframed_one_is_left_to_be_guessed(tmp_path: Path) -> None:
    french = "Les œuvres complètes, où l’on voit naître Noël.\n".replace("œ", "oe").replace("’", "'")
    framed = HEADER.format(this="THIS") + french + FOOTER.format(this="THIS")
    [book] = read_one(write(tmp_path / "framed.txt", framed.encode("latin-1")))
    [raw] = read_one(write(tmp_path / "plain.txt", french.encode("latin-1")))
    assert isinstance(book, Record)
    assert isinstance(raw, Record)
    assert book.payload == french
    assert raw.payload == french.encode("latin-1")


def test_an_epub_is_its_parts_in_reading_order(tmp_path: Path) -> None:
    [book] = read_one(write(tmp_path / "persuasion.epub", make_zip(EPUB)))
    assert isinstance(book, Record)
    assert (book.media, book.payload) == (
        "book/html",
        (
            Part(b"<p>Second file, first chapter</p>", "book/xhtml"),
            Part(b"<p>First file, second chapter</p>", "book/xhtml"),
        ),
    )
    assert book.columns["author"] == "Jane Austen; An Editor"
    assert book.columns["declared_language"] == "en-GB"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["persuasion.epub"]


def test_no_entity_of_an_epub_is_resolved(tmp_path: Path) -> None:
    [book] = read_one(write(tmp_path / "persuasion.epub", make_zip(EPUB)))
    assert isinstance(book, Record)
    assert book.columns["title"] == "Persuasion"


def test_an_encrypted_epub_is_quarantined_but_obfuscated_fonts_are_no_obstacle(tmp_path: Path) -> None:
    encryption = (
        '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData '
        'xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="{}"/></EncryptedData></encryption>'
    )
    for algorithm, expected in (
        ("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "encrypted"),
        ("http://www.idpf.org/2008/embedding", "read"),
    ):
        files = EPUB | {"META-INF/encryption.xml": encryption.format(algorithm)}
        assert outcomes(read_one(write(tmp_path / "book.epub", make_zip(files)))) == [expected]


ENCRYPTED = (
    '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData '
    'xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes128-cbc"'
    '/><CipherData><CipherReference URI="{}"/></CipherData></EncryptedData></encryption>'
)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("OPS/fonts/one.otf", "read"),
        ("OPS/text/chapter%201.xhtml", "encrypted"),
        ("OPS/text/2.xhtml", "encrypted"),
        ("OPS/book.opf", "encrypted"),
    ],
)
def test_encryption_is_an_obstacle_only_where_it_hides_a_chapter(tmp_path: Path, place: str, expected: str) -> None:
    files = EPUB | {"OPS/fonts/one.otf": "?", "META-INF/encryption.xml": ENCRYPTED.format(place)}
    assert outcomes(read_one(write(tmp_path / "book.epub", make_zip(files)))) == [expected]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<?xml", "\r\n  <?xml"),
        ("<dc:creator>Jane", "<dc:publisher>Egerton & Sons, R&D&nbsp;&eacute;</dc:publisher><dc:creator>Jane"),
        ('<itemref idref="two"/>', '<itemref idref="two"/><itemref idref="nothing"/><itemref/>'),
        ("<dc:title>", "<dc:description>5 < 6 & a <b</dc:description><dc:title>"),
        ('media-type="image/svg+xml"', 'media-type=" IMAGE/SVG+XML; q=1"'),
        ('href="text/2.xhtml#start"', 'href="Text/2.XHTML"'),
        ('<itemref idref="two"/>', '<itemref idref="two"/><itemref idref="two"/>'),
        ('href="text/2.xhtml#start"', 'href="../OPS/./text/2.xhtml"'),
    ],
)
def test_a_book_whose_chapters_are_whole_is_read_whatever_its_package_looks_like(
    tmp_path: Path, old: str, new: str
) -> None:
    assert old in PACKAGE
    files = EPUB | {
        "OPS/book.opf": PACKAGE.replace(old, new),
        "META-INF/container.xml": CONTAINER.replace("<?", " \n<?", 1),
    }
    [book] = read_one(write(tmp_path / "book.epub", make_zip(files)))
    assert isinstance(book, Record)
    assert [part.data for part in book.payload if isinstance(part, Part)] == [
        b"<p>Second file, first chapter</p>",
        b"<p>First file, second chapter</p>",
    ]


def test_a_package_that_lost_a_part_of_its_spine_is_not_recovered(tmp_path: Path) -> None:
    broken = PACKAGE.replace('<itemref idref="one"/>', '<itemref idref="one')
    [lost] = read_one(write(tmp_path / "book.epub", make_zip(EPUB | {"OPS/book.opf": broken})))
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "corrupt")


@pytest.mark.parametrize(
    ("kind", "name", "media"),
    [
        ("Application/XHTML+xml; charset=utf-8", "2.xhtml", "book/xhtml"),
        ("text/x-oeb1-document", "2.xhtml", "book/xhtml"),
        ("TEXT/XML", "2.xml", "book/xhtml"),
        ("", "2.xhtml", "book/xhtml"),
        ("application/octet-stream", "2.bin", "book/xhtml"),
        ("text/html;charset=x", "2.html", "book/html"),
        ("Text/Plain", "2.txt", "text/plain"),
        ("", "2.txt", "text/plain"),
        ("image/gif", "2.gif", None),
    ],
)
def test_the_spine_decides_what_a_chapter_is_and_its_type_how_it_is_read(
    tmp_path: Path, kind: str, name: str, media: str | None
) -> None:
    package = PACKAGE.replace(
        'href="text/2.xhtml#start" media-type="application/xhtml+xml"', f'href="{name}" media-type="{kind}"'
    )
    files = EPUB | {"OPS/book.opf": package, f"OPS/{name}": "<p>A chapter</p>"}
    [book] = read_one(write(tmp_path / "book.epub", make_zip(files)))
    assert isinstance(book, Record)
    parts = [(part.data, part.media) for part in book.payload if isinstance(part, Part)]
    assert parts[:-1] == ([(b"<p>A chapter</p>", media)] if media else [])


def test_a_picture_in_the_spine_gives_way_to_the_text_that_stands_for_it(tmp_path: Path) -> None:
    package = PACKAGE.replace('href="cover.svg"', 'href="cover.svg" fallback="told"').replace(
        "</manifest>", '<item id="told" href="told.xhtml" media-type="application/xhtml+xml"/></manifest>'
    )
    files = EPUB | {"OPS/book.opf": package, "OPS/told.xhtml": "<p>Told</p>"}
    [book] = read_one(write(tmp_path / "book.epub", make_zip(files)))
    assert isinstance(book, Record)
    assert book.payload[0] == Part(b"<p>Told</p>", "book/xhtml")


def test_a_text_stands_for_a_part_of_another_type(tmp_path: Path) -> None:
    package = PACKAGE.replace(
        'href="text/2.xhtml#start" media-type="application/xhtml+xml"',
        'href="2.pdf" media-type="application/pdf" fallback="one"',
    )
    [book] = read_one(write(tmp_path / "book.epub", make_zip(EPUB | {"OPS/book.opf": package})))
    assert isinstance(book, Record)
    assert book.payload == (Part(b"<p>First file, second chapter</p>", "book/xhtml"),)  # once, though named twice


def test_a_file_that_the_spine_names_twice_is_read_once(tmp_path: Path) -> None:
    package = PACKAGE.replace('href="text/2.xhtml#start"', 'href="text/chapter%201.xhtml#two"')
    [book] = read_one(write(tmp_path / "book.epub", make_zip(EPUB | {"OPS/book.opf": package})))
    assert isinstance(book, Record)
    assert len(book.payload) == 1


def test_white_space_around_a_name_in_the_spine_costs_no_chapter(tmp_path: Path) -> None:
    package = PACKAGE.replace('idref="two"', 'idref=" two"').replace('id="one"', 'id="one&#10;"')
    [book] = read_one(write(tmp_path / "book.epub", make_zip(EPUB | {"OPS/book.opf": package})))
    assert isinstance(book, Record)
    assert len(book.payload) == 2


def test_a_book_whose_spine_names_none_of_its_texts_is_set_aside_and_not_dropped(tmp_path: Path) -> None:
    package = PACKAGE.replace('idref="two"', 'idref="2"').replace('idref="one"', 'idref="1"')
    [lost] = read_one(write(tmp_path / "book.epub", make_zip(EPUB | {"OPS/book.opf": package})))
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "corrupt")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "iso2022_jp"])
def test_a_text_whose_bytes_are_valid_utf_8_by_accident_is_left_to_be_decoded(tmp_path: Path, encoding: str) -> None:
    text = "The boats went out to sea. " + ("船は海へ。" if encoding == "iso2022_jp" else "")
    [book] = read_one(write(tmp_path / "book.txt", text.encode(encoding)))
    assert isinstance(book, Record)
    assert extract_text(book, pytest.fail)["text"] == text


def test_the_file_that_macos_puts_beside_a_book_is_none(tmp_path: Path) -> None:
    beside = "\0\5\x16\7\0\2\0\0Mac OS X        "
    files = {"a.txt": "The boats went out to sea.", "__MACOSX/._a.txt": beside, "._b.epub": beside}
    found = read_one(write(tmp_path / "books.zip", make_zip(files)))
    assert outcomes(found) == ["read", "file_type", "file_type"]


def test_a_chapter_of_a_type_that_nobody_can_read_sets_the_whole_book_aside(tmp_path: Path) -> None:
    package = PACKAGE.replace(
        'href="text/2.xhtml#start" media-type="application/xhtml+xml"', 'href="2.pdf" media-type="application/pdf"'
    )
    files = EPUB | {"OPS/book.opf": package, "OPS/2.pdf": "%PDF-1.7"}
    [lost] = read_one(write(tmp_path / "book.epub", make_zip(files)))
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "media_type")


@pytest.mark.parametrize("page", ["utf-8", "gb18030", "cp932", "cp1251", "mac_roman"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_chapter_is_found_whatever_wrote_its_name_into_the_zip(tmp_path: Path, page: str, form: str) -> None:
    name = {"gb18030": "第一章", "cp932": "第一話", "cp1251": "Глава"}.get(page, "mère")
    spelled = unicodedata.normalize(form, name) if page == "utf-8" else name
    package = PACKAGE.replace('href="text/2.xhtml#start"', f'href="{name}.html"')
    files = {file: text for file, text in EPUB.items() if file != "OPS/text/2.xhtml"} | {"OPS/book.opf": package}
    mark = "OPS/" + "x" * len(spelled.encode(page)) + ".html"
    content = make_zip(files | {mark: "<p>Found</p>"})
    path = write(tmp_path / "book.epub", content.replace(mark.encode(), b"OPS/" + spelled.encode(page) + b".html"))
    [book] = read_one(path)
    assert isinstance(book, Record)
    assert book.payload[0] == Part(b"<p>Found</p>", "book/xhtml")


@pytest.mark.parametrize("gone", ["META-INF/container.xml", "OPS/book.opf", "OPS/text/2.xhtml"])
def test_an_epub_without_one_of_its_parts_is_quarantined_whole(tmp_path: Path, gone: str) -> None:
    files = {name: text for name, text in EPUB.items() if name != gone}
    [lost] = read_one(write(tmp_path / "book.epub", make_zip(files)))
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "corrupt")
    assert gone in lost.detail


def test_the_limit_holds_for_all_parts_of_an_epub_together(tmp_path: Path) -> None:
    path = write(tmp_path / "bomb.epub", make_zip(EPUB | {"OPS/text/2.xhtml": "a" * 5_000_000}))
    assert outcomes(read_one(path, max_record_bytes=5_000_000)) == ["too_big"]
    assert outcomes(read_one(path, max_record_bytes=5_000_040)) == ["read"]


def test_what_is_no_book_is_dropped(tmp_path: Path) -> None:
    assert outcomes(read_one(write(tmp_path / "cover.jpg", b"\xff\xd8"))) == ["file_type"]
    assert outcomes(read_one(write(tmp_path / "empty.txt", b""))) == ["empty"]
    assert outcomes(read_one(write(tmp_path / "big.txt", b"word " * 100), max_record_bytes=499)) == ["too_big"]
    [page] = read_one(write(tmp_path / "page.HTM", b"<p>text</p>"))
    assert isinstance(page, Record)
    assert (page.media, page.payload) == ("book/html", b"<p>text</p>")


def compress_zstd(data: bytes) -> bytes:
    half = len(data) // 2  # two frames, as parallel compressors write them
    return b"".join(zstandard.ZstdCompressor().compress(part) for part in (data[:half], data[half:]))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "tar": bytes,
    "tar.gz": gzip.compress,
    "tgz": gzip.compress,
    "tar.bz2": bz2.compress,
    "tar.xz": lzma.compress,
    "tar.zst": compress_zstd,
}
MEMBERS = {f"shelf/{number:02}.txt": NOVEL[number * 1500 : (number + 1) * 1500].encode() for number in range(12)}


@pytest.mark.parametrize("suffix", PACKERS)
def test_members_of_a_tar_are_books_and_a_cut_archive_keeps_those_before_the_cut(tmp_path: Path, suffix: str) -> None:
    packed = PACKERS[suffix](make_tar(MEMBERS))
    whole = read_one(write(tmp_path / f"all.{suffix}", packed))
    assert {item.id: item.payload.encode() for item in whole if isinstance(item, Record)} == {  # type: ignore[union-attr]
        f"shelf/all.{suffix}@{name}": data for name, data in MEMBERS.items()
    }
    *kept, lost = read_one(write(tmp_path / f"cut.{suffix}", packed[: len(packed) * 2 // 3]))
    assert [item.payload for item in kept if isinstance(item, Record)] == [
        item.payload for item in whole[: len(kept)] if isinstance(item, Record)
    ]
    assert isinstance(lost, Rejected)
    assert (lost.outcome, lost.reason) == ("quarantined", "truncated")
    if suffix not in ("tar.bz2", "tar.xz"):  # those two have larger blocks than this archive
        assert len(kept) >= 5


def test_a_broken_header_in_a_tar_is_reported_and_not_taken_for_the_end(tmp_path: Path) -> None:
    packed = bytearray(make_tar(MEMBERS))
    place = packed.index(b"shelf/06.txt")
    packed[place + 1] ^= 0x20
    *kept, lost = read_one(write(tmp_path / "broken.tar", bytes(packed)))
    assert len(kept) == 6
    assert isinstance(lost, Rejected)
    assert (lost.reason, lost.id) == ("corrupt", f"shelf/broken.tar@{place}")


def test_a_wrong_checksum_of_the_compressed_stream_is_reported(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(make_tar(MEMBERS)))
    packed[-6] ^= 0xFF
    *kept, lost = read_one(write(tmp_path / "books.tar.gz", bytes(packed)))
    assert len(kept) == len(MEMBERS)
    assert outcomes([lost]) == ["corrupt"]


def test_links_hostile_names_and_repeated_names_are_only_data(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        link = tarfile.TarInfo("link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
        for name in ("../../up.txt", "/abs.txt", "./same.txt", "./same.txt", "caf\udce9.txt"):
            header = tarfile.TarInfo(name)
            header.size = 4
            archive.addfile(header, io.BytesIO(b"text"))
    found = read_one(write(tmp_path / "hostile.tar", packed.getvalue()))
    assert outcomes(found) == ["file_type", *["read"] * 5]
    names = [item.id.partition("@")[2] for item in found]
    assert names == ["link.txt", "../../up.txt", "/abs.txt", "same.txt", "same.txt#2", "caf\\xe9.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hostile.tar"]


def test_a_damaged_member_of_a_zip_costs_itself_alone(tmp_path: Path) -> None:
    files = {"a.txt": NOVEL, "b.epub": "no zip", "c.txt": NOVEL[::-1], "d.txt": "", "e.png": "x"}
    packed = bytearray(make_zip(files, method=zipfile.ZIP_STORED))
    packed[packed.index(NOVEL[::-1][:50].encode()) + 9] ^= 1
    assert outcomes(read_one(write(tmp_path / "books.zip", bytes(packed)))) == [
        *("read", "corrupt", "corrupt", "empty", "file_type")
    ]
    assert outcomes(read_one(write(tmp_path / "cut.zip", bytes(packed[:1000])))) == ["corrupt"]


def test_a_member_with_a_password_is_quarantined(tmp_path: Path) -> None:
    packed = bytearray(make_zip({"a.txt": NOVEL}))
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    assert outcomes(read_one(write(tmp_path / "locked.zip", bytes(packed)))) == ["encrypted"]


def test_a_header_of_gigabytes_is_refused(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 4 << 30
    path = write(tmp_path / "bomb.tar", header.tobuf(format=tarfile.GNU_FORMAT) + b"\0" * 4096)
    [lost] = read_one(path)
    assert isinstance(lost, Rejected)
    assert lost.reason == "corrupt"
    assert str(4 << 30) in lost.detail


@settings(deadline=None, max_examples=40)
@given(data=st.data(), kind=st.sampled_from(["zip", "epub", "tar", "tar.gz", "tar.zst"]))
def test_no_damage_escapes(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, kind: str) -> None:
    packed = bytearray(make_zip(EPUB) if kind in ("zip", "epub") else PACKERS[kind](make_tar(MEMBERS)))
    places, values = st.integers(0, len(packed) - 1), st.integers(0, 255)
    for place, value in data.draw(st.lists(st.tuples(places, values), max_size=8)):
        packed[place] = value
    length = data.draw(st.integers(0, len(packed)))
    found = read_one(write(tmp_path_factory.getbasetemp() / f"fuzz.{kind}", bytes(packed[:length])))
    assert found
    assert len({item.id for item in found}) == len(found)


def test_the_real_collection_is_read_whole() -> None:
    path = SHARED / "books.tar.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} of the shared data")
    found = read_one(path)
    with tarfile.open(path) as archive:
        assert len(found) == sum(member.isfile() for member in archive)
    shelf = [item for item in found if isinstance(item, Record) and item.media == "book/html"]
    assert {item.columns["declared_language"] for item in shelf} == {"en", "de", "lt"}
    assert all(isinstance(item, Record) for item in found)
