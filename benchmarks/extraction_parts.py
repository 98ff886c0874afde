"""What the step "extract" costs with resiliparse, part by part: the library alone on the same pages, and what is ours.

    pages of a WARC ─┬─▶ the library alone, on the page as it is
                     ├─▶ first look, rewriting, numbers of lists, marks of lone signs, each by itself
                     └─▶ all of it, as a run does it; and curate's own extractor beside it

CPU seconds of one process, the medians of several rounds, after one that loads everything. A text that was decoded is
decoded anew in each round, since Python keeps the UTF-8 that a library has asked a text for.

    python benchmarks/extraction_parts.py CRAWL.warc.gz [--every 3] [--rounds 5]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from crawl_pages import pages
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

from curate.extract.extraction import Markup
from curate.extract.first_look import NUMBERED, first_look
from curate.extract.html import extract_html
from curate.extract.lists import mark_numbers
from curate.extract.lone_signs import mark_lone_signs
from curate.extract.own import extract_pages
from curate.extract.rewrite import rewrite

TOGETHER = 16
"""Pages that our own extractor is given at a time, about as many as a run's batch has."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path)
    parser.add_argument("--every", type=int, default=3, help="only every Nth page")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    whole = [page.html.encode("utf-8", "replace") for page in list(pages(options.warc))[:: options.every]]
    print(f"{len(whole):,} pages, {sum(map(len, whole)) / 1e6:.0f} MB; medians of {options.rounds} rounds")
    alone = 0.0
    for name, work in parts(whole):
        seconds = measured(work, whole, options.rounds)
        alone = alone or seconds
        print(f"{name:40} {seconds:7.3f} CPU s {1e6 * seconds / len(whole):7.0f} µs a page {seconds / alone:6.1%}")


def parts(whole: Sequence[bytes]) -> Iterator[tuple[str, Callable[[Sequence[str]], object]]]:
    """What is timed, by the name under which it is printed; the first is what the others are shares of."""
    looks = [first_look(page) for page in whole]
    yield "resiliparse alone", lambda texts: [by_library(text) for text in texts]
    yield "first look", lambda texts: [first_look(text.encode()) for text in texts]
    yield "rewriting", lambda texts: [written(text, look.bits) for text, look in zip(texts, looks, strict=True)]
    yield (
        "numbers of lists",
        lambda texts: [mark_numbers(text) for text, look in zip(texts, looks, strict=True) if look.bits & NUMBERED],
    )
    yield "marks of lone signs", lambda texts: [mark_lone_signs(*pair) for pair in zip(texts, looks, strict=True)]
    yield 'all of extract = "resiliparse"', lambda texts: [extract_html(text, engine="resiliparse") for text in texts]
    yield 'all of extract = "curate"', lambda texts: [extract_pages(batch) for batch in batches(texts)]


def by_library(html: str) -> str:
    """What a caller who asks for nothing else pays, with the switches that a run has."""
    tree = HTMLTree.parse(html)
    return (tree.title or "") + extract_plain_text(
        tree, preserve_formatting=True, main_content=True, alt_texts=False, links=False, comments=False
    )


def written(html: str, bits: int) -> str:
    return rewrite(html, bits, whole=False, for_resiliparse=True)


def batches(texts: Sequence[str]) -> Iterator[list[Markup]]:
    for first in range(0, len(texts), TOGETHER):
        yield [Markup(text) for text in texts[first : first + TOGETHER]]


def measured(work: Callable[[Sequence[str]], object], whole: Sequence[bytes], rounds: int) -> float:
    """The median of CPU seconds, without decoding."""
    seconds = []
    for _ in range(rounds + 1):
        texts = [page.decode() for page in whole]
        began = time.process_time()
        work(texts)
        seconds.append(time.process_time() - began)
    return statistics.median(seconds[1:])


if __name__ == "__main__":
    main()
