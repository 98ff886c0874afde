"""Gopher's, C4's and FineWeb's rules here and in datatrove, on the same English pages: agreement and speed.

crawl.warc.gz ─▶ English texts ─▶ curate: signals, rules ─┐
                       └────────▶ peer_filters.py ────────┴▶ table a rule, table a value, list of disagreements, seconds
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from end_to_end import PEER_REQUIREMENTS, peer_python
from language import page_texts

from curate.engine.clock import Clock
from curate.filters.c4 import c4
from curate.filters.fineweb import fineweb
from curate.filters.gopher import gopher_quality, gopher_repetition
from curate.filters.language import language
from curate.steps.bind import BoundStep
from curate.steps.decide import decide
from curate.text.signals import text_signals

DATATROVES_C4 = {"min_sentences": 5, "min_words_per_line": 3, "end_marks": (".", "?", "!", '"', "'")}
TURNS = 20
"""Of ours to one of datatrove's: a stall of half a second is five times the whole work of one."""
TOGETHER = "gopher_quality.max_hash_symbol_ratio+max_ellipsis_ratio"


START = "import polars as pl; from curate.text.signals import text_signals; text_signals(pl.Series(['a text']))"
"""What a process does before it measures its first text, the kernels compiled by an earlier one."""


class Ours(NamedTuple):
    """What curate says of each document; `rules` by "step.rule", each on the text as it was read."""

    rules: dict[str, list[bool]]
    values: pl.DataFrame
    chain: list[str | None]
    c4_texts: list[str]


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts = [text for crawl in options.crawls for text in english_texts(crawl)][:: options.every]
        texts = texts[: options.documents]
        python = peer_python(options.peer_python)
        peer = run_peer(python, texts, work)
        ours = judge(texts)
        report = {
            "documents": len(texts),
            "bytes": sum(len(text.encode()) for text in texts),
            "peer": PEER_REQUIREMENTS,
        }
        report |= compare(texts, ours, peer)
        report["speed"] = compare_speed(python, texts, work, options)
    print_report(report, options.show)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("crawls", type=Path, nargs="+", help="WARC files")
    parser.add_argument("--every", type=int, default=1, help="only every n-th English page")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--timed", type=int, default=60, help="documents on which datatrove is timed")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--show", type=int, default=20, help="disagreements printed")
    parser.add_argument("--peer-python", type=Path, help="a Python with datatrove; else it is installed once")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def english_texts(crawl: Path) -> list[str]:
    """The main text of each HTML page that lid.176 takes for English with .65 or more."""
    batch = pl.DataFrame({"text": page_texts(crawl)})
    is_english = language(keep=("en",), min_score=0.65)
    assert is_english.measure is not None
    measured = is_english.measure(batch)
    return measured.filter(pl.all_horizontal(rule.keep for rule in is_english.rules))["text"].to_list()


def run_peer(python: Path, texts: list[str], work: Path, *arguments: str) -> list[dict[str, Any]]:
    documents, out = work / "documents.jsonl", work / "peer.jsonl"
    documents.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    script = Path(__file__).with_name("peer_filters.py")
    subprocess.run([python, script, documents, out, *arguments], check=True)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def steps(*, terminal_punctuation: bool = False) -> tuple[BoundStep, ...]:
    """FineWeb's chain; the one difference of C4's rules there is that a line needs no end mark."""
    c4_step = c4(terminal_punctuation=terminal_punctuation, **DATATROVES_C4)  # type: ignore[arg-type]
    filters = {"gopher_repetition": gopher_repetition(), "gopher_quality": gopher_quality()}
    return tuple(BoundStep(name, step) for name, step in {**filters, "c4": c4_step, "fineweb": fineweb()}.items())


def run_chain(texts: pl.Series) -> pl.DataFrame:
    return decide(measured_batch(texts), steps(), Clock())


def measured_batch(texts: pl.Series) -> pl.DataFrame:
    batch = pl.DataFrame({"text": texts}).with_row_index("id")
    blank = [pl.lit(None, pl.String).alias(name) for name in ("outcome", "step", "reason", "value")]
    return batch.with_columns(blank).hstack(text_signals(batch["text"]))


def judge(texts: list[str]) -> Ours:
    batch = measured_batch(pl.Series("text", texts))
    rules: dict[str, list[bool]] = {}
    c4_texts: list[str] = []
    for step in steps(terminal_punctuation=True):
        measured = step.filter.measure(batch) if step.filter.measure else batch
        if step.filter.changes_text:
            c4_texts = measured["text"].to_list()
            measured = measured.with_columns(text_signals(measured["text"]))
        for rule in step.filter.rules:
            rules[f"{step.name}.{rule.name}"] = measured.select(rule.keep).to_series().to_list()
    one, other = TOGETHER.split("+")
    both = zip(rules.pop(one), rules.pop(f"gopher_quality.{other}"), strict=True)
    rules[TOGETHER] = [all(pair) for pair in both]
    decided = run_chain(pl.Series("text", texts))
    reasons = [reason and f"{step}.{reason}" for step, reason in decided.select("step", "reason").iter_rows()]
    return Ours(rules, batch, reasons, c4_texts)


