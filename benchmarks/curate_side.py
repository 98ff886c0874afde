"""curate's side of end_to_end.py: the recipe, its runs, and how their cost grows with pages and workers.

recipe ─▶ `curate run` of the WARC ─▶ cost, outcome ─▶ of its first half: a page's cost at the margin; with one worker
"""

from __future__ import annotations

import json
import sys
import typing
from pathlib import Path

import polars as pl
from process_clock import Cost, measure
from sides import Inputs, Measured, Outcome, Scaling, fresh, medians, outcome

from curate.recipe import Extractor

RECIPE = """\
name = "end-to-end"
seed = 17

[[source]]
name = "web"
read = "warc"
paths = [{warc}]
{extraction}
steps = [{{ use = "language", keep = ["en"], min_score = 0.65 }}, "gopher_repetition", "gopher_quality"]

[dedup]
method = "minhash"
ngram = 5
bands = 14
rows = 8

[scrub]
entities = ["EMAIL_ADDRESS", "IP_ADDRESS"]

[tokenize]
tokenizer = {tokenizer}
"""

EXTRACTIONS = {
    "curate": 'extract = "curate"',
    "resiliparse": 'extract = "resiliparse"',
    "trafilatura": 'extract = "trafilatura"\nmin_language_chance = 0.02',
    "trafilatura-all": 'extract = "trafilatura"',
    "union": 'extract = "union"',
}
"""curate's, as lines of the recipe."""


def extractors() -> list[str]:
    """Those of EXTRACTIONS that this version of curate has."""
    built_in = {*typing.get_args(Extractor), "union"}
    return [name for name in EXTRACTIONS if name.partition("-")[0] in built_in]


class Runs(typing.NamedTuple):
    """Runs of one recipe over several inputs, each in a folder of its own."""

    extractor: str
    inputs: Inputs
    work: Path

    def cost(self, warc: Path, workers: int, name: str) -> Cost:
        out = fresh(self.work / f"curate-{self.extractor}-{name}")
        recipe = out.with_suffix(".toml")
        recipe.write_text(recipe_text(warc, self.extractor, self.inputs.tokenizer), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "curate",
            "run",
            str(recipe),
            "--fresh",
            "--out",
            str(out),
            "--workers",
            str(workers),
        ]
        command.append("--no-report")  # nobody else draws a page
        return measure(command, out.with_suffix(".log"))


def measure_curate(
    extractor: str, inputs: Inputs, work: Path, *, workers: int, repeats: int, scaling: bool
) -> Measured:
    """`curate run`; once before on a small file, as numba compiles its kernels once per installation."""
    runs = Runs(extractor, inputs, work)
    runs.cost(inputs.warm_up, workers, "warm-up")
    costs = [runs.cost(inputs.warc, workers, f"{number}") for number in range(repeats)]
    found, cost = curate_outcome(work / f"curate-{extractor}-{repeats - 1}"), medians(costs)
    grown = measure_scaling(runs, cost, found.read, workers, repeats) if scaling else None
    return Measured("curate", extractor, cost, found, grown)


def measure_scaling(runs: Runs, whole: Cost, pages: int, workers: int, repeats: int) -> Scaling:
    """Of two sizes of input the start cancels out; and the same work by one worker."""
    half = medians([runs.cost(runs.inputs.half, workers, "half") for _ in range(repeats)])
    pages_of_half = curate_outcome(runs.work / f"curate-{runs.extractor}-half").read
    alone = medians([runs.cost(runs.inputs.warc, 1, "alone") for _ in range(repeats)])
    return Scaling((whole.cpu - half.cpu) / (pages - pages_of_half) * 1e3, alone.wall / whole.wall)


def recipe_text(warc: Path, extractor: str, tokenizer: Path) -> str:
    return RECIPE.format(
        warc=json.dumps(str(warc)), extraction=EXTRACTIONS[extractor], tokenizer=json.dumps(str(tokenizer))
    )


def curate_outcome(run: Path) -> Outcome:
    """From the ledger, without the records that hold no page, and the documents."""
    ledger = pl.read_parquet(run / "ledger" / "**" / "*.parquet")
    unique = ledger.filter(pl.col("outcome") == "kept")["url"]
    kept = ledger.filter((pl.col("outcome") == "kept") | pl.col("step").is_in(["dedup", "scrub"]))["url"]
    tokens = pl.read_parquet(run / "documents" / "**" / "*.parquet", columns=["token_count"])["token_count"].sum()
    details = json.loads((run / "timing.json").read_text(encoding="utf-8"))
    read = ledger.filter(pl.col("step").ne_missing("read")).height
    return outcome(read, kept.to_list(), unique.to_list(), int(tokens), details)
