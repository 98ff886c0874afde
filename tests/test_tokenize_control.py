"""Control tokens: no text gives one, in any kind of model; and the one that ends a text is declared, never guessed."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

from curate.errors import UsageError
from curate.tokenize.encode import Tokenizer, end_of_text_of, load_tokenizer
from curate.tokenize.json_file import JsonFile

CONTROL = ["<pad>", "</s>", "<s>", "[CLS]", "[SEP]", "<｜end▁of▁sentence｜>", "<|endoftext|>"]
WORDS = [
    "the",
    "old",
    "＜/s＞",
    "<\u200b/s>",
    "</S>",
    "<b>",
    "</b>",
    "man",
    "and",
    "sea",
    "<0x41>",
    "s>",
    "</",
    "S",
    "é",
    "日本",
    "\n",
    ".",
    "<unk>",
]
LETTERS = sorted({*"".join(WORDS), *"".join(CONTROL), *"abcdefghijklmnopqrstuvwxyz ▁"})
SENTENCES = ["the old man and the sea", "</s> is </s> a tag", "[CLS] old [SEP] man <pad> <s>", "<|endoftext|> " * 5]
texts = st.lists(st.sampled_from([*CONTROL, *WORDS, " ", "  "]) | st.text(max_size=4), max_size=12).map("".join)


def bytes_of_sentencepiece() -> list[str]:
    return [f"<0x{value:02X}>" for value in range(256)]


def declare(library: tokenizers.Tokenizer, *more: str) -> str:
    library.add_special_tokens([AddedToken(token, special=True) for token in (*CONTROL, *more)])
    return str(library.to_str())


def unigram(*, falls_back: bool) -> str:
    pieces = [(token, 0.0) for token in (*CONTROL, "<unk>", *(bytes_of_sentencepiece() if falls_back else []))]
    known = [*LETTERS, *WORDS, "▁the", "▁old"]
    pieces += [(piece, -5.0 - len(piece)) for piece in dict.fromkeys(known) if piece not in dict(pieces)]
    model = models.Unigram(pieces, unk_id=len(CONTROL), byte_fallback=falls_back)
    library = tokenizers.Tokenizer(model)
    library.normalizer = normalizers.Replace(" ", "▁")
    library.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return declare(library, "<unk>")


def bpe_of_sentencepiece() -> str:
    """As Gemma's; and its merges make `</s>`, which is a special token here."""
    letters = [*LETTERS, "</", "s>", "</s>", "<s", "<s>"]
    vocabulary = dict.fromkeys(["<unk>", *CONTROL, *bytes_of_sentencepiece(), *letters])
    ids = {token: number for number, token in enumerate(vocabulary)}
    merges = [("<", "/"), ("s", ">"), ("</", "s>"), ("<", "s"), ("<s", ">")]
    library = tokenizers.Tokenizer(models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    library.normalizer = normalizers.Replace(" ", "▁")
    library.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    library.add_tokens([AddedToken("<b>", special=False, normalized=False)])
    return declare(library, "<unk>")


def byte_level_bpe(*, ignores_merges: bool) -> str:
    library = tokenizers.Tokenizer(models.BPE(ignore_merges=ignores_merges))
    library.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=CONTROL[:4], initial_alphabet=alphabet, show_progress=False
    )
    library.train_from_iterator(SENTENCES * 20, trainer)
    library.add_tokens([AddedToken("</b>", special=False, normalized=False)])
    return declare(library)


def words(kind: Callable[..., Any], **options: Any) -> str:
    vocabulary = dict.fromkeys(["[UNK]", *CONTROL, *WORDS, *LETTERS, *(f"##{letter}" for letter in LETTERS)])
    ids = {token: number for number, token in enumerate(vocabulary)}
    library = tokenizers.Tokenizer(kind(ids, unk_token="[UNK]", **options))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.normalizer = normalizers.NFKC()
    return declare(library, "[UNK]")


MODELS: dict[str, Callable[[], str]] = {
    "unigram": lambda: unigram(falls_back=False),
    "unigram with bytes": lambda: unigram(falls_back=True),
    "bpe of sentencepiece": bpe_of_sentencepiece,
    "byte-level bpe": lambda: byte_level_bpe(ignores_merges=False),
    "byte-level bpe of words": lambda: byte_level_bpe(ignores_merges=True),
    "wordpiece": lambda: words(models.WordPiece, max_input_chars_per_word=100),
    "wordlevel": lambda: words(models.WordLevel),
}
LOSSLESS = ["unigram with bytes", "bpe of sentencepiece", "byte-level bpe", "byte-level bpe of words"]


@functools.cache
def open_model(kind: str) -> Tokenizer:
    return Tokenizer(kind, "", JsonFile(MODELS[kind](), Path("tokenizer.json"), "</s>"))


def ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    tokens, _ = tokenizer.encode_batch([text])
    assert tokens[-1] == tokenizer.end_of_text
    return [int(token) for token in tokens[:-1]]


@pytest.mark.parametrize("kind", MODELS)
@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_no_text_gives_a_control_token(kind: str, text: str) -> None:
    tokenizer = open_model(kind)
    library = tokenizers.Tokenizer.from_str(content_of(kind))
    control = {library.token_to_id(token) for token in CONTROL}
    assert tokenizer.end_of_text in control
    assert not control & {*ids_of(tokenizer, text)}


@functools.cache
def content_of(kind: str) -> str:
    return MODELS[kind]()


@pytest.mark.parametrize("kind", LOSSLESS)
@settings(deadline=None, max_examples=40)
@given(text=texts)
def test_a_text_that_spells_control_tokens_comes_back_from_its_ids(kind: str, text: str) -> None:
    text = text.replace("▁", "_")  # in vocabularies of SentencePiece this is the space itself
    tokenizer = open_model(kind)
    ids = ids_of(tokenizer, text)
    assert tokenizer.decode(ids) == text
    assert tokenizer.token_bytes()[ids].sum() == len(text.encode())


@pytest.mark.parametrize("kind", MODELS)
def test_a_text_without_such_a_spelling_has_the_ids_of_the_library(kind: str) -> None:
    library = tokenizers.Tokenizer.from_str(MODELS[kind]())
    library.encode_special_tokens = True
    for text in ("the old man and the sea.", "naïve 日本 <b> x </b> y", "\n\n a  b", "THE SEA < / s >"):
        assert ids_of(open_model(kind), text) == library.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("kind", [kind for kind in MODELS if not kind.startswith("byte-level")])
def test_the_library_alone_would_give_control_tokens(kind: str) -> None:
    """What is proved above is no accident of these vocabularies."""
    library = tokenizers.Tokenizer.from_str(MODELS[kind]())
    library.encode_special_tokens = True
    control = {library.token_to_id(token) for token in CONTROL}
    assert control & {*library.encode("x </s> [CLS] y", add_special_tokens=False).ids}


def test_a_character_that_a_file_also_pads_with_stays_text(tmp_path: Path) -> None:
    """CLIP's tokenizers pad with "!"."""
    table = json.loads(byte_level_bpe(ignores_merges=False))
    path = write(tmp_path, table, {"pad_token": "!", "eos_token": "<|endoftext|>"})
    tokenizer = load_tokenizer(path)
    assert tokenizer.decode(ids_of(tokenizer, "Stop! <|endoftext|>!")) == "Stop! <|endoftext|>!"
    with pytest.raises(UsageError, match="stands for text"):
        load_tokenizer(path, end_of_text="!")


def test_a_token_that_only_the_config_calls_special_does_not_come_from_a_text(tmp_path: Path) -> None:
    table = json.loads(unigram(falls_back=True))
    table["added_tokens"] = [dict(added, special=False) for added in table["added_tokens"]]
    config = {"eos_token": {"content": "</s>"}, "added_tokens_decoder": {"0": {"content": "<pad>", "special": True}}}
    tokenizer = load_tokenizer(write(tmp_path, table, config))
    ids = ids_of(tokenizer, "a <pad></s>[CLS]")
    assert (tokenizer.end_of_text, tokenizer.decode(ids)) == (1, "a <pad></s>[CLS]")
    assert (0 in ids, 1 in ids, 3 in ids) == (False, False, True)


def test_added_tokens_keep_their_ids_where_the_encoder_gives_them_others(tmp_path: Path) -> None:
    library = tokenizers.Tokenizer(models.WordLevel({"[UNK]": 0, "[EOS]": 1, "a": 2, "b": 3}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    library.add_special_tokens(["[UNK]", "[EOS]"])
    library.add_tokens(["{one}", "{two}"])
    tokenizer = load_tokenizer(write(tmp_path, json.loads(library.to_str()), {}))
    assert ids_of(tokenizer, "a {two} b {one} [EOS]") == [2, 5, 3, 4, 0]
    assert tokenizer.end_of_text == 1


def write(folder: Path, table: dict[str, Any], config: dict[str, Any] | None = None) -> Path:
    (folder / "tokenizer.json").write_text(json.dumps(table), encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder / "tokenizer.json"


def table_with(special: list[str], processor: Any = None) -> dict[str, Any]:
    ids = {token: number for number, token in enumerate(["<unk>", "a", "</s>", *special])}
    library = tokenizers.Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    library.add_special_tokens(["<unk>", *special])
    if processor is not None:
        library.post_processor = processor
    table: dict[str, Any] = json.loads(library.to_str())
    return table


def after(token: str, number: int) -> Any:
    return processors.TemplateProcessing(single=f"<bos> $A {token}", special_tokens=[("<bos>", 3), (token, number)])


def before() -> Any:
    return processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 3)])


