"""Tokens for a byte of text, by source: counted with the recipe's tokenizer, or with one trained on the same texts.

texts by source ─▶ as much of each as the run would train on, or a part ─▶ pieces ─▶ every second one: BPE ─▶ counted
                                                                      └─ the others: counted ─▶ between the two
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.pipeline.tokenizer import training_bytes
from curate.recipe import Recipe, TokenizerChoice
from curate.run_files import TOKENIZER
from curate.tokenize.backends import END_OF_TEXT
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.train import train_tokenizer

MAX_TRAINING = 8 << 20
MAX_COUNTED = 2 << 20
"""Bytes of a source that are encoded where it has none to train on."""
PIECE = 20_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class Density:
    """End-of-text included; `error` is relative."""

    tokens_per_byte: float
    error: float = 0.0


def token_densities(recipe: Recipe, texts: Mapping[str, pl.Series], sizes: Mapping[str, float]) -> dict[str, Density]:
    """`texts` are those drawn of each source, `sizes` the bytes that it seems to hold in all."""
    choice = recipe.tokenize.tokenizer
    if isinstance(choice, TokenizerChoice):
        return _as_trained(recipe, choice, texts, sizes)
    place = choice if choice == "bytes" else recipe.base / choice
    tokenizer = load_tokenizer(place, end_of_text=recipe.tokenize.end_of_text)
    return {name: _counted(tokenizer, list(_up_to(all_, MAX_COUNTED))) for name, all_ in texts.items()}


def _as_trained(
    recipe: Recipe, choice: TokenizerChoice, texts: Mapping[str, pl.Series], sizes: Mapping[str, float]
) -> dict[str, Density]:
    wanted = training_bytes(recipe, sizes, choice.train.sample_bytes)
    held = {name: int(all_.str.len_bytes().sum()) for name, all_ in texts.items()}
    share = min([1.0, *(held[name] / size for name, size in wanted.items() if size and held[name])])
    share = min(share, MAX_TRAINING / max(sum(wanted.values()) * share, 1) * share)
    parts = {name: list(_up_to(texts[name], share * wanted[name])) for name in texts}
    if share > 0.99:
        tokenizer = _train(parts, choice)
        return {name: _counted(tokenizer, list(_up_to(texts[name], MAX_COUNTED * 4))) for name in texts}
    pieces = {name: [piece for text in part for piece in _pieces(text)] for name, part in parts.items()}
    tokenizer = _train({name: part[::2] for name, part in pieces.items()}, choice)
    gain = _gain(tokenizer, [part for part in pieces.values() if len(part) > 1])
    return {
        name: _corrected(
            _counted(tokenizer, _others(pieces[name], texts[name])), gain, wanted[name] / size if size else 0
        )
        for name, size in sizes.items()
    }


def _gain(tokenizer: Tokenizer, parts: Sequence[Sequence[str]]) -> float:
    """How much fewer tokens for a byte it makes of the halves that it was trained on than of the others."""
    seen, others = ([text for part in parts for text in part[half::2]] for half in (0, 1))
    if not seen or not others:
        return 0.0
    best, worst = (_counted(tokenizer, half).tokens_per_byte for half in (seen, others))
    return max(1 - best / worst, 0.0)


def _corrected(unseen: Density, gain: float, seen_share: float) -> Density:
    """The run's tokenizer is trained on more than this one: what it has seen lies between the two halves, and what it
    has not seen a little below the second."""
    factor = 1 - gain * (0.5 * seen_share + 0.1 * (1 - seen_share))
    return Density(unseen.tokens_per_byte * factor, gain / 2)


def _others(pieces: Sequence[str], texts: pl.Series) -> list[str]:
    """Those of a source that the tokenizer has not seen; all, where it has seen all."""
    trained = sum(map(len, pieces))
    behind = "".join(_up_to(texts, 2 * MAX_TRAINING))[trained:]
    return [*pieces[1::2], *_pieces(behind)] or list(pieces)


def _train(parts: Mapping[str, Sequence[str]], choice: TokenizerChoice) -> Tokenizer:
    text = train_tokenizer((text for part in parts.values() for text in part), choice.train)
    with tempfile.TemporaryDirectory(prefix="curate-plan-") as folder:
        path = Path(folder) / TOKENIZER
        path.write_text(text, encoding="utf-8")
        return load_tokenizer(path, end_of_text=END_OF_TEXT)


def _counted(tokenizer: Tokenizer, texts: Sequence[str]) -> Density:
    tokens, _ = tokenizer.encode_batch(texts)
    return Density(len(tokens) / max(sum(len(text.encode()) for text in texts), 1))


def _up_to(texts: pl.Series, size: float) -> Iterator[str]:
    """The first texts, the last one cut where they have more bytes than that."""
    left = int(size)
    for text in texts:
        if left <= 0:
            return
        yield text.encode()[:left].decode(errors="ignore")
        left -= len(text.encode())


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))
