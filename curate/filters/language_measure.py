"""What a step "language" measures of each text of a batch.

texts ─┬▶ the model, neighbors told apart ──┬▶ the better answer ─▶ language, language_score, language_top, language_iso
       ├▶ mostly capitals? in lower case ───┘
       ├▶ letters by script ───────────────────────────────────────▶ language_script
       └▶ blocks of lines ─▶ the model ─▶ bytes by language ───────▶ language_line_shares
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from polars._typing import PolarsDataType

from curate.batch import HAS_TEXT
from curate.filters.fasttext_model import PREFIX, FastTextModel, best_labels, without_end_marks
from curate.filters.language_codes import iso_639_3, script_of_label
from curate.filters.language_lines import cut_blocks
from curate.filters.language_neighbors import tell_apart, without_other_scripts
from curate.filters.language_scripts import count_letters, main_scripts
from curate.filters.neighbors_file import Neighbors
from curate.text.buffers import series_of, text_buffers

SCHEMA: Mapping[str, PolarsDataType] = {
    "language": pl.String,
    "language_score": pl.Float32,
    "language_top": pl.List(pl.Struct({"language": pl.String, "score": pl.Float32})),
    "language_iso": pl.String,
    "language_script": pl.String,
    "language_lowered": pl.Boolean,
}
LINE_SHARES = pl.List(pl.Struct({"language": pl.String, "share": pl.Float32}))
Chances = npt.NDArray[np.float64]
"""float64[texts, labels]."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is measured besides the likeliest language."""

    top: int = 3
    lower_capitals: bool = True
    line_shares: bool = False
    neighbors: Neighbors | None = None
    """By which the words of close languages are weighed; the model has these among its labels."""


def measure_language(batch: pl.DataFrame, lid: FastTextModel, asked: Asked) -> pl.DataFrame:
    """Add `SCHEMA`'s columns, and `language_line_shares` where they are asked for."""
    texts = without_end_marks(batch["text"])
    is_text = _is_text(texts)
    buffers = text_buffers(texts)
    letters = count_letters(buffers)
    chances = lid.probabilities_in(buffers)
    lowered = np.zeros(len(texts), dtype=bool)
    if asked.lower_capitals:
        chances, lowered = _with_lowered(texts, chances, letters.mostly_capitals() & is_text, lid)
    chances[~is_text] = 0
    names, scripts = language_names(lid), main_scripts(letters)
    if asked.neighbors:
        chances = without_other_scripts(chances, names, scripts)
        chances = tell_apart(buffers, chances, names, scripts, asked.neighbors)
    best, scores = best_labels(chances, asked.top)
    language = pl.Series(names, dtype=pl.String).gather(best[:, 0]).zip_with(pl.Series(scores[:, 0] > 0), _NONE)
    columns: dict[str, Any] = {
        "language": language,
        "language_score": scores[:, 0].astype(np.float32),
        "language_top": _lists(names, "score", best, scores),
        "language_iso": _of_label(language, {name: iso_639_3(name) for name in names}),
        "language_script": _of_label(language, {name: script_of_label(name) for name in names}),
        "language_lowered": lowered,
    }
    added = [pl.Series(name, columns[name], dtype=dtype) for name, dtype in SCHEMA.items()]
    measured = batch.with_columns(added).with_columns(pl.col("language_script").fill_null(scripts))
    if asked.line_shares:
        texts = texts.str.to_lowercase().zip_with(pl.Series(lowered), texts) if lowered.any() else texts
        measured = measured.with_columns(_line_shares(texts, lid).alias("language_line_shares"))
    return measured


def language_names(lid: FastTextModel) -> list[str]:
    """The model's labels without their prefix."""
    return [label.removeprefix(PREFIX) for label in lid.labels]


_NONE = pl.Series([None], dtype=pl.String)


def _is_text(texts: pl.Series) -> npt.NDArray[np.bool_]:
    return texts.str.contains(HAS_TEXT).fill_null(False).to_numpy()


def _with_lowered(
    texts: pl.Series, chances: Chances, capitals: npt.NDArray[np.bool_], lid: FastTextModel
) -> tuple[Chances, npt.NDArray[np.bool_]]:
    """The chances with those of the lower case where it has the likelier language, and where that is.

    Models have seen few texts in capitals: English in capitals is "ro" to lid.176.
    """
    rows = np.flatnonzero(capitals)
    lowered = np.zeros(len(texts), dtype=bool)
    if len(rows):
        others = lid.probabilities(texts.gather(rows).str.to_lowercase())
        is_better = others.max(axis=1) > chances[rows].max(axis=1)
        lowered[rows[is_better]] = True
        chances[rows[is_better]] = others[is_better]
    return chances, lowered


def _lists(names: list[str], field: str, labels: npt.NDArray[np.int64], numbers: Chances) -> pl.Series:
    """A list of structs for each row, of what is more than 0 there.

    Three arrays in one: of Python's lists polars makes a series each, which takes half as long as predicting.
    """
    is_some = numbers > 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(is_some.sum(axis=1))]).astype(np.int64))
    languages = pl.Series(names, dtype=pl.String).gather(labels[is_some]).to_arrow()
    fields = pa.StructArray.from_arrays([languages, pa.array(numbers[is_some], pa.float32())], ["language", field])
    return series_of(pa.LargeListArray.from_arrays(offsets, fields))


def _of_label(languages: pl.Series, values: Mapping[str, str | None]) -> pl.Series:
    return languages.replace_strict(dict(values), default=None, return_dtype=pl.String)


def _line_shares(texts: pl.Series, lid: FastTextModel) -> pl.Series:
    """The languages of each text's blocks of lines by their shares of its bytes, List[Struct[language, share]]."""
    blocks, owners = cut_blocks(text_buffers(texts))
    chances = lid.probabilities_in(blocks)
    names = language_names(lid)
    found = chances.argmax(axis=1) if len(owners) else np.zeros(0, dtype=np.int64)
    is_known = chances.max(axis=1, initial=0) > 0
    sizes = np.diff(blocks.offsets)
    shares = np.zeros((len(texts), len(names)))
    np.add.at(shares, (owners[is_known], found[is_known]), sizes[is_known])
    shares /= np.maximum(np.bincount(owners, sizes, len(texts)), 1)[:, None]
    order = np.argsort(-shares, axis=1, kind="stable")
    return _lists(names, "share", order, np.take_along_axis(shares, order, axis=1)).cast(LINE_SHARES)
