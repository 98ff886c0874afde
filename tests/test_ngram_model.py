"""N-gram models: the estimates are those of the paper, whatever the batches; the table answers as the estimates do."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import curate
from curate.errors import UsageError
from curate.filters.ngram.arpa import write_arpa
from curate.filters.ngram.counts import NgramCounts
from curate.filters.ngram.kneser_ney import FALLBACK, Estimates, cutoffs_of, estimate
from curate.filters.ngram.model import pieces
from curate.filters.ngram.table import NgramTable, build_table, score
from curate.filters.ngram.words import BEGIN, END, UNKNOWN, WordStream, token_stream, word_stream
from curate.text.buffers import text_buffers

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
Ngram = tuple[str, ...]
Model = dict[Ngram, tuple[float, float]]
"""log10 probability and back-off."""

corpora = st.lists(st.lists(st.sampled_from("abcde"), min_size=1, max_size=8), min_size=1, max_size=40)
SETTINGS = settings(max_examples=60, deadline=None)


class KneserNey:
    """The slow reference, written from Chen and Goodman (1998) and Heafield et al. (2013) with dictionaries alone."""

    def __init__(self, sentences: Sequence[Sequence[str]], order: int, prune: Sequence[int]) -> None:
        self.order, seen, left = order, Counter[Ngram](), defaultdict[Ngram, set[str]](set)
        for sentence in sentences:
            whole = ("<s>", *sentence, "</s>")
            for end in range(2, len(whole) + 1):
                for size in range(1, min(order, end) + 1):
                    ngram = whole[end - size : end]
                    seen[ngram] += 1
                    if size < end and size < order:
                        left[ngram].add(whole[end - size - 1])
        self.adjusted = {
            ngram: count if len(ngram) == order or ngram[0] == "<s>" else len(left[ngram])
            for ngram, count in seen.items()
        }
        self.pruned = {ngram for ngram, count in seen.items() if count <= prune[len(ngram) - 1]}
        self.words = {ngram[0] for ngram in seen if len(ngram) == 1} | {"<unk>"}
        self.discounts = [self._discounts(size) for size in range(1, order + 1)]
        self.after = defaultdict[Ngram, dict[str, int]](dict)
        for ngram, count in self.adjusted.items():
            self.after[ngram[:-1]][ngram[-1]] = count

    def _discounts(self, size: int) -> Sequence[float]:
        n = Counter(count for ngram, count in self.adjusted.items() if len(ngram) == size)
        if not (n[1] and n[2] and n[3]):
            return (0, *FALLBACK)
        y = n[1] / (n[1] + 2 * n[2])
        found = [0, 1 - 2 * y * n[2] / n[1], 2 - 3 * y * n[3] / n[2], 3 - 4 * y * n[4] / n[3]]
        return found if all(0 < value <= k for k, value in enumerate(found) if k) else (0, *FALLBACK)

    def probability(self, word: str, context: Ngram) -> float:
        after = self.after.get(context, {})
        lower = self.probability(word, context[1:]) if context else 1 / len(self.words)
        return self.own(word, context) / sum(after.values()) + self.backoff(context) * lower if after else lower

    def own(self, word: str, context: Ngram) -> float:
        count = self.after[context].get(word, 0)
        return 0 if (*context, word) in self.pruned else count - self.discounts[len(context)][min(count, 3)]

    def backoff(self, context: Ngram) -> float:
        after = self.after.get(context)
        if not after:
            return 1
        return (sum(after.values()) - sum(self.own(word, context) for word in after)) / sum(after.values())


def counted(sentences: Sequence[Sequence[str]], order: int, prune: Sequence[int] = ()) -> tuple[Estimates, NgramCounts]:
    texts = text_buffers(pl.Series([" ".join(sentence) for sentence in sentences]))
    counts = NgramCounts(order, units="spaces", with_seen=any(prune))
    counts.add(word_stream(texts, "spaces", places=True), texts)
    return estimate(counts.trie(), prune), counts


def arpa_of(estimates: Estimates, counts: NgramCounts) -> Model:
    file = io.BytesIO()
    write_arpa(file, counts.trie(), estimates, counts.words)
    model = {}
    for line in file.getvalue().decode().splitlines():
        columns = line.split("\t")
        if len(columns) > 1:
            backoff = float(columns[2]) if len(columns) > 2 else 0.0
            model[tuple(columns[1].split(" "))] = float(columns[0]), backoff
    return model


def asked(model: Model, word: str, context: Ngram) -> float:
    """log10 p by the rule of ARPA files."""
    if (*context, word) in model:
        return model[*context, word][0]
    return model.get(context, (0, 0))[1] + asked(model, word, context[1:]) if context else model[("<unk>",)][0]


def contexts_of(sentences: Sequence[Sequence[str]], order: int) -> Iterator[Ngram]:
    for sentence in sentences[:10]:
        whole = ("<s>", *sentence)
        yield from (whole[max(0, at - order + 1) : at] for at in range(1, len(whole) + 1))


NO_DISCOUNT = [["b"], ["b", "b", "a", "b", "b", "b", "a"]]
"""Of pairs that are seen twice, by the formula."""


@given(corpora, st.integers(1, 5), st.integers(0, 2))
@example(NO_DISCOUNT, 3, 0)
@SETTINGS
def test_estimates_are_those_of_the_paper(sentences: list[list[str]], order: int, pruned: int) -> None:
    prune = cutoffs_of((0, 0, pruned)[:order], order)
    slow = KneserNey(sentences, order, prune)
    estimates, counts = counted(sentences, order, prune)
    model = arpa_of(estimates, counts)
    assert {ngram for ngram in model if ngram not in {("<s>",), ("<unk>",)}} == slow.adjusted.keys() - slow.pruned
    for ngram, (logarithm, backoff) in model.items():
        if ngram != ("<s>",):
            assert logarithm == pytest.approx(np.log10(slow.probability(ngram[-1], ngram[:-1])), abs=2e-5)
        if len(ngram) < order and ngram in slow.after:
            assert backoff == pytest.approx(np.log10(slow.backoff(ngram)), abs=2e-5)
    assert np.allclose(estimates.discounts[1:], slow.discounts)


@given(corpora, st.integers(1, 5), st.integers(0, 2))
@example(NO_DISCOUNT, 3, 0)
@SETTINGS
def test_the_probabilities_of_all_words_after_a_context_sum_to_one(
    sentences: list[list[str]], order: int, pruned: int
) -> None:
    model = arpa_of(*counted(sentences, order, cutoffs_of((0, pruned), order) if order > 1 else ()))
    words = {ngram[0] for ngram in model if len(ngram) == 1} - {"<s>"}
    for context in contexts_of(sentences, order):
        assert sum(10 ** asked(model, word, context) for word in words) == pytest.approx(1, abs=1e-4)


def hashed(words: Sequence[str]) -> list[np.uint64]:
    special = {"<s>": BEGIN, "</s>": END, "<unk>": UNKNOWN}
    plain = word_stream(text_buffers(pl.Series(words)), "spaces").hashes[::2]
    return [special.get(word, value) for word, value in zip(words, plain, strict=True)]


def chances(table: NgramTable, context: Ngram, words: Sequence[str]) -> list[float]:
    """p of each word behind the begin of a sentence and `context`: that of both by that of the context alone."""
    documents = [hashed(context)] + [hashed((*context, word)) for word in words]
    offsets = np.cumsum([0, *map(len, documents)])
    nothing = np.empty(0, dtype=np.int64)
    stream = WordStream(np.array([value for words in documents for value in words]), offsets, nothing, nothing)
    logarithms = score(stream, table).logarithms
    return list(10 ** (logarithms[1:] - logarithms[0]))


def test_the_table_answers_as_the_estimates_do_within_a_step_of_its_logarithms() -> None:
    lines = (BOOKS / "persuasion.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line.split() for line in lines if line.split()][:1500]
    estimates, counts = counted(sentences[:1000], 4)
    model, table = arpa_of(estimates, counts), build_table(counts.trie(), estimates)
    steps = (table.scales[1:, 1].max() + table.scales[1:-1, 3].max()) / 2
    assert steps < 0.002
    texts = text_buffers(pl.Series([" ".join(words) for words in sentences]))
    found = score(word_stream(texts, "spaces"), table)
    for words, logarithm, count in zip(sentences, found.logarithms, found.words, strict=True):
        whole = ("<s>", *words, "</s>")
        slow = [asked(model, whole[at], whole[max(0, at - 3) : at]) for at in range(1, len(whole))]
        assert logarithm == pytest.approx(sum(slow), abs=4 * steps * len(slow))
        assert count == len(slow)
    known = {ngram[0] for ngram in model if len(ngram) == 1}
    assert found.unknown.sum() == sum(word not in known for words in sentences for word in words)
    context = tuple(sentences[3][:3])
    assert sum(chances(table, context, sorted(known - {"<s>"}))) == pytest.approx(1, abs=0.01)


def test_how_the_texts_are_batched_does_not_matter() -> None:
    texts = pl.Series((BOOKS / "persuasion.txt").read_text(encoding="utf-8").split("\n\n")[:300])
    whole, parts = NgramCounts(5, with_seen=True), NgramCounts(5, with_seen=True)
    whole.add(word_stream(text_buffers(texts), "words"))
    for first, end in pairwise([0, 1, 2, 50, 51, 299, 300]):
        parts.add(word_stream(text_buffers(texts[first:end]), "words"))
    for one, other in zip(whole.trie()[:3], parts.trie()[:3], strict=True):
        assert (one == other).all()
    table = build_table(whole.trie(), estimate(whole.trie()))
    together = score(word_stream(text_buffers(texts), "words"), table)
    apart = [score(word_stream(text_buffers(texts[at : at + 7]), "words"), table) for at in range(0, 300, 7)]
    assert (together.logarithms == np.concatenate([part.logarithms for part in apart])).all()


def test_a_large_batch_is_cut_into_whole_documents() -> None:
    texts = text_buffers(pl.Series(["x" * 3_000_000, "", "y" * 9_000_000, "z", "w" * 2_000_000])[1:])
    parts = pieces(texts)
    assert len(parts) > 1
    assert sum(part.documents for part in parts) == texts.documents
    assert b"".join(bytes(part.data) for part in parts) == bytes(texts.data[texts.offsets[0] :])


def test_words_are_folded_and_marks_stand_alone_in_every_script() -> None:
    def words(text: str, units: str = "words") -> list[str]:
        texts = text_buffers(pl.Series([text]))
        counts = NgramCounts(1, units=units)  # type: ignore[arg-type]
        counts.add(word_stream(texts, units, places=True), texts)  # type: ignore[arg-type]
        return counts.words[3:]

    assert words("“Don't”, SAID Ünal — in 1984.") == ['"', "don", "'", "t", ",", "said", "ünal", "-", "in", "0000", "."]
    assert words("हिन्दी ที่ 北京。") == ["हिन्दी", "ท", "ี", "่", "北", "京", "."]
    assert words("Don't\u00a0say <s> 𠀀𠀀", "spaces") == ["Don't\u00a0say", "𠀀𠀀"]


def test_a_sentence_is_a_line_that_has_words() -> None:
    stream = word_stream(text_buffers(pl.Series(["\n\na b\n \nc", "", "\n", "d\n"])), "words")
    assert np.diff(stream.offsets).tolist() == [5, 0, 0, 2]
    assert (stream.hashes == END).tolist() == [False, False, True, False, True, False, True]
    tokens = token_stream(np.array([5, 6, 5]), np.array([0, 2, 3]))
    assert (tokens.hashes == END).tolist() == [False, False, True, False, True]
    assert tokens.hashes[0] == tokens.hashes[3] != tokens.hashes[1]


def test_what_pruning_and_orders_cannot_be_is_refused() -> None:
    assert cutoffs_of((0, 0, 1), 5) == (0, 0, 1, 1, 1)
    for prune in ((1,), (0, 2, 1), (0, 0, 0, 0)):
        with pytest.raises(UsageError, match="one number for each length"):
            cutoffs_of(prune, 3)
    with pytest.raises(UsageError, match="1 to 8 words"):
        NgramCounts(9)


def test_toy_probabilities_are_those_computed_by_hand() -> None:
    """Two sentences "a b" and "a": adjusted counts of words: a 1 (behind <s>), b 1, </s> 2 (behind a and b)."""
    model = arpa_of(*counted([["a", "b"], ["a"]], 2))
    lower = {word: (count - FALLBACK[count - 1]) / 4 for word, count in (("a", 1), ("b", 1), ("</s>", 2))}
    spared = (0.5 + 0.5 + 1) / 4 / 4  # shared by a, b, </s> and <unk>
    assert 10 ** model[("<unk>",)][0] == pytest.approx(spared)
    assert 10 ** model[("b",)][0] == pytest.approx(lower["b"] + spared)
    # "a" is followed by "b" once and by "</s>" once: 0.5 of 2 each, and half goes to the words by themselves
    assert 10 ** model["a", "b"][0] == pytest.approx(0.25 + 0.5 * (lower["b"] + spared))
    assert 10 ** model[("a",)][1] == pytest.approx(0.5)
    # "<s> a" keeps its count of 2, so that D2 = 1 is taken from it
    assert 10 ** model["<s>", "a"][0] == pytest.approx(0.5 + 0.5 * (lower["a"] + spared))
