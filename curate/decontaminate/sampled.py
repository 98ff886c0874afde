"""Documents that hold most of an evaluation item, even edited: n-grams sampled, and verified where one is found.

    texts ─▶ every tenth n-gram ─▶ an item's? ─▶ to the left and the right, over a few misses ─▶ which of its n-grams
      ─▶ their weight, as a share of the item's ─▶ enough for its length, and its answer is near: contaminated

After decon, by which OLMo 3 was made (github.com/allenai/decon): the same sampling, expansion and weights; words are
those of `curate.text.folding` and not tokens of cl100k, and there are no passages. An item's answer must stand within
`answer_window` words of the place, and counts a fourth.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.decontaminate.ngrams import FREE, NORMALIZE, Evaluation, hash_ngrams, number_of
from curate.recipe import Sampled
from curate.text.buffers import text_buffers
from curate.text.compiled import inner, kernel
from curate.text.folding import code_table
from curate.text.units import cut_words, join_units, room_for_words

PLACE = {"document": pl.Int32, "row": pl.Int32, "overlap": pl.Float64, "start": pl.Int32, "end": pl.Int32}
ANSWER_SHARE = 0.25
EXACT = 1 - 1e-9
MOST_ITEMS = 1000
"""An n-gram of more items is no place to start from: it would find all of them everywhere."""


def find_items(texts: pl.Series, evaluation: Evaluation, sampled: Sampled) -> pl.DataFrame:
    """A row for each item that a text holds: `document` and `row` (places of both), `score`, `start`, `end` (bytes)."""
    places = _places(texts, evaluation, sampled)
    if places.is_empty():
        return places.select("document", "row", pl.col("overlap").alias("score"), "start", "end")
    needed = _needed(evaluation.items["words"].gather(places["row"]).to_numpy(), sampled)
    answers = evaluation.items["answer"].gather(places["row"]).to_list()
    rows = zip(places["document"], places["start"], places["end"], answers, strict=True)
    found = [_answer_score(texts[document], start, end, answer, sampled) for document, start, end, answer in rows]
    has_answer = pl.Series([answer is not None for answer in answers])
    score = pl.when(has_answer).then((1 - ANSWER_SHARE) * pl.col("overlap") + ANSWER_SHARE * pl.Series("answer", found))
    scored = places.with_columns(
        score.otherwise("overlap").alias("score"), pl.Series("needed", needed), pl.Series("answer", found)
    )
    is_contaminated = (pl.col("score") >= pl.col("needed")) & (pl.col("answer") > 0)
    best = scored.filter(is_contaminated).sort(
        "document", "row", "score", "start", descending=[False, False, True, False]
    )
    return best.unique(["document", "row"], keep="first", maintain_order=True).select(
        "document", "row", "score", "start", "end"
    )


def _places(texts: pl.Series, evaluation: Evaluation, sampled: Sampled) -> pl.DataFrame:
    """Where at least the smallest share that could be enough of an item's weight is found."""
    data, offsets = text_buffers(texts)
    room, count = len(texts), len(texts) + 1
    while count > room:  # most texts hold no item, and a few hold thousands
        room = count
        columns = [np.empty(room, np.float64 if name == "overlap" else np.int32) for name in PLACE]
        count = _find(
            *(data, offsets, code_table(NORMALIZE), evaluation.ngram, *evaluation.grams),
            *(evaluation.bounds, evaluation.members, evaluation.weights, evaluation.totals),
            *(sampled.sample_every, sampled.max_misses, _least_overlap(sampled), *columns),
        )
    return pl.DataFrame({name: column[:count] for name, column in zip(PLACE, columns, strict=True)}, schema=PLACE)


def _least_overlap(sampled: Sampled) -> float:
    """Of the question, where all of the answer is there."""
    return max((sampled.min_score - ANSWER_SHARE) / (1 - ANSWER_SHARE), 0.0)


def _needed(words: npt.NDArray[np.int64], sampled: Sampled) -> npt.NDArray[np.float64]:
    """The score that an item of so many words needs: 1 up to `perfect_words`, from there down to `min_score`."""
    least, most = sampled.perfect_words, sampled.full_words
    return np.minimum(np.interp(words, [least, max(most, least + 1)], [1.0, sampled.min_score]), EXACT)


