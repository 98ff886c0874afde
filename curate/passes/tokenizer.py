"""Between pass 2 and pass 3: the tokenizer, trained on a seeded sample of what survives, or taken as it is.

documents of all splits ─▶ keyed hash of the id under the sample's share ─▶ scrubbed ─▶ BPE ─▶ tokenizer.json
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import polars as pl

from curate.engine.clock import Clock
from curate.engine.cursor import Cursor
from curate.engine.plan import Plan
from curate.engine.store import attempt_folder, commit, read_done
from curate.engine.worker import Attempt
from curate.passes.inputs import open_run
from curate.passes.left import what_is_left
from curate.recipe import Recipe, TokenizerChoice
from curate.scrub.pii import scrub_texts
from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.choose import hash_ids
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.end_of_text import CONFIG
from curate.tokenize.train import train_bpe

STAGE = "tokenizer"


def tokenizer_run(run: Path, key: str, attempt: Attempt, cursor: Cursor, clock: Clock) -> None:
    """The one task of this stage: RUN/tokenizer.json, or a tiktoken file under its own name."""
    recipe, plan = open_run(run)
    choice, end_of_text = recipe.tokenize.tokenizer, recipe.tokenize.end_of_text or END_OF_TEXT
    folder = attempt_folder(run, STAGE, key)
    if isinstance(choice, TokenizerChoice):
        sample = _sample(run, recipe, plan, choice.train.sample_bytes, clock)
        with clock("train"):
            text = train_bpe(sample, vocab_size=choice.train.vocab_size, end_of_text=end_of_text)
        (folder / "tokenizer.json").write_text(text, encoding="utf-8")
    elif choice != "bytes":
        _copy(recipe.base / choice, folder, tokenizer_name(recipe))
        end_of_text = load_tokenizer(recipe.base / choice, end_of_text=recipe.tokenize.end_of_text).end_of_text_token
    commit(run, STAGE, key, folder, {"file": tokenizer_name(recipe), "end_of_text": end_of_text})


def _copy(path: Path, folder: Path, name: str) -> None:
    """The file, and what stands beside it and has a say in which of its tokens are control tokens."""
    shutil.copyfile(path, folder / name)
    if path.with_name(CONFIG).is_file():
        shutil.copyfile(path.with_name(CONFIG), folder / CONFIG)


def run_tokenizer(run: Path, recipe: Recipe) -> Tokenizer:
    """The tokenizer of a run, once its stage is done; a process opens it once."""
    name = tokenizer_name(recipe)
    end_of_text = read_done(run, STAGE)["all"].counts["end_of_text"]
    path = run / name
    return load_tokenizer(name) if name == "bytes" else _open(str(path), path.stat().st_mtime_ns, end_of_text)


@cache
def _open(spec: str, changed: int, end_of_text: str) -> Tokenizer:
    return load_tokenizer(spec, end_of_text=end_of_text)


def tokenizer_name(recipe: Recipe) -> str:
    """The tokenizer's file in the run's folder, or "bytes"."""
    choice = recipe.tokenize.tokenizer
    return "tokenizer.json" if isinstance(choice, TokenizerChoice) or choice.endswith(".json") else Path(choice).name


def keyed_share(ids: pl.Series, *, seed: int, purpose: str) -> pl.Series:
    """A number in [0, 1) for every id: the same in every run with this seed, another one for every purpose."""
    return pl.Series(hash_ids(ids, seed=seed, purpose=purpose) / 2**64, dtype=pl.Float64)


def _sample(run: Path, recipe: Recipe, plan: Plan, sample_bytes: int, clock: Clock) -> Iterator[str]:
    """Texts of the sample, split by split; each source has the share that it has in the mixture."""
    shares = _sample_shares(run, recipe, sample_bytes)
    for split in plan.splits:
        with clock("sample"):
            texts = _sample_of_split(run, recipe, split.key, shares[split.source])
        yield from texts


def _sample_of_split(run: Path, recipe: Recipe, key: str, share: float) -> list[str]:
    documents = pl.scan_parquet(run / "work" / "filter" / f"{key}.documents.parquet").select("id", "text").collect()
    chosen = documents.filter(keyed_share(documents["id"], seed=recipe.seed, purpose="tokenizer") < share)
    chosen = what_is_left(run, recipe, chosen).documents
    if recipe.scrub is None:
        return chosen["text"].to_list()
    return scrub_texts(chosen["text"], entities=recipe.scrub.entities, engine=recipe.scrub.engine)["text"].to_list()


def _sample_shares(run: Path, recipe: Recipe, sample_bytes: int) -> dict[str, float]:
    """By source, the share of its documents to take."""
    held: dict[str, int] = {source.name: 0 for source in recipe.sources}
    for done in read_done(run, "filter").values():
        held[done.counts["source"]] += done.counts["kept_bytes"]
    weights: Mapping[str, float] = recipe.mix.weights or held
    total = sum(weights.values()) or 1
    wanted = {name: sample_bytes * weights.get(name, 0) / total for name in held}
    return {name: min(wanted[name] / size, 1.0) if size else 0.0 for name, size in held.items()}
