"""Training: the merges of `tokenizers` byte for byte, what the vocabulary holds, and that texts alone decide it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from pydoc_data import topics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from curate.errors import UsageError
from curate.tokenize.character_kinds import MAX_RUN, SPACE, character_kinds
from curate.tokenize.count_words import count_words
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.split import DEFAULT, WordSplit
from curate.tokenize.train import train_bpe

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
QUICKSTART = Path(__file__).resolve().parents[1] / "curate" / "recipes" / "quickstart"
PROSE = list(topics.topics.values())[:30]
MIXED = [
    "Don't stop: 12345 naïve cafés — it'S 'LL we've 'ſ  \r\n\r\n\tif x:\n\t\treturn  \n   \n y = 0b1\u00a0z\u3000",
    "日本語のテキスト、ひらがなとカタカナ。한국어 문장입니다. Ελληνικά και русский языка १२३ ४५६७ ٣٤٥٦",
    "हिन्दी में पाठ; עברית וערבית: النص العربي هنا … e\u0301 e\u0301e\u0301 \x1c\x1d \x85 \u2028 ½ ²³ Ⅳ 🙂🙂🙂 \U0001d54f",
]
SPLITS = [
    DEFAULT,
    WordSplit(digits="single"),
    WordSplit(whitespace="single"),
    WordSplit(case="lower"),
    WordSplit("single", "single", "lower"),
]
TRICKY = "ab'sSreLLtſ0১²  \n\r\t\x0b\x1c\x85\u00a0\u2028.-é日\u0301🙂_"
LONG_RUN = re.compile(rf"\S{{{MAX_RUN}}}(?=\S)|\s{{{MAX_RUN}}}(?=\s)")
DIGEST = """
import hashlib
from pydoc_data import topics
from curate.tokenize.train import train_bpe
text = train_bpe(list(topics.topics.values())[:30], vocab_size=600)
print(hashlib.sha256(text.encode()).hexdigest())
"""


def cut(texts: Sequence[str]) -> list[str]:
    """Endless runs in pieces, which is how the library is given texts, whose time grows with the square of a word."""
    pieces = []
    for text in texts:
        ends = [0, *(run.end() for run in LONG_RUN.finditer(text)), len(text)]
        pieces += [text[start:end] for start, end in pairwise(ends)]
    return pieces


def by_library(texts: Sequence[str], vocab_size: int, split: WordSplit = DEFAULT) -> str:
    tokenizer = Tokenizer(models.BPE())
    if split.normalizer is not None:
        tokenizer.normalizer = split.normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [split.pre_tokenizer, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(cut(texts), trainer)
    return str(tokenizer.to_str(pretty=True)) + "\n"


def words_of(texts: Sequence[str], split: WordSplit) -> dict[str, int]:
    words = count_words(texts, split)
    return {
        words.data[start:end].tobytes().decode(): int(count)
        for start, end, count in zip(words.offsets[:-1], words.offsets[1:], words.counts, strict=True)
    }


def words_by_library(texts: Sequence[str], split: WordSplit) -> dict[str, int]:
    normalized = [split.normalizer.normalize_str(text) if split.normalizer else text for text in texts]
    return dict(Counter(word for text in cut(normalized) for word, _ in split.pre_tokenizer.pre_tokenize_str(text)))


@pytest.mark.parametrize("split", SPLITS)
def test_words_are_those_of_the_library(split: WordSplit) -> None:
    runs = (
        "x" * 1500
        + " " * 1300
        + "\n" * 600
        + "1" * 1030
        + "." * 515
        + "é" * 513
        + "\u3000日"
        + "\x1c" * 1025
        + "日" * 700
    )
    texts = [*PROSE, *MIXED, "", "\n", runs, *("a" * size + " " + "é" * size for size in range(509, 516)), "日" * 1025]
    assert words_of(texts, split) == words_by_library(texts, split)


def test_every_character_is_of_the_kind_that_the_library_sees() -> None:
    codes = [code for code in range(0x20000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(f"{chr(code)}x 1{chr(code)}.{chr(code)} " for code in codes[at::31]) for at in range(31)]
    assert words_of(texts, DEFAULT) == words_by_library(texts, DEFAULT)


def test_four_characters_are_white_space_to_python_alone() -> None:
    """By which a kernel knows, from the kind of a character, what `\\S` in LONG_RUN is."""
    codes = range(0x20000)
    is_space = character_kinds(codes) >= SPACE
    assert [code for code in codes if is_space[code] != chr(code).isspace()] == [0x1C, 0x1D, 0x1E, 0x1F]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(TRICKY, max_size=40), max_size=4), st.sampled_from(SPLITS))
def test_words_are_those_of_the_library_in_any_order_of_characters(texts: list[str], split: WordSplit) -> None:
    assert words_of(texts, split) == words_by_library(texts, split)


@pytest.mark.parametrize("vocab_size", [257, 258, 700, 3000])
def test_the_file_is_that_of_the_library_byte_for_byte(vocab_size: int) -> None:
    texts = [*PROSE, *MIXED * 3]
    assert train_bpe(texts, vocab_size=vocab_size) == by_library(texts, vocab_size)


@pytest.mark.parametrize("split", SPLITS[1:])
def test_the_file_is_that_of_the_library_with_other_splits(split: WordSplit) -> None:
    assert train_bpe([*PROSE, *MIXED * 3], vocab_size=800, split=split) == by_library([*PROSE, *MIXED * 3], 800, split)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text("ab", max_size=30) | st.text("aab. ", max_size=60), max_size=12), st.integers(257, 330))
def test_ties_and_overlaps_are_broken_as_the_library_breaks_them(texts: list[str], vocab_size: int) -> None:
    assert train_bpe(texts, vocab_size=vocab_size) == by_library(texts, vocab_size)


def test_the_quickstart_s_books_give_the_library_s_file() -> None:
    texts = [path.read_text(encoding="utf-8") for path in sorted(QUICKSTART.rglob("*.txt"))]
    assert sum(map(len, texts)) > 100_000
    assert train_bpe(texts, vocab_size=4000) == by_library(texts, 4000)


@pytest.mark.parametrize("archive", ["books", "code"])
def test_books_and_code_give_the_library_s_file(archive: str) -> None:
    path = SHARED / f"{archive}.tar.gz"
    if not path.is_file():
        pytest.skip(f"needs ../shared/data/{archive}.tar.gz")
    texts, size = [], 0
    with tarfile.open(path) as tar:
        for member in tar:
            content = tar.extractfile(member)
            texts.append(content.read().decode("utf-8", "replace") if content else "")
            size += len(texts[-1])
            if size > 1_500_000:
                break
    assert train_bpe(texts, vocab_size=8000) == by_library(texts, 8000)


def test_the_vocabulary_is_end_of_text_then_bytes_then_merges() -> None:
    model = json.loads(train_bpe(PROSE, vocab_size=600))["model"]
    by_id = sorted(model["vocab"], key=model["vocab"].get)
    assert len(by_id) == 600
    assert by_id[0] == "<|endoftext|>"
    assert all(len(token) == 1 for token in by_id[1:257])
    assert len(model["merges"]) == 600 - 257
    assert "Ġthe" in model["vocab"]


def test_special_tokens_come_behind_end_of_text_and_no_merge_spells_one(tmp_path: Path) -> None:
    plain = json.loads(train_bpe(PROSE, vocab_size=600))["model"]["vocab"]
    assert "Ġclass" in plain
    text = train_bpe(PROSE, vocab_size=600, special_tokens=["Ġclass", "<|user|>", "Ġthe"])
    table = json.loads(text)
    vocabulary = table["model"]["vocab"]
    assert [vocabulary[token] for token in ("<|endoftext|>", "Ġclass", "<|user|>", "Ġthe")] == [0, 1, 2, 3]
    assert [token["special"] for token in table["added_tokens"]] == [True] * 4
    assert len(vocabulary) == 600
    assert not {"Ġclass", "Ġthe"} & {first + second for first, second in table["model"]["merges"]}
    (tmp_path / "own.json").write_text(text)
    tokenizer = load_tokenizer(tmp_path / "own.json", end_of_text="<|endoftext|>")
    text = "a class of the <|user|> Ġclass <|endoftext|>"
    ids, _ = tokenizer.encode_batch([text])
    assert not {0, 1, 2, 3} & set(ids[:-1].tolist())
    assert tokenizer.decode(ids[:-1]) == text


@pytest.mark.parametrize("split", SPLITS)
def test_what_was_trained_loads_and_encodes_as_the_library_does(split: WordSplit, tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(train_bpe([*PROSE, *MIXED], vocab_size=700, split=split))
    tokenizer, library = load_tokenizer(tmp_path / "own.json"), Tokenizer.from_file(str(tmp_path / "own.json"))
    for text in [*MIXED, *PROSE[:3]]:
        ids, _ = tokenizer.encode_batch([text])
        assert ids[:-1].tolist() == library.encode(text).ids
        assert tokenizer.decode(ids[:-1]) == (split.normalizer.normalize_str(text) if split.normalizer else text)


def test_the_bytes_do_not_depend_on_the_number_of_threads() -> None:
    digests = set()
    for threads in ("1", "2"):
        settings = {"RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true", "PYTHONHASHSEED": threads}
        done = subprocess.run(
            [sys.executable, "-c", DIGEST], env=os.environ | settings, capture_output=True, text=True, check=True
        )
        digests.add(done.stdout.strip())
    here = hashlib.sha256(train_bpe(PROSE, vocab_size=600).encode()).hexdigest()
    assert digests == {here}


def test_a_small_sample_gives_a_smaller_vocabulary() -> None:
    model = json.loads(train_bpe(["a small sample, a small sample"], vocab_size=5000))["model"]
    assert 257 < len(model["vocab"]) < 300


def test_no_texts_give_the_bytes_alone() -> None:
    assert len(json.loads(train_bpe([], vocab_size=1000))["model"]["vocab"]) == 257


@pytest.mark.parametrize(("split", "longest"), [(DEFAULT, 3), (WordSplit(digits="single"), 1)])
def test_digits_are_grouped_by_three_at_most_or_single(split: WordSplit, longest: int) -> None:
    vocabulary = json.loads(train_bpe(["1234567 " * 100], vocab_size=400, split=split))["model"]["vocab"]
    assert max(len(token) for token in vocabulary if token.isdigit() and token.isascii()) == longest


def test_white_space_in_runs_is_one_token_or_none_has_two() -> None:
    code = ["def f():\n        return 1\n\n\n" * 50]
    runs, single = (
        json.loads(train_bpe(code, vocab_size=400, split=WordSplit(whitespace=kind)))["model"]["vocab"]
        for kind in ("runs", "single")
    )
    assert {"ĠĠĠĠĠĠĠ", "ĊĊĊ"} <= runs.keys()
    assert not [token for token in single if token.count("Ġ") + token.count("Ċ") > 1]


def test_endless_words_are_cut_in_training_and_nothing_is_lost() -> None:
    text = "start " + "x" * 3000 + " " * 2000 + "end"
    words = words_of([text], DEFAULT)
    assert sum(len(word) * count for word, count in words.items()) == len(text)
    assert max(map(len, words)) == MAX_RUN + 1  # with the space before it


@pytest.mark.parametrize(
    ("special_tokens", "vocab_size", "message"),
    [
        ([], 256, "at least 257 ids, not 256"),
        (["<a>", "<b>"], 258, "at least 259 ids, not 258"),
        (["x"], 600, 'special token "x" must have two characters'),
        (["<0x41>"], 600, 'special token "<0x41>" must'),
        (["<a>", "<a>"], 600, 'special token "<a>" stands twice'),
        (["<|endoftext|>"], 600, "ends a text already"),
    ],
)
def test_control_tokens_that_cannot_be_are_refused(special_tokens: list[str], vocab_size: int, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        train_bpe(PROSE, vocab_size=vocab_size, special_tokens=special_tokens)
