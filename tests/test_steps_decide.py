"""curate.steps.decide: decisions and measures do not depend on the batch, nor on the process's hash seed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import curate
from curate.engine.clock import Clock
from curate.recipe import Recipe, Source, Step
from curate.steps.bind import BUILT_IN, BoundStep, bind
from curate.steps.decide import decide
from curate.text.signals import text_signals

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
CHAIN = ("gopher_repetition", "gopher_quality", "c4", "refinedweb", "madlad", "redpajama_v2", "fineweb2", "code")
CHAIN += ("license", "toxicity", "quality", "fineweb", "url", "books")
LENIENT = {"c4": {"min_sentences": 1}, "license": {"keep_unknown": True}, "madlad": {"min_sentences": 1}}


@pytest.fixture(scope="module")
def batch() -> pl.DataFrame:
    """Pieces of two novels, some of them spoiled, under two languages."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(BOOKS.glob("*.txt"))]
    pieces = [text[at : at + 3000] for text in texts for at in range(0, 60_000, 3000)]
    pieces += [pieces[0] * 3, "", "{" + pieces[1], "HOME\nABOUT\n" + pieces[2], pieces[3].upper(), "漢字とかな。" * 50]
    columns = {"id": [f"books/{at}" for at in range(len(pieces))], "text": pieces}
    columns |= {
        "url": ["http://example.org/"] * len(pieces),
        "programming_language": ["Python", ""] * (len(pieces) // 2),
    }
    columns |= {"language": ["fr", "de"] * (len(pieces) // 2), "license": ["MIT"] * len(pieces)}
    blank = [pl.lit(None, pl.String).alias(name) for name in ("outcome", "step", "reason", "value")]
    return pl.DataFrame(columns).with_columns(*blank, byte_count=pl.col("text").str.len_bytes().cast(pl.Int64))


def steps(names: tuple[str, ...] = CHAIN) -> tuple[BoundStep, ...]:
    source = Source("books", "books", ("x",), steps=tuple(Step(name, LENIENT.get(name, {})) for name in names))
    return bind(source, Recipe("r", sources=(source,)))


def test_every_built_in_step_that_needs_no_file_and_no_stored_response_is_in_the_chain() -> None:
    assert set(BUILT_IN) - set(CHAIN) == {"language", "fasttext", "classifier", "perplexity", "rights", "where"}


@pytest.mark.parametrize("name", CHAIN)
def test_a_step_decides_the_same_on_any_batch(batch: pl.DataFrame, name: str) -> None:
    together = decide(batch, steps((name,)), Clock())
    apart = [decide(part, steps((name,)), Clock()) for part in batch.iter_slices(7)]
    assert_frame_equal(together, pl.concat(apart, how="diagonal_relaxed").select(together.columns), check_exact=True)


def test_the_whole_chain_decides_the_same_on_any_batch(batch: pl.DataFrame) -> None:
    together = decide(batch, steps(), Clock())
    apart = pl.concat([decide(part, steps(), Clock()) for part in batch.iter_slices(11)], how="diagonal_relaxed")
    decided = ["id", "outcome", "step", "reason", "value", "text"]
    assert_frame_equal(together.select(decided), apart.select(decided))


def test_the_hash_seed_of_the_process_changes_nothing(tmp_path: Path, batch: pl.DataFrame) -> None:
    batch.write_parquet(tmp_path / "batch.parquet")
    program = (
        "import sys, hashlib, polars as pl\n"
        "from test_steps_decide import steps\n"
        "from curate.engine.clock import Clock\n"
        "from curate.steps.decide import decide\n"
        "done = decide(pl.read_parquet(sys.argv[1]), steps(), Clock())\n"
        "print(hashlib.sha256(done.write_json().encode()).hexdigest())\n"
    )
    seen = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent), "PATH": ""}
        words = [sys.executable, "-c", program, str(tmp_path / "batch.parquet")]
        shown = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
        seen.add(shown.stdout.strip())
    assert len(seen) == 1


@pytest.mark.parametrize("use", CHAIN)
def test_a_step_that_stands_twice_measures_its_columns_again(batch: pl.DataFrame, use: str) -> None:
    variants = ({}, {"count": "all"}) if use == "gopher_repetition" else ({},)
    for parameters in variants:
        step = Step(use, parameters)
        source = Source("books", "books", ("x",), steps=(step, step))
        first, second = bind(source, Recipe("twice", sources=(source,)))
        assert second.name == f"{use}#2"
        if first.filter.measure is not None and second.filter.measure is not None:
            once = first.filter.measure(batch.hstack(text_signals(batch["text"]).drop("byte_count")))
            again = second.filter.measure(once.with_columns(batch["text"]))
            assert_frame_equal(again.select(sorted(once.columns)), once.select(sorted(once.columns)))
