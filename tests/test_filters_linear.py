"""Linear models over hashed features: learned the same each time, read whole or not at all, as sure as right."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.errors import UsageError
from curate.filters.classifiers import label_scores, load_classifier
from curate.filters.linear_features import FeatureKinds, collect_features
from curate.filters.linear_file import MAGIC, linear_bytes, read_linear
from curate.filters.linear_fit import SparseRows, fit_curve, fit_weights, margins_of
from curate.filters.linear_model import LinearModel, load_linear
from curate.filters.linear_train import LinearTraining, train_linear
from curate.filters.model_bytes import BadModel
from curate.filters.quality import classifier
from curate.model_file import ModelFile

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
SMALL = LinearTraining(features=FeatureKinds(bits=14, passage=300), epochs=8)
LAYOUT = FeatureKinds(bits=12, layout=True, shapes=3, min_part=0, max_part=0, passage=200)

Rows = tuple[pl.Series, npt.NDArray[np.bool_]]


@pytest.fixture(scope="module")
def paragraphs() -> Rows:
    """Paragraphs of two novels, by turns: is it Persuasion?"""
    rows = [
        (paragraph, book.stem == "persuasion")
        for book in sorted(BOOKS.glob("*.txt"))
        for paragraph in book.read_text(encoding="utf-8").split("\n\n")
        if len(paragraph) > 300
    ]
    rows.sort(key=lambda row: hashlib.sha256(row[0].encode()).digest())
    return pl.Series([text for text, _ in rows]), np.array([side for _, side in rows])


def learned(rows: Rows, training: LinearTraining = SMALL) -> LinearModel:
    folds = np.arange(len(rows[0])) % training.folds
    tables = train_linear(*rows, ("northanger", "persuasion"), training, folds=folds)
    return LinearModel(ModelFile("novel.bin", "novel.bin", ""), tables)


@pytest.fixture(scope="module")
def novels(paragraphs: Rows) -> LinearModel:
    texts, sides = paragraphs
    return learned((texts[:400], sides[:400]))


def test_paragraphs_that_it_has_not_seen_are_told_apart(paragraphs: Rows, novels: LinearModel) -> None:
    texts, sides = paragraphs
    chances = novels.probabilities(texts[400:])[:, 1]
    assert ((chances > 0.5) == sides[400:]).mean() > 0.85
    assert abs(chances.mean() - sides[400:].mean()) < 0.1  # calibrated: as many as it expects


def test_the_same_texts_and_options_give_the_same_bytes(paragraphs: Rows, novels: LinearModel) -> None:
    texts, sides = paragraphs
    again = learned((texts[:400], sides[:400]))
    assert linear_bytes(again.tables) == linear_bytes(novels.tables)


def test_a_file_is_read_as_it_was_written(novels: LinearModel, tmp_path: Path) -> None:
    path = tmp_path / "novel.bin"
    path.write_bytes(linear_bytes(novels.tables))
    read = load_classifier(str(path))
    assert isinstance(read, LinearModel)
    assert read.labels == ("northanger", "persuasion")
    texts = pl.Series(["Captain Wentworth", "Mr. Tilney", "", None])
    np.testing.assert_array_equal(read.probabilities(texts), novels.probabilities(texts))


@pytest.mark.parametrize("size", [0, 5, len(MAGIC), 100, 1000, -1, -33])
def test_a_truncated_model_is_refused(novels: LinearModel, tmp_path: Path, size: int) -> None:
    path = tmp_path / "novel.bin"
    path.write_bytes(linear_bytes(novels.tables)[:size])
    with pytest.raises(UsageError, match=r"not a linear model|begins with|damaged"):
        load_linear(str(path))


@settings(deadline=None, max_examples=60)
@given(place=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_a_model_with_any_bit_turned_is_refused(novels: LinearModel, place: int, bit: int) -> None:
    data = bytearray(linear_bytes(novels.tables))
    data[place % len(data)] ^= 1 << bit
    with pytest.raises(BadModel):
        read_linear(bytes(data))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("bits", 40, "bits is 40"),
        ("bits", 13, "8,192 that its header names"),
        ("passage", 0, "passage is 0"),
        ("max_part", 99, "max_part is 99"),
        ("min_part", 6, "6 to 5 characters"),
        ("pairs", 3, "pairs is 3"),
        ("more", 1, "header is not one"),
    ],
)
def test_settings_that_kernels_cannot_bear_are_refused_though_the_digest_is_right(
    novels: LinearModel, name: str, value: int, told: str
) -> None:
    body = linear_bytes(novels.tables)[:-32]
    start = body.index(b"\n", len(MAGIC)) + 1
    header = json.loads(body[len(MAGIC) : start])
    header["features"][name] = value
    body = MAGIC + json.dumps(header).encode() + b"\n" + body[start:]
    with pytest.raises(BadModel, match=told):
        read_linear(body + hashlib.sha256(body).digest())


@settings(deadline=None, max_examples=60)
@given(texts=st.lists(st.one_of(st.none(), st.text(max_size=700)), max_size=8), is_layout=st.booleans())
def test_a_score_depends_on_its_own_text_alone(novels: LinearModel, texts: list[str | None], is_layout: bool) -> None:
    tables = novels.tables
    if is_layout:
        tables = read_linear(linear_bytes(tables))
        weights = np.arange(1 << LAYOUT.bits).astype(np.int8)
        tables = type(tables)(tables.labels, LAYOUT, weights, 0.01, -1.0, 100, {})
    model = LinearModel(novels.file, tables)
    together = model.scores(pl.Series(texts, dtype=pl.String))
    for row, text in enumerate(texts):
        alone = model.scores(pl.Series([text], dtype=pl.String))
        np.testing.assert_array_equal([together.mean[row], together.peak[row]], [alone.mean[0], alone.peak[0]])


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=900))
def test_passages_have_all_words_of_a_text(text: str) -> None:
    """Words alone: how often each counts does not depend on the cut, as no word is longer than the search."""
    words = FeatureKinds(bits=16, pairs=False, min_part=0, max_part=0, passage=100)
    text = " ".join(word[:20] for word in text.split())
    cut = collect_features(pl.Series([text]), words)
    whole = collect_features(pl.Series([text]), words._replace(passage=10_000))
    assert sorted(cut.places.tolist()) == sorted(whole.places.tolist())
    assert len(cut.ends) == max(-(-len(text.encode()) // 100), 1)


def test_features_are_words_pairs_and_parts() -> None:
    def count(text: str, **kinds: object) -> int:
        return len(collect_features(pl.Series([text]), FeatureKinds(**kinds)).places)  # type: ignore[arg-type]

    assert count("one two, three!", min_part=0, max_part=0) == 5  # three words, two pairs
    assert count("one two, three!", min_part=0, max_part=0, pairs=False) == 3
    assert count("one", pairs=False) == 1 + 3 + 2 + 1  # of "<one>"
    assert count("@someone hi", pairs=False, min_part=0, max_part=0) == 1
    assert count("one, two\n", pairs=False, min_part=0, max_part=0, layout=True) == 4
    assert count("one, two\n", pairs=False, min_part=0, max_part=0, layout=True, shapes=3) == 16
    assert count("漢字", min_part=0, max_part=0) == 3


def test_weights_are_those_of_a_solver_that_knows_the_answer() -> None:
    """The smallest value of the same function, found by plain descent on its gradient."""
    dice = np.random.default_rng(3)
    table = dice.normal(size=(60, 4))
    sides = np.where(table @ [1.0, -2.0, 0.5, 0.0] + dice.normal(size=60) > 0, 1.0, -1.0)
    costs = dice.uniform(0.1, 1.0, size=60)
    places = np.tile(np.arange(4, dtype=np.int32), 60)
    rows = SparseRows(places, table.ravel().astype(np.float32), np.arange(4, 241, 4, dtype=np.int64))
    found = fit_weights(rows, sides, costs, places=4, epochs=400, seed=1)
    wide = np.hstack([table.astype(np.float32).astype(np.float64), np.ones((60, 1))])
    weights = np.zeros(5)
    for _ in range(20_000):
        slack = np.maximum(1 - sides * (wide @ weights), 0)
        weights -= 0.005 * (weights - 2 * wide.T @ (costs * sides * slack))
    np.testing.assert_allclose(found, weights, atol=1e-5)
    np.testing.assert_allclose(margins_of(rows, found), wide @ found, atol=1e-12)


def test_the_curve_finds_the_slope_by_which_labels_were_drawn() -> None:
    dice = np.random.default_rng(5)
    margins = dice.normal(size=40_000)
    is_right = dice.uniform(size=40_000) < 1 / (1 + np.exp(-(2.5 * margins - 0.7)))
    curve = fit_curve(margins, is_right, np.ones(40_000))
    assert curve.slope == pytest.approx(2.5, abs=0.1)
    assert curve.intercept == pytest.approx(-0.7, abs=0.1)


def test_one_side_alone_teaches_nothing(paragraphs: Rows) -> None:
    with pytest.raises(UsageError, match="all texts are 'persuasion'"):
        learned((paragraphs[0][:10], np.ones(10, dtype=bool)))
    with pytest.raises(UsageError, match="no feature"):
        learned((pl.Series(["", "!"]), np.array([True, False])))


def test_a_step_scores_by_the_label_that_the_model_was_made_for(novels: LinearModel, tmp_path: Path) -> None:
    path = tmp_path / "novel.bin"
    path.write_bytes(linear_bytes(novels.tables))
    batch = pl.DataFrame({"id": list("abc"), "text": ["Captain Wentworth and Anne", "Catherine and Isabella", " "]})
    step = classifier(model=str(path), name="novel", min_score=0.5)
    assert step.measure is not None
    measured = step.measure(batch)
    assert measured.select(step.rules[0].keep).to_series().to_list() == [True, False, None]
    other = classifier(model=str(path), label="northanger")
    assert other.measure is not None
    both = other.measure(measured).select(pl.col("novel_score") + pl.col("classifier_score")).to_series()
    assert both[:2].to_list() == pytest.approx([1, 1])
    assert label_scores(pl.Series(["x"]), load_linear(str(path)), "persuasion").dtype == pl.Float32
    with pytest.raises(UsageError, match='no label "emma"'):
        classifier(model=str(path), label="emma")


def test_pareto_keeps_by_the_score_and_the_same_documents_each_time(novels: LinearModel, tmp_path: Path) -> None:
    path = tmp_path / "novel.bin"
    path.write_bytes(linear_bytes(novels.tables))
    step = classifier(model=str(path), pareto=2.0)
    assert step.measure is not None
    ids = [f"document {number}" for number in range(20_000)]
    first = step.measure(pl.DataFrame({"id": ids, "text": ["Anne"] * len(ids)}))
    again = step.measure(pl.DataFrame({"id": ids[7:9], "text": ["Anne"] * 2}))
    assert again["classifier_draw"].to_list() == first["classifier_draw"][7:9].to_list()
    for score in (0.0, 0.5, 1.0):
        kept = first.with_columns(classifier_score=pl.lit(score)).select(step.rules[0].keep).to_series()
        assert kept.mean() == pytest.approx((2 - score) ** -2, abs=0.01)
    with pytest.raises(UsageError, match="pareto is 0"):
        classifier(model=str(path), pareto=0.0)
