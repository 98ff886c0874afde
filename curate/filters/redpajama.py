"""RedPajama-Data-v2's quality signals under their own names: they measure, and a `where` or a reader decides.

text ─┬▶ as it is: words, symbols, sentences, lines                       ─▶ rps_doc_…, rps_lines_…
      └▶ lower case, no ASCII punctuation, NFD ─▶ words ─▶ kernel: n-grams ─▶ rps_doc_frac_chars_…
"""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter
from curate.text.buffers import text_buffers
from curate.text.characters import SPACE, character_classes, decode
from curate.text.compiled import inner, kernel
from curate.text.hashes import find_slot, table_size
from curate.text.information import FRACTION, measure_words
from curate.text.ngrams import BYTES_A_WORD, begin_ngrams, hash_words, lengthen_ngrams

STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
TOP_SIZES, DUPLICATE_SIZES = (2, 3, 4), (5, 6, 7, 8, 9, 10)
COUNTS = ("words", "characters", "distinct", "bits", *(f"top_{n}" for n in TOP_SIZES))
COUNTS = (*COUNTS, *(f"dupe_{n}" for n in DUPLICATE_SIZES))
PUNCTUATION = r"[!-/:-@\[-`{-~]"
RAW_WORD = r"\w+|[^\w\s]+"
SENTENCE = r"\b[^.!?]+[.!?]*"
BULLETS = "^[•‣▶◀◦■□▪▫–]"
TEXT, LINE, NORMAL_LINE = pl.col("text").fill_null(""), pl.col("line"), pl.col("normal_line")


def redpajama_v2(*, stop_words: tuple[str, ...] = STOP_WORDS) -> Filter:
    """Measure `rps_doc_*` and `rps_lines_*` as RedPajama does, in Float32; nothing is dropped.

    Words of most signals are those of the normalised text (lower case, ASCII punctuation out, NFD) between white space;
    of `symbol_to_word_ratio`, `frac_no_alph_words`, `frac_all_caps_words` and `stop_word_fraction` runs of word
    characters or of marks (nltk's WordPunctTokenizer). A duplicate n-gram counts with its first occurrence, and each
    word once. Where RedPajama keeps a value a line (`rps_lines_*`), this is the mean over the lines. Null where a text
    has no words.

    Not here: `ccnet_*` beside what the ledger has (language score, lengths), KenLM's perplexity, the importance weights
    and the classifier scores (the step "fasttext" with such a model), `rps_doc_ldnoobw_words` (the step "toxicity"),
    `rps_doc_ut1_blacklist` (the step "url"). `stop_words`: RedPajama has a list a language; the default is Gopher's.

    Source: Weber et al. 2024, arXiv:2411.12372, and the code in togethercomputer/RedPajama-Data.
    """
    return Filter((), measure=partial(measure_redpajama, stop_words=stop_words))


def measure_redpajama(batch: pl.DataFrame, stop_words: tuple[str, ...] = STOP_WORDS) -> pl.DataFrame:
    """Add the signals to a batch with a column `text`."""
    texts = batch.select(TEXT.alias("text"), _normal(TEXT).alias("normal"))
    signals = texts.select(*_content(), *_raw_words(stop_words)).hstack(_normal_words(texts["normal"]))
    signals = signals.hstack(_lines(texts))
    return batch.hstack(signals.cast(pl.Float32))


def _normal(text: pl.Expr) -> pl.Expr:
    lowered = text.str.replace_all(PUNCTUATION, "").str.to_lowercase().str.strip_chars()
    return lowered.str.replace_all(r"\s+", " ").str.normalize("NFD")


def _content() -> list[pl.Expr]:
    length = TEXT.str.len_chars().clip(1)
    normal = pl.col("normal")
    lorem = normal.str.count_matches("lorem ipsum", literal=True) / normal.str.len_chars().clip(1)
    return [
        (TEXT.str.count_matches(r"[{}]") / length).alias("rps_doc_curly_bracket"),
        lorem.alias("rps_doc_lorem_ipsum"),
        TEXT.str.count_matches(SENTENCE).alias("rps_doc_num_sentences"),
    ]


def _raw_words(stop_words: tuple[str, ...]) -> list[pl.Expr]:
    words = TEXT.str.extract_all(RAW_WORD)
    count = pl.when(words.list.len() > 0).then(words.list.len())
    symbols = TEXT.str.count_matches("#") + TEXT.str.count_matches(r"\.\.\.") + TEXT.str.count_matches("…")
    each = pl.element()
    is_capital = each.str.contains(r"\p{Lu}") & ~each.str.contains(r"\p{Ll}")
    return [
        (symbols / count).alias("rps_doc_symbol_to_word_ratio"),
        (1 - words.list.eval(each.str.contains("[a-zA-Z]")).list.sum() / count).alias("rps_doc_frac_no_alph_words"),
        (words.list.eval(is_capital).list.sum() / count).alias("rps_doc_frac_all_caps_words"),
        (words.list.eval(each.is_in(list(stop_words))).list.sum() / count).alias("rps_doc_stop_word_fraction"),
        (TEXT.str.count_matches(r"(?m)(?:\.\.\.|…)\s*$") / TEXT.str.count_matches(r"[^\n]*\n|[^\n]+$").clip(1)).alias(
            "rps_doc_frac_lines_end_with_ellipsis"
        ),
    ]


