"""Between `dedup` and `tokenize`: the tokenizer, trained on a seeded sample of what survives, or taken as it is.

each split's documents ─▶ keyed hash of the id under the sample's share ─▶ scrubbed ─▶ work/sample/<split>.parquet
all of them ─▶ BPE or Unigram ─▶ tokenizer.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import polars as pl

from curate.engine.clock import Clock
from curate.engine.job import Job, Made
from curate.engine.outputs import Outputs
from curate.engine.plan import Plan
from curate.engine.records import committed, intact
from curate.engine.store import Store
from curate.engine.whole import file_digest
from curate.pipeline.filtered import filtered_record, open_filtered
from curate.pipeline.survivors import what_is_left
from curate.readers.reader import traits_of
from curate.readers.turns import MARK
from curate.recipe import Recipe, TokenizerChoice
from curate.run_files import TOKENIZER, sample
from curate.steps.deciding_files import check_as_planned, tokenizer_files
from curate.steps.scrub import has_too_many, scrub_as_asked
from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.choose import hash_ids
from curate.tokenize.encode import Tokenizer, end_of_text_of, load_tokenizer
from curate.tokenize.end_of_text import CONFIG
from curate.tokenize.marks import reserved_control, wanted_control

MAX_BATCH_DOCUMENTS = 500
MAX_BATCH_BYTES = 8 << 20


def sizes_run(job: Job) -> Made:
    """How many bytes of text each source keeps, once for all tasks that choose the sample."""
    held = {source.name: 0 for source in job.recipe.sources}
    with job.clock("read"):
        for split in job.plan.splits:
            held[split.source] += filtered_record(job.store, split.key).counts["kept_bytes"]
    return Made(job.outputs(), {"kept_bytes": held})


def sample_split(job: Job) -> Made | None:
    """The tokenizer's sample of one split: scrubbed texts, of each source the share that it has in the mixture. A
    document that cannot be scrubbed, or has too many findings, is not among them; `tokenize` will find it, too, and say
    so."""
    recipe, walk, clock = job.recipe, job.walk, job.clock
    has_marks = traits_of(recipe.source(job.split.source).read).are_conversations
    with clock("sample"):
        chosen = _chosen(job.store, recipe, job.key, _sample_shares(job.store, recipe)[job.split.source])
        texts = [pl.Series("text", [], dtype=pl.String)]
        for stretch, part in walk.through(chosen, max_documents=MAX_BATCH_DOCUMENTS, max_bytes=MAX_BATCH_BYTES):
            stretch.at("scrub", size=int(part["text"].str.len_bytes().sum()))
            scrubbed = scrub_as_asked(part, recipe, pulse=walk.cursor.pulse)
            kept = scrubbed.filter(~has_too_many(scrubbed, recipe))["text"]
            texts.append(kept.str.replace_all(MARK.pattern, "") if has_marks else kept)
    if walk.is_confirming:
        return None
    with clock("write"):
        outputs = job.outputs()
        outputs.table(sample(job.key), pl.concat(texts).to_frame())
        return Made(outputs, {})


def tokenizer_run(job: Job) -> Made:
    """The one task of this stage: RUN/tokenizer.json, or a tiktoken file under its own name."""
    recipe, clock = job.recipe, job.clock
    choice, end_of_text = recipe.tokenize.tokenizer, recipe.tokenize.end_of_text or END_OF_TEXT
    outputs = job.outputs()
    if isinstance(choice, TokenizerChoice):
        with clock("train"):
            from curate.tokenize.train import train_tokenizer  # kernels that who brings a tokenizer has no use for

            others, texts = reserved_control(recipe), _sample(job.store, job.plan, clock)
            text = train_tokenizer(texts, choice.train, end_of_text=end_of_text, special_tokens=others)
        outputs.write(TOKENIZER, text.encode())
        if others:  # the file alone would not say which of its special tokens ends a text
            config = {"eos_token": end_of_text, "additional_special_tokens": others}
            outputs.write(CONFIG, json.dumps(config, indent=2, ensure_ascii=False).encode() + b"\n")
    elif choice != "bytes":
        check_as_planned(job.plan, tokenizer_files(recipe))
        _copy(recipe.base / choice, outputs, tokenizer_name(recipe))
        end_of_text = end_of_text_of(recipe.base / choice, named=recipe.tokenize.end_of_text)
    return Made(outputs, {"file": tokenizer_name(recipe), "end_of_text": end_of_text})


def _copy(path: Path, outputs: Outputs, name: str) -> None:
    """The file, and what stands beside it and has a say in which of its tokens are control tokens."""
    outputs.write(name, path.read_bytes())
    if path.with_name(CONFIG).is_file():
        outputs.write(CONFIG, path.with_name(CONFIG).read_bytes())


@dataclass(frozen=True, slots=True)
class TokenizerFile:
    """A vocabulary by what it and the configuration beside it hold: wherever a copy lies, it is the same one."""

    digests: tuple[str, ...]
    path: Path = field(compare=False)


def run_tokenizer(store: Store, recipe: Recipe) -> Tokenizer:
    """The tokenizer of a run, once its stage is done; a process opens it once."""
    name = tokenizer_name(recipe)
    if name == "bytes":
        return load_tokenizer(name)
    done = committed(store, "tokenizer", "all")
    digests = tuple(done.outputs[each]["sha256"] for each in (name, CONFIG) if each in done.outputs)
    if CONFIG in done.outputs:  # it has a say in what is a control token, and stands beside the file only once fetched
        intact(store, "tokenizer", "all", CONFIG)
    file = TokenizerFile(digests, intact(store, "tokenizer", "all", name))
    return replace(_open(file, done.counts["end_of_text"], wanted_control(recipe)), name=name)


def open_given(recipe: Recipe) -> Tokenizer | None:
    """What `run_tokenizer` will open where the recipe gives a file, before the file is a part of the run; None of one
    that is to be trained."""
    choice = recipe.tokenize.tokenizer
    if isinstance(choice, TokenizerChoice) or choice == "bytes":
        return None
    path = recipe.base / choice
    beside = (each for each in (path, path.with_name(CONFIG)) if each.is_file())
    file = TokenizerFile(tuple(map(file_digest, beside)), path)
    return _open(file, end_of_text_of(path, named=recipe.tokenize.end_of_text), wanted_control(recipe))


@cache
def _open(file: TokenizerFile, end_of_text: str, control: tuple[str, ...]) -> Tokenizer:
    return load_tokenizer(file.path, end_of_text=end_of_text, control=control)


def tokenizer_name(recipe: Recipe) -> str:
    """The tokenizer's file in the run's folder, or "bytes"."""
    choice = recipe.tokenize.tokenizer
    return TOKENIZER if isinstance(choice, TokenizerChoice) or choice.endswith(".json") else Path(choice).name


def keyed_share(ids: pl.Series, *, seed: int, purpose: str) -> pl.Series:
    """A number in [0, 1) for every id: the same in every run with this seed, another one for every purpose."""
    return pl.Series(hash_ids(ids, seed=seed, purpose=purpose) / 2**64, dtype=pl.Float64)


def _chosen(store: Store, recipe: Recipe, key: str, share: float) -> pl.DataFrame:
    """Documents of a split, chosen by a keyed hash of their ids, without copies and parts that were cut."""
    documents = pl.scan_parquet(open_filtered(store, key, "documents")).select("id", "text").collect()
    # By the id alone: so the choice does not depend on what else is in the split.
    chosen = documents.filter(keyed_share(documents["id"], seed=recipe.seed, purpose="tokenizer") < share)
    return what_is_left(store, recipe, chosen).documents


def _sample(store: Store, plan: Plan, clock: Clock) -> Iterator[str]:
    """Texts of the sample, split by split."""
    for split in plan.splits:
        with clock("sample"):
            texts = pl.read_parquet(intact(store, "sample", split.key, sample(split.key)))["text"].to_list()
        yield from texts


def _sample_shares(store: Store, recipe: Recipe) -> dict[str, float]:
    """By source, the share of its documents to take."""
    assert isinstance(recipe.tokenize.tokenizer, TokenizerChoice), "only a tokenizer that is trained has a sample"
    sample_bytes = recipe.tokenize.tokenizer.train.sample_bytes
    held = committed(store, "sizes", "all").counts["kept_bytes"]
    wanted = training_bytes(recipe, held, sample_bytes)
    return {name: wanted[name] / size if size else 0.0 for name, size in held.items()}


def training_bytes(recipe: Recipe, held: Mapping[str, float], sample_bytes: int) -> dict[str, float]:
    """By source, how much of the bytes that it holds the tokenizer is trained on."""
    weights = sample_weights(recipe, held)
    total = sum(weights.values()) or 1  # where no source holds anything, any share of nothing is nothing
    return {name: min(sample_bytes * weights.get(name, 0) / total, size) for name, size in held.items()}


def sample_weights(recipe: Recipe, held: Mapping[str, float]) -> Mapping[str, float]:
    """By source, what its texts weigh in the sample of a tokenizer that is trained."""
    return asked_weights(recipe) or {name: float(size) for name, size in held.items()}


def asked_weights(recipe: Recipe) -> Mapping[str, float]:
    """Those that the recipe names; none where the texts weigh what they hold."""
    choice = recipe.tokenize.tokenizer
    own = choice.train.sample_weights if isinstance(choice, TokenizerChoice) else {}
    return own or recipe.mix.overall_weights
