"""What is reported is what is in the files: shares to the token, and validation tokens of every source."""

from __future__ import annotations

import json
from pathlib import Path
from pydoc_data import topics

import numpy as np
import polars as pl
import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

import curate
from curate.errors import RecipeError
from curate.pipeline.mix import MIXED
from curate.recipe_file import load
from curate.report.terminal.tokens import tokens_table
from curate.report.tokens import source_tokens
from curate.report.why import stories
from curate.tokenize.mix import Draw, read_mixture
from curate.tokenize.shards import TokenArray, open_shards

TEXTS = [text.strip() for text in topics.topics.values()]
BOOK = "\n\n".join(TEXTS[:12])


def write(folder: Path, sources: dict[str, list[str]], rest: str) -> Path:
    """A recipe over tables with these texts, tokenized as bytes."""
    folder.mkdir(exist_ok=True)
    blocks = []
    for name, texts in sources.items():
        lines = [json.dumps({"text": text}) for text in texts]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        blocks.append(f'[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}.jsonl"]\n')
    (folder / "recipe.toml").write_text('name = "t"\n' + "".join(blocks) + rest, encoding="utf-8")
    return folder / "recipe.toml"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    """Few long books, many short pages, and a source that goes in more than once; the mixture written out."""
    folder = tmp_path_factory.mktemp("mixed")
    sources = {"web": TEXTS[12:72], "books": [BOOK, BOOK[::-1], BOOK.upper(), BOOK.lower()], "notes": TEXTS[72:76]}
    mix = "[mix]\ntokens = 150_000\nweights = { web = 0.5, books = 0.2, notes = 0.3 }\nmaterialize = true\n"
    recipe = write(folder, sources, f'{mix}[tokenize]\ntokenizer = "bytes"\n')
    return curate.run(recipe, out=folder / "run", workers=0)


def train(run: curate.Run, source: str) -> TokenArray:
    return open_shards(run.folder / "tokens" / "train" / source)


def test_the_mixed_files_hold_the_shares_that_are_reported(mixed: curate.Run) -> None:
    record = read_mixture(mixed.folder / "tokens" / "mixture.json")
    table = train(mixed, MIXED).documents()
    found = dict(table.group_by("source").agg(pl.col("tokens").sum()).iter_rows())
    assert found == {share.name: share.tokens for share in record.mixture.shares}
    assert found == {"web": 75_000, "books": 30_000, "notes": 45_000}
    assert mixed.manifest["tokens"]["tokens"] == len(train(mixed, MIXED)) == 150_000
    assert {name: part["tokens"] for name, part in mixed.manifest["tokens"]["drawn"].items()} == found


def test_a_source_under_one_epoch_holds_the_tokens_of_its_share_and_none_twice(mixed: curate.Run) -> None:
    record = read_mixture(mixed.folder / "tokens" / "mixture.json")
    for share in record.mixture.shares:
        array = train(mixed, share.name)
        assert len(array) == record.held[share.name].tokens
        assert array.documents()["id"].n_unique() == record.held[share.name].documents
        assert len(array) == (share.tokens if share.epochs < 1 else share.available)
    assert [share.epochs < 1 for share in record.mixture.shares] == [True, True, False]


def test_the_loader_draws_the_shares_and_epochs_that_are_reported(mixed: curate.Run) -> None:
    record = read_mixture(mixed.folder / "tokens" / "mixture.json")
    held = {share.name: len(train(mixed, share.name)) for share in record.mixture.shares}
    draw = Draw(record.mixture, seed=record.seed, row_length=50, held=held)
    rows = draw.locate(np.arange(draw.rows))
    for number, share in enumerate(record.mixture.shares):
        is_it = rows.source == number
        assert abs(50 * int(is_it.sum()) - share.tokens) <= 0.005 * share.tokens
        drawn = 50 * int(is_it.sum()) / share.available
        assert drawn == pytest.approx(share.epochs, rel=0.01)
        times = rows.epoch[is_it].max() + 1
        assert times == np.ceil(share.epochs) or 50 * int((rows.epoch[is_it] == times - 1).sum()) <= 100


