"""Gold pages to train the judge on: where their texts stand, and which convention they follow.

WCXB         ground-truth.jsonl.gz, html.tar      titles and headings count as content; seven types of page
articles     ground-truth.json, html/*.html.gz    the body alone (the article extraction benchmark)
readability  test-pages/*/source.html, expected.html, in a .tar.gz     the body alone
your own     JSON Lines (.gz): html, text, and perhaps url, type, body_only
"""

from __future__ import annotations

import gzip
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import UsageError
from curate.extract.charset import decode

UNTYPED = {"category": "collection"}


@dataclass(frozen=True, slots=True)
class GoldPage:
    """`reference` is the text that people say is the content of `html`; `body_only`: without titles and bylines."""

    name: str
    url: str
    html: str
    reference: str
    body_only: bool
    type: str | None = None


def read_golds(paths: list[Path]) -> list[GoldPage]:
    """All pages of some golds, each page once.

    Raises:
        UsageError: a path is no gold that is known.
    """
    return [page for path in paths for page in _reader_of(path)(path)]


def _reader_of(path: Path) -> Callable[[Path], Iterator[GoldPage]]:
    if (path / "html.tar").is_file():
        return read_wcxb
    if (path / "ground-truth.json").is_file():
        return read_articles
    if path.is_file() and path.name.endswith((".tar.gz", ".tgz")):
        return read_readability
    if path.is_file() and ".jsonl" in path.suffixes:
        return read_lines
    raise UsageError(
        f"{path} is no gold: it would be a folder with ground-truth.jsonl.gz and html.tar (WCXB), or with "
        "ground-truth.json and html/ (articles), Readability's test pages as .tar.gz, or JSON Lines with html and text"
    )


def read_wcxb(path: Path) -> Iterator[GoldPage]:
    with gzip.open(path / "ground-truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = {row["file"]: row for row in map(json.loads, lines)}
    with tarfile.open(path / "html.tar") as archive:
        for member in archive:
            name = Path(member.name).name.removesuffix(".html.gz")
            if name in rows:
                row = rows[name]
                kind = row.get("_internal", {}).get("page_type", {}).get("primary")
                html = text_of(gzip.decompress(_content(archive, member)))
                reference = row["ground_truth"].get("main_content") or ""
                yield GoldPage(f"wcxb/{name}", row.get("url") or "", html, reference, False, UNTYPED.get(kind, kind))


def read_articles(path: Path) -> Iterator[GoldPage]:
    truth = json.loads((path / "ground-truth.json").read_text(encoding="utf-8"))
    for file in sorted((path / "html").glob("*.html.gz")):
        name = file.name.removesuffix(".html.gz")
        html = text_of(gzip.decompress(file.read_bytes()))
        row = truth[name]
        yield GoldPage(f"articles/{name}", row.get("url") or "", html, row["articleBody"], True, "article")


def read_readability(path: Path) -> Iterator[GoldPage]:
    with tarfile.open(path) as archive:
        members = {member.name: member for member in archive if member.isfile()}
        for name in sorted(name for name in members if name.endswith("/source.html")):
            folder = name.rpartition("/")[0]
            html, expected = (
                text_of(_content(archive, members[f"{folder}/{file}"])) for file in ("source.html", "expected.html")
            )
            yield GoldPage(f"readability/{Path(folder).name}", "", html, text_in_lines(expected), True, "article")


def read_lines(path: Path) -> Iterator[GoldPage]:
    opened: Any = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            row = json.loads(line)
            if (
                not isinstance(row, dict)
                or not isinstance(row.get("html"), str)
                or not isinstance(row.get("text"), str)
            ):
                raise UsageError(f'{path}, line {number}: a gold page needs "html" and "text", both texts')
            name, url = f"{path.name}/{number}", row.get("url") or ""
            yield GoldPage(name, url, row["html"], row["text"], bool(row.get("body_only")), row.get("type"))


def text_of(payload: bytes) -> str:
    return decode(payload, declared=None, html=True)[0]


def text_in_lines(html: str) -> str:
    """All text of a page, each block of it in lines of its own, without an extractor's judgment."""
    import lxml.html

    tree: Any = lxml.html.document_fromstring(html)  # type: ignore[no-untyped-call]
    for node in tree.iter(
        "p", "div", "li", "tr", "td", "th", "h1", "h2", "h3", "h4", "pre", "blockquote", "br", "dt", "dd"
    ):
        node.text, node.tail = "\n" + (node.text or ""), "\n" + (node.tail or "")
    return str(tree.text_content())


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None  # a folder would have none
    return file.read()
