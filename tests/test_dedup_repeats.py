"""What stands in two places is cut in one of them: against brute force, and against what must hold of any such cut."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import repeats as repeats_module
from curate.dedup.cuts import Cuts, add_cuts, cut_texts
from curate.dedup.repeats import find_repeats
from curate.text.units import Kind, Span

MENU = "Home About us Contact Imprint and a privacy notice"
TEXTS = [
    f"{MENU}\nWhales are mammals that live in the sea.\nThey breathe air.",
    f"{MENU}\nBees make honey out of the nectar of flowers.\nThey breathe air.",
    f"Whales are mammals that live in the sea!\n{MENU}\nThe end.",
]


def repeats(
    texts: list[str],
    folder: Path,
    *,
    kind: Kind = "line",
    span: int = 1,
    min_words: int = 4,
    rank: list[int] | None = None,
    max_memory: int = 1 << 16,
    batch: int = 2,
) -> Cuts:
    def readings() -> Iterator[tuple[npt.NDArray[np.int64], pl.Series]]:
        for first in range(0, len(texts), batch):
            part = texts[first : first + batch]
            yield np.arange(first, first + len(part)), pl.Series(part)

    folder.mkdir(exist_ok=True)
    order = np.array(rank if rank is not None else range(len(texts)), dtype=np.int64)
    size = sum(map(len, texts))
    how = Span(kind, span, 0 if kind == "word" else min_words, "words")
    found = find_repeats(readings, order, span=how, method=0, characters=size, max_memory=max_memory, scratch=folder)
    for path in (folder / "windows", folder / "cuts"):
        assert not list(path.iterdir())
        path.rmdir()
    return found


def left(texts: list[str], cuts: Cuts) -> list[str]:
    return cut_texts(pl.Series(texts), cuts, np.arange(len(texts))).to_list()


def test_a_repeated_line_stays_in_the_best_document(tmp_path: Path) -> None:
    cuts = repeats(TEXTS, tmp_path)
    assert left(TEXTS, cuts) == [
        TEXTS[0],
        "Bees make honey out of the nectar of flowers.\nThey breathe air.",
        "The end.",
    ]
    assert cuts.document.tolist() == [1, 2]
    assert cuts.holder.tolist() == [0, 0]
    best_last = repeats(TEXTS, tmp_path, rank=[2, 1, 0])
    assert left(TEXTS, best_last)[2] == TEXTS[2]
    assert left(TEXTS, best_last)[0] == "They breathe air."
    assert "air" not in "".join(left(TEXTS, repeats(TEXTS, tmp_path, min_words=1))[1:])


def test_three_sentences_must_repeat_together_where_three_are_asked_for(tmp_path: Path) -> None:
    joined = "One is here. Two is here. Three is here. "
    texts = [f"{joined}Four.", f"Before. {joined}After.", "One is here. Two is here. But not the third."]
    cuts = repeats(texts, tmp_path, kind="sentence", span=3, min_words=1)
    assert left(texts, cuts) == [texts[0], "Before. After.", texts[2]]


def test_a_passage_of_enough_words_goes_wherever_it_stands(tmp_path: Path) -> None:
    passage = "it was the best of times it was the worst of times"
    texts = [
        f"He wrote: {passage}, they say.",
        f"Quote of the day -- {passage.upper()}! Next quote.",
        "it was the best",
    ]
    cuts = repeats(texts, tmp_path, kind="word", span=8)
    assert left(texts, cuts) == [texts[0], "Quote of the day -- Next quote.", texts[2]]


def test_a_text_that_repeats_itself_keeps_one(tmp_path: Path) -> None:
    assert left(["ha " * 100], repeats(["ha " * 100], tmp_path, kind="word", span=10)) == ["ha " * 10]
    twice = "row row row your boat gently down the stream\n"
    assert left([twice * 3], repeats([twice * 3], tmp_path)) == [twice]


words = st.lists(st.sampled_from("abc"), max_size=14)


def brute_force(texts: list[list[str]], rank: list[int], span: int) -> list[set[int]]:
    """By document the words that lie in a window that stands in a better place, too."""
    places: dict[tuple[str, ...], list[tuple[int, int, int]]] = {}
    for number, text in enumerate(texts):
        for at in range(len(text) - span + 1):
            places.setdefault(tuple(text[at : at + span]), []).append((rank[number], at, number))
    gone: list[set[int]] = [set() for _ in texts]
    for found in places.values():
        _, best, holder = min(found)
        for _, at, number in found:
            first = max(at, best + span) if number == holder else at
            gone[number] |= set(range(first, at + span)) if (number, at) != (holder, best) else set()
    return gone


@settings(deadline=None, max_examples=200)
@given(st.lists(words, min_size=1, max_size=5), st.integers(2, 4), st.randoms(use_true_random=False), st.booleans())
def test_exactly_the_words_of_repeated_windows_are_cut(
    tmp_path_factory: pytest.TempPathFactory, texts: list[list[str]], span: int, random: object, small: bool
) -> None:
    rank = list(range(len(texts)))
    random.shuffle(rank)  # type: ignore[attr-defined]
    whole = [" ".join(text) for text in texts]
    folder = tmp_path_factory.mktemp("repeats")
    cuts = repeats(whole, folder, kind="word", span=span, rank=rank, max_memory=16 if small else 1 << 16)
    gone = brute_force(texts, rank, span)
    expected = [[word for at, word in enumerate(text) if at not in gone[number]] for number, text in enumerate(texts)]
    assert [text.split() for text in left(whole, cuts)] == expected


def test_neither_batches_nor_parts_on_disk_change_what_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    texts = [" ".join(rng.choice(list("abcdefgh"), 300)) for _ in range(40)]
    expected = repeats(texts, tmp_path, kind="word", span=4, batch=40)
    assert len(expected.document) > 100
    monkeypatch.setattr(repeats_module, "ROWS_AT_ONCE", 100)
    for batch, memory in ((1, 1 << 16), (7, 64)):
        again = repeats(texts, tmp_path, kind="word", span=4, batch=batch, max_memory=memory)
        assert all(np.array_equal(one, other) for one, other in zip(again, expected, strict=True))


@settings(deadline=None, max_examples=200)
@given(st.text("abcdé", max_size=30), st.lists(st.lists(st.integers(0, 12), max_size=4), max_size=4))
def test_cuts_one_after_the_other_are_cuts_of_the_whole_text(text: str, rounds: list[list[int]]) -> None:
    """Each round cuts characters of what the rounds before left."""
    cuts, rest = Cuts.none(), list(text)
    for number, places in enumerate(rounds):
        chosen = sorted({place for place in places if place < len(rest)})
        at = [len("".join(rest[:place]).encode()) for place in chosen]
        width = [len(rest[place].encode()) for place in chosen]
        starts, ends = np.array(at, np.int64), np.array(at, np.int64) + np.array(width, np.int64)
        zeros = np.zeros(len(at), np.int64)
        cuts = add_cuts(cuts, Cuts(zeros, starts, ends, np.full(len(at), number, np.int8), zeros))
        rest = [character for place, character in enumerate(rest) if place not in chosen]
        assert cut_texts(pl.Series([text]), cuts, np.array([0])).to_list() == ["".join(rest)]
    assert (cuts.start[1:] >= cuts.end[:-1]).all()
