"""datatrove's side of end_to_end.py: its own blocks, run by the Python of its own environment.

parts/*.warc.gz ─▶ base ─▶ base/*.jsonl.gz ─▶ signatures ─▶ buckets ─▶ clusters ─▶ unique (+ PII) ─▶ unique/*.jsonl.gz
                                                                                  unique ─▶ tokens/*.ds
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from os import sysconf
from pathlib import Path
from typing import Any, NamedTuple

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter, LanguageFilter
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader, WarcReader
from datatrove.pipeline.tokens import DocumentTokenizer
from datatrove.pipeline.writers.jsonl import JsonlWriter

MINHASH = MinhashConfig(n_grams=5, num_buckets=14, hashes_per_bucket=8)


class Stage(NamedTuple):
    name: str
    pipeline: list[Any]
    tasks: int


def main() -> None:
    options = parse_options()
    report = [run_stage(stage, options.out, options.workers) for stage in stages(options)]
    (options.out / "stages.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", type=Path, help="folder of WARC files; each is a task")
    parser.add_argument("out", type=Path)
    parser.add_argument("--language-model", type=Path, required=True, help="lid.176.ftz or lid.176.bin")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json with <|endoftext|>")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--extraction-timeout", type=float, default=1.0, help="of a page, in wall seconds")
    return parser.parse_args()


def stages(options: argparse.Namespace) -> Iterator[Stage]:
    """Each as many tasks as files, except where datatrove fixes the number."""
    out = options.out
    tasks = len(list(options.parts.iterdir()))
    yield Stage("base", base_pipeline(options), tasks)
    signature = MinhashDedupSignature(folder(out, "signatures"), config=MINHASH)
    yield Stage("signatures", [JsonlReader(folder(out, "base")), signature], tasks)
    buckets = MinhashDedupBuckets(folder(out, "signatures"), folder(out, "buckets"), config=MINHASH)
    yield Stage("buckets", [buckets], MINHASH.num_buckets)
    cluster = MinhashDedupCluster(folder(out, "buckets"), folder(out, "remove"), config=MINHASH)
    yield Stage("clusters", [cluster], 1)
    unique = [MinhashDedupFilter(folder(out, "remove")), PIIFormatter(), JsonlWriter(folder(out, "unique"))]
    yield Stage("unique", [JsonlReader(folder(out, "base")), *unique], tasks)
    tokenizer = DocumentTokenizer(
        folder(out, "tokens"), str(options.tokenizer), eos_token="<|endoftext|>", shuffle_documents=False
    )
    yield Stage("tokens", [JsonlReader(folder(out, "unique")), tokenizer], tasks)


def base_pipeline(options: argparse.Namespace) -> list[Any]:
    return [
        WarcReader(str(options.parts)),
        Trafilatura(favour_precision=True, timeout=options.extraction_timeout),
        local_language_filter(options.language_model),
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        JsonlWriter(folder(options.out, "base")),
    ]


def local_language_filter(model: Path) -> LanguageFilter:
    """English at .65. The model's address, which datatrove copies into its cache of assets, is a local file."""
    language = LanguageFilter(languages="en", language_threshold=0.65)
    language.model.MODEL_URL = str(model.resolve())
    return language


def folder(out: Path, name: str) -> str:
    return str(out / name)


def run_stage(stage: Stage, out: Path, workers: int) -> dict[str, Any]:
    """Runs one stage and says what it cost, in seconds, and what datatrove's own blocks counted."""
    started, spent = time.perf_counter(), tree_cpu_seconds()
    logs = out / "logs" / stage.name
    workers = min(stage.tasks, workers)
    LocalPipelineExecutor(stage.pipeline, tasks=stage.tasks, workers=workers, logging_dir=str(logs)).run()
    return {
        "stage": stage.name,
        "cpu_seconds": tree_cpu_seconds() - spent,
        "wall_seconds": time.perf_counter() - started,
        "blocks": read_block_counts(logs / "stats.json"),
    }


def tree_cpu_seconds() -> float:
    """User and system seconds of this process and its living descendants, with those that each has waited for."""
    ticks, children = read_process_table()
    pending, total = ["self"], 0
    while pending:
        process = pending.pop()
        total += ticks.get(process, 0)
        pending += children.get(process, [])
    return total / sysconf("SC_CLK_TCK")


def read_process_table() -> tuple[dict[str, int], dict[str, list[str]]]:
    """Clock ticks by process and children by process; this process has the name "self"."""
    own = Path("/proc/self").resolve().name
    ticks: dict[str, int] = {}
    children: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # ended since it was listed
            continue
        process, parent = ("self" if name == own else name for name in (stat.parent.name, fields[1]))
        ticks[process] = sum(map(int, fields[11:15]))
        children.setdefault(parent, []).append(process)
    return ticks, children


def read_block_counts(stats: Path) -> list[dict[str, Any]]:
    """Block name, seconds, and its counters as plain totals."""
    blocks = json.loads(stats.read_text(encoding="utf-8"))
    return [
        {"block": block["name"], "seconds": total(block["time_stats"]), "counts": plain(block["stats"])}
        for block in blocks
    ]


def plain(stats: dict[str, Any]) -> dict[str, float]:
    return {name: total(value) for name, value in stats.items()}


def total(statistic: Any) -> float:
    """A statistic is a table, or a bare number where nothing varied."""
    return float(statistic["total"] if isinstance(statistic, dict) else statistic)


if __name__ == "__main__":
    main()