@pytest.mark.parametrize(
    ("special", "processor", "config", "expected"),
    [
        (["<end>"], None, None, "<end>"),
        (["<bos>", "<end>", "<pad>"], after("<end>", 4), None, "<end>"),
        (["<bos>", "<end>"], before(), None, "<end>"),
        (["[CLS]", "[SEP]"], processors.BertProcessing(("[SEP]", 4), ("[CLS]", 3)), None, "[SEP]"),
        (["<bos>", "fin"], processors.Sequence([processors.ByteLevel(), after("fin", 4)]), None, "fin"),
        (["<a>", "<b>"], None, {"eos_token": "<b>"}, "<b>"),
        (["<bos>", "<b>", "<c>"], after("<b>", 4), {"eos_token": {"content": "<c>"}}, "<c>"),
    ],
)
def test_the_files_say_what_ends_a_text(
    tmp_path: Path, special: list[str], processor: Any, config: dict[str, Any] | None, expected: str
) -> None:
    path = write(tmp_path, table_with(special, processor), config)
    assert load_tokenizer(path).end_of_text_token == end_of_text_of(path) == expected
    assert load_tokenizer(path, end_of_text="</s>").end_of_text == 2
    assert end_of_text_of(path, named="</s>") == "</s>"


@pytest.mark.parametrize(
    ("special", "config", "message"),
    [
        ([], None, "declares no token that could end a text"),
        (["<pad>", "<eos>", "</s>"], None, r"does not say .* \(<eos>, </s>\); name it in the recipe"),
        ([f"<{n}>" for n in range(20)], None, r"<11> and 8 more\)"),
        (["<a>", "<b>"], {"eos_token": "<c>"}, "the eos_token of .*tokenizer_config.json is no token"),
        (["<a>"], [], "tokenizer_config.json is no JSON object"),
        (["<a>"], "\ud800", "is no JSON object"),
    ],
)
def test_a_choice_is_left_to_the_recipe(tmp_path: Path, special: list[str], config: Any, message: str) -> None:
    path = write(tmp_path, table_with(special), config)
    for ask in (load_tokenizer, end_of_text_of):
        with pytest.raises(UsageError, match=message):
            ask(path)


def test_padding_that_the_file_declares_is_no_end_of_text(tmp_path: Path) -> None:
    table = table_with(["<pad>", "<eos>"])
    table["padding"] = {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None}
    table["padding"] |= {"pad_id": 3, "pad_type_id": 0, "pad_token": "<pad>"}
    assert load_tokenizer(write(tmp_path, table)).end_of_text_token == "<eos>"


def test_an_unknown_name_is_refused_and_known_ones_are_told(tmp_path: Path) -> None:
    path = write(tmp_path, table_with(["<eos>", "<pad>"]))
    with pytest.raises(UsageError, match='no token "<eso>"; did you mean "<eos>"'):
        load_tokenizer(path, end_of_text="<eso>")
    with pytest.raises(UsageError, match="stands for text"):
        load_tokenizer(path, end_of_text="<unk>")
    with pytest.raises(UsageError, match='"bytes" ends a text with the id 256'):
        load_tokenizer("bytes", end_of_text="<eos>")


def test_other_files_are_named_for_what_they_are_not(tmp_path: Path) -> None:
    for number, content in enumerate((b"", b"PK\x03\x04", b"#version: 0.2\nt h\n", b"the\nand\n")):
        path = tmp_path / f"vocabulary.{number}"
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"neither a tokenizer\.json, a tiktoken file nor a SentencePiece model"):
            load_tokenizer(path)


def test_the_bytes_of_a_token_are_those_of_its_text_and_not_of_its_marks() -> None:
    pieces = {"[UNK]": 0, "[SEP]": 1, "play": 2, "##ing": 3, "##é": 4}
    library = tokenizers.Tokenizer(models.WordPiece(pieces, unk_token="[UNK]"))
    library.add_special_tokens(["[UNK]", "[SEP]"])
    sizes = Tokenizer("t", "", JsonFile(library.to_str(), Path("tokenizer.json"))).token_bytes()
    assert sizes.tolist() == [0, 0, 4, 3, 2]
    first = tokenizers.Tokenizer(
        models.BPE(
            {"<unk>": 0, "<end>": 1, "a": 2, "t</w>": 3, "at</w>": 4}, [("a", "t</w>")], end_of_word_suffix="</w>"
        )
    )
    first.add_special_tokens(["<end>"])
    sizes = Tokenizer("t", "", JsonFile(first.to_str(), Path("tokenizer.json"))).token_bytes()
    assert sizes.tolist() == [5, 0, 1, 2, 3]
