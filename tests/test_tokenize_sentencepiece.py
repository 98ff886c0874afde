"""SentencePiece models, trained here: the library's own ids, no control piece from a text, and a run that uses one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import curate
from curate.errors import CurateError, UsageError
from curate.recipe import Fim
from curate.tokenize.arranged import encode_arranged
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.fim import Hole, arrange, find_marks, undo, wanted_marks

sentencepiece = pytest.importorskip("sentencepiece", reason="the extra sentencepiece is not installed")
ROOT = Path(__file__).parent.parent
LINES = [line for line in (ROOT / "LICENSE").read_text().splitlines() if line.strip()]
TEXTS = [
    "The harbor lies in the lee of the hill.",
    "  two spaces, a tab\tand\nlines\n\n",
    "日本語 and naïve cafés — 😀",
    "<s> </s> <turn> <pad> <unk> <table> are text",
    "x" * 3000,
    "",
]


def write(folder: Path, name: str = "tokenizer.model", **settings: Any) -> Path:
    model = io.BytesIO()
    given = {"vocab_size": 400, "model_type": "unigram", "byte_fallback": True, "hard_vocab_limit": False} | settings
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES), model_writer=model, minloglevel=2, num_threads=1, **given
    )
    (folder / name).write_bytes(model.getvalue())
    return folder / name


def reference(path: Path) -> Any:
    return sentencepiece.SentencePieceProcessor(model_file=str(path))


@pytest.mark.parametrize("kind", ["unigram", "bpe"])
@pytest.mark.parametrize("normalization", ["identity", "nmt_nfkc"])
def test_ids_are_those_of_the_library(tmp_path: Path, kind: str, normalization: str) -> None:
    path = write(tmp_path, model_type=kind, normalization_rule_name=normalization)
    tokenizer, library = load_tokenizer(path), reference(path)
    tokens, offsets = tokenizer.encode_batch(TEXTS)
    for number, text in enumerate(TEXTS):
        found = tokens[offsets[number] : offsets[number + 1]].tolist()
        assert found == [*library.encode(text), library.eos_id()]
        assert tokenizer.decode(found) == library.decode(found[:-1]) + "</s>"
    assert (tokenizer.vocab_size, tokenizer.end_of_text_token) == (library.get_piece_size(), "</s>")


def test_no_text_becomes_a_special_piece(tmp_path: Path) -> None:
    path = write(tmp_path, user_defined_symbols=["<turn>", "<table>"], pad_id=3)
    config = {"eos_token": "</s>", "additional_special_tokens": ["<turn>"]}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer, library = load_tokenizer(path), reference(path)
    ids = {piece: library.piece_to_id(piece) for piece in ("<s>", "</s>", "<pad>", "<turn>", "<table>")}
    tokens, _ = tokenizer.encode_batch(["<s> <turn> <pad> </s> <table>"])
    assert ids["<turn>"] in library.encode("<turn>")  # which the library alone would say
    assert ids["<table>"] in tokens.tolist()  # a tag of somebody's text, and a piece for it
    assert [token for token in tokens[:-1].tolist() if token in {*ids.values()} - {ids["<table>"]}] == []
    assert tokenizer.decode(tokens[:-1]) == "<s> <turn> <pad> </s> <table>"


def test_bytes_of_pieces_make_up_a_text(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write(tmp_path, normalization_rule_name="identity", remove_extra_whitespaces=False))
    for text in TEXTS[:4]:
        tokens, _ = tokenizer.encode_batch([text])
        made = b"".join(tokenizer.backend.pieces[token] for token in tokens)
        assert made.decode() == f" {text}"  # the first word has a space before it, as all others do
    sizes = tokenizer.token_bytes()
    assert sizes[tokenizer.end_of_text] == 0
    assert sizes[reference(tmp_path / "tokenizer.model").piece_to_id("<0x0A>")] == 1


def test_the_end_of_text_is_the_one_that_is_named_else_the_files_own(tmp_path: Path) -> None:
    path = write(tmp_path, user_defined_symbols=["<turn>"])
    assert load_tokenizer(path).end_of_text_token == "</s>"
    assert load_tokenizer(path, end_of_text="<turn>").end_of_text_token == "<turn>"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"eos_token": {"content": "<turn>"}}))
    assert load_tokenizer(path).end_of_text_token == "<turn>"
    with pytest.raises(UsageError, match="has no such piece"):
        load_tokenizer(path, end_of_text="<end>")
    with pytest.raises(UsageError, match="stands for text"):
        load_tokenizer(path, end_of_text="▁the")
    none = write(tmp_path, "none.model", eos_id=-1)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(UsageError, match="declares no piece that ends a text"):
        load_tokenizer(none)


def test_a_damaged_model_is_a_sentence(tmp_path: Path) -> None:
    content = write(tmp_path).read_bytes()
    other = tmp_path / "other.model"
    refused = 0
    for at in range(0, len(content) - 1, max(len(content) // 60, 1)):
        for damaged in (content[:at], content[:at] + bytes([content[at] ^ 0x81]) + content[at + 1 :]):
            other.write_bytes(damaged)
            try:
                load_tokenizer(other).encode_batch(["a text", "日本語"])
            except CurateError:
                refused += 1
    assert refused > 60


def test_a_run_encodes_with_such_a_model(tmp_path: Path) -> None:
    path = write(tmp_path)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jsonl").write_text("\n".join(json.dumps({"text": line}) for line in LINES[:50]))
    recipe = 'name = "sp"\n[[source]]\nname = "a"\nread = "tables"\npaths = ["in"]\n'
    (tmp_path / "r.toml").write_text(recipe + '[tokenize]\ntokenizer = "tokenizer.model"\nvalidation = 0\n')
    run = curate.run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    library = reference(path)
    expected = [token for line in LINES[:50] for token in [*library.encode(line), library.eos_id()]]
    assert np.fromfile(tmp_path / "run" / "tokens" / "train" / "a" / "00000.bin", dtype="<u2").tolist() == expected
    assert (run.folder / "tokenizer.model").read_bytes() == path.read_bytes()
    assert not curate.verify(run.folder).differences


def test_a_document_with_a_hole_is_whole_again_when_it_is_undone(tmp_path: Path) -> None:
    path = write(tmp_path, normalization_rule_name="identity", user_defined_symbols=["▁<PRE>", "▁<SUF>", "▁<MID>"])
    fim = Fim(sources=("code",))
    tokenizer = load_tokenizer(path, control=wanted_marks(fim))
    marks = find_marks(fim, tokenizer.control, tokenizer.end_of_text_token)
    text = "harbor hill <PRE> 日本語"
    for first, second, is_suffix_first in ((0, 0, False), (3, 9, False), (3, 9, True), (0, len(text), True)):
        sections = arrange(text, Hole(first, second, is_suffix_first), marks, tokenizer.end_of_text)
        *tokens, end = encode_arranged(tokenizer, [sections]).tokens.tolist()
        assert (end, tokens.count(marks.prefix)) == (tokenizer.end_of_text, 1)
        spelled = b"".join(tokenizer.backend.pieces[token] for part in undo(tokens, marks) for token in part)
        assert spelled.decode() == text  # and not " harbor": no space was put before a part