def compare(texts: list[str], ours: Ours, peer: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "rules": list(compare_rules(ours, peer)),
        "values": list(compare_values(ours.values, peer)),
        "same_chain_verdict": share(
            (a is None) == (row["chain"] is None) for a, row in zip(ours.chain, peer, strict=True)
        ),
        "same_c4_text": share(a == row["c4_text"] for a, row in zip(ours.c4_texts, peer, strict=True)),
        "kept": [ours.chain.count(None), sum(row["chain"] is None for row in peer)],
        "disagreements": list(disagreements(texts, ours, peer)),
    }


def compare_rules(ours: Ours, peer: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for name, decisions in ours.rules.items():
        theirs = [row["rules"][name] for row in peer]
        agreed = share(a == b for a, b in zip(decisions, theirs, strict=True))
        yield {"rule": name, "agreement": agreed, "dropped": [decisions.count(False), theirs.count(False)]}


def compare_values(values: pl.DataFrame, peer: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """`correlation` is Pearson's; None where a value is the same for all documents on both sides."""
    for name in peer[0]["values"]:
        a = values[name].cast(pl.Float64).to_numpy()
        b = np.array([row["values"][name] for row in peer])
        varies = a.std() > 0 and b.std() > 0
        correlation = float(np.corrcoef(a, b)[0, 1]) if varies else None
        equal = float(np.isclose(a, b, rtol=1e-9, atol=1e-12).mean())
        yield {"value": name, "correlation": correlation, "equal": equal, "largest": float(abs(a - b).max())}


def disagreements(texts: list[str], ours: Ours, peer: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each document and rule on which the sides differ, with the value of each."""
    for name, decisions in ours.rules.items():
        signal = signal_of(name)
        for at, (decision, row) in enumerate(zip(decisions, peer, strict=True)):
            if decision != row["rules"][name]:
                here = ours.values[signal][at] if signal in ours.values.columns else None
                values = [here, row["values"].get(signal)]
                yield {"rule": name, "keeps": [decision, row["rules"][name]], "values": values, "text": texts[at][:200]}


def signal_of(rule: str) -> str:
    """ "gopher_quality.min_words" decides on "word_count"."""
    name = rule.partition(".")[2].partition("_")[2]
    return {"words": "word_count", "stop_words": "stop_word_count"}.get(name, name)


def size(texts: list[str]) -> int:
    return sum(len(text.encode()) for text in texts)


def share(answers: Iterator[bool]) -> float:
    counts = Counter(answers)
    return counts[True] / max(counts.total(), 1)


def compare_speed(python: Path, texts: list[str], work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """MB a CPU second of the whole chain on the same documents, in turns; of each document or batch the median and the
    fastest of the repeats, as this may be a machine that stands still now and then.
    """
    timed = texts[: options.timed]
    series = pl.Series("text", timed)
    run_chain(series[:2])
    seconds: dict[str, list[list[float]]] = {"signals": [], "curate": [], "datatrove": []}
    for _ in range(options.repeats):
        seconds["datatrove"].append([row["seconds"] for row in run_peer(python, timed, work, "--seconds")])
        for _ in range(TURNS):
            seconds["signals"].append([cpu_seconds(lambda: text_signals(series))])
            seconds["curate"].append([cpu_seconds(lambda: run_chain(series))])
    speed: dict[str, Any] = {}
    for kind, choose in (("median", statistics.median), ("fastest", min)):
        rates = {
            name: size(timed) / sum(map(choose, zip(*turns, strict=True))) / 1e6 for name, turns in seconds.items()
        }
        speed[kind] = rates | {"ratio": rates["curate"] / rates["datatrove"]}
    return speed | {"start_seconds": statistics.median(start_seconds() for _ in range(5))}


def start_seconds() -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", START], check=True)
    return time.perf_counter() - started


def cpu_seconds(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def print_report(report: dict[str, Any], show: int) -> None:
    print(f"{report['documents']} English pages, {report['bytes'] / 1e6:.1f} MB\n")
    print(f"{'rule':<62}{'agreement':>10}{'dropped here / there':>24}")
    for row in report["rules"]:
        print(f"{row['rule']:<62}{row['agreement']:>10.2%}{'{} / {}'.format(*row['dropped']):>24}")
    print(f"\nthe chain's verdict{report['same_chain_verdict']:>53.2%}{'{} / {} kept'.format(*report['kept']):>24}")
    print(f"the text that C4's line rules leave{report['same_c4_text']:>37.2%}")
    print(f"\n{'value':<40}{'correlation':>12}{'equal':>9}{'largest difference':>22}")
    for row in report["values"]:
        correlation = "-" if row["correlation"] is None else f"{row['correlation']:.5f}"
        print(f"{row['value']:<40}{correlation:>12}{row['equal']:>9.1%}{row['largest']:>22.5f}")
    print(f"\n{len(report['disagreements'])} disagreements" + (":" if report["disagreements"] else ""))
    for row in report["disagreements"][:show]:
        print(f"  {row['rule']}: keeps {row['keeps']}, values {row['values']}: {row['text'][:70]!r}")
    print(f"\n{'MB of text a CPU second':<40}{'median':>10}{'fastest':>10}")
    labels = {"signals": "all signals", "curate": "signals and four filters", "datatrove": "datatrove's four filters"}
    for name, label in (labels | {"ratio": "ratio of the chains"}).items():
        print(f"{label:<40}" + "".join(f"{report['speed'][kind][name]:>10.3f}" for kind in ("median", "fastest")))
    print(f"\nfrom the start of Python to the first text measured: {report['speed']['start_seconds']:.1f} s")


if __name__ == "__main__":
    main()
