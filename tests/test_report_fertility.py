"""Bytes per token by source and language, counted by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import curate
from curate.errors import UsageError
from curate.tokenize.train import train_bpe

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
ENGLISH = [" ".join(WORDS[at * 40 : at * 40 + 40]) for at in range(20)]
JAPANESE = ["吾輩は猫である。名前はまだ無い。" * (3 + at) for at in range(5)]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("fertility")
    (folder / "in").mkdir()
    rows = [{"text": text, "language": code} for code, texts in (("en", ENGLISH), ("ja", JAPANESE)) for text in texts]
    (folder / "in" / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    recipe = 'name = "f"\n[[source]]\nname = "a"\nread = "tables"\npaths = ["in"]\n[tokenize]\ntokenizer = "bytes"\n'
    (folder / "r.toml").write_text(recipe, encoding="utf-8")
    return curate.run(folder / "r.toml", out=folder / "run", workers=0)


def test_a_byte_is_a_token_and_a_trained_one_is_more_in_the_language_that_it_has_seen(
    run: curate.Run, tmp_path: Path
) -> None:
    text = train_bpe(ENGLISH, vocab_size=600, end_of_text="<eos>")
    (tmp_path / "own.json").write_text(text, encoding="utf-8")
    found = run.fertility([tmp_path / "own.json"])
    assert found.tokenizers == ("bytes", str(tmp_path / "own.json"))
    assert found.vocab_sizes == (257, 600)
    rows = {row.language: row for row in found.rows}
    assert [*rows] == ["en", "ja"]  # the larger first
    assert rows["en"].bytes == sum(map(len, ENGLISH))
    assert rows["ja"].documents == len(JAPANESE)
    assert {row.bytes_per_token[0] for row in found.rows} == {1.0}
    assert rows["en"].bytes_per_token[1] > 2.5
    assert rows["ja"].bytes_per_token[1] == pytest.approx(1.0)  # it has not one piece of it


def test_a_sample_is_the_first_documents_by_their_hash_and_ends_with_the_one_that_fills_it(run: curate.Run) -> None:
    [english, japanese] = run.fertility(sample_bytes=600).rows
    assert 600 <= english.bytes < 600 + max(map(len, ENGLISH))
    assert english.documents < len(ENGLISH)
    assert japanese.documents < len(JAPANESE)
    assert run.fertility(sample_bytes=600).rows == (english, japanese)


def test_what_is_no_tokenizer_is_refused(run: curate.Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no tokenizer"):
        run.fertility([tmp_path / "missing.json"])
    with pytest.raises(UsageError, match="holds no text"):
        run.fertility(sample_bytes=0)
