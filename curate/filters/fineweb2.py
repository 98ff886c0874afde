"""FineWeb-2's filters: Gopher's and FineWeb's rules with thresholds and stop words of the document's language.

text, language ─▶ distinct stop words of that language ─┐
fineweb2.toml ─▶ thresholds of that language ───────────┴▶ rules
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.model_file import ModelFile
from curate.recipe_path import RecipePath
from curate.text.buffers import text_buffers
from curate.text.characters import character_classes, decode
from curate.text.compiled import inner, kernel, pointer
from curate.text.contractions import special_words
from curate.text.hashes import find_slot, hash_range, mix, table_size
from curate.text.words import segment
from curate.text.workspace import character_pointers, workspace_for
from curate.toml_text import NotToml, parse_toml
from curate.typed import Amount, Count, Mismatch, Share, build

SHIPPED = Path(__file__).with_name("fineweb2.toml")
LANGUAGE = pl.col("language")
TOP_SIZES, DUPLICATE_SIZES = (2, 3, 4), (5, 6, 7, 8, 9, 10)
MAX_STOP_WORDS = 63
SPREAD = np.uint64(0x9FB21C651E98DF25)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Of one language. The lists are of n-grams of 2 to 4, and of 5 to 10 words."""

    min_language_score: Share
    max_duplicate_line_ratio: Share
    max_top_ngram_ratios: tuple[Amount, ...]
    max_duplicate_ngram_ratios: tuple[Share, ...]
    min_terminal_punctuation_line_ratio: Share
    max_newline_word_ratio: Amount
    min_alphabetic_word_ratio: Share
    min_mean_word_length: Amount
    max_mean_word_length: Amount
    stop_words: tuple[str, ...]


Table = Mapping[str, Thresholds]


def fineweb2(
    *,
    table: RecipePath = "",
    keep_other_languages: bool = False,
    use_language_score: bool = False,
    max_duplicate_full_line_character_ratio: Share = 0.1,
    min_words: Count = 50,
    max_words: Count = 100_000,
    max_hash_symbol_ratio: Amount = 0.1,
    max_ellipsis_ratio: Amount = 0.1,
    max_bullet_line_ratio: Share = 0.9,
    max_ellipsis_line_ratio: Share = 0.3,
    min_stop_words: Count = 2,
) -> Filter:
    """Drop documents by the thresholds of their language; a value on a threshold is kept.

    `table` is a TOML file like `curate/filters/fineweb2.toml`, which is the default: a table a language, by the labels
    that the column `language` has. Put a step "language" before this one, or read tables that know their languages. A
    document in a language without a table goes unless `keep_other_languages`. Scores of languages are GlotLID's there,
    and lid.176's are others: they count with `use_language_score` only.

    Against English: no C4, no rules on paragraphs and on characters in duplicate lines (Gopher's), none on short lines,
    0.1 for FineWeb's duplicate lines. Words are those of `curate.text.words`; FineWeb-2 has a tokenizer for each
    language, so values differ a little. Source: Penedo et al. 2025, arXiv:2506.20920, and its repository.

    Signal: `language_stop_word_count` (UInt32): distinct stop words of the document's language.

    Raises:
        UsageError: the table cannot be read, or says what cannot be.
    """
    path = table or str(SHIPPED)
    file = ModelFile(Path(path).name, path, file_sha256(path, what="table of thresholds"), "Apache-2.0")
    languages = read_table(path, file.sha256)
    rules = [Rule("language", "language", LANGUAGE.is_in(list(languages)) | pl.lit(keep_other_languages))]
    if use_language_score:
        rules.append(_by_language("min_language_score", "language_score", languages))
    rules += [_by_language("max_duplicate_line_ratio", "duplicate_line_ratio", languages)]
    rules += _ngram_rules(languages)
    rules += [
        _by_language("min_terminal_punctuation_line_ratio", "terminal_punctuation_line_ratio", languages),
        _at_most("duplicate_full_line_character_ratio", max_duplicate_full_line_character_ratio),
        _by_language("max_newline_word_ratio", "newline_word_ratio", languages),
        Rule("min_words", "word_count", pl.col("word_count") >= min_words, min_words),
        Rule("max_words", "word_count", pl.col("word_count") <= max_words, max_words),
        _by_language("min_mean_word_length", "mean_word_length", languages),
        _by_language("max_mean_word_length", "mean_word_length", languages),
        _at_most("hash_symbol_ratio", max_hash_symbol_ratio),
        _at_most("ellipsis_ratio", max_ellipsis_ratio),
        _at_most("bullet_line_ratio", max_bullet_line_ratio),
        _at_most("ellipsis_line_ratio", max_ellipsis_line_ratio),
        _by_language("min_alphabetic_word_ratio", "alphabetic_word_ratio", languages),
        Rule(
            "min_stop_words",
            "language_stop_word_count",
            pl.col("language_stop_word_count") >= min_stop_words,
            min_stop_words,
        ),
    ]
    measure = functools.partial(count_stop_words, languages=languages)
    return Filter(tuple(rules), measure=measure, files=(file,), is_cheap=True)


@functools.cache
def read_table(path: str, sha256: str) -> Table:
    """The thresholds by language; `sha256` is the file's, so that one that changed is read again.

    Raises:
        UsageError: a value is missing, unknown or of a wrong type; with the table's name.
    """
    try:
        plain = parse_toml(Path(path).read_bytes())
    except NotToml as error:
        raise UsageError(f"{path}: {error}") from None
    return {language: _thresholds(language, values, path) for language, values in plain.items()}