def _answer_score(text: str, start: int, end: int, answer: str | None, sampled: Sampled) -> float:
    """The share of an answer's n-grams (of its words, where it has fewer) near the place; 1 without an answer."""
    if answer is None:
        return 1.0
    near = _around(text, start, end, sampled.answer_window)
    size = min(max(len(hash_ngrams(pl.Series([answer]), ngram=1)[0]), 1), sampled.ngram)
    wanted = np.unique(hash_ngrams(pl.Series([answer]), ngram=size)[0])
    there = np.unique(hash_ngrams(pl.Series([near]), ngram=size)[0])
    return float(np.isin(wanted, there).mean()) if len(wanted) else 1.0


def _around(text: str, start: int, end: int, words: int) -> str:
    data = text.encode()
    before, after = data[:start].decode().split()[-words:], data[end:].decode().split()[:words]
    return " ".join([*before, data[start:end].decode(), *after])


@kernel
def _find(
    data,
    offsets,
    table,
    ngram,
    keys,
    numbers,
    bounds,
    members,
    weights,
    totals,
    every,
    misses,
    least,
    documents,
    rows,
    overlaps,
    begins,
    ends,
):
    words, starts, ones = room_for_words(offsets)
    grams = np.empty(len(words), np.int32)
    stamps, reached = np.zeros(len(weights), np.int64), np.full(len(totals), -1, np.int64)
    found = stamp = before = 0  # n-grams of the texts before this one: so places count through all of them
    for document in range(len(offsets) - 1):
        low, high = offsets[document], offsets[document + 1]
        count = cut_words(data, low, high, table, words, starts, ones)
        join_units(words, ones, count, ngram)
        count = max(count - ngram + 1, 0)
        for at in range(count):
            grams[at] = -2  # not looked up yet
        for at in range(0, count, every):
            number = _look(words, grams, at, keys, numbers)
            if number == FREE or bounds[number + 1] - bounds[number] > MOST_ITEMS:
                continue
            for member in range(bounds[number], bounds[number + 1]):
                item = members[member]
                if reached[item] >= before + at:  # within a stretch that was found from an earlier place
                    continue
                stamp += 1
                first, last, weight = _expand(
                    words, grams, at, count, keys, numbers, bounds, members, weights, item, misses, stamps, stamp
                )
                reached[item] = before + last
                if weight < least * totals[item]:
                    continue
                if found < len(documents):
                    documents[found], rows[found], overlaps[found] = document, item, weight / totals[item]
                    begins[found] = starts[first]
                    # `count` is of n-grams here: words are `ngram - 1` more.
                    ends[found] = starts[last + ngram] if last + ngram < count + ngram - 1 else high - low
                found += 1
        before += count
    return found


@inner
def _look(words, grams, at, keys, numbers):
    if grams[at] == -2:
        grams[at] = number_of(words[at], keys, numbers)
    return grams[at]


@inner
def _expand(words, grams, at, count, keys, numbers, bounds, members, weights, item, misses, stamps, stamp):
    """From one n-gram of an item to both sides, until too many in a row are not the item's: the first and the last
    that are, and the weight of the different ones."""
    ends = np.array([at, at])
    weight = 0.0
    for side in range(2):
        step = 2 * side - 1  # to the left, then to the right, where the n-gram itself is looked at
        place, missed = at if side else at - 1, 0
        while 0 <= place < count and missed <= misses:
            number = _look(words, grams, place, keys, numbers)
            missed += 1
            if number != FREE and _has(members, bounds[number], bounds[number + 1], item):
                missed = 0
                ends[side] = place
                # An n-gram that comes again weighs once; a stamp is a number of its own for each search.
                if stamps[number] != stamp:
                    stamps[number] = stamp
                    weight += weights[number]
            place += step
    return ends[0], ends[1], weight


@inner
def _has(members, low, high, item):
    """Whether a sorted run of members holds an item."""
    stop = high
    while low < high:
        middle = (low + high) // 2
        if members[middle] < item:
            low = middle + 1
        else:
            high = middle
    return low < stop and members[low] == item
