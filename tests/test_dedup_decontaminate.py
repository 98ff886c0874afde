"""Evaluation items in documents: found word for word, edited, or by a common phrase; against plain Python."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.decontaminate.ngrams import Evaluation, index_items
from curate.decontaminate.overlap import common_grams, cut_around, match_ngrams
from curate.decontaminate.sampled import find_items
from curate.errors import UsageError
from curate.recipe import Overlap, Sampled

QUESTION = (
    "A train leaves the station at noon and travels west at forty miles an hour while a second train leaves the same "
    "station two hours later and follows it at sixty miles an hour on the track beside it and both of them stop for "
    "ten minutes at every town that has more than five thousand people in it so at what time do they meet"
)
OTHER = (
    "Janet has sixteen ducks that lay an egg each on every day of the week and she eats three of the eggs for her "
    "breakfast and bakes muffins for her friends with four more and sells what is left at the market for two dollars "
    "an egg so how much money does she make in a week at the market if no egg is ever broken on the way there"
)
FILLER = " ".join(f"filler{number}" for number in range(120))


def index(*texts: str, ngram: int = 13, answers: tuple[str | None, ...] = ()) -> Evaluation:
    rows = {
        "set": ["math"] * len(texts),
        "item": [str(number) for number in range(len(texts))],
        "text": list(texts),
        "answer": list(answers or [None] * len(texts)),
    }
    return index_items(pl.DataFrame(rows, schema_overrides={"answer": pl.String}), ngram=ngram)


# --- n-grams, as GPT-3 ---------------------------------------------------------------------------------------------


words = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


@settings(deadline=None, max_examples=200)
@given(st.lists(words, min_size=1, max_size=3), st.lists(words, min_size=1, max_size=4), st.integers(1, 4))
def test_matches_are_the_ngrams_that_an_item_has(items: list[str], texts: list[str], ngram: int) -> None:
    grams = {tuple(item.split()[at:][:ngram]) for item in items for at in range(len(item.split()) - ngram + 1)}
    if not grams:
        with pytest.raises(UsageError, match="none of the"):
            index(*items, ngram=ngram)
        return
    found = match_ngrams(pl.Series(texts), index(*items, ngram=ngram))
    expected = [
        (number, 2 * at)
        for number, text in enumerate(texts)
        for at in range(len(text.split()) - ngram + 1)
        if tuple(text.split()[at : at + ngram]) in grams
    ]
    assert found.select("document", "start").rows() == expected
    numbers = [
        tuple(texts[row["document"]].split()[row["start"] // 2 :][:ngram]) for row in found.iter_rows(named=True)
    ]
    assert len(set(zip(found["gram"], numbers, strict=True))) == len(set(numbers))


def test_a_match_is_cut_with_its_surroundings_and_short_pieces_fall_away() -> None:
    text = f"{'x' * 50} {'a b ' * 200}{QUESTION}{' c d' * 200}"
    left = cut_around(text, spans_of(text), Overlap())
    start = text.index(QUESTION)
    end = start + len(QUESTION) + 1  # where the next word begins
    assert left.reason is None
    assert left.text == text[: start - 200].strip() + "\n\n" + text[end + 200 :].strip()
    assert cut_around(QUESTION, spans_of(QUESTION), Overlap()).reason == "short"


def spans_of(text: str) -> list[tuple[int, int]]:
    return list(match_ngrams(pl.Series([text]), index(QUESTION)).select("start", "end").iter_rows())


def test_a_document_in_too_many_pieces_goes() -> None:
    text = (QUESTION + " " + "word " * 200) * 6
    spans = spans_of(text)
    assert cut_around(text, spans, Overlap(max_pieces=5)).reason == "pieces"
    assert cut_around(text, spans, Overlap(max_pieces=6)).reason is None


def test_places_in_bytes_are_cut_as_characters() -> None:
    text = f"{'é ' * 300}{QUESTION}{' ü' * 300}"
    left = cut_around(text, spans_of(text), Overlap())
    assert left.text == "é " * 199 + "é\n\n" + "ü " * 199 + "ü"


def test_ngrams_of_many_documents_are_common() -> None:
    documents, grams = np.array([1, 2, 3, 3, 3, 1, 2]), np.array([7, 7, 7, 8, 8, 9, 9])
    assert common_grams(documents, grams, 2).to_list() == [7]
    assert common_grams(documents, grams, 1).to_list() == [7, 9]


# --- sampled, as decon ---------------------------------------------------------------------------------------------


def found(text: str, *items: str, answers: tuple[str | None, ...] = (), sampled: Sampled | None = None) -> list[int]:
    evaluation = index(*items, ngram=5, answers=answers)
    return find_items(pl.Series([FILLER, text]), evaluation, sampled or Sampled()).filter(document=1)["row"].to_list()


def edited(text: str, every: int) -> str:
    return " ".join("edited" if number % every == every - 1 else word for number, word in enumerate(text.split()))


def test_an_item_is_found_wherever_it_stands_in_a_text() -> None:
    for lead in range(0, 30, 3):
        text = " ".join(FILLER.split()[:lead]) + f" {QUESTION.upper()}! " + FILLER
        assert found(text, OTHER, QUESTION) == [1]
    assert found(FILLER, OTHER, QUESTION) == []
    assert found(f"{QUESTION}\n{FILLER}\n{OTHER}", OTHER, QUESTION) == [0, 1]


def test_the_place_is_that_of_the_item() -> None:
    text = f"{FILLER} {QUESTION} {FILLER}"
    row = find_items(pl.Series([text]), index(OTHER, QUESTION, ngram=5), Sampled()).row(0, named=True)
    assert text.encode()[row["start"] : row["end"]].decode().strip() == QUESTION
    assert row["score"] == pytest.approx(1.0)


def test_a_few_edits_do_not_hide_an_item_and_many_do() -> None:
    assert found(f"{FILLER} {edited(QUESTION, 40)} {FILLER}", OTHER, QUESTION) == [1]
    assert found(f"{FILLER} {edited(QUESTION, 8)} {FILLER}", OTHER, QUESTION) == []
    assert found(f"{FILLER} {' '.join(QUESTION.split()[:30])} {FILLER}", OTHER, QUESTION) == []


def test_a_short_item_must_be_there_as_a_whole() -> None:
    short = "what is the capital of the country that lies to the north of the sea of marmara"
    text = f"Quiz night: {short}? Nobody knew."
    assert found(text, short, OTHER) == [0]
    assert found(text.replace("north", "south"), short, OTHER) == []


def test_the_answer_must_stand_near_where_there_is_one() -> None:
    text = f"{FILLER} {QUESTION} The answer is six o'clock. {FILLER} five past nine"
    assert found(text, QUESTION, OTHER, answers=("six o'clock", "18")) == [0]
    assert found(text, QUESTION, OTHER, answers=("five past nine", "18")) == []


def test_a_text_may_hold_more_items_than_it_has_words() -> None:
    items = [f"{QUESTION} {OTHER} number{number}" for number in range(500)]
    assert found(f"{QUESTION} {OTHER}", *items) == list(range(500))


def test_a_text_is_searched_whatever_the_texts_before_it_held() -> None:
    texts = pl.Series([QUESTION, f"{FILLER} {QUESTION}", FILLER, QUESTION])
    rows = find_items(texts, index(OTHER, QUESTION, ngram=5), Sampled())
    assert rows.select("document", "row").rows() == [(0, 1), (1, 1), (3, 1)]


def test_what_all_items_begin_with_says_little() -> None:
    lead = "Answer the following question about the history of the world by one of the letters A B C or D"
    items = [f"{lead}: {tail}" for tail in (f"unique{n} words{n} for{n} this{n} item{n} alone{n}" for n in range(30))]
    assert found(f"{lead}: something else entirely that no item has in it at all", *items) == []
    assert found(f"Look: {items[4]}", *items) == [4]