def _thresholds(language: str, values: object, path: str) -> Thresholds:
    if not isinstance(values, dict):
        raise UsageError(f"{path}: expected tables by language, found the value {language} = {values!r}")
    try:
        thresholds = build(Thresholds, values, ())
    except Mismatch as mismatch:
        place = f"{mismatch.path[0]}: " if mismatch.path else ""
        raise UsageError(f"{path}, [{language}]: {place}{mismatch}") from None
    for name, size in (("max_top_ngram_ratios", 3), ("max_duplicate_ngram_ratios", 6)):
        if len(getattr(thresholds, name)) != size:
            raise UsageError(
                f"{path}, [{language}]: {name} needs {size} values, found {len(getattr(thresholds, name))}"
            )
    if len(thresholds.stop_words) > MAX_STOP_WORDS:
        raise UsageError(
            f"{path}, [{language}]: at most {MAX_STOP_WORDS} stop words, found {len(thresholds.stop_words)}"
        )
    return thresholds


def _ngram_rules(languages: Table) -> list[Rule]:
    rules = []
    for kind, sizes in (("top", TOP_SIZES), ("duplicate", DUPLICATE_SIZES)):
        for at, size in enumerate(sizes):
            values = {name: getattr(each, f"max_{kind}_ngram_ratios")[at] for name, each in languages.items()}
            signal = f"{kind}_{size}gram_ratio"
            rules.append(Rule(f"max_{signal}", signal, pl.col(signal) <= _threshold(values), "by language"))
    return rules


def _by_language(name: str, signal: str, languages: Table) -> Rule:
    threshold = _threshold({language: getattr(each, name) for language, each in languages.items()})
    is_minimum = name.startswith("min_")
    keep = pl.col(signal) >= threshold if is_minimum else pl.col(signal) <= threshold
    return Rule(name, signal, keep, "by language")


def _threshold(values: Mapping[str, float]) -> pl.Expr:
    """Of the document's language; null, which keeps, where there is none."""
    return LANGUAGE.replace_strict(values, default=None, return_dtype=pl.Float64)


def _at_most(signal: str, threshold: float) -> Rule:
    return Rule(f"max_{signal}", signal, pl.col(signal) <= threshold, threshold)


def count_stop_words(batch: pl.DataFrame, languages: Table) -> pl.DataFrame:
    """Add the signal to a batch with the columns `text` and `language`.

    Raises:
        UsageError: there is no column `language`.
    """
    if "language" not in batch.columns:
        raise UsageError('fineweb2 needs the column "language": put { use = "language", … } before it')
    numbers = {language: number for number, language in enumerate(languages)}
    spoken = batch["language"].replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
    counts = np.zeros(batch.height, dtype=np.uint32)
    if batch.height:  # a check asks with none for the column alone, and needs no kernel
        keys, bits = _stop_words(tuple((language, each.stop_words) for language, each in languages.items()))
        buffers = text_buffers(batch["text"])
        room = workspace_for(buffers).characters
        _count_documents(*buffers, character_classes(), special_words(), spoken, keys, bits, room, counts)
    return batch.with_columns(pl.Series("language_stop_word_count", counts))


@functools.cache
def _stop_words(
    lists: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
    """A table from (language, word) to the word's bit: keys and values, uint64[2^k] each."""
    words = [word for _, words in lists for word in words]
    owners = np.array([number for number, (_, words) in enumerate(lists) for _ in words], dtype=np.int64)
    places = np.array([place for _, words in lists for place in range(len(words))], dtype=np.int64)
    size = int(table_size.py_func(len(words)))
    keys, bits = np.zeros(size, dtype=np.uint64), np.zeros(size, dtype=np.uint64)
    _fill(*text_buffers(pl.Series(words, dtype=pl.String)), character_classes(), owners, places, keys, bits)
    return keys, bits


@kernel
def _fill(data, offsets, table, owners, places, keys, bits):
    room = offsets[-1]
    codes, classes = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.uint32)
    for word in range(len(owners)):
        length = decode(data, offsets[word], offsets[word + 1], table, codes, classes)
        key = _key(codes, 0, length, owners[word])
        slot = find_slot(keys, len(keys) - 1, key)
        keys[slot], bits[slot] = key, np.uint64(1) << np.uint64(places[word])


@kernel
def _count_documents(data, offsets, table, special, spoken, keys, bits, room, counts):
    characters = character_pointers(room)
    text, classes_of, listed_words, slots = pointer(data), pointer(table), pointer(special), pointer(keys)
    for document in range(len(offsets) - 1):
        if spoken[document] < 0:
            continue
        start, end = offsets[document], offsets[document + 1]
        length = decode(text, start, end, classes_of, characters.codes, characters.classes)
        words, _ = segment(characters, length, listed_words)
        seen = np.uint64(0)
        for word in range(words):
            key = _key(characters.codes, characters.starts[word], characters.ends[word], spoken[document])
            slot = find_slot(slots, len(keys) - 1, key)
            if slots[slot] == key:
                seen |= bits[slot]
        while seen:
            counts[document] += 1
            seen &= seen - np.uint64(1)


@inner
def _key(codes, start, end, language):
    return mix(hash_range(codes, start, end) + np.uint64(language + 1) * SPREAD)
