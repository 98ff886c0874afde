"""Toxic language by word lists and by a classifier."""

from __future__ import annotations

import gzip
import hashlib
import re
import tarfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.filters.expressions import compile_expressions, count_expressions
from curate.filters.quality import fasttext
from curate.filters.shipped_models import MODELS, shipped_model, shipped_names
from curate.filters.toxicity import WORD_LISTS, known_lists, measure_words, toxicity

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def measured(*texts: str | None, language: list[str | None] | None = None) -> pl.DataFrame:
    batch = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
    return measure_words(batch if language is None else batch.with_columns(language=pl.Series(language)))


def test_whole_words_and_phrases_count_whatever_their_case_and_the_marks_between() -> None:
    batch = measured(
        "Fuck FUCKING, shuttlecock Scunthorpe!", "a blow\n job, the G-spot", "It was a truth acknowledged."
    )
    assert batch["toxic_word_count"].to_list() == [2, 2, 0]
    assert batch["toxic_word_ratio"].to_list() == pytest.approx([2 / 4, 4 / 6, 0.0])


def test_in_scripts_without_spaces_listed_words_are_found_inside_sentences() -> None:
    japanese, thai = "これは変態です", "คนนี้เหี้ยมาก"
    batch = measured(japanese, thai, japanese, language=["ja", "th", "en"])
    assert batch["toxic_word_count"].to_list() == [1, 1, 0]


def test_the_list_is_that_of_the_documents_language() -> None:
    batch = measured("dieses Arschloch", "dieses Arschloch", "x", None, language=["de", "fr", "la", "en"])
    assert batch["toxic_word_count"].to_list() == [1, 0, None, 0]
    assert batch["toxicity_score"].null_count() == 1


def test_named_languages_are_searched_in_every_document() -> None:
    step = toxicity(languages=("de", "fr"))
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": ["dieses Arschloch", "quel connard", "fuck"], "language": ["en"] * 3}))
    assert batch["toxic_word_count"].to_list() == [1, 1, 0]


def test_two_words_in_a_hundred_are_the_most_that_a_score_of_0_4_allows() -> None:
    step = toxicity(max_score=0.4)
    assert step.measure is not None
    texts = [" ".join(["shit"] * toxic + ["word"] * (100 - toxic)) for toxic in (0, 2, 3, 50)]
    batch = step.measure(pl.DataFrame({"text": texts}))
    assert batch["toxicity_score"].to_list() == pytest.approx([0.0, 0.4, 0.6, 1.0])
    assert batch.select(step.rules[0].keep).to_series().to_list() == [True, True, False, False]


def test_an_empty_batch_and_empty_texts_are_measured() -> None:
    assert measured().schema == measured("x").schema
    assert measured("", None)["toxicity_score"].to_list() == [0.0, 0.0]


def test_every_list_ships_with_its_notice_and_stands_in_the_files() -> None:
    assert len(known_lists()) == 28
    assert "CC-BY-4.0" in (WORD_LISTS / "NOTICE.md").read_text(encoding="utf-8")
    assert {file.license for file in toxicity().files} == {"CC-BY-4.0"}
    assert [file.name for file in toxicity(languages=("tl",)).files] == ["wordlists/fil.txt"]


def test_every_expression_of_every_list_finds_itself() -> None:
    for code in known_lists():
        lines = (WORD_LISTS / f"{code}.txt").read_text(encoding="utf-8").splitlines()
        found = measure_words(pl.DataFrame({"text": lines}), (code,))
        assert found.filter(pl.col("toxic_word_ratio") < 1.0)["text"].to_list() == []


def test_a_language_without_a_list_is_refused() -> None:
    with pytest.raises(UsageError, match="no word list"):
        toxicity(languages=("xx",))


WORDS = st.sampled_from(["ab", "cd", "Ab", "e", "é", "x-y", "ab cd", "cd e"])


@settings(deadline=None, max_examples=60)
@given(listed=st.sets(WORDS, min_size=1), text=st.lists(WORDS, max_size=12))
def test_counts_agree_with_a_regular_expression(listed: set[str], text: list[str]) -> None:
    sentence = ", ".join(text).replace("-", " ")
    alternatives = sorted({word.lower().replace("-", " ") for word in listed}, key=len, reverse=True)
    patterns = "|".join(r"\W+".join(map(re.escape, each.split())) for each in alternatives)
    found = re.findall(rf"\b(?:{patterns})\b", sentence, flags=re.IGNORECASE)
    counts = count_expressions(pl.Series([sentence]), compile_expressions(listed))
    assert counts.expressions.tolist() == [len(found)]
    assert counts.covered.tolist() == [sum(len(re.findall(r"\w+", each)) for each in found)]
    assert counts.words.tolist() == [len(re.findall(r"\w+", sentence))]


