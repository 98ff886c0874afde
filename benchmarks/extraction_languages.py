"""Whether a translation is judged as its original is: blocks of manuals in many languages, aligned with English.

    WARC ─▶ pages whose URLs differ in a language alone ─▶ blocks, aligned by tags ─▶ the same answer in both?

Two pages are aligned where the ways from the root to their blocks, by tags, run alike; what only one of them has is not
counted. The share of aligned blocks with the same answer is printed for each language, by blocks and by units of text.

    python benchmarks/extraction_languages.py ../shared/data/web/prose.warc.gz [--every 3]
"""

from __future__ import annotations

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path
from typing import NamedTuple

from warcio.archiveiterator import ArchiveIterator

from curate.extract.charset import decode
from curate.extract.judge.judge import judge_pages
from curate.extract.scan.columns import BEGIN, DEPTH, ELEMENT, END, LEVEL, PARENT, TAG
from curate.extract.scan.pages import as_pages, scan_pages

LANGUAGE = re.compile(r"/([a-z]{2,3})(?:[-_][A-Z]{2})?/")
ENGLISH = "en"
LEVELS = 3


class JudgedPage(NamedTuple):
    ways: list[tuple[int, ...]]  # of each block: its level, its depth, and the tags of its element and two above
    keep: list[bool]
    sizes: list[int]


class Agreement(NamedTuple):
    same: int
    blocks: int
    same_bytes: int
    bytes: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("crawl", type=Path)
    parser.add_argument("--every", type=int, default=1, help="only each so manieth page that has an original")
    arguments = parser.parse_args()
    families: dict[str, dict[str, str]] = defaultdict(dict)
    for url, html in html_pages(arguments.crawl):
        if found := LANGUAGE.search(url.partition("/html")[2] or url):
            families[url.replace(found[0], "/*/")][found[1]] = html
    pairs = [(name, language) for name, pages in families.items() if ENGLISH in pages for language in pages]
    results: dict[str, list[Agreement]] = defaultdict(list)
    for name, language in pairs[:: arguments.every]:
        if language != ENGLISH:
            results[language].append(compare(families[name][ENGLISH], families[name][language]))
    results["all"] = [row for rows in results.values() for row in rows]
    for language, agreements in sorted(results.items()):
        same, blocks, same_bytes, size = (sum(row[number] for row in agreements) for number in range(4))
        shares = f"{same / max(blocks, 1):.4f} of {blocks:7} blocks, {same_bytes / max(size, 1):.4f} of the bytes"
        print(f"{language:4} {len(agreements):5} pages: the same answer for {shares}")


def html_pages(crawl: Path) -> Iterator[tuple[str, str]]:
    with crawl.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response" and "html" in (record.http_headers.get_header("content-type") or ""):
                url = record.rec_headers.get_header("WARC-Target-URI").strip("<>")
                yield url, decode(record.content_stream().read(), declared=None, html=True)[0]


def compare(original: str, translation: str) -> Agreement:
    one, other = judged(original), judged(translation)
    same = blocks = same_bytes = size = 0
    for begin, start, length in SequenceMatcher(None, one.ways, other.ways, autojunk=False).get_matching_blocks():
        for offset in range(length):
            agrees = one.keep[begin + offset] == other.keep[start + offset]
            worth = other.sizes[start + offset]
            same, blocks = same + agrees, blocks + 1
            same_bytes, size = same_bytes + agrees * worth, size + worth
    return Agreement(same, blocks, same_bytes, size)


def judged(html: str) -> JudgedPage:
    scanned = scan_pages(as_pages(html))
    ways = []
    for block in scanned.blocks:
        element, tags = block[ELEMENT], [int(block[LEVEL]), int(scanned.elements[block[ELEMENT], DEPTH])]
        for _ in range(LEVELS):
            tags.append(int(scanned.elements[element, TAG]))
            element = max(scanned.elements[element, PARENT], 0)
        ways.append(tuple(tags))
    keep = judge_pages(scanned).keep.tolist()
    return JudgedPage(ways, keep, (scanned.blocks[:, END] - scanned.blocks[:, BEGIN]).tolist())


if __name__ == "__main__":
    main()
