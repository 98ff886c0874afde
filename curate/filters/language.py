"""The language of a document, by a fastText model: the likeliest with their scores, the script, and lines in others.

text ─▶ `measure_language` ─▶ language, language_score, … ─▶ in `keep`? score high enough? enough of the lines?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from curate.batch import Filter, PublishedRate, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import FastTextModel, load_model
from curate.filters.language_codes import labels_of
from curate.filters.language_measure import Asked, language_names, measure_language
from curate.filters.language_neighbors import shipped_neighbors
from curate.recipe_path import RecipePath
from curate.typed import Positive, Share

MODELS = Path(__file__).parent / "models"
LID_176, CURATE = MODELS / "lid.176.ftz", MODELS / "curate.ftz"
LID_176_SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
CURATE_SHA256 = "b006c6e82149524261b0cb8ec734007638ae9e8975dc672d8bde968092cb3c25"
SHIPPED = {
    "lid.176": (LID_176, LID_176_SHA256, "CC-BY-SA-3.0"),
    "curate": (CURATE, CURATE_SHA256, "CC-BY-SA-4.0"),
}
DEFAULT = "lid.176"
"""The thresholds of CCNet and FineWeb are those of its scores."""


def language(
    *,
    keep: tuple[str, ...] = (),
    min_score: Share = 0.65,
    min_scores: Mapping[str, Share] | None = None,
    model: RecipePath | None = None,
    top: Positive = 3,
    lower_capitals: bool = True,
    line_shares: bool = False,
    min_line_share: Share | None = None,
) -> Filter:
    """Keep documents in one of the languages `keep`, recognized with a score of at least `min_score`.

    Without `keep` the step only measures, and `min_scores`, a table such as `{ de = 0.7 }`, holds for the languages
    that it names; with `keep` it says where another threshold than `min_score` holds. Languages are named by ISO 639-1
    or 639-3 ("de", "deu"), or as the model does ("deu_Latn").

    Signals: `language` (String, the model's own label such as "en" or "eng_Latn"; replaces what the source said),
    `language_score` (Float32, 0–1), `language_top` (the `top` likeliest with their scores), `language_iso` (String, ISO
    639-3), `language_script` (String, ISO 15924: of the label, else that of most letters), `language_lowered` (Boolean:
    most letters are capitals, and the text in lower case got the better score, which counts; not with
    `lower_capitals = false`). An empty text gets null and 0.

    With `line_shares`, also `language_line_shares`: the languages of the lines and their shares of the text's bytes,
    the largest first; short lines are asked together with those that follow. `min_line_share` is the least share that
    the languages `keep` must have together there.

    The whole text is read, as CCNet, RefinedWeb and FineWeb do, line breaks as spaces; cost grows with the length,
    at some 50 MB/s. `model` is "lid.176", fastText's own, which is the default; "curate", ours, which is better among
    close languages (which are told apart by their words, too) and answers `und` and `zxx` to what is no
    language (docs/language-card.md); or the path of another supervised fastText model. The threshold 0.65 is CCNet's
    and FineWeb's, for lid.176; thresholds by language are FineWeb-2's idea.

    Raises:
        UsageError: `keep` or `min_scores` names a language that the model does not know; `min_line_share` has no `keep`
            to hold for; `model` cannot be loaded.
    """
    if top < 1:
        raise UsageError(f"top is {top}; at least the likeliest language is needed (1 or more)")
    if min_line_share is not None and not keep:
        raise UsageError('min_line_share is a share of the languages in "keep", which names none')
    lid = load_lid(model)
    neighbors, *tables = shipped_neighbors() if shipped_name(model) == "curate" else (None,)
    asked = Asked(top, lower_capitals, line_shares or min_line_share is not None, neighbors)
    kept = kept_labels(keep, lid)
    return Filter(
        _rules(keep, kept, min_score, _by_label(min_scores or {}, lid), min_line_share),
        measure=lambda batch: measure_language(batch, lid, asked),
        files=(lid.file, *tables),
        is_cheap=shipped_name(model) is not None,  # other models may be a thousand times larger
        ignores_signals=True,
        unwanted=("keep",),  # a reason that no document has where nothing is kept by its language
        published=PublishedRate(0.617, "bytes", "Dolma, arXiv:2402.00159, English at .5") if keep else None,
        hope=_greatest_chance(kept) if keep else None,
    )


def load_lid(model: str | None = None) -> FastTextModel:
    """The model in this file, or the shipped one of this name, whose checksum is verified."""
    name = shipped_name(model)
    if name is None:
        return load_model(str(model))
    path, sha256, license = SHIPPED[name]
    return load_model(str(path), sha256=sha256, license=license)


def shipped_name(model: str | None) -> str | None:
    """Which of the shipped models is meant; None for a file. A recipe's folder stands before every name in a recipe."""
    name = Path(model).name if model else DEFAULT
    return name if name in SHIPPED and not (model and Path(model).is_file()) else None


def kept_labels(keep: tuple[str, ...], lid: FastTextModel) -> tuple[str, ...]:
    """The model's labels, without their prefix, of some languages.

    Raises:
        UsageError: the model does not know one.
    """
    return tuple(label for code in keep for label in labels_of(code, language_names(lid)))


def language_chance(text: str, lid: FastTextModel, keep: tuple[str, ...]) -> float:
    """The probability, 0–1, that the text is in one of the languages `keep`."""
    kept = kept_labels(keep, lid)
    wanted = [name in kept for name in language_names(lid)]
    return float(lid.probabilities_of(text)[wanted].sum())


def _rules(
    keep: tuple[str, ...],
    kept: tuple[str, ...],
    min_score: float,
    min_scores: Mapping[str, float],
    min_line_share: float | None,
) -> tuple[Rule, ...]:
    rules = []
    if keep:
        rules.append(Rule("keep", "language", pl.col("language").is_in(kept), threshold=keep))
    if min_scores:
        default = min_score if keep else None  # null keeps
        threshold = pl.col("language").replace_strict(min_scores, default=default, return_dtype=pl.Float64)
        told = ", ".join(f"{label} {score:g}" for label, score in min_scores.items())
        told += f", else {min_score:g}" if keep else ""
        rules.append(Rule("min_score", "language_score", pl.col("language_score") >= threshold, threshold=told))
    elif keep:
        rules.append(Rule("min_score", "language_score", pl.col("language_score") >= min_score, threshold=min_score))
    if min_line_share is not None:
        share = _sum_of("language_line_shares", "share", pl.element().struct.field("language").is_in(kept))
        rules.append(Rule("min_line_share", "language_line_shares", share >= min_line_share, threshold=min_line_share))
    return tuple(rules)


def _by_label(min_scores: Mapping[str, float], lid: FastTextModel) -> dict[str, float]:
    return {label: score for code, score in min_scores.items() for label in kept_labels((code,), lid)}


def _greatest_chance(kept: tuple[str, ...]) -> pl.Expr:
    """The probability, 0–1, that is left to the languages `kept` by the likeliest others."""
    return 1 - _sum_of("language_top", "score", ~pl.element().struct.field("language").is_in(kept))


def _sum_of(column: str, field: str, which: pl.Expr) -> pl.Expr:
    """Of a number in those structs of a list that are meant."""
    return pl.col(column).list.eval(pl.when(which).then(pl.element().struct.field(field)).otherwise(0.0)).list.sum()
