"""curate.filters.fasttext_*: models read and asked here say what the fastText library says of the same texts."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.filters.fasttext_model import FastTextModel, load_model
from curate.filters.language import LID_176, load_lid

native = pytest.importorskip("fasttext", reason="the fastText library is the oracle here")

TEXTS = [
    "All human beings are born free and equal in dignity and rights.\nThey are endowed with reason.",
    "Alle Menschen sind frei und gleich an Würde und Rechten geboren. " * 3,
    "Todos los seres humanos nacen libres e iguales en dignidad y derechos, dotados como están de razón",
    "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。",
    "Все люди рождаются свободными и равными\u00a0в своём достоинстве и правах.\tОни наделены разумом",
    "😀 x 𝐀 a\u0301 ﷺ \x0b y\x0cz",
    "__label__en is a label, __label__ too, _label_ is none",
    "</s> a</s>b <a> <",
    "a",
]
SENTENCE = "good fine great nice lovely bad awful poor sad nasty the a film was it so très été"
WORDS = SENTENCE.split()


def ask_library(model: Any, text: str) -> dict[str, float]:
    line = text.replace("\n", " ").replace("\x00", " ").replace("</s>", " ")
    return {label: min(chance, 1.0) for chance, label in model.f.predict(line + "\n", -1, 0.0, "strict")}


def assert_same(ours: FastTextModel, theirs: Any, texts: list[str]) -> None:
    chances = ours.probabilities(pl.Series(texts, dtype=pl.String))
    for text, row in zip(texts, chances.tolist(), strict=True):
        expected = ask_library(theirs, text)
        assert row == pytest.approx([expected.get(label, 0.0) for label in ours.labels], abs=3e-5), text


def train(folder: Path, *, is_quantized: bool = False, **options: Any) -> Path:
    """A model that tells good words from bad ones and from neither, trained on every pair of words."""
    lines = [
        f"__label__{'good' if one < 5 else 'bad' if one < 10 else 'none'} {WORDS[one]} {WORDS[other]} {one * other}"
        for one, other in itertools.product(range(len(WORDS)), repeat=2)
    ]
    (folder / "train.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = native.train_supervised(str(folder / "train.txt"), dim=12, epoch=3, thread=1, verbose=0, **options)
    if is_quantized:
        model.quantize(input=str(folder / "train.txt"), cutoff=300, qnorm=True, retrain=False, dsub=3)
    path = folder / ("model.ftz" if is_quantized else "model.bin")
    model.save_model(str(path))
    return path


def test_the_shipped_model_names_the_languages_that_the_library_names() -> None:
    assert_same(load_lid(), native.load_model(str(LID_176)), TEXTS)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(max_size=30), max_size=12).map(" ".join))
def test_any_text_is_read_as_the_library_reads_it(text: str) -> None:
    assert_same(load_lid(), native.load_model(str(LID_176)), [text])


@pytest.mark.parametrize(
    "options",
    [
        {"loss": "softmax"},
        {"loss": "softmax", "wordNgrams": 3, "bucket": 1000},
        {"loss": "hs", "minn": 2, "maxn": 5, "bucket": 500},
        {"loss": "ova", "minn": 3, "maxn": 3, "bucket": 500, "wordNgrams": 2},
        {"loss": "ns"},
        {"loss": "softmax", "minn": 1, "maxn": 4, "bucket": 800, "wordNgrams": 2, "is_quantized": True},
    ],
)
def test_every_kind_of_model_answers_as_in_the_library(tmp_path: Path, options: dict[str, Any]) -> None:
    path = train(tmp_path, **options)
    texts = [*TEXTS, SENTENCE, "good film", "the bad bad film was so nasty", "été très"]
    assert_same(load_model(str(path)), native.load_model(str(path)), texts)


def test_an_answer_does_not_depend_on_the_other_texts_of_a_batch() -> None:
    model = load_lid()
    together = model.probabilities(pl.Series(TEXTS * 2))
    alone = [model.probabilities_of(text).tolist() for text in TEXTS]
    assert together.tolist() == alone * 2


def test_null_and_unknown_words_are_read_as_an_empty_line(tmp_path: Path) -> None:
    model = load_model(str(train(tmp_path, loss="softmax")))
    unknown, null, known = model.predict(pl.Series(["qqq", None, "good great"], dtype=pl.String), top=1)
    assert unknown == null != known
    assert model.probabilities(pl.Series([], dtype=pl.String)).shape == (0, 3)


def test_a_damaged_model_is_refused_or_answers_but_never_crashes(tmp_path: Path) -> None:
    path = train(tmp_path, loss="hs", minn=2, maxn=3, bucket=50, wordNgrams=2)
    whole = path.read_bytes()
    refused = 0
    for place in range(0, 400, 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x41]) + whole[place + 1 :])
        try:
            assert load_model(str(path)).probabilities(pl.Series(TEXTS)).shape[0] == len(TEXTS)
        except UsageError:
            refused += 1
    assert refused >= 5


def test_a_model_that_is_cut_short_or_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = train(tmp_path, loss="softmax")
    whole = path.read_bytes()
    for size in range(1, len(whole), len(whole) // 37):
        path.write_bytes(whole[:size])
        with pytest.raises(UsageError, match="not a fastText model for labels"):
            load_model(str(path))
    vectors = native.train_unsupervised(str(tmp_path / "train.txt"), dim=4, epoch=1, minCount=1, thread=1, verbose=0)
    vectors.save_model(str(path))
    with pytest.raises(UsageError, match="trained for word vectors"):
        load_model(str(path))
