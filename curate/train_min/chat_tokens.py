"""A file of conversations as the tokens of a run: what `tune` does where it is given no run.

FILE ─▶ the reader "conversations" ─▶ template ─▶ ids, masks ─▶ DIR/tokens/train|validation/<name>/00000.bin, .mask
                                                             └▶ DIR/tokens/mixture.json, as of a run of it alone
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from curate.batch import Record, Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.readers.conversations import read, split_file
from curate.readers.turns import Turn, find_turns
from curate.recipe import Source
from curate.run_files import MIXTURE, TOKEN_BYTES, shards
from curate.tokenize.mix import Held, MixtureRecord, Vocabulary, mixture_json, plan_mixture
from curate.tokenize.shards import write_shard
from curate.train_min.dialogue import Dialogue
from curate.train_min.left_out import LeftOut
from curate.train_min.pairs import MIN_VALIDATED, VALIDATION_SHARE

MAX_ROW_BYTES = 16 << 20


def write_chat_tokens(path: Path, folder: Path, dialogue: Dialogue, vocabulary: Vocabulary, *, seed: int) -> LeftOut:
    """Write a folder anew, as `open_tokens` opens it; returns what of the file could not be learned.

    Raises:
        UsageError: there is no such file, it is of another kind, or most of its rows are no conversations.
    """
    name = path.name.partition(".")[0] or "chat"
    talks, left = _read(path, name)
    order = np.random.default_rng([seed, 1]).permutation(len(talks))
    held = math.ceil(VALIDATION_SHARE * len(talks)) if len(talks) >= MIN_VALIDATED else 0
    shutil.rmtree(folder, ignore_errors=True)
    counts = {}
    for part, chosen in (("train", np.sort(order[held:])), ("validation", np.sort(order[:held]))):
        place = folder / shards("train" if part == "train" else "validation", name)
        place.mkdir(parents=True)
        if len(chosen):
            counts[part] = _write(place, [talks[number] for number in chosen], dialogue)
    available = {name: counts["train"].tokens}
    mixture = plan_mixture(available, weights={}, tokens=None, max_epochs=1.0)
    record = MixtureRecord(mixture, seed, vocabulary, {name: counts["train"]})
    (folder / MIXTURE).write_text(mixture_json(record), encoding="utf-8")
    sizes = np.zeros(vocabulary.size, dtype="<u4")
    found = dialogue.tokenizer.token_bytes()
    sizes[: len(found)] = found
    (folder / TOKEN_BYTES).write_bytes(sizes.tobytes())
    return left


def _read(path: Path, name: str) -> tuple[list[tuple[str, list[Turn]]], LeftOut]:
    """Ids and turns of all conversations."""
    [file] = find_inputs([str(path)], base=Path.cwd())
    source, talks, left = Source(name, "conversations", (str(path),)), [], LeftOut()
    for start, end in split_file(file, target_bytes=max(file.size, 1)):
        part = FileRange(file, start, end)
        for record in read(part, source=source, max_record_bytes=MAX_ROW_BYTES):
            left.rows += 1
            if isinstance(record, Rejected):
                left.add(record.reason, f"{record.id}: {record.detail}")
            else:
                talks.append((record.id, _turns(record)))
    left.check(path)
    return talks, left


def _turns(record: Record) -> list[Turn]:
    turns = find_turns(str(record.payload), record.columns["roles"])
    assert turns is not None, "nothing has changed the text"
    return turns


def _write(folder: Path, talks: Sequence[tuple[str, list[Turn]]], dialogue: Dialogue) -> Held:
    found = dialogue.conversations([turns for _, turns in talks])
    ids = pl.Series("id", [id for id, _ in talks], dtype=pl.String)
    sizes = dialogue.tokenizer.token_bytes()[found.tokens]
    sums = np.concatenate([[0], np.cumsum(sizes)])[found.offsets]
    byte_counts = pl.Series("bytes", np.diff(sums), dtype=pl.Int64)
    write_shard(folder, "00000", found.tokens, found.offsets, ids, byte_counts, targets=found.targets)
    return Held(len(talks), len(found.tokens))
