"""A gzipped WARC to training tokens: CPU seconds of curate and of datatrove, whole processes with all their children.

    WARC ─▶ (parts, tokenizer: before the clock) ─▶ curate run    ─▶ ledger, tokens ─┐
                                                └─▶ peer_datatrove ─▶ jsonl, tokens ─┴─▶ one table, agreement, JSON

Both sides: English by lid.176 at .65, Gopher repetition and quality, MinHash (word 5-grams, 14 bands of 8), e-mail and
IP addresses replaced, the same 32k BPE tokenizer, at most 10 s for a page. curate runs once for each way to extract:
among them trafilatura for the pages whose quick text may be English, and trafilatura for all ("trafilatura-all").
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import itertools
import json
import subprocess
import tempfile
import venv
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from curate_side import extractors, measure_curate
from process_clock import measure
from sides import Inputs, Measured, Outcome, fresh, medians, outcome
from web_inputs import cut_head, cut_in_parts, record_offsets, train_tokenizer

HERE = Path(__file__).resolve().parent
WARC = HERE.parents[1] / "shared" / "data" / "web" / "prose.warc.gz"
LANGUAGE_MODEL = HERE.parent / "curate" / "filters" / "models" / "lid.176.ftz"

WARM_UP_BYTES = 2_000_000

PEER_REQUIREMENTS = ("datatrove[io,processing]==0.10.1", "spacy==3.8.18", "lxml_html_clean==0.4.6")
"""spaCy splits English words for datatrove's Gopher filters and MinHash; trafilatura 1.11 (datatrove allows no newer)
needs lxml_html_clean through jusText. libmagic comes from the system."""


def main() -> None:
    options = parse_options()
    with work_folder(options.work) as work:
        inputs = prepare(options, work)
        results = list(measure_sides(options, inputs, work))
        print(format_table(results))
        print(format_agreement(results))
        if options.json:
            options.json.write_text(json.dumps(as_json(options, results), indent=2) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path, nargs="?", default=WARC)
    parser.add_argument("--sides", default="curate,datatrove", help="one or both of curate,datatrove")
    parser.add_argument("--extractors", default=",".join(extractors()), help="curate's")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="the costs are medians")
    words = "also run half of the WARC, and all of it with one worker: what a page costs, what a worker brings"
    parser.add_argument("--scaling", action="store_true", help=words)
    parser.add_argument("--parts", type=int, default=8, help="files that datatrove's copy of the WARC is cut into")
    parser.add_argument("--language-model", type=Path, default=LANGUAGE_MODEL, help="datatrove's; curate ships its own")
    parser.add_argument("--tokenizer", type=Path, help="a tokenizer.json with <|endoftext|>; default: train one")
    parser.add_argument("--peer-python", type=Path, help="Python of an environment with datatrove; default: make one")
    parser.add_argument(
        "--extraction-timeout", type=float, default=10.0, help="datatrove's limit of a page in wall seconds"
    )
    parser.add_argument("--work", type=Path, help="keep everything here; default: a temporary folder")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    return parser.parse_args()


@contextlib.contextmanager
def work_folder(given: Path | None) -> Iterator[Path]:
    """The given folder, made and kept, or a temporary one."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="curate-end-to-end-") as temporary:
            yield Path(temporary)
    else:
        given.mkdir(parents=True, exist_ok=True)
        yield given.resolve()


