"""Language models of one's own: the same bytes each time, judged on what they have not seen, the trainer's baseline."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.filters.ngram.file import read_tables
from curate.standalone.model_files import card_path
from curate.standalone.perplexity import score_perplexity

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"


@pytest.fixture(scope="module")
def novels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [
        {"id": f"{book.stem}{at}", "text": text, "novel": book.stem}
        for book in sorted(BOOKS.glob("*.txt"))
        for at, text in enumerate(book.read_text(encoding="utf-8").split("\n\n"))
    ]
    path = tmp_path_factory.mktemp("novels") / "novels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def finished(novels: Path) -> Path:
    """A run over some of the rows, in bytes."""
    lines = novels.read_text(encoding="utf-8").splitlines(keepends=True)
    (novels.parent / "some.jsonl").write_text("".join(lines[:300]), encoding="utf-8")
    (novels.parent / "recipe.toml").write_text(
        'name = "r"\n[[source]]\nname = "s"\nread = "tables"\npaths = ["some.jsonl"]\n'
        '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.1\n',
        encoding="utf-8",
    )
    curate.run(novels.parent / "recipe.toml", out=novels.parent / "run", workers=0)
    return novels.parent / "run"


def test_the_same_texts_and_options_give_the_same_bytes_and_card(novels: Path, tmp_path: Path) -> None:
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / "m.clm"
        curate.train_perplexity(
            [novels], out=out, terciles=[novels], prune=(0, 0, 1), arpa=tmp_path / folder / "m.arpa"
        )
        made.append([path.read_bytes() for path in sorted((tmp_path / folder).iterdir())])
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["m.arpa", "m.clm", "m.clm.json"]
    assert made[0] == made[1]


def test_the_card_says_what_was_learned_from_and_how_well(novels: Path, tmp_path: Path) -> None:
    made = curate.train_perplexity([novels], out=tmp_path / "m.clm", validation=0.1)
    card = json.loads(card_path(made.model).read_text(encoding="utf-8"))
    assert card == json.loads(json.dumps(made.card))
    assert card["sha256"] == hashlib.sha256(made.model.read_bytes()).hexdigest()
    assert card["data"][0]["sha256"] == hashlib.sha256(novels.read_bytes()).hexdigest()
    assert sum(card["ngrams"]) == np.count_nonzero(read_tables(str(made.model)).table.slots)
    assert card["bytes"] < 12.1 * sum(card["ngrams"]) + 2000
    assert card["trained_on"]["words"] / 10 == pytest.approx(card["held_out"]["words"], rel=0.3)
    assert 80 < card["held_out"]["perplexity"] < 250
    assert len(card["discounts"]) == 5
    assert not any(card["discounts_fell_back"])


def test_scores_of_rows_are_those_by_which_a_model_is_judged(novels: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.clm"
    curate.train_perplexity([novels], out=model, terciles=[novels], language="novel", validation=0)
    scored = score_perplexity(model, [novels], out=tmp_path / "s.parquet", language="novel")
    table = pl.read_parquet(tmp_path / "s.parquet")
    assert table.columns == ["id", "perplexity", "bucket", "words", "unknown"]
    assert table["words"].sum() == scored.judged.words
    logarithm = (table["perplexity"].cast(pl.Float64).log10() * table["words"]).sum()
    assert 10 ** (logarithm / scored.judged.words) == pytest.approx(scored.judged.perplexity, rel=1e-4)
    assert table["unknown"].sum() == scored.judged.unknown == 0
    counts = dict(table["bucket"].value_counts().iter_rows())
    assert max(counts.values()) - min(counts.values()) <= 2


def test_an_arpa_file_and_other_terciles_make_a_model_too(novels: Path, tmp_path: Path) -> None:
    arpa = tmp_path / "m.arpa"
    curate.train_perplexity([novels], out=tmp_path / "m.clm", arpa=arpa)
    curate.convert_perplexity(arpa, out=tmp_path / "again.clm", units="words")
    assert (tmp_path / "again.clm").read_bytes() == (tmp_path / "m.clm").read_bytes()
    curate.convert_perplexity(tmp_path / "m.clm", out=tmp_path / "sampled.clm", terciles=[novels])
    sampled = read_tables(str(tmp_path / "sampled.clm"))
    assert (sampled.table.slots == read_tables(str(tmp_path / "m.clm")).table.slots).all()
    assert sampled.borders[""][0] < sampled.borders[""][1]


def test_a_model_of_a_runs_tokens_has_the_bits_per_byte_of_its_validation_part(finished: Path, tmp_path: Path) -> None:
    tokens, texts = tmp_path / "tokens.clm", tmp_path / "bytes.clm"
    held = curate.train_perplexity([finished], out=tokens, units="tokens").held_out
    same = curate.train_perplexity([finished], out=texts, units="bytes").held_out
    assert replace(held, bits_per_byte=0) == replace(same, bits_per_byte=0)  # its tokens are bytes
    again = score_perplexity(tokens, [finished], part="validation").judged
    assert again == held
    assert held.bits_per_byte is not None
    bits = np.log2(held.perplexity) * held.words + 32 * held.unknown  # type: ignore[arg-type]
    assert held.bits_per_byte == pytest.approx(bits / held.bytes, rel=1e-4)
    assert 1.5 < held.bits_per_byte < 3.5
    documents = pl.read_parquet(finished / "documents" / "s" / "*.parquet").height
    assert 0 < held.documents < documents / 4
    with pytest.raises(UsageError, match="a run's tokens"):
        score_perplexity(tokens, [finished], out=tmp_path / "s.parquet")


def test_a_recipes_sources_are_learned_from_as_their_steps_leave_them(novels: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(
        f'name = "r"\n[[source]]\nname = "s"\nread = "tables"\npaths = ["{novels}"]\n'
        'steps = [{ where = "novel = \'persuasion\'" }]\n[tokenize]\ntokenizer = "bytes"\n',
        encoding="utf-8",
    )
    rows = map(json.loads, novels.read_text(encoding="utf-8").splitlines())
    lines = [json.dumps(row) for row in rows if row["novel"] == "persuasion"]
    (tmp_path / "kept.jsonl").write_text("\n".join(lines), encoding="utf-8")
    made = curate.train_perplexity([tmp_path / "recipe.toml"], out=tmp_path / "recipe.clm")
    same = curate.train_perplexity([tmp_path / "kept.jsonl"], out=tmp_path / "kept.clm")
    assert made.model.read_bytes() == same.model.read_bytes()
    assert made.held_out == same.held_out
    assert [entry.get("source") for entry in made.card["data"]] == [None, "s"]


def test_what_cannot_be_trained_is_refused_in_one_sentence(novels: Path, tmp_path: Path) -> None:
    taken, empty = tmp_path / "taken.clm", tmp_path / "empty.jsonl"
    taken.write_bytes(b"mine")
    empty.write_text('{"text": ""}\n{"text": "\\n"}\n')
    for inputs, changed, sentence in (
        ([novels], {"out": taken}, "exists; --force writes over it"),
        ([novels], {"out": novels, "force": True}, "one of the files that are read"),
        ([novels], {"arpa": tmp_path / "m.clm"}, "is written twice"),
        ([novels], {"order": 9}, "1 to 8 words"),
        ([novels], {"prune": (1,)}, "one number for each length"),
        ([novels], {"units": "tokens"}, "only a run has tokens"),
        ([novels], {"units": "bytes", "arpa": tmp_path / "m.arpa"}, "not written as an ARPA file"),
        ([novels], {"validation": 1.5}, "lies between 0 and 1"),
        ([novels], {"terciles": [empty]}, "terciles need 30 texts"),
        ([empty], {}, "no word to learn from"),
        ([tmp_path / "none.jsonl"], {}, "no file matches"),
    ):
        with pytest.raises(UsageError, match=sentence):
            curate.train_perplexity(inputs, **({"out": tmp_path / "m.clm"} | changed))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match='units is "bytes"'):
        curate.convert_perplexity(taken, out=tmp_path / "m.clm", units="bytes")
    assert taken.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.jsonl", "taken.clm"]


def test_the_command_trains_scores_and_converts(
    novels: Path, finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in (
        ["train", str(novels), "--out", "m.clm", "--order", "3", "--prune", "0", "1", "--arpa", "m.arpa"],
        ["score", "m.clm", str(novels), "--out", "s.jsonl"],
        ["convert", "m.arpa", "--units", "words", "--out", "n.clm", "--terciles", str(novels)],
        ["train", str(finished), "--units", "tokens", "--out", "t.clm"],
        ["score", "t.clm", str(finished), "--bits-per-byte"],
    ):
        with pytest.raises(SystemExit) as exit:
            main(["perplexity", *words])
        assert exit.value.code == 0
    told = capsys.readouterr().out
    assert 'use = "perplexity", model = "m.clm"' in told
    assert "s.jsonl: perplexity " in told
    assert "head < " in told
    assert "bits per byte of " in told
    with pytest.raises(SystemExit) as exit:
        main(["perplexity", "score", "m.clm", str(novels), "--bits-per-byte"])
    assert exit.value.code == 2
