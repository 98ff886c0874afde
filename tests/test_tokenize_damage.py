"""Damage below `tokens/`: whoever reads it says one sentence about the file, and never trips over it."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from pydoc_data import topics

import numpy as np
import pytest

import curate
from curate.errors import CheckFailed, CurateError
from curate.tokenize.mix import Draw, read_mixture, read_token_bytes
from curate.tokenize.shards import open_shards

SOURCES = {"web": 30, "books": 3}


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `tokens` of a small run of two sources, both of which have validation tokens."""
    folder = tmp_path_factory.mktemp("run")
    lines = [json.dumps({"text": text}) for text in topics.topics.values()]
    blocks = []
    for name, count in SOURCES.items():
        (folder / f"{name}.jsonl").write_text("\n".join(lines[:count]) + "\n", encoding="utf-8")
        lines = lines[count:]
        blocks.append(f'[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}.jsonl"]\n')
    recipe = folder / "recipe.toml"
    recipe.write_text('name = "t"\n' + "".join(blocks) + '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.1\n')
    return curate.run(recipe, out=folder / "out", workers=0).folder / "tokens"


def read_all(tokens: Path) -> None:
    """As trainers and reports read it."""
    record = read_mixture(tokens / "mixture.json")
    read_token_bytes(tokens / "token_bytes.bin", record.vocabulary.size)
    held = {}
    for folder in sorted(tokens.glob("*/*")):
        array = open_shards(folder)
        array.documents()
        array.gather(np.array([0, len(array) - 1]), 40)
        held[folder.name] = max(len(array), held.get(folder.name, 0))
    draw = Draw(record.mixture, seed=record.seed, row_length=32, held=held)
    draw.locate(np.arange(100))


def train_on(tokens: Path) -> None:
    """As `curate train` reads it."""
    torch = pytest.importorskip("torch")
    from curate.train_min.evaluate import unigram_nats
    from curate.train_min.loader import Loader, open_tokens

    data = open_tokens(tokens.parent)
    Loader(data, context=32, seed=17, device=torch.device("cpu")).rows(0, 50)
    unigram_nats(data)


def damaged(content: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(content))
    flipped = content[:place] + bytes([content[place] ^ 1 << dice.randrange(8)]) + content[place + 1 :]
    return dice.choice((flipped, flipped, content[:place], content + content[:place], b"", b"\xff" * len(content)))


@pytest.mark.parametrize("read", [read_all, train_on])
def test_damage_is_one_sentence_or_changes_no_more_than_tokens(
    tokens: Path, tmp_path: Path, read: Callable[[Path], None]
) -> None:
    read(tokens)
    names = sorted(path.relative_to(tokens) for path in tokens.rglob("*") if path.is_file() and path.suffix != ".idx")
    sentences = []
    for number in range(50):
        dice = random.Random(number)
        name = dice.choice(names)
        copy = tmp_path / str(number) / "tokens"
        shutil.copytree(tokens, copy)
        (copy / name).write_bytes(damaged((tokens / name).read_bytes(), dice))
        try:
            read(copy)
        except CurateError as error:
            sentences.append(str(error))
        shutil.rmtree(copy)
    assert len(sentences) > 20
    assert [sentence for sentence in sentences if "\n" in sentence] == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("00000.bin.index", b"\0" * 12, "12 bytes, which are no whole numbers"),
        ("00000.bin.index", np.array([5, 5], "<u8").tobytes(), "document ends that do not rise"),
        ("00000.bin.index", np.array([2**63 + 7], "<u8").tobytes(), "one of them is damaged"),
        ("00000.docs.parquet", b"PAR1", "docs.parquet is missing or damaged"),
        ("00000.docs.parquet", None, "docs.parquet is missing or damaged"),
        ("00000.bin", b"", "has 0 bytes, and its index counts"),
    ],
)
def test_damage_in_a_shard_is_named(
    tokens: Path, tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    shutil.copytree(tokens / "train" / "web", tmp_path / "web")
    (tmp_path / "web" / name).unlink()
    if content is not None:
        (tmp_path / "web" / name).write_bytes(content)
    with pytest.raises(CheckFailed, match=message):
        open_shards(tmp_path / "web").documents()


def test_a_table_of_other_documents_is_refused(tokens: Path, tmp_path: Path) -> None:
    shutil.copytree(tokens / "train" / "web", tmp_path / "web")
    shutil.copyfile(tokens / "train" / "books" / "00000.docs.parquet", tmp_path / "web" / "00000.docs.parquet")
    with pytest.raises(CheckFailed, match=r"counts other documents than 00000\.bin\.index"):
        open_shards(tmp_path / "web").documents()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["seed"], -1),
        (["seed"], "17"),
        (["held"], []),
        (["held", "web", "tokens"], None),
        (["mixture"], []),
        (["mixture", "tokens"], 7),
        (["mixture", "shares"], {"a": 1}),
        (["mixture", "shares", 0, "tokens"], "many"),
        (["mixture", "shares", 0, "tokens"], -5),
        (["mixture", "shares", 0, "name"], "books"),
        (["vocabulary", "end_of_text"], 257),
        (["vocabulary", "dtype"], "float64"),
    ],
)
def test_a_record_that_cannot_be_is_refused(tokens: Path, tmp_path: Path, path: list[str | int], value: object) -> None:
    table = json.loads((tokens / "mixture.json").read_text())
    table["mixture"]["shares"].sort(key=lambda share: share["name"] == "books")
    at = table
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    (tmp_path / "mixture.json").write_text(json.dumps(table))
    with pytest.raises(CheckFailed, match=r"mixture\.json is not a record of a mixture"):
        read_mixture(tmp_path / "mixture.json")


def test_a_token_that_no_vocabulary_has_is_refused_by_the_loader(tokens: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    shutil.copytree(tokens, tmp_path / "tokens")
    path = tmp_path / "tokens" / "train" / "web" / "00000.bin"
    path.write_bytes(np.full(len(path.read_bytes()) // 2, 999, "<u2").tobytes())
    with pytest.raises(CheckFailed, match="holds the id 999, and the vocabulary has 257 ids"):
        train_on(tmp_path / "tokens")


def test_a_token_table_of_another_size_is_refused(tokens: Path, tmp_path: Path) -> None:
    (tmp_path / "token_bytes.bin").write_bytes((tokens / "token_bytes.bin").read_bytes()[:-4])
    with pytest.raises(CheckFailed, match="1,024 bytes; it should have 4 for each of 257 ids"):
        read_token_bytes(tmp_path / "token_bytes.bin", 257)
    with pytest.raises(CheckFailed, match="cannot be read: No such file"):
        read_token_bytes(tmp_path / "missing.bin", 257)