def test_labeled_tweets_are_flagged_and_plain_ones_and_novels_are_not() -> None:
    tweets, books = SHARED / "labelled" / "tweets.csv.gz", SHARED / "books.tar.gz"
    if not tweets.exists() or not books.exists():
        pytest.skip("the shared data (labeled tweets, books) is not here")
    table = pl.read_csv(gzip.decompress(tweets.read_bytes())).head(4000)
    scored = measure_words(table.select("class", text="tweet"))
    flagged = dict(scored.group_by("class").agg((pl.col("toxicity_score") > 0.4).mean()).iter_rows())
    assert flagged[0] > 0.5  # hate
    assert flagged[1] > 0.7  # offensive
    assert flagged[2] < 0.06  # neither
    with tarfile.open(books) as archive:
        novels = [
            archive.extractfile(name) for name in archive.getnames() if "austen" in name and name.endswith(".txt")
        ]
        text = "".join(file.read().decode("utf-8") for file in novels[:2] if file)
    pages = measured(*(text[start : start + 2000] for start in range(0, len(text), 2000)))
    assert pages.height > 300
    assert pages["toxicity_score"].max() <= 0.4  # type: ignore[operator]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A real model, trained on 800 sentences that this test makes: labels of insults and of praise."""
    training = pytest.importorskip("fasttext")
    folder = tmp_path_factory.mktemp("model")
    lines = [f"__label__{kind} you are {word} number {n}" for n in range(200) for kind, word in SAMPLES]
    (folder / "train.txt").write_text("\n".join(lines) + "\n")
    model = training.train_supervised(str(folder / "train.txt"), epoch=20, lr=0.5, dim=8, thread=1, verbose=0, seed=1)
    model.save_model(str(folder / "model.bin"))
    return str(folder / "model.bin")


SAMPLES = (("toxic", "stupid"), ("toxic", "dumb"), ("fine", "kind"), ("fine", "clever"))


def test_a_classifier_scores_instead_of_the_lists(classifier: str) -> None:
    step = toxicity(model=classifier)
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": ["you are\nstupid", "you are kind", ""]}))
    assert batch.select(step.rules[0].keep).to_series().to_list() == [False, True, None]
    assert "toxic_word_count" not in batch.columns
    assert step.files[0].path == classifier


def test_any_classifier_is_a_filter_with_a_name_of_its_own(classifier: str) -> None:
    step = fasttext(model=classifier, label="fine", name="praise", min_score=0.5)
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": ["you are stupid", "you are kind"]}))
    assert batch.select(step.rules[0].keep).to_series().to_list() == [False, True]
    assert fasttext(model=classifier, label="fine").rules == ()


def test_a_label_that_the_model_lacks_is_refused(classifier: str) -> None:
    with pytest.raises(UsageError, match="__label__toxic"):
        toxicity(model=classifier, label="__label__toxi")
    with pytest.raises(UsageError, match="small letters"):
        fasttext(model=classifier, label="fine", name="My Score")


def test_each_language_is_judged_by_its_model_or_its_list_and_the_rest_is_said_to_be_unjudged() -> None:
    step = toxicity(by="model", max_score=0.5)
    assert step.measure is not None
    texts = ["you stupid bitch, shut up", "what a lovely day", "du dumme Fotze", "hijo de puta", "salve, amice"]
    batch = step.measure(pl.DataFrame({"text": [*texts, None], "language": ["en", "en", "de", "es", "la", None]}))
    assert batch[step.judge].to_list() == ["model", "model", "model", "words", None, None]
    assert batch.select(step.rules[0].keep).to_series().to_list() == [False, True, False, False, None, None]
    assert {"toxicity-en.bin", "wordlists/es.txt"} <= {file.name for file in step.files}


def test_the_shipped_models_are_those_of_their_sums_and_their_notice() -> None:
    for language in shipped_names("toxicity"):
        model = shipped_model(f"toxicity-{language}")
        assert model.labels == ("plain", "toxic")
        assert model.tables.facts["language"] == language
        assert f"toxicity-{language}.bin" in (MODELS / "NOTICE.md").read_text(encoding="utf-8")


def test_a_hidden_word_is_found_by_the_list_and_by_the_model_that_looks_behind_disguises() -> None:
    batch = pl.DataFrame({"text": ["you sh1tty b1tch", "s h i t", "mp3 files at 5 pm"]})
    for by in ("words", "model"):
        plain, keen = (toxicity(by=by, disguises=is_keen).measure for is_keen in (False, True))  # type: ignore[arg-type]
        assert plain is not None
        assert keen is not None
        before, after = plain(batch)["toxicity_score"].to_list(), keen(batch)["toxicity_score"].to_list()
        assert before[0] < 0.5 < after[0]
        assert before[1] < 0.5 < after[1]
        assert before[2] == pytest.approx(after[2], abs=0.2)
        assert after[2] < 0.5


def test_tweets_that_the_model_has_not_seen_are_flagged_and_novels_are_not() -> None:
    tweets = SHARED / "labelled" / "tweets.csv.gz"
    if not tweets.exists():
        pytest.skip("the shared data (labeled tweets) is not here")
    table = pl.read_csv(gzip.decompress(tweets.read_bytes()))
    is_test = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >= 2**63 for text in table["tweet"]]
    unseen = table.filter(pl.Series(is_test))
    flagged = shipped_model("toxicity-en").scores(unseen["tweet"]).mean > 0.5
    is_toxic = (unseen["class"] != 2).to_numpy()
    right = (flagged & is_toxic).sum()
    assert 2 * right / (flagged.sum() + is_toxic.sum()) >= 0.9
    assert flagged[~is_toxic].mean() < 0.1
    with tarfile.open(SHARED / "books.tar.gz") as archive:
        novel = archive.extractfile("books/jane-austen/emma.txt")
        assert novel is not None
        text = novel.read().decode("utf-8")
    pages = pl.Series([text[start : start + 2000] for start in range(0, len(text), 2000)])
    assert (shipped_model("toxicity-en").scores(pages).mean > 0.5).mean() < 0.02