def test_a_shard_ends_every_document_and_its_tables_count_what_is_there(mixed: curate.Run) -> None:
    for source in ("web", "books", "notes", MIXED):
        array = train(mixed, source)
        for number, (tokens, size) in enumerate(array.documents().select("tokens", "bytes").iter_rows()):
            document = array.document(number)
            assert len(document) == tokens == size + 1 > 1
            assert document[-1] == 256


@pytest.mark.parametrize("name", ["mixed", "Mixed"])
def test_no_source_can_have_the_folder_of_the_mixed_sequence(tmp_path: Path, name: str) -> None:
    recipe = write(tmp_path, {name: TEXTS[:2]}, "")
    with pytest.raises(RecipeError, match=r"recipe\.toml:3: .* is the folder of the mixed sequence"):
        load(recipe)


def test_sources_whose_folders_differ_in_capitals_only_are_refused(tmp_path: Path) -> None:
    recipe = write(tmp_path, {"web": TEXTS[:2], "Web": TEXTS[:2]}, "")
    with pytest.raises(RecipeError, match=r'recipe\.toml:7: .*"Web" stands twice'):
        load(recipe)


def test_a_single_document_gives_its_end_to_validation(tmp_path: Path) -> None:
    recipe = write(tmp_path, {"book": [BOOK]}, '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.05\n')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    head, tail = (open_shards(run.folder / "tokens" / part / "book") for part in ("train", "validation"))
    size = len(BOOK.encode())
    assert len(head) + len(tail) == size + 2
    first, second = bytes(head.document(0)[:-1].tolist()), bytes(tail.document(0)[:-1].tolist())
    assert (first + second).decode() == BOOK
    assert first.endswith(b"\n\n")
    assert 0.02 < len(second) / size < 0.08
    [id] = run.documents().collect()["id"]
    for array, part in ((head, first), (tail, second)):
        assert array.documents().select("id", "bytes", "tokens").rows() == [(id, len(part), len(part) + 1)]
    assert run.documents().collect().select("text", "token_count").rows() == [(BOOK, size + 1)]
    assert run.manifest["counts"]["book"]["tokens"] == {"train": len(head), "validation": len(tail)}
    [note] = run.mixture["mixture"]["notes"]
    assert note == f"book gives no whole document to validation, but the end of {id}: {len(tail):,} tokens"
    assert stories(run, id)[0].tokens == {"train": len(head), "validation": len(tail)}
    assert list(tokens_table(source_tokens(run)).columns[4].cells) == [f"{len(tail):,}"]


def test_every_source_has_validation_tokens_that_are_not_among_its_training_tokens(tmp_path: Path) -> None:
    sources = {"many": TEXTS[:70], "few": TEXTS[70:76], "one": [BOOK], "line": ["A short line of text."]}
    recipe = write(tmp_path, sources, '[mix]\ntokens = 60_000\n[tokenize]\ntokenizer = "bytes"\nvalidation = 0.02\n')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    for source in sources:
        array, held_out = train(run, source), open_shards(run.folder / "tokens" / "validation" / source)
        text = bytes(np.concatenate([shard.tokens for shard in array.shards]).astype(np.uint8))
        for number in range(len(held_out.ends)):
            assert bytes(held_out.document(number)[:-1].tolist()) not in text
    cut = [note.partition(" ")[0] for note in run.mixture["mixture"]["notes"] if "validation" in note]
    assert {"few", "one", "line"} >= {*cut} >= {"one", "line"}


def test_what_is_too_short_to_be_cut_is_said(tmp_path: Path) -> None:
    recipe = write(tmp_path, {"tiny": ["a"], "book": [BOOK]}, '[tokenize]\ntokenizer = "bytes"\n')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    assert "tiny has no validation tokens: its documents are too short" in " ".join(run.mixture["mixture"]["notes"])


