"""Pages as they are extracted, curated, and by datatrove, each judged by training on it: which is the better data?

    WARC ─┬▶ extracted, nothing else ───────────────────────────────────────▶ raw       ─┐
          ├▶ curate: English, Gopher, MinHash, personal data ───────────────▶ curated   ─┼▶ `curate ablate` ─▶ table
          └▶ datatrove: the same by its own blocks ─▶ jsonl ─▶ a run of that ▶ datatrove ─┘

    python benchmarks/ablate_peers.py [WARC] --data DATA [--tier ngram] [--seeds 5]

All arms have one tokenizer and equal tokens. Three kinds of held-out text are asked about, as each arm predicts best
what was extracted as its own was: what curate and what datatrove hold out, and what people marked as the content of
other pages (the references of WCXB, in DATA/extraction). The WARC is the quickstart's unless one is named.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import polars as pl
from curate_side import RECIPE
from end_to_end import LANGUAGE_MODEL, peer_python, work_folder
from process_clock import measure
from web_inputs import cut_in_parts, record_offsets, train_tokenizer

import curate
from curate.ablation.answer import Ablation
from curate.ablation.verdict import ArmVerdict
from curate.extract.judge.golds import read_wcxb

HERE = Path(__file__).resolve().parent
WARC = HERE.parent / "curate" / "recipes" / "quickstart" / "web.warc.gz"
HELD_OUT = 0.3
"""Of each arm's documents: there are few."""
MIN_CHARACTERS = 500
"""Of a reference that is asked about."""
BARE = """\
name = "{name}"
seed = 17
[[source]]
name = "web"
{source}
[tokenize]
tokenizer = "{tokenizer}"
validation = {held_out}
"""


def main() -> None:
    options = parse_options()
    with work_folder(options.work) as work:
        runs = make_runs(options, work)
        for name, held_out in texts_to_ask_about(options.data, runs, work).items():
            out = work / "ablations" / name
            found = curate.ablate(
                [*runs.values()], tier=options.tier, out=out, seeds=options.seeds, held_out=[held_out]
            )
            print("\n".join(lines_of(name, found)), flush=True)


def parse_options() -> Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("warc", type=Path, nargs="?", default=WARC)
    parser.add_argument("--data", type=Path, help="the folder of test data; without it, two kinds of text are asked")
    parser.add_argument("--tier", default="ngram")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-python", type=Path, help="Python of an environment with datatrove; default: make one")
    parser.add_argument("--work", type=Path, help="keep everything here; default: a temporary folder")
    return parser.parse_args()


def make_runs(options: Namespace, work: Path) -> dict[str, Path]:
    warc = options.warc.resolve()
    tokenizer = work / "tokenizer.json"
    if not tokenizer.exists():  # datatrove's output is of this one
        train_tokenizer(warc, tokenizer)
    texts = datatrove_texts(options, warc, tokenizer, work)
    curated = RECIPE.format(warc=f'"{warc}"', extraction='extract = "curate"', tokenizer=f'"{tokenizer}"')
    pages = f'read = "warc"\npaths = ["{warc}"]\nextract = "curate"'
    rows = f'read = "tables"\npaths = ["{texts}/*.jsonl.gz"]'
    recipes = {
        "raw": bare("raw", pages, tokenizer),
        "curated": f"{curated}validation = {HELD_OUT}\n",
        "datatrove": bare("datatrove", rows, tokenizer),
    }
    return {name: make_run(name, recipe, work) for name, recipe in recipes.items()}


def bare(name: str, source: str, tokenizer: Path) -> str:
    return BARE.format(name=name, source=source, tokenizer=tokenizer, held_out=HELD_OUT)


def make_run(name: str, recipe: str, work: Path) -> Path:
    path = work / f"{name}.toml"
    path.write_text(recipe, encoding="utf-8")
    return curate.run(path, out=work / "runs" / name).folder


def datatrove_texts(options: Namespace, warc: Path, tokenizer: Path, work: Path) -> Path:
    """The folder of what is left of the pages, with personal data replaced."""
    out = work / "datatrove"
    if not (out / "stages.json").exists():
        offsets = [*record_offsets(warc), warc.stat().st_size]
        parts = cut_in_parts(warc, offsets, 2, work / "parts")
        command = [peer_python(options.peer_python), HERE / "peer_datatrove.py", parts, out]
        command += ["--language-model", LANGUAGE_MODEL, "--tokenizer", tokenizer, "--extraction-timeout", 10]
        settings = {"HF_ASSETS_CACHE": str(work / "assets"), "HF_HUB_OFFLINE": "1"}
        measure([str(word) for word in command], work / "datatrove.log", settings)
    return out / "unique"


def texts_to_ask_about(data: Path | None, runs: Mapping[str, Path], work: Path) -> dict[str, Path]:
    found = {"what curate holds out": runs["curated"], "what datatrove holds out": runs["datatrove"]}
    if data is not None:
        texts = [
            page.reference for page in read_wcxb(data / "extraction" / "wcxb") if len(page.reference) > MIN_CHARACTERS
        ]
        pl.DataFrame({"text": texts}).write_parquet(work / "references.parquet")
        found["what people marked"] = work / "references.parquet"
    return found


def lines_of(name: str, found: Ablation) -> list[str]:
    tokens = found.arms[0].tokens
    lines = [f"{name}: {found.documents} documents; {found.tier}, {found.seeds} seeds, {tokens:,} tokens each"]
    lines.append(f"{'arm':<12}{'epochs':>7}{'bits/byte':>11}{'from raw':>10}{'95 % interval':>20}{'p':>8}   verdict")
    for arm in found.arms:
        told = f"{arm.name:<12}{arm.epochs:>7.2f}{arm.bits_per_byte:>11.4f}"
        verdict = found.overall.get(arm.name)
        lines.append(told + (verdict_of(verdict) if verdict is not None else ""))
    return [*lines, ""]


def verdict_of(verdict: ArmVerdict) -> str:
    interval = f"{verdict.low:+.4f} … {verdict.high:+.4f}"
    return f"{verdict.difference:>+10.4f}{interval:>20}{verdict.p:>8.4f}   {verdict.verdict}"


if __name__ == "__main__":
    main()
