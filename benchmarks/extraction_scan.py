"""How fast the scanner reads pages of each kind, and what a byte of an adversarial page costs against an ordinary one.

    gold pages by type ─▶ scan, text ─▶ MB/s of CPU, ms a page        adversarial pages ─▶ times the cost of a byte

CPU time of this process; the least of some rounds, in which all kinds take turns.

    python benchmarks/extraction_scan.py ../shared/data/extraction [--every 4] [--rounds 5]
"""

from __future__ import annotations

import argparse
import gzip
import json
import tarfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from curate.extract.scan.pages import ScannedPages, as_pages, scan_pages
from curate.extract.scan.writer import write_pages
from curate.text.buffers import TextBuffers

SIZE = 2_000_000
GROWTH = 8
"""How much smaller the small page of each kind is, by which linear cost shows."""
HARD: dict[str, tuple[str, ...]] = {
    "deep": ("", "<div>"),
    "unknown names, ends of others": ("", "<x-a>", "</x-b>"),
    "ends that nothing answers": ("<p><table>", "<i>", "</p>"),
    "unclosed": ("", "<b>"),
    "links unclosed": ("", "<p><a href=x>"),
    "attributes of one tag": ("<a ", "b=c "),
    "one attribute": ("<a b='", "c"),
    "classes of one letter": ("<p class='", "a b "),
    "tags in a tag's name": ("", "<a"),
    "comments that do not end": ("", "<!--"),
    "ends in a script": ("<script>", "</"),
    "names in a script's comment": ("<script><!--", "<"),
    "cells": ("<table>", "<td>"),
    "items": ("", "<ul><li>"),
    "references": ("", "&amp;"),
    "no references": ("", "&am"),
    "no tags": ("", "<"),
    "breaks in pre": ("<pre>a", "<br>"),
    "formulas": ("", "<math alttext=x>"),
    "drawn formulas": ("", "<span class=MathJax>"),
    "white space": ("", " \n"),
    "letters of three bytes": ("", "漢"),
}
"""What a page begins with, and one or two pieces that follow again and again, all of the first before the second."""


def read_pages(folder: Path, every: int) -> dict[str, TextBuffers]:
    """Every n-th page of the gold by its type."""
    lines = gzip.decompress((folder / "wcxb" / "ground-truth.jsonl.gz").read_bytes()).splitlines()
    types = {gold["file"]: gold["_internal"]["page_type"]["primary"] for gold in map(json.loads, lines)}
    pages = defaultdict[str, list[bytes]](list)
    with tarfile.open(folder / "wcxb" / "html.tar") as archive:
        for number, member in enumerate(archive):
            file = archive.extractfile(member)
            if file and number % every == 0:
                pages[types.get(Path(member.name).name.split(".")[0], "other")].append(gzip.decompress(file.read()))
    return {kind: as_pages(*some) for kind, some in sorted(pages.items())}


def cpu(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def write_all(scanned: ScannedPages) -> TextBuffers:
    return write_pages(scanned, np.ones(len(scanned.blocks), dtype=np.uint8))


def print_kinds(kinds: dict[str, TextBuffers], rounds: int) -> float:
    """One line a type of page; returns the seconds that a byte of all of them costs."""
    scans, writes = dict.fromkeys(kinds, float("inf")), dict.fromkeys(kinds, float("inf"))
    for _ in range(rounds):
        for kind, pages in kinds.items():
            scanned = scan_pages(pages)
            scans[kind] = min(scans[kind], cpu(lambda pages=pages: scan_pages(pages)))  # type: ignore[misc]
            writes[kind] = min(writes[kind], cpu(lambda scanned=scanned: write_all(scanned)))  # type: ignore[misc]
    print(f"{'pages':<16}{'number':>7}{'kB each':>9}{'MB/s':>7}{'scan, ms':>10}{'text, ms':>10}")
    for kind, pages in kinds.items():
        size, number = len(pages.data), pages.documents
        print(
            f"{kind:<16}{number:>7}{size / number / 1e3:>9.0f}{size / scans[kind] / 1e6:>7.0f}"
            f"{scans[kind] / number * 1e3:>10.3f}{writes[kind] / number * 1e3:>10.3f}"
        )
    return sum(scans.values()) / sum(len(pages.data) for pages in kinds.values())


def hard_page(name: str, size: int) -> TextBuffers:
    before, *pieces = HARD[name]
    repeated = [piece * (size // len(pieces) // len(piece.encode())) for piece in pieces]
    return as_pages("".join([before, *repeated, "</script>--></textarea><p>end"]))


def print_hard(of_a_byte: float, rounds: int) -> None:
    """What a byte of each adversarial page costs: in times that of the gold's, and of a smaller page's of its kind."""
    print(f"\n{'adversarial':<32}{'MB/s':>7}{'of gold':>9}{'of small':>10}")
    for name in HARD:
        costs = list[float]()
        for size in (SIZE // GROWTH, SIZE):
            pages = hard_page(name, size)
            spent = min(cpu(lambda pages=pages: scan_pages(pages)) for _ in range(rounds))  # type: ignore[misc]
            costs.append(spent / len(pages.data))
        small, large = costs
        print(f"{name:<32}{1 / large / 1e6:>7.0f}{large / of_a_byte:>9.2f}{large / small:>10.2f}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path, help="with wcxb/")
    arguments.add_argument("--every", type=int, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    asked = arguments.parse_args()
    scan_pages(as_pages("<p>a"))  # compiled, or loaded
    of_a_byte = print_kinds(read_pages(asked.folder, asked.every), asked.rounds)
    print(f"{'all':<16}{1 / of_a_byte / 1e6:>23.0f} MB/s")
    print_hard(of_a_byte, asked.rounds)


if __name__ == "__main__":
    main()