def test_validation_of_nothing_holds_nothing_out(tmp_path: Path) -> None:
    recipe = write(tmp_path, {"book": [BOOK]}, '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.0\n')
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    assert not (run.folder / "tokens" / "validation").exists()
    assert (len(train(run, "book")), run.mixture["mixture"]["notes"]) == (len(BOOK.encode()) + 1, [])


def test_a_document_that_goes_in_several_times_keeps_its_end_nowhere(tmp_path: Path) -> None:
    recipe = write(
        tmp_path,
        {"book": [BOOK, BOOK]},
        '[dedup]\nmethod = "exact"\nrehydrate = [[2, 3]]\n[tokenize]\ntokenizer = "bytes"\nvalidation = 0.05\n',
    )
    run = curate.run(recipe, out=tmp_path / "run", workers=0)
    array, held_out = train(run, "book"), open_shards(run.folder / "tokens" / "validation" / "book")
    [end] = [bytes(held_out.document(0)[:-1].tolist())]
    assert len(array.ends) == 3
    assert len(held_out.ends) == 1
    assert {bytes(array.document(n)[:-1].tolist()) + end for n in range(3)} == {BOOK.encode()}
    assert stories(run, run.documents().collect()["id"][0])[0].tokens == {
        "train": len(array),
        "validation": len(end) + 1,
    }


def test_a_document_of_which_the_vocabulary_has_nothing_is_dropped_and_named(tmp_path: Path) -> None:
    library = Tokenizer(models.WordPiece({"[UNK]": 0, "[SEP]": 1, "word": 2}, unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer()
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    library.add_special_tokens(["[UNK]", "[SEP]"])
    library.save(str(tmp_path / "tokenizer.json"))
    texts = ["a word", "\ue000\ue001", "another", "\ue005"]
    rest = '[tokenize]\ntokenizer = "tokenizer.json"\nvalidation = 0.0\n'
    run = curate.run(write(tmp_path, {"s": texts}, rest), out=tmp_path / "run", workers=0)
    ledger = run.ledger().collect()
    assert ledger["outcome"].to_list() == ["kept", "dropped", "kept", "dropped"]
    assert ledger.filter(outcome="dropped").select("step", "reason").unique().rows() == [("encode", "no_tokens")]
    counts = run.manifest["counts"]["s"]
    assert (counts["read"], counts["kept"], counts["dropped"]) == (4, 2, 2)
    assert run.documents().collect()["text"].to_list() == ["a word", "another"]
    assert [train(run, "s").document(number).tolist() for number in range(2)] == [[0, 2, 1], [0, 1]]
    assert stories(run, ledger["id"][1])[0].step == "encode"


def test_a_source_all_of_whose_documents_fall_into_validation_is_trained_on(tmp_path: Path) -> None:
    """By its hash, one book in two is a validation document at .5; a source must not be lost to that."""
    sources = {f"book{number}": [BOOK] for number in range(6)}
    rest = '[mix]\ntokens = 30_000\n[tokenize]\ntokenizer = "bytes"\nvalidation = 0.5\n'
    run = curate.run(write(tmp_path, sources, rest), out=tmp_path / "run", workers=0)
    assert run.documents().collect()["part"].n_unique() == 2
    for source in sources:
        array, held_out = train(run, source), open_shards(run.folder / "tokens" / "validation" / source)
        end = bytes(held_out.document(0)[:-1].tolist())
        assert BOOK.encode().endswith(end)
        assert 0.3 < len(end) / len(BOOK.encode()) < 0.55
        assert BOOK.encode().startswith(bytes(array.document(0)[:-1].tolist()))
        assert len(array) == 5000
        counts = run.manifest["counts"][source]["tokens"]
        assert counts["train"] + counts["validation"] == len(BOOK.encode()) + 2
        assert counts["validation"] == len(held_out)
