"""What extraction loses of the text that people marked as a page's content, and by which element it is lost.

    gold page ─▶ all text, node by node ──────────┐
              ─▶ each engine's extraction ────────┤
    reference text ─▶ blocks of 200 characters ───┴─▶ on the page, but not in the extraction? ─▶ by which ancestor

A loss is *structural* where an element is left out for its name (a figure, a label, a template), and not for what its
text, class or place says about it. That is tried, not guessed: the ancestors with such names are made a `div`, one kind
at a time, and the page is extracted again; the kind that brings the block back is the cause.

    python benchmarks/extraction_losses.py ../shared/data/extraction [--every 4] [--show 200]
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import tarfile
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lxml.html

from curate.extract.charset import decode
from curate.extract.html import ENGINES, Engine, extract_html

MIN_BLOCK = 200
# fmt: off
BY_NAME = frozenset((
    "figure", "figcaption", "picture", "object", "svg", "foreignobject", "canvas", "map", "math", "noscript",
    "noembed", "template", "iframe", "details", "summary", "table", "form", "fieldset", "legend", "label",
    "button", "select", "option", "textarea", "output", "dialog", "menu", "marquee", "applet", "time",
    "address", "video", "audio", "ruby", "rt", "xmp", "listing", "plaintext", "noindex", "blink", "center",
    "font",
))
# fmt: on
BLOCKS = (
    "p",
    "div",
    "li",
    "tr",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "h4",
    "pre",
    "blockquote",
    "figcaption",
    "br",
    "dt",
    "dd",
)
BY_PLACE = ("aside", "nav", "footer", "header")
WORD = re.compile(r"\w+")
Node = lxml.html.HtmlElement


@dataclass(frozen=True, slots=True)
class Page:
    set: str
    name: str
    html: str
    reference: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each so manieth page")
    parser.add_argument("--show", type=int, default=0, help="characters shown of each missing block")
    parser.add_argument("--set", choices=("articles", "readability", "wcxb"), help="only these pages")
    arguments = parser.parse_args()
    pages = [page for page in read_pages(arguments.folder) if arguments.set in (None, page.set)]
    report([page for number, page in enumerate(pages) if number % arguments.every == 0], arguments.show)


def read_pages(folder: Path) -> Iterator[Page]:
    truth = json.loads((folder / "articles" / "ground-truth.json").read_text(encoding="utf-8"))
    for path in sorted((folder / "articles" / "html").glob("*.html.gz")):
        name = path.name.removesuffix(".html.gz")
        yield Page("articles", name, text_of(gzip.decompress(path.read_bytes())), truth[name]["articleBody"])
    yield from read_readability(folder / "readability.tar.gz")
    yield from read_wcxb(folder / "wcxb")


def read_readability(path: Path) -> Iterator[Page]:
    with tarfile.open(path) as archive:
        files = {member.name: member for member in archive if member.isfile()}
        for name in sorted(name for name in files if name.endswith("/source.html")):
            folder = name.rpartition("/")[0]
            expected = text_of(archive.extractfile(files[f"{folder}/expected.html"]).read())  # type: ignore[union-attr]
            html = text_of(archive.extractfile(files[name]).read())  # type: ignore[union-attr]
            yield Page("readability", folder.rpartition("/")[2], html, text_in_lines(expected))


def text_in_lines(html: str) -> str:
    """All text of a page, each block of it in lines of its own, without any of the extractors."""
    tree = lxml.html.document_fromstring(html)
    for node in tree.iter(*BLOCKS):
        node.text, node.tail = "\n" + (node.text or ""), "\n" + (node.tail or "")
    return str(tree.text_content())


def read_wcxb(folder: Path) -> Iterator[Page]:
    with gzip.open(folder / "ground-truth.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = {row["file"]: row["ground_truth"] for row in map(json.loads, lines)}
    with tarfile.open(folder / "html.tar") as archive:
        for member in archive:
            name = Path(member.name).name.removesuffix(".html.gz")
            if "main_content" in rows.get(name, ()):  # two of 1,497 have none
                html = text_of(gzip.decompress(archive.extractfile(member).read()))  # type: ignore[union-attr]
                yield Page("wcxb", name, html, rows[name]["main_content"])


def text_of(payload: bytes) -> str:
    return decode(payload, declared=None, html=True)[0]


def report(pages: list[Page], show: int) -> None:
    for engine in ENGINES:
        scores: dict[str, list[float]] = {}
        counts: Counter[tuple[str, str]] = Counter()
        for page in pages:
            extraction = extract_html(page.html, engine=engine).text
            scores.setdefault(page.set, []).append(word_f1(page.reference, extraction))
            for block, kind in losses(page, extraction, engine):
                counts[page.set, kind] += 1
                if show:
                    print(f"  {engine} {page.set}/{page.name} {kind}: {block[:show]!r}")
        for name, values in scores.items():
            missing = {kind: count for (set_name, kind), count in sorted(counts.items()) if set_name == name}
            f1 = sum(values) / len(values)
            print(f"{engine:12} {name:12} {len(values):5} pages, word F1 {f1:.4f}, missing: {missing}")


def word_f1(reference: str, found: str) -> float:
    wanted, got = (Counter(WORD.findall(text.lower())) for text in (reference, found))
    common = (wanted & got).total()
    return 2 * common / (wanted.total() + got.total()) if wanted or got else 1.0


def losses(page: Page, extraction: str, engine: Engine) -> Iterator[tuple[str, str]]:
    """Blocks of the reference that stand on the page and not in the extraction, and what takes them away."""
    missing = [block for block in blocks(page.reference) if is_missing(block, extraction)]
    if not missing:
        return
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    tree = lxml.html.document_fromstring(page.html.encode(), parser=parser)
    index = Index(tree)
    for block in missing:
        if (node := index.find(block)) is not None:
            yield block, cause(block, node, tree, engine)


def blocks(reference: str) -> list[str]:
    lines = (" ".join(line.split()) for line in reference.splitlines())
    return [line for line in dict.fromkeys(lines) if len(line) >= MIN_BLOCK]


def is_missing(block: str, extraction: str) -> bool:
    """Under half of its runs of three words are there."""
    wanted = trigrams(block)
    return 2 * len(wanted & trigrams(extraction)) < len(wanted)


def trigrams(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))


class Index:
    """Letters of all text of a page in a row, and the element of each."""

    def __init__(self, tree: Node) -> None:
        self.nodes, self.starts, pieces, length = [], [], [], 0
        for node, text in texts(tree):
            letters = only_letters(text)
            if letters:
                self.nodes.append(node)
                self.starts.append(length)
                pieces.append(letters)
                length += len(letters)
        self.letters = "".join(pieces)

    def find(self, block: str) -> Node | None:
        """The element that the middle of the block stands in."""
        letters = only_letters(block)
        start = self.letters.find(letters)
        return None if start < 0 else self.nodes[bisect_right(self.starts, start + len(letters) // 2) - 1]


def texts(tree: Node) -> Iterator[tuple[Node, str]]:
    for event, node in lxml.etree.iterwalk(tree, events=("start", "end")):
        if event == "start" and isinstance(node.tag, str) and node.tag not in ("script", "style"):
            yield node, node.text or ""
        elif event == "end" and node.getparent() is not None:
            yield node.getparent(), node.tail or ""


def only_letters(text: str) -> str:
    return "".join(WORD.findall(text.lower())).replace("_", "")


def cause(block: str, node: Node, tree: Node, engine: Engine) -> str:
    """The name of the ancestor for which the block is left out, or what else may be said of it."""
    ancestors = [node, *node.iterancestors()]
    for name in dict.fromkeys(ancestor.tag for ancestor in ancestors if ancestor.tag in BY_NAME):
        if not is_missing(block, extract_html(renamed(tree, ancestors, name), engine=engine).text):
            return f"STRUCTURAL {name}"
    if any(is_hidden(ancestor) for ancestor in ancestors):
        return "hidden"
    return next((f"in {ancestor.tag}" for ancestor in ancestors if ancestor.tag in BY_PLACE), "main content")


def renamed(tree: Node, ancestors: list[Node], name: str) -> str:
    changed = [ancestor for ancestor in ancestors if ancestor.tag == name]
    for ancestor in changed:
        ancestor.tag = "div"
    html: str = lxml.html.tostring(tree, encoding="unicode")
    for ancestor in changed:
        ancestor.tag = name
    return html


def is_hidden(node: Node) -> bool:
    style = (node.get("style") or "").replace(" ", "").lower()
    return "hidden" in node.attrib or node.get("aria-hidden") == "true" or "display:none" in style


if __name__ == "__main__":
    main()
