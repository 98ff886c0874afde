"""curate.filters.redpajama: each signal against its plain definition in Python, on real text and on any."""

from __future__ import annotations

import math
import re
import string
import unicodedata
from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters.redpajama import STOP_WORDS, redpajama_v2

PROSE = (
    "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a "
    "wife.\nHowever little known the feelings or views of such a man may be... this truth is FIXED!\n"
    "• one {item}\n– another #1\n\nLorem ipsum JavaScript javascript 42 × 1,000\nIt is a truth universally acknowledged"
)
PIECES = [
    "the quick",
    "brown fox jumps",
    "over",
    " ",
    "\n",
    "...",
    "#",
    "{",
    "}",
    ".",
    "!",
    "”",
    "• ",
    "A1",
    "ÉTÉ",
    "x y",
]
texts = st.lists(st.sampled_from(PIECES), max_size=60).map(" ".join) | st.lists(st.sampled_from(PIECES)).map("".join)


def normalize(text: str) -> str:
    text = re.sub(r"\s+", " ", text.translate(str.maketrans("", "", string.punctuation)).lower().strip())
    return unicodedata.normalize("NFD", text)


def defined(text: str) -> dict[str, float | None]:
    normal, raw, words = normalize(text), re.findall(r"\w+|[^\w\s]+", text), normalize(text).split()
    lines = re.findall(r"[^\n]*\n|[^\n]+$", text)
    symbols = text.count("#") + len(re.findall(r"\.\.\.", text)) + text.count("…")
    counts = Counter(words)
    entropy = -sum(count / len(words) * math.log(count / len(words)) for count in counts.values())
    return {
        "rps_doc_curly_bracket": (text.count("{") + text.count("}")) / max(len(text), 1),
        "rps_doc_lorem_ipsum": normal.count("lorem ipsum") / max(len(normal), 1),
        "rps_doc_num_sentences": len(re.findall(r"\b[^.!?]+[.!?]*", text)),
        "rps_doc_symbol_to_word_ratio": ratio(symbols, len(raw)),
        "rps_doc_frac_no_alph_words": ratio(sum(not re.search("[a-zA-Z]", word) for word in raw), len(raw)),
        "rps_doc_frac_all_caps_words": ratio(sum(map(str.isupper, raw)), len(raw)),
        "rps_doc_stop_word_fraction": ratio(sum(word in STOP_WORDS for word in raw), len(raw)),
        "rps_doc_frac_lines_end_with_ellipsis": sum(line.rstrip().endswith(("...", "…")) for line in lines)
        / max(len(lines), 1),
        "rps_doc_word_count": len(words),
        "rps_doc_mean_word_length": ratio(sum(map(len, words)), len(words)),
        "rps_doc_frac_unique_words": ratio(len(counts), len(words)),
        "rps_doc_unigram_entropy": entropy if words else None,
        **{f"rps_doc_frac_chars_top_{n}gram": top(words, n) for n in (2, 3, 4)},
        **{f"rps_doc_frac_chars_dupe_{n}grams": duplicate(words, n) for n in range(5, 11)},
        "rps_lines_ending_with_terminal_punctution_mark": mean(
            [line.rstrip().endswith((".", "!", "?", "”")) for line in lines]
        ),
        "rps_lines_javascript_counts": mean([normalize(line).split().count("javascript") for line in lines]),
        "rps_lines_num_words": mean([len(normalize(line).split()) for line in lines]),
        "rps_lines_numerical_chars_fraction": mean(
            [sum(map(str.isnumeric, normalize(line))) / max(len(normalize(line)), 1) for line in lines]
        ),
        "rps_lines_start_with_bulletpoint": mean([line.lstrip().startswith(tuple("•‣▶◀◦■□▪▫–")) for line in lines]),
        "rps_lines_uppercase_letter_fraction": mean(
            [sum(map(str.isupper, line)) / max(len(line), 1) for line in lines]
        ),
    }


def ratio(part: float, whole: int) -> float | None:
    return part / whole if whole else None


def mean(values: list[float] | list[int] | list[bool]) -> float | None:
    return ratio(sum(values), len(values))


def top(words: list[str], n: int) -> float | None:
    ngrams = Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1)).most_common(1)
    if not words:
        return None
    ngram, count = ngrams[0] if ngrams else ((), 0)
    return sum(map(len, ngram)) * count / sum(map(len, words)) if count > 1 else 0.0


def duplicate(words: list[str], n: int) -> float | None:
    ngrams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    counts = Counter(ngrams)
    covered = {at + place for at, ngram in enumerate(ngrams) if counts[ngram] > 1 for place in range(n)}
    return ratio(sum(len(words[at]) for at in covered), sum(map(len, words)))


def assert_signals(batch: list[str]) -> None:
    step = redpajama_v2()
    assert step.measure is not None
    measured = step.measure(pl.DataFrame({"text": batch}, schema={"text": pl.String})).drop("text")
    for row, text in zip(measured.iter_rows(named=True), batch, strict=True):
        plain = defined(text)
        assert row.keys() == plain.keys()
        for name, value in plain.items():
            assert row[name] == (None if value is None else pytest.approx(value, rel=1e-5, abs=1e-5)), (name, text)


def test_every_signal_of_prose_is_what_its_definition_says() -> None:
    assert_signals([PROSE, PROSE * 2, "", " \n", PROSE.upper(), "word"])


@settings(deadline=None, max_examples=100)
@given(st.lists(texts, max_size=3))
def test_every_signal_of_any_text_is_what_its_definition_says(batch: list[str]) -> None:
    assert_signals(batch)


def test_nothing_is_dropped() -> None:
    assert redpajama_v2().rules == ()