def prepare(options: argparse.Namespace, work: Path) -> Inputs:
    """The WARC cut for datatrove (one file is one task there), a small cut to warm up with, and the tokenizer."""
    warc = options.warc.resolve()
    offsets = [*record_offsets(warc), warc.stat().st_size]
    parts = cut_in_parts(warc, offsets, options.parts, work / "parts")
    warm_up = cut_head(warc, offsets, WARM_UP_BYTES, work / "head.warc.gz")
    half = cut_head(warc, offsets, offsets[-1] // 2, work / "half.warc.gz")
    tokenizer = options.tokenizer or train_tokenizer(warc, work / "tokenizer.json")
    return Inputs(warc, half, parts, warm_up, tokenizer.resolve(), options.language_model.resolve())


def peer_python(given: Path | None) -> Path:
    """The Python of datatrove's own environment: the given one, or one made once for these requirements."""
    if given is not None:
        return given.absolute()
    digest = hashlib.sha256("\n".join(PEER_REQUIREMENTS).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"curate-benchmark-datatrove-{digest}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_REQUIREMENTS], check=True)
        (folder / "complete").touch()
    return python


def measure_sides(options: argparse.Namespace, inputs: Inputs, work: Path) -> Iterator[Measured]:
    sides = options.sides.split(",")
    if "curate" in sides:
        for extractor in options.extractors.split(","):
            how = {"workers": options.workers, "repeats": options.repeats, "scaling": options.scaling}
            yield measure_curate(extractor, inputs, work, **how)
    if "datatrove" in sides:
        yield measure_datatrove(options, inputs, work)


def measure_datatrove(options: argparse.Namespace, inputs: Inputs, work: Path) -> Measured:
    python = peer_python(options.peer_python)
    models = ["--language-model", inputs.language_model, "--tokenizer", inputs.tokenizer]
    limits = ["--workers", options.workers, "--extraction-timeout", options.extraction_timeout]

    def command(parts: Path, out: Path) -> list[str]:
        return [str(word) for word in (python, HERE / "peer_datatrove.py", parts, out, *models, *limits)]

    assets = {"HF_ASSETS_CACHE": str(work / "assets"), "HF_HUB_OFFLINE": "1"}
    outs = [fresh(work / f"datatrove-{number}") for number in range(options.repeats)]
    costs = [measure(command(inputs.parts, out), work / f"{out.name}.log", assets) for out in outs]
    return Measured("datatrove", "trafilatura", medians(costs), datatrove_outcome(outs[-1]))


def datatrove_outcome(out: Path) -> Outcome:
    """From its JSONL files and its blocks' own counters."""
    stages = json.loads((out / "stages.json").read_text(encoding="utf-8"))
    read = block_count(stages, "base", "Trafilatura", "total")
    tokens = block_count(stages, "tokens", "Writer", "tokens")
    return outcome(read, jsonl_urls(out / "base"), jsonl_urls(out / "unique"), tokens, stages)


def block_count(stages: list[dict[str, Any]], stage: str, block: str, counter: str) -> int:
    blocks = next(entry["blocks"] for entry in stages if entry["stage"] == stage)
    return int(next(entry["counts"][counter] for entry in blocks if block in entry["block"]))


def jsonl_urls(folder: Path) -> list[str]:
    urls = []
    for path in sorted(folder.glob("*.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            urls += [json.loads(line)["metadata"]["url"] for line in lines]
    return urls


def format_table(results: list[Measured]) -> str:
    """One line a side; `ratio` is datatrove's CPU time to this side's, `speedup` one worker's wall time to all's."""
    head = f"{'tool':10} {'extractor':15} {'CPU s':>8} {'wall s':>8} {'read':>7} {'kept':>6} {'unique':>6}"
    lines = [f"{head} {'tokens':>10} {'peak MB':>8} {'ms/page':>8} {'speedup':>8} {'ratio':>6}"]
    for result in results:
        kept, unique = result.outcome.documents
        ratio = cpu_ratio(result, results)
        times = f"{result.cost.cpu:8.1f} {result.cost.wall:8.1f}"
        counts = f"{result.outcome.read:7} {kept:6} {unique:6} {result.outcome.tokens:10}"
        memory, grown = f"{result.cost.peak_mb:8.0f}", result.scaling
        scaling = f"{grown.page_ms:8.2f} {grown.speedup:7.2f}x" if grown else f"{'-':>8} {'-':>8}"
        told = f"{ratio:.1f}x" if ratio else "-"
        lines.append(f"{result.tool:10} {result.extractor:15} {times} {counts} {memory} {scaling} {told:>6}")
    return "\n".join(lines)


def cpu_ratio(result: Measured, results: list[Measured]) -> float | None:
    peer = next((other.cost.cpu for other in results if other.tool == "datatrove"), None)
    return peer / result.cost.cpu if peer is not None else None


def format_agreement(results: list[Measured]) -> str:
    lines = [
        f"same URLs, {one.tool} {one.extractor} and {other.tool} {other.extractor}: "
        f"{jaccard(one.outcome.kept, other.outcome.kept):.3f} of those kept by either, "
        f"{jaccard(one.outcome.unique, other.outcome.unique):.3f} after deduplication"
        for one, other in itertools.combinations(results, 2)
    ]
    return "\n".join(lines)


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(len(one | other), 1)


def as_json(options: argparse.Namespace, results: list[Measured]) -> dict[str, Any]:
    sides = [
        {
            "tool": result.tool,
            "extractor": result.extractor,
            "cpu_seconds": round(result.cost.cpu, 2),
            "wall_seconds": round(result.cost.wall, 2),
            "peak_mb": round(result.cost.peak_mb),
            "scaling": result.scaling and asdict(result.scaling),
            "read": result.outcome.read,
            "kept": result.outcome.documents[0],
            "unique": result.outcome.documents[1],
            "tokens": result.outcome.tokens,
            "cpu_ratio": cpu_ratio(result, results),
            "details": result.outcome.details,
        }
        for result in results
    ]
    settings = {"warc": options.warc.name, "workers": options.workers, "repeats": options.repeats}
    return {**settings, "peer": PEER_REQUIREMENTS, "sides": sides, "agreement": format_agreement(results).splitlines()}


if __name__ == "__main__":
    main()