def _normal_words(normal: pl.Series) -> pl.DataFrame:
    counts = dict(zip(COUNTS, _count(normal).T, strict=True))
    words, characters = counts["words"].astype(np.float64), counts["characters"].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "rps_doc_word_count": words,
            "rps_doc_mean_word_length": characters / words,
            "rps_doc_frac_unique_words": counts["distinct"] / words,
            "rps_doc_unigram_entropy": (np.log2(words) - counts["bits"] / FRACTION / words) * np.log(2),
            **{f"rps_doc_frac_chars_top_{n}gram": counts[f"top_{n}"] / characters for n in TOP_SIZES},
            **{f"rps_doc_frac_chars_dupe_{n}grams": counts[f"dupe_{n}"] / characters for n in DUPLICATE_SIZES},
        }
    return pl.DataFrame(columns).fill_nan(None)


def _lines(texts: pl.DataFrame) -> pl.DataFrame:
    """Means over the lines of each text; a text without lines has none."""
    lines = texts.with_row_index("document").select("document", TEXT.str.extract_all(r"[^\n]*\n|[^\n]+$").alias("line"))
    lines = lines.explode("line").with_columns(_normal(LINE).alias("normal_line"))
    size, normal_size = LINE.str.len_chars(), NORMAL_LINE.str.len_chars()
    means = lines.group_by("document", maintain_order=True).agg(
        LINE.str.contains(r"[.!?”]\s*$").mean().alias("rps_lines_ending_with_terminal_punctution_mark"),
        NORMAL_LINE.str.count_matches(r"\bjavascript\b").mean().alias("rps_lines_javascript_counts"),
        NORMAL_LINE.str.count_matches(r"\S+").mean().alias("rps_lines_num_words"),
        (NORMAL_LINE.str.count_matches(r"\p{N}") / normal_size.clip(1)).mean().alias("rps_lines_numerical_chars_fraction"),
        LINE.str.strip_chars_start().str.contains(BULLETS).mean().alias("rps_lines_start_with_bulletpoint"),
        (LINE.str.count_matches(r"\p{Lu}") / size.clip(1)).mean().alias("rps_lines_uppercase_letter_fraction"),
    )
    every = pl.DataFrame({"document": pl.arange(texts.height, eager=True, dtype=pl.UInt32)})
    return every.join(means, on="document", how="left", maintain_order="left").drop("document")


def _count(normal: pl.Series) -> npt.NDArray[np.int64]:
    """int64[documents, COUNTS] of texts that are normalised."""
    buffers = text_buffers(normal)
    counts = np.zeros((buffers.documents, len(COUNTS)), dtype=np.int64)
    _count_documents(*buffers, character_classes(), counts)
    return counts


@kernel
def _count_documents(data, offsets, table, counts):  # type: ignore[no-untyped-def]
    longest = 0
    for document in range(len(offsets) - 1):
        longest = max(longest, offsets[document + 1] - offsets[document])
    room, slots = longest // 2 + 2, table_size(longest // 2 + 2)
    codes, classes = np.empty(longest, dtype=np.int32), np.empty(longest, dtype=np.uint32)
    starts, ends = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    hashes, lengths = np.empty(room, dtype=np.uint64), np.empty(room, dtype=np.int64)
    places, values = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint64)
    marks, covered = np.empty(slots * BYTES_A_WORD // 2, dtype=np.uint8), np.empty(room, dtype=np.uint8)
    keys, repeats = np.empty(slots, dtype=np.uint64), np.empty(slots, dtype=np.int32)
    for document in range(len(offsets) - 1):
        length = decode(data, offsets[document], offsets[document + 1], table, codes, classes)
        words = _cut_at_spaces(classes, length, starts, ends)
        hash_words(codes, starts, ends, words, hashes, lengths)
        row = counts[document]
        row[0], row[1] = words, lengths[words]
        row[2], row[3] = measure_words(hashes, words, keys, repeats)
        left = begin_ngrams(hashes, words, places, values)
        for size in range(TOP_SIZES[0], DUPLICATE_SIZES[-1] + 1):
            left = lengthen_ngrams(hashes, words, size, left, places, values, marks)
            _count_ngrams(values, left, keys, repeats)
            if size <= TOP_SIZES[-1]:
                row[2 + size] = _top(lengths, size, left, places, values, keys, repeats)
            else:
                row[2 + size] = _duplicate(lengths, words, size, left, places, values, keys, repeats, covered)


@inner
def _cut_at_spaces(classes, length, starts, ends):  # type: ignore[no-untyped-def]
    words = at = 0
    while at < length:
        while at < length and classes[at] & SPACE:
            at += 1
        begin = at
        while at < length and not classes[at] & SPACE:
            at += 1
        if begin < at:
            starts[words], ends[words] = begin, at
            words += 1
    return words


@inner
def _count_ngrams(values, left, keys, repeats):  # type: ignore[no-untyped-def]
    mask = table_size(left) - 1
    keys[: mask + 1] = 0
    for entry in range(left):
        slot = find_slot(keys, mask, values[entry])
        repeats[slot] = repeats[slot] + 1 if keys[slot] == values[entry] else 1
        keys[slot] = values[entry]


@inner
def _top(lengths, size, left, places, values, keys, repeats):  # type: ignore[no-untyped-def]
    """Characters of the most frequent n-gram times its number, the first of equals; 0 if none occurs twice."""
    mask = table_size(left) - 1
    best = characters = 0
    for entry in range(left):
        count = repeats[find_slot(keys, mask, values[entry])]
        if count > 1 and count > best:
            best = count
            characters = count * (lengths[places[entry] + size] - lengths[places[entry]])
    return characters


@inner
def _duplicate(lengths, words, size, left, places, values, keys, repeats, covered):  # type: ignore[no-untyped-def]
    """Characters of the words that lie in an n-gram which occurs twice or more."""
    mask = table_size(left) - 1
    covered[:words] = 0
    for entry in range(left):
        if repeats[find_slot(keys, mask, values[entry])] > 1:
            covered[places[entry] : places[entry] + size] = 1
    characters = 0
    for word in range(words):
        characters += covered[word] * (lengths[word + 1] - lengths[word])
    return characters
