"""`curate tokens`: from samples to documents and back, against the loader and the texts, drawn and materialized."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

import curate
from curate.errors import UsageError
from curate.tokenize.mix import read_mixture
from curate.tokenize.run_rows import RunRows
from curate.tokenize.shards import open_shards

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = """\
name = "traced"
seed = 3
[[source]]
name = "news"
read = "tables"
paths = ["news"]
[[source]]
name = "tales"
read = "tables"
paths = ["tales"]
[mix]
weights = { news = 0.8, tales = 0.2 }
materialize = true
[tokenize]
tokenizer = { train = { vocab_size = 400 } }
validation = 0.1
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("traced")
    for name, size in (("news", 30), ("tales", 300)):
        (folder / name).mkdir()
        texts = [" ".join(WORDS[at * 11 : at * 11 + size]) for at in range(40)]
        lines = [json.dumps({"id": f"{name}-{at}", "text": text}) for at, text in enumerate(texts)]
        (folder / name / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "r.toml").write_text(RECIPE, encoding="utf-8")
    return curate.run(folder / "r.toml", out=folder / "run", workers=0)


def test_a_row_is_what_the_draw_gives_and_its_documents_say_so(run: curate.Run) -> None:
    record = read_mixture(run.folder / "tokens" / "mixture.json")
    arrays = {name: open_shards(run.folder / "tokens" / "train" / name) for name in ("news", "tales")}
    rows = RunRows(record.mixture, arrays, row_length=64, seed=3)
    ids = {name: array.documents()["id"].to_list() for name, array in arrays.items()}
    found = run.tokens(position=range(50), row_length=64, seed=3)
    assert found.rows == rows.rows
    for position in range(50):
        [source], [row], _ = rows.gather(np.array([position], dtype=np.int64))
        parts = [part for part in found.parts if part.position == position]
        assert {(part.source, part.epoch) for part in parts} == {(rows.sources[source], rows.locate(position).epoch)}
        held = [arrays[part.source].document(ids[part.source].index(part.id))[part.begin : part.end] for part in parts]
        assert np.array_equal(np.concatenate(held), row)
        assert [(part.first, part.last) for part in parts] == [
            (at - len(tokens), at) for at, tokens in zip(np.cumsum([*map(len, held)]).tolist(), held, strict=True)
        ]


@pytest.mark.parametrize("mixed", [False, True])
def test_a_document_is_found_at_the_positions_that_show_it(run: curate.Run, mixed: bool) -> None:
    whole = run.tokens(
        position=range(run.tokens(position=0, row_length=32, mixed=mixed).rows), row_length=32, mixed=mixed
    )
    shown: dict[str, list[tuple[int, int, int]]] = {}
    for part in whole.parts:
        shown.setdefault(part.id, []).append((part.position, part.first, part.last))
    for id in random.Random(1).sample(sorted(shown), 12):
        parts = run.tokens(document=id, row_length=32, mixed=mixed).parts
        assert [(part.position, part.first, part.last) for part in parts] == shown[id]
        assert {part.id for part in parts} == {id}


def test_the_text_of_a_part_is_the_documents(run: curate.Run) -> None:
    texts = dict(run.documents().select("id", "text").collect().iter_rows())
    parts = run.tokens(position=[3, 4, 5], row_length=64).parts
    for part in parts:
        assert part.text.removesuffix("<|endoftext|>").strip("\ufffd") in texts[part.id]
    assert len({part.id for part in parts}) > 1


def test_a_document_is_seen_once_an_epoch(run: curate.Run) -> None:
    ids = open_shards(run.folder / "tokens" / "train" / "news").documents()["id"].to_list()
    epochs = {share["name"]: share["epochs"] for share in run.mixture["mixture"]["shares"]}["news"]
    assert epochs > 2
    first = run.tokens(document=ids[5], row_length=16).parts
    assert {part.epoch for part in first} >= set(range(int(epochs)))
    size = len(open_shards(run.folder / "tokens" / "train" / "news").document(5))
    for epoch in range(int(epochs)):
        covered = {at for part in first if part.epoch == epoch for at in range(part.begin, part.end)}
        assert len(covered) >= size - 16  # less than a row is left out of an epoch


def test_the_sequence_is_the_trainings_where_there_is_one(run: curate.Run) -> None:
    assert run.tokens(position=0).sequence.told_by == 'the preset "nano" of the recipe'
    folder = run.folder / "train" / "mine" / "checkpoint-00000010"
    folder.mkdir(parents=True)
    config = {"model": {"context": 48}, "seed": 9, "batch_rows": 5}
    (folder / "state.json").write_text(json.dumps({"config": config}), encoding="utf-8")
    found = run.tokens(step=2)
    assert (found.sequence.row_length, found.sequence.seed, found.sequence.batch_rows) == (48, 9, 5)
    assert sorted({part.position for part in found.parts}) == [10, 11, 12, 13, 14]
    with pytest.raises(UsageError, match="holds no checkpoint"):
        run.tokens(position=0, training="other")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "one of them"),
        ({"position": 1, "step": 1}, "one of them"),
        ({"position": -1}, "no position -1"),
        ({"document": "news/a.jsonl@9999"}, "no training token"),
        ({"position": 0, "row_length": 0}, "at least one token"),
    ],
)
def test_what_cannot_be_answered_is_said(run: curate.Run, asked: dict[str, int], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        run.tokens(**asked)  # type: ignore[arg-type]
