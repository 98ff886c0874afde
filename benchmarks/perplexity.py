"""N-gram language models here and by KenLM: the same text, the same counts, each sentence scored by both.

lines of text ─┬▶ curate perplexity train ─▶ model, ARPA ─┬▶ kernels ───▶ perplexity, MB a CPU second
               └▶ lmplz (if there is one) ─▶ ARPA ────────┴▶ KenLM ────▶ perplexity, MB a CPU second

KenLM is asked in a Python of its own (`--kenlm`, with its package `kenlm`), and estimates with its program `lmplz`,
which is not in the package (`--lmplz`, built from its source).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.filters.ngram.model import BITS, load_ngram_model

PEER = Path(__file__).parent / "peer_kenlm.py"
HELD_OUT = 10
"""Every tenth line."""
LINES_A_TEXT = 50


class Spent(NamedTuple):
    """CPU seconds and the peak of memory in MB of a process."""

    cpu: float
    memory: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path, nargs="+", help="plain text files, UTF-8")
    parser.add_argument("--order", type=int, default=5)
    parser.add_argument("--prune", nargs="+", default=["0"])
    parser.add_argument("--kenlm", help="a Python that has the package kenlm")
    parser.add_argument("--lmplz", help="KenLM's program for estimation")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    lines = [line for path in options.texts for line in path.read_text(encoding="utf-8").splitlines() if line.split()]
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_inputs([line for at, line in enumerate(lines) if at % HELD_OUT], lines[::HELD_OUT])
        estimate(options)
        ask(options)


def write_inputs(train: list[str], held_out: list[str]) -> None:
    texts = ["\n".join(train[at : at + LINES_A_TEXT]) for at in range(0, len(train), LINES_A_TEXT)]
    pl.DataFrame({"text": texts}).write_parquet("train.parquet")
    Path("train.txt").write_text("\n".join(train) + "\n", encoding="utf-8")
    Path("held_out.txt").write_text("\n".join(held_out) + "\n", encoding="utf-8")
    words = sum(len(line.split()) for line in train)
    print(f"trained on {Path('train.txt').stat().st_size / 1e6:.1f} MB, {words:,} words\n")


def estimate(options: argparse.Namespace) -> None:
    """Train on both sides, and compare what the ARPA files say of every n-gram."""
    prune, order = ["--prune", *options.prune], ["--order", str(options.order)]
    base = [sys.executable, "-m", "curate", "perplexity", "train", "train.parquet", "--units", "spaces"]
    curate = [*base, "--validation", "0", *order, *prune]
    spent(["true"])
    print(f"{'training':<26}{'CPU s':>8}{'peak MB':>9}")
    tell("curate", [spent([*curate, "--out", "model.clm", "--force"]) for _ in range(options.repeats)])
    tell("curate, ARPA, too", [spent([*curate, "--out", "other.clm", "--arpa", "ours.arpa"])])
    if options.lmplz:
        lmplz = [options.lmplz, "-o", str(options.order), "-S", "1G", "-T", ".", *prune]
        lmplz += ["--text", "train.txt", "--arpa", "theirs.arpa"]
        tell("lmplz", [spent(lmplz) for _ in range(options.repeats)])
        compare(read("ours.arpa"), read("theirs.arpa"))
    counts = json.loads(Path("model.clm.json").read_text())["ngrams"]
    size = Path("model.clm").stat().st_size
    print(f"\nmodel: {size / 1e6:.1f} MB, {size / sum(counts):.1f} bytes for each of {sum(counts):,} n-grams\n")


def spent(command: list[str]) -> Spent:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return Spent(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3)


def tell(name: str, runs: list[Spent]) -> None:
    print(f"{name:<26}{statistics.median(run.cpu for run in runs):>8.2f}{max(run.memory for run in runs):>9.0f}")


def read(path: str) -> dict[str, tuple[float, float]]:
    found = {}
    for line in Path(path).read_text(encoding="utf-8").split("\n"):
        columns = line.split("\t")
        if len(columns) > 1:
            found[columns[1]] = (float(columns[0]), float(columns[2]) if len(columns) > 2 else 0.0)
    return found


def compare(ours: dict[str, tuple[float, float]], theirs: dict[str, tuple[float, float]]) -> None:
    both = ours.keys() & theirs.keys()
    apart = max(abs(one - other) for ngram in both for one, other in zip(ours[ngram], theirs[ngram], strict=True))
    print(f"\nn-grams of both: {len(both):,}; of one alone: {len(ours.keys() ^ theirs.keys()):,}")
    print(f"largest difference of a logarithm (base 10): {apart:.1e}")


def ask(options: argparse.Namespace) -> None:
    lines = Path("held_out.txt").read_text(encoding="utf-8").split("\n")[:-1]
    series, model = pl.Series(lines), load_ngram_model("model.clm")
    size = len("\n".join(lines).encode()) / 1e6
    scores, seconds = model.scores(series), []
    for _ in range(options.repeats):
        started = time.process_time()
        model.scores(series)
        seconds.append(time.process_time() - started)
    words = int(scores.words.sum())
    print(f"{f'asked about {size:.2f} MB':<26}{'perplexity':>12}{'MB/s':>8}{'words/s':>12}")
    tell_asked("curate", scores.logarithms, words, size, seconds)
    if options.kenlm:
        command = [options.kenlm, str(PEER), "ours.arpa", "held_out.txt", str(options.repeats)]
        answer = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        theirs = np.array(answer["logarithms"])
        tell_asked("KenLM, our ARPA", theirs, words, size, answer["seconds"])
        apart = np.abs(scores.logarithms - theirs) / scores.words
        print(f"\nlargest difference of a line's bits a word: {apart.max() * BITS:.4f}")


def tell_asked(name: str, logarithms: np.ndarray, words: int, size: float, seconds: list[float]) -> None:
    middle = statistics.median(seconds)
    perplexity = 10 ** (-logarithms.sum() / words)
    print(f"{name:<26}{perplexity:>12.3f}{size / middle:>8.1f}{words / middle:>12,.0f}")


if __name__ == "__main__":
    main()
