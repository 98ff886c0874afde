"""datatrove's side of filters.py: each of its rules by itself, the four filters in a row, and the values they look at.

documents.jsonl ─▶ verdicts.jsonl (a row a document: rules, values, chain)        --seconds: CPU seconds of the chain
"""

from __future__ import annotations

import argparse
import functools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    fineweb_quality_filter,
    gopher_quality_filter,
    gopher_repetition_filter,
)
from datatrove.pipeline.filters.gopher_repetition_filter import (
    find_all_duplicate,
    find_duplicates,
    find_top_duplicate,
    get_n_grams,
)
from datatrove.utils.text import PUNCTUATION_SET, TERMINAL_PUNCTUATION, split_into_words

STOP_WORDS = {"the", "be", "to", "of", "and", "that", "have", "with"}
TOP = {2: 0.20, 3: 0.18, 4: 0.16}
DUPLICATE = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("documents", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", action="store_true")
    options = parser.parse_args()
    texts = [json.loads(line)["text"] for line in options.documents.read_text(encoding="utf-8").splitlines()]
    rows = measure_seconds(texts) if options.seconds else judge_all(texts)
    with options.out.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)


def measure_seconds(texts: list[str]) -> Iterator[dict[str, float]]:
    """CPU seconds of each document; what is loaded at first use is loaded before."""
    filters = chain()
    verdict("One sentence is enough. Here is another one.", filters)
    for text in texts:
        started = time.process_time()
        verdict(text, filters)
        yield {"seconds": time.process_time() - started}


def judge_all(texts: list[str]) -> Iterator[dict[str, Any]]:
    """Words of a text are kept while its rules are asked one by one."""
    remembered = functools.lru_cache(maxsize=8)(split_into_words)
    for module in (c4_filters, fineweb_quality_filter, gopher_quality_filter, gopher_repetition_filter):
        if hasattr(module, "split_into_words"):
            module.split_into_words = remembered
    filters, rules = chain(), dict(single_rules())
    for text in texts:
        yield {
            "rules": {name: verdict(text, [rule]) is None for name, rule in rules.items()},
            "values": values(text, remembered(text, "en")),
            "chain": verdict(text, filters),
            "c4_text": c4_text(text),
        }


def chain() -> list[Any]:
    """FineWeb's order and settings."""
    c4 = C4QualityFilter(filter_no_terminal_punct=False)
    return [GopherRepetitionFilter(), GopherQualityFilter(), c4, FineWebQualityFilter()]


def verdict(text: str, filters: list[Any]) -> str | None:
    """The first reason to drop a text; None: it is kept."""
    document = Document(text=text, id="")
    for block in filters:
        answer = block.filter(document)
        if answer is not True:
            return str(answer[1]) if isinstance(answer, tuple) else block.name
    return None


def c4_text(text: str) -> str:
    """What the line rules leave, with the rule of the end mark."""
    document = Document(text=text, id="")
    C4QualityFilter(min_num_sentences=-1, filter_lorem_ipsum=False, filter_curly_bracket=False).filter(document)
    return document.text


def single_rules() -> Iterator[tuple[str, Any]]:
    """One filter for each rule of curate, every other rule of it switched off."""
    yield from repetition_rules()
    yield from quality_rules()
    c4_off = {"min_num_sentences": -1, "filter_lorem_ipsum": False, "filter_curly_bracket": False}
    for name, wanted in (
        ("c4.drop_lorem_ipsum", {"filter_lorem_ipsum": True}),
        ("c4.drop_curly_brackets", {"filter_curly_bracket": True}),
        ("c4.min_sentences", {"min_num_sentences": 5}),
    ):
        yield name, C4QualityFilter(**c4_off | wanted)  # type: ignore[arg-type]
    fineweb_off = {"line_punct_thr": -1, "short_line_thr": 2, "char_duplicates_ratio": 2, "new_line_ratio": 1e9}
    for name, wanted in (
        ("fineweb.min_terminal_punctuation_line_ratio", {"line_punct_thr": 0.12}),
        ("fineweb.max_short_line_ratio", {"short_line_thr": 0.67}),
        ("fineweb.max_duplicate_full_line_character_ratio", {"char_duplicates_ratio": 0.01}),
        ("fineweb.max_newline_word_ratio", {"new_line_ratio": 0.3}),
    ):
        yield name, FineWebQualityFilter(**fineweb_off | wanted)  # type: ignore[arg-type]


