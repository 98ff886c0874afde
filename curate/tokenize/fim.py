"""Fill-in-the-middle: some training documents are cut at two places and written so that the middle comes last.

id ─▶ keyed hash under the rate? ─▶ two places ─┬▶ PSM  <PRE> prefix <SUF> suffix <MID> middle <EOT>
                                                └▶ SPM  <PRE> <SUF> suffix <MID> prefix middle <EOT>

Bavarian et al. 2022, "Efficient Training of Language Models to Fill in the Middle" (arXiv:2207.14255): at the level of
documents, before they are cut into rows; both places uniform among the borders of characters, either end included; the
parts encoded each by itself, as they are where a model is asked. SPM is the paper's second variant, in which suffix
first and prefix first share one order of marks, so that a model of one can be asked in the other.

All is a function of seed and id: the same document is cut at the same places in every run, whatever else is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.recipe import Fim
from curate.tokenize.arranged import ArrangedTokens, Section, encode_arranged
from curate.tokenize.choose import hash_ids
from curate.tokenize.encode import Tokenizer


class Marks(NamedTuple):
    """The control tokens before the three parts, as a vocabulary spells them."""

    prefix: str
    suffix: str
    middle: str


DEFAULT = Marks("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>")
"""What a tokenizer that is trained reserves; so have Qwen, Gemma's code models and OpenAI's vocabularies."""
KNOWN = (
    DEFAULT,
    Marks("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    Marks("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    Marks("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
    Marks("▁<PRE>", "▁<SUF>", "▁<MID>"),
    Marks("[PREFIX]", "[SUFFIX]", "[MIDDLE]"),
)
"""How vocabularies spell them: of StarCoder, SantaCoder, DeepSeek Coder, Code Llama and Codestral besides."""


class MarkIds(NamedTuple):
    prefix: int
    suffix: int
    middle: int


def wanted_marks(fim: Fim) -> tuple[str, ...]:
    """The tokens that are control tokens with this setting, in a vocabulary that has them."""
    named = [mark for mark in (fim.prefix, fim.suffix, fim.middle) if mark is not None]
    return tuple(named) if named else tuple(mark for marks in KNOWN for mark in marks)


def reserved_marks(fim: Fim) -> Marks:
    """Those that a tokenizer which is trained gets."""
    return _named(fim) or DEFAULT


def find_marks(fim: Fim, control: Mapping[str, int], end_of_text: str) -> MarkIds:
    """The ids of the three marks in a vocabulary, of whose control tokens `control` has the ids.

    Raises:
        UsageError: some are missing, or several spellings are there and the recipe names none.
    """
    marks = _named(fim) or _only(control)
    missing = [mark for mark in marks if mark not in control]
    if missing:
        raise UsageError(f"fim: the tokenizer has no control token {' or '.join(missing)}; {_advice(control)}")
    if len({*marks, end_of_text}) < 4:
        raise UsageError(f"fim: {', '.join(marks)} and the end of a text, {end_of_text}, must be four tokens")
    return MarkIds(*(control[mark] for mark in marks))


def _named(fim: Fim) -> Marks | None:
    named = (fim.prefix, fim.suffix, fim.middle)
    if named == (None, None, None):
        return None
    if None in named:
        raise UsageError("fim: prefix, suffix and middle are named together, or none of them")
    return Marks(*map(str, named))


def _only(control: Mapping[str, int]) -> Marks:
    """The spelling that is there; the usual one where none is, which is then missing."""
    there = [marks for marks in KNOWN if control.keys() >= {*marks}]
    if len(there) > 1:
        spelled = " or ".join(marks.prefix for marks in there)
        raise UsageError(f"fim: the tokenizer has several spellings ({spelled}); {_advice({})}")
    return there[0] if there else DEFAULT


def _advice(control: Mapping[str, int]) -> str:
    there = ", ".join(sorted(token for token in control if "fim" in token.lower())[:12])
    found = f" (it has {there})" if there else ""
    return f'name those it has{found}: [tokenize.fim] prefix = "…", suffix = "…", middle = "…"'


class Hole(NamedTuple):
    """Characters [0, first) are the prefix, [first, second) the middle, and the rest is the suffix."""

    first: int
    second: int
    is_suffix_first: bool


def are_rearranged(ids: pl.Series, fim: Fim, seed: int) -> npt.NDArray[np.bool_]:
    """bool[n]: of each id whether its document is, where it is one of training."""
    return np.array([drawn < int(fim.rate * 2**64) for drawn in _drawn(ids, seed, "fim")], dtype=bool)


def choose_holes(ids: pl.Series, texts: Sequence[str], fim: Fim, seed: int) -> list[Hole]:
    """How each document is cut."""
    orders, ones, others = (_drawn(ids, seed, purpose) for purpose in ("fim order", "fim one", "fim two"))
    holes = []
    for text, order, *places in zip(texts, orders, ones, others, strict=True):
        first, second = sorted(place * (len(text) + 1) >> 64 for place in places)
        holes.append(Hole(first, second, order < int(fim.spm_rate * 2**64)))
    return holes


def _drawn(ids: pl.Series, seed: int, purpose: str) -> list[int]:
    """Numbers in [0, 2**64), as Python has them: a product with one is not cut off."""
    drawn: list[int] = hash_ids(ids, seed=seed, purpose=purpose).tolist()
    return drawn


def arrange(text: str, hole: Hole, marks: MarkIds, end_of_text: int) -> list[Section]:
    """The sections of a document that is rearranged; parts without a character are no sections."""
    prefix, middle, suffix = text[: hole.first], text[hole.first : hole.second], text[hole.second :]
    order: tuple[str | int, ...]
    if hole.is_suffix_first:
        order = (marks.prefix, marks.suffix, suffix, marks.middle, prefix, middle)
    else:
        order = (marks.prefix, prefix, marks.suffix, suffix, marks.middle, middle)
    return [Section(content) for content in (*order, end_of_text) if content != ""]


def encode_with_holes(
    tokenizer: Tokenizer,
    ids: pl.Series,
    texts: Sequence[str],
    are_training: npt.NDArray[np.bool_],
    *,
    fim: Fim,
    seed: int,
) -> ArrangedTokens:
    """The tokens of documents, some of those of training rearranged.

    Raises:
        UsageError: the vocabulary lacks a mark.
        DocumentError: the tokenizer's library fails on a text.
    """
    marks, end = find_marks(fim, tokenizer.control, tokenizer.end_of_text_token), tokenizer.end_of_text
    chosen = are_rearranged(ids, fim, seed) & are_training
    holes = choose_holes(ids, texts, fim, seed)
    documents = [
        arrange(text, hole, marks, end) if is_it else [Section(text), Section(end)]
        for text, hole, is_it in zip(texts, holes, chosen, strict=True)
    ]
    return encode_arranged(tokenizer, documents)


def undo(tokens: Sequence[int], marks: MarkIds) -> tuple[list[int], list[int], list[int]]:
    """Of the tokens of a rearranged document, without its end-of-text: those before the hole, in it, and behind it.
    These in order are the document; in SPM the first part is empty, and the second begins with the prefix."""
    suffix, middle = tokens.index(marks.suffix), tokens.index(marks.middle)
    return list(tokens[1:suffix]), list(tokens[middle + 1 :]), list(tokens[suffix + 1 : middle])
