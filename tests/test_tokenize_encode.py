"""Encoding: the ids of the reference library, end-of-text after each document, and never inside one."""

from __future__ import annotations

import base64
import functools
import itertools
import json
import zipfile
from pathlib import Path
from pydoc_data import topics

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.tokenize import encode
from curate.tokenize.described_vocabulary import token_bytes_file
from curate.tokenize.encode import Tokenizer, cut_text, load_tokenizer
from curate.tokenize.json_file import JsonFile
from curate.tokenize.train import train_bpe
from curate.tokenize.vocabulary import byte_alphabet

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
PROSE = list(topics.topics.values())
ADVERSARIAL = [
    "",
    " ",
    "<|endoftext|>",
    "a <|endoftext|><|endoftext|> b",
    "\n\n \n  x\r\n\r\n\t",
    "\x00\x01\x7f\ufeff\u200b\u2028",
    "é e\u0301 " + "a\u0300" * 100,
    "👩‍👩‍👧‍👦🇩🇪 \U0010ffff\ue000",
    "it's IT'S 'ſ WE'LL",
    "１２３４５６ ٣٤٥ 12345678901 ½",
    "x" * 4000,
    " " * 4000,
    "^" * 3000,
    "日本語テキスト。\n\n韓国어 हिन्दी ภาษาไทย",
]


@functools.cache
def trained() -> str:
    return train_bpe(PROSE[:40], vocab_size=1500)


@pytest.fixture
def json_path(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_text(trained(), encoding="utf-8")
    return path


def reference() -> tokenizers.Tokenizer:
    library = tokenizers.Tokenizer.from_str(trained())
    library.encode_special_tokens = True
    return library


def documents_of(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    tokens, offsets = tokenizer.encode_batch(texts)
    assert tokens.dtype == tokenizer.dtype
    assert offsets.dtype == np.int64
    return [tokens[first:last].tolist() for first, last in itertools.pairwise(offsets)]


@pytest.mark.parametrize("texts", [PROSE, ADVERSARIAL], ids=["prose", "adversarial"])
def test_ids_are_those_of_the_reference_library(json_path: Path, texts: list[str]) -> None:
    tokenizer = load_tokenizer(json_path)
    expected = [[*reference().encode(text).ids, tokenizer.end_of_text] for text in texts]
    assert documents_of(tokenizer, texts) == expected


def test_ids_are_those_of_the_reference_library_in_three_hundred_languages(json_path: Path) -> None:
    if not (SHARED / "udhr2.zip").is_file():
        pytest.skip("needs ../shared/data/udhr2.zip")
    with zipfile.ZipFile(SHARED / "udhr2.zip") as archive:
        names = [name for name in archive.namelist() if name.endswith((".txt", ".xml"))]
        texts = [archive.read(name).decode("utf-8", "replace")[:1200] for name in names]
    assert len(texts) > 300
    library = reference()
    expected = [[*encoding.ids, 0] for encoding in library.encode_batch(texts)]
    assert documents_of(load_tokenizer(json_path), texts) == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=60), max_size=5))
def test_any_text_comes_back_from_its_ids(texts: list[str]) -> None:
    for tokenizer in (load_tokenizer("bytes"), Tokenizer("t", "", backend())):
        documents = documents_of(tokenizer, texts)
        assert [tokenizer.decode(document[:-1]) for document in documents] == texts
        assert all(document[-1] == tokenizer.end_of_text for document in documents)
        assert not any(tokenizer.end_of_text in document[:-1] for document in documents)


@functools.cache
def backend() -> JsonFile:
    return JsonFile(trained(), Path("tokenizer.json"))


def test_bytes_are_257_ids_in_uint16() -> None:
    tokenizer = load_tokenizer("bytes")
    assert (tokenizer.vocab_size, tokenizer.end_of_text, tokenizer.dtype) == (257, 256, np.dtype(np.uint16))
    tokens, offsets = tokenizer.encode_batch(["é", "", "ab"])
    assert tokens.tolist() == [0xC3, 0xA9, 256, 256, 97, 98, 256]
    assert offsets.tolist() == [0, 3, 4, 7]