def repetition_rules() -> Iterator[tuple[str, Any]]:
    off: dict[str, Any] = dict.fromkeys(("dup_line_frac", "dup_para_frac", "dup_line_char_frac", "dup_para_char_frac"))
    off |= {"top_n_grams": (), "dup_n_grams": ()}
    for name, wanted in (
        ("max_duplicate_paragraph_ratio", {"dup_para_frac": 0.3}),
        ("max_duplicate_paragraph_character_ratio", {"dup_para_char_frac": 0.2}),
        ("max_duplicate_line_ratio", {"dup_line_frac": 0.3}),
        ("max_duplicate_line_character_ratio", {"dup_line_char_frac": 0.2}),
        *((f"max_top_{size}gram_ratio", {"top_n_grams": ((size, share),)}) for size, share in TOP.items()),
        *((f"max_duplicate_{size}gram_ratio", {"dup_n_grams": ((size, share),)}) for size, share in DUPLICATE.items()),
    ):
        yield f"gopher_repetition.{name}", GopherRepetitionFilter(**off | wanted)


def quality_rules() -> Iterator[tuple[str, Any]]:
    parameters = ("min_doc_words", "max_doc_words", "min_avg_word_length", "max_avg_word_length")
    parameters += ("max_symbol_word_ratio", "max_bullet_lines_ratio", "max_ellipsis_lines_ratio")
    parameters += ("max_non_alpha_words_ratio", "min_stop_words")
    off: dict[str, Any] = dict.fromkeys(parameters)
    for name, wanted in (
        ("min_words", {"min_doc_words": 50}),
        ("max_words", {"max_doc_words": 100_000}),
        ("min_mean_word_length", {"min_avg_word_length": 3}),
        ("max_mean_word_length", {"max_avg_word_length": 10}),
        ("max_hash_symbol_ratio+max_ellipsis_ratio", {"max_symbol_word_ratio": 0.1}),
        ("max_bullet_line_ratio", {"max_bullet_lines_ratio": 0.9}),
        ("max_ellipsis_line_ratio", {"max_ellipsis_lines_ratio": 0.3}),
        ("min_alphabetic_word_ratio", {"max_non_alpha_words_ratio": 0.8}),
        ("min_stop_words", {"min_stop_words": 2}),
    ):
        yield f"gopher_quality.{name}", GopherQualityFilter(**off | wanted)


def values(text: str, words: list[str]) -> dict[str, float]:
    """What the filters compare with their thresholds, by their formulas and functions, under curate's names."""
    lines, full = text.splitlines(), [line for line in text.split("\n") if line.strip()]
    counted = [word for word in words if any(character not in PUNCTUATION_SET for character in word)]
    paragraphs, pieces = re.split(r"\n{2,}", text.strip()), re.split("\n+", text)
    end_marks, length = tuple(TERMINAL_PUNCTUATION), len(text)
    measured = {
        "word_count": len(counted),
        "mean_word_length": sum(map(len, counted)) / max(len(counted), 1),
        "hash_symbol_ratio": text.count("#") / len(words),
        "ellipsis_ratio": (text.count("...") + text.count("…")) / len(words),
        "bullet_line_ratio": sum(line.lstrip().startswith(("•", "-")) for line in lines) / len(lines),
        "ellipsis_line_ratio": sum(line.rstrip().endswith(("...", "…")) for line in lines) / len(lines),
        "alphabetic_word_ratio": sum(any(map(str.isalpha, word)) for word in words) / len(words),
        "stop_word_count": len(STOP_WORDS.intersection(words)),
        "duplicate_paragraph_ratio": find_duplicates(paragraphs)[0] / len(paragraphs),
        "duplicate_paragraph_character_ratio": find_duplicates(paragraphs)[1] / length,
        "duplicate_line_ratio": find_duplicates(pieces)[0] / len(pieces),
        "duplicate_line_character_ratio": find_duplicates(pieces)[1] / length,
        "terminal_punctuation_line_ratio": sum(line.endswith(end_marks) for line in full) / len(full),
        "short_line_ratio": sum(len(line) <= 30 for line in full) / len(full),
        "duplicate_full_line_character_ratio": find_duplicates(full)[1] / len(text.replace("\n", "")),
        "newline_word_ratio": text.count("\n") / len(words),
    }
    for size in TOP:
        ngrams = get_n_grams(words, size)
        measured[f"top_{size}gram_ratio"] = find_top_duplicate(ngrams) / length if ngrams else 0.0
    for size in DUPLICATE:
        measured[f"duplicate_{size}gram_ratio"] = find_all_duplicate(words, size) / length
    return measured


if __name__ == "__main__":
    main()
