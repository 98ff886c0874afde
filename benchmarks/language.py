"""Language identification here and by the fastText library, the same model on the same pages: agreement and speed.

crawl.warc.gz ─▶ texts ─┬▶ curate.filters.language ─┬▶ labels, probabilities, MB a CPU second
                        └▶ fasttext.predict ────────┘
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fasttext
import polars as pl
from warcio.archiveiterator import ArchiveIterator

from curate.extract.charset import decode
from curate.extract.html import extract_html
from curate.filters.language import LID_176, load_lid

Answers = list[tuple[str, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawls", type=Path, nargs="+", help="WARC files")
    parser.add_argument("--every", type=int, default=1, help="only every n-th page")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    texts = [text for crawl in options.crawls for text in page_texts(crawl)][:: options.every]
    series, lid, library = pl.Series("text", texts), load_lid(), fasttext.load_model(str(LID_176))
    contestants: dict[str, Callable[[], Answers]] = {
        "curate": lambda: [found[0] for found in lid.predict(series, 1)],
        "fasttext": lambda: [ask(library, text) for text in texts],
    }
    answers = {name: work() for name, work in contestants.items()}  # compiles, too
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(options.repeats):
        for name, work in contestants.items():
            started = time.process_time()
            work()
            seconds[name].append(time.process_time() - started)
    report(texts, answers, seconds)


def page_texts(crawl: Path) -> list[str]:
    """The main text of each HTML page that has any, by resiliparse."""
    texts = []
    with crawl.open("rb") as file:
        for record in ArchiveIterator(file):
            if record.rec_type == "response" and "html" in (record.http_headers.get_header("content-type") or ""):
                page = decode(record.content_stream().read(), declared=None, html=True)[0]
                texts.append(extract_html(page, engine="resiliparse").text)
    return [text for text in texts if text.strip()]


def ask(library: Any, text: str) -> tuple[str, float]:
    ((chance, label),) = library.f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")
    return label, min(chance, 1.0)


def report(texts: list[str], answers: dict[str, Answers], seconds: dict[str, list[float]]) -> None:
    size = sum(len(text.encode()) for text in texts) / 1e6
    pairs = list(zip(answers["curate"], answers["fasttext"], strict=True))
    same = [abs(one[1] - other[1]) for one, other in pairs if one[0] == other[0]]
    print(f"{len(texts):,} pages, {size:.1f} MB")
    print(f"same language: {len(same) / len(pairs):.2%}; largest difference of a probability there: {max(same):.1e}\n")
    print(f"{'MB of text a CPU second':<26}{'median':>8}{'fastest':>9}")
    for name, times in seconds.items():
        print(f"{name:<26}{size / statistics.median(times):>8.1f}{size / min(times):>9.1f}")
    ratios = [choose(seconds["fasttext"]) / choose(seconds["curate"]) for choose in (statistics.median, min)]
    print(f"{'ratio':<26}{ratios[0]:>7.1f}x{ratios[1]:>8.1f}x")


if __name__ == "__main__":
    main()