def test_an_empty_batch_is_no_tokens(json_path: Path) -> None:
    for tokenizer in (load_tokenizer("bytes"), load_tokenizer(json_path)):
        tokens, offsets = tokenizer.encode_batch([])
        assert (len(tokens), offsets.tolist()) == (0, [0])


def test_token_bytes_sum_to_the_bytes_of_the_text(json_path: Path) -> None:
    texts = [*PROSE[:10], *ADVERSARIAL]
    for tokenizer in (load_tokenizer("bytes"), load_tokenizer(json_path)):
        tokens, _ = tokenizer.encode_batch(texts)
        assert tokenizer.token_bytes()[tokens].sum() == sum(len(text.encode()) for text in texts)
        assert len(token_bytes_file(tokenizer)) == 4 * tokenizer.vocab_size


def test_a_long_document_in_pieces_has_the_ids_of_the_whole(json_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encode, "PIECE_CHARACTERS", 1000)
    monkeypatch.setattr(cut_text, "__defaults__", (1000,))
    tokenizer = load_tokenizer(json_path)
    assert tokenizer.backend.splits_at_spaces
    texts = ["\n\n".join(PROSE[40:50]), *ADVERSARIAL, "  12 ab\n\ncd.\nef 'll ½ x\n" * 500]
    assert documents_of(tokenizer, texts) == [[*reference().encode(text).ids, 0] for text in texts]


def test_pieces_make_up_the_text_and_are_short() -> None:
    text = "\n".join(PROSE[:20])
    pieces = list(cut_text(text, 2000))
    assert "".join(pieces) == text
    assert len(pieces) > 20
    assert max(map(len, pieces)) < 4000


def test_a_text_without_a_place_to_cut_stays_whole() -> None:
    assert list(cut_text("x" * 5000, 1000)) == ["x" * 5000]


def test_a_tokenizer_whose_words_reach_over_spaces_is_never_cut() -> None:
    plain = tokenizers.Tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=300, special_tokens=["</s>"], show_progress=False)
    plain.train_from_iterator(["to be or not to be"] * 10, trainer)
    found = JsonFile(plain.to_str(), Path("plain.json"))
    assert not found.splits_at_spaces
    assert found.end_of_text == 0


def test_a_tiktoken_file_gives_the_same_tokens_as_the_merges_it_was_made_from(tmp_path: Path) -> None:
    vocabulary = json.loads(trained())["model"]["vocab"]
    byte_of = byte_alphabet()
    pieces = {number: bytes(byte_of[c] for c in token) for token, number in vocabulary.items() if number}
    path = tmp_path / "cl100k_own.tiktoken"
    path.write_bytes(b"".join(base64.b64encode(pieces[n]) + b" %d\n" % (n - 1) for n in sorted(pieces)))
    tokenizer = load_tokenizer(path)
    assert (tokenizer.vocab_size, tokenizer.end_of_text) == (1500, 1499)
    texts = [*PROSE[:20], *ADVERSARIAL]
    expected = [[number - 1 for number in reference().encode(text).ids] for text in texts]
    assert [document[:-1] for document in documents_of(tokenizer, texts)] == expected
    assert tokenizer.decode(documents_of(tokenizer, ["naïve 日本"])[0]) == "naïve 日本<|endoftext|>"


def test_the_fingerprint_names_the_file(json_path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(trained() + "\n", encoding="utf-8")
    fingerprints = {load_tokenizer(spec).fingerprint for spec in (json_path, other, "bytes")}
    assert len(fingerprints) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.json", None, "there is no tokenizer"),
        ("broken.json", b'{"model": 3}', "is no tokenizer.json"),
        ("ranks.tiktoken", b"QQ== 0\n", "does not say in its name"),
        ("cl100k.tiktoken", b"not base64!\n", "cl100k.tiktoken:1"),
        ("cl100k.tiktoken", b"QQ== 0\n", "at least the 256 bytes"),
    ],
)
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, name: str, content: bytes | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        load_tokenizer(path)


def test_a_tokenizer_without_end_of_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, [])).to_str(), encoding="utf-8")
    with pytest.raises(UsageError, match="declares no token that could end a text"):
        load_tokenizer(path)
