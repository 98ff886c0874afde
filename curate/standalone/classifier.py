"""A classifier of one's own: trained on labeled tables, judged on rows that it has not seen, described in a card.

tables ─▶ label, text ─┬─ to train on ─▶ fastText, or a linear model ─▶ file ─▶ our kernels
                       └─ held out ──────────────────────────────────────────────▶ standalone/judged.py ─▶ card
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.errors import UsageError
from curate.filters.classifiers import load_classifier
from curate.filters.fasttext_model import file_sha256
from curate.filters.fasttext_train import Training, library, library_version, save, train, write_lines
from curate.filters.linear_file import linear_bytes
from curate.filters.linear_model import load_linear
from curate.filters.linear_train import LinearTraining
from curate.standalone.judged import JudgedText, judge, leak, predicted
from curate.standalone.labeled import LABEL, ORIGIN, HeldOut, HeldOutBy, LabeledTables, open_sides, open_tables
from curate.standalone.linear_classifier import learn_linear, strongest_words
from curate.standalone.model_files import card_path, check_target, model_part, write_card
from curate.standalone.outputs import check_places
from curate.standalone.tables import Unread
from curate.standalone.writing import write_frame
from curate.version import __version__

DEFAULT_SHARE = 0.1
DEFAULT_QUANTIZED_BYTES = 2_000_000
SCORED = {"id": pl.String, "label": pl.String, "score": pl.Float32}

Kind = Literal["fasttext", "linear"]


@dataclass(frozen=True, slots=True)
class Trained:
    """A model on disk, what its card says, and what of the files could not be read."""

    model: Path
    card: Mapping[str, Any]
    held_out: JudgedText
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """How a model did on files, and what of them could not be read."""

    judged: JudgedText
    unread: tuple[Unread, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """The file of labels and scores, how many rows it has, and what of the files could not be read."""

    path: Path
    rows: int
    unread: tuple[Unread, ...]


def train_classifier(
    files: Sequence[str | Path] = (),
    *,
    out: str | Path,
    label: str | None = None,
    positive: Sequence[str | Path] = (),
    negative: Sequence[str | Path] = (),
    kind: Kind = "fasttext",
    target: str | None = None,
    text: str = "text",
    validation: float | Sequence[str | Path] = DEFAULT_SHARE,
    hold_out: HeldOutBy = "text",
    training: Training | LinearTraining | None = None,
    max_bytes: int | None = None,
    force: bool = False,
) -> Trained:
    """Train a classifier and write it to `out`: on JSON Lines or Parquet files with a column `label`, or on
    `positive` and `negative` files, or folders of finished runs, whose documents are all of one side.

    A `linear` model tells two labels apart and finds `target` (by default the one that sorts last, or "positive");
    `fasttext` any number of them. `validation` is the share that is held out, chosen by a hash of the text, or of its
    `origin` (the host of its URL, or its file), so that no text of a held-out origin is learned from; or files with
    labels. An `out` that ends in `.ftz` is quantized to `max_bytes` (2 MB) or less. Beside it comes a card, `out` +
    `.json`. The same files and options give the same bytes. A recipe's step `classifier` asks the model.

    Raises:
        UsageError: fastText is wanted and not installed; a file or column is missing; the labels are too few, or too
            many; nothing is held out; `out` exists and `force` is not given, or is one of the files.
    """
    training = _training(kind, training)
    tables, target_file = _open(files, label, positive, negative, text), Path(out)
    share = float(validation) if isinstance(validation, int | float) else None
    tests = tables if isinstance(validation, int | float) else open_tables(validation, text=text, label=label or LABEL)
    limit = _quantized_bytes(target_file, max_bytes, kind)
    for path in (target_file, card_path(target_file)):
        check_target(path, inputs=tables.paths() | tests.paths(), force=force)
    if share is not None and not 0 < share < 1:
        raise UsageError(f"the share that is held out is {share}; it lies between 0 and 1")
    held_out = None if share is None else HeldOut(share, training.seed, hold_out)
    with model_part(target_file) as part:
        learned = _learn(part, tables, held_out, training, target, limit)
        judged, pairs = judge(load_classifier(str(part)), tests.labeled(held_out))
        known = leak(pairs, learned.origins)
        facts = {"options": asdict(training), "columns": tables.columns(), "data": tables.files()}
        held = {"share": share, "by": hold_out} if share is not None else {"data": tests.files()}
        card = _card(part, kind, learned) | facts | {"held_out": held | asdict(judged) | {"leak": asdict(known)}}
        write_card(target_file, card)
    return Trained(target_file, card, judged, _unread(tables, tests))


def evaluate_classifier(
    model: str | Path,
    files: Sequence[str | Path],
    *,
    label: str,
    text: str = "text",
) -> Evaluated:
    """How a linear or supervised fastText model, of whatever origin, does on labeled files.

    Raises:
        UsageError: the model cannot be loaded, a file or column is missing, or no row has a label.
    """
    tables = open_tables(files, text=text, label=label)
    judged, _ = judge(load_classifier(str(model)), tables.labeled())
    return Evaluated(judged, _unread(tables))


def apply_classifier(
    model: str | Path,
    files: Sequence[str | Path],
    *,
    out: str | Path,
    text: str = "text",
    force: bool = False,
) -> Applied:
    """Write `id`, the likeliest `label` and its `score` for each row with a text.

    `out` is Parquet or JSON Lines, as its suffix says.

    Raises:
        UsageError: the model cannot be loaded, a file or column is missing; `out` exists and `force` is not given.
    """
    classifier, target = load_classifier(str(model)), Path(out)
    tables = open_tables(files, text=text, label=None)
    check_places({"--out": target}, patterns=tables.patterns(), inputs=map(str, tables.paths()))
    check_target(target, inputs=tables.paths(), force=force)
    parts = [frame.select("id").hstack(predicted(classifier, frame["text"])) for frame in tables.frames()]
    scores = pl.concat(parts) if parts else pl.DataFrame(schema=SCORED)
    write_frame(scores, target)
    return Applied(target, scores.height, _unread(tables))


def _unread(*tables: LabeledTables) -> tuple[Unread, ...]:
    return tuple(sorted(set[Unread]().union(*(part.unread for part in tables))))


def _quantized_bytes(target: Path, max_bytes: int | None, kind: Kind) -> int | None:
    if kind == "linear":
        if target.suffix != ".bin" or max_bytes is not None:
            raise UsageError(f"{target}: a linear model's name ends in .bin; its size is 2 ** bits bytes and a little")
        return None
    if target.suffix not in (".bin", ".ftz"):
        raise UsageError(f"{target}: a model's name ends in .bin or, quantized, in .ftz")
    if target.suffix == ".bin" and max_bytes is not None:
        raise UsageError(f"{target}: only a quantized model has a greatest size; its name ends in .ftz")
    return None if target.suffix == ".bin" else max_bytes or DEFAULT_QUANTIZED_BYTES


@dataclass(frozen=True, slots=True)
class Learned:
    """How many rows of each label were learned from, of which origins; the words that weigh most in a linear model."""

    counts: Mapping[str, int]
    origins: set[str]
    words: Mapping[str, list[str]] | None = None


def _training(kind: Kind, training: Training | LinearTraining | None) -> Training | LinearTraining:
    if kind == "fasttext":
        library()
    wanted = LinearTraining if kind == "linear" else Training
    if training is not None and not isinstance(training, wanted):
        raise UsageError(f"a {kind} model is trained with {wanted.__name__}, not with {type(training).__name__}")
    return training or wanted()


def _open(
    files: Sequence[str | Path],
    label: str | None,
    positive: Sequence[str | Path],
    negative: Sequence[str | Path],
    text: str,
) -> LabeledTables:
    if not positive and not negative:
        if label is None:
            raise UsageError("say which column has the labels (--label), or give --positive and --negative files")
        return open_tables(files, text=text, label=label)
    if files or label is not None:
        raise UsageError("files with a column of labels, or --positive and --negative ones: not both at once")
    return open_sides(positive, negative, text=text)


def _learn(
    part: Path,
    tables: LabeledTables,
    held_out: HeldOut | None,
    training: Training | LinearTraining,
    target: str | None,
    limit: int | None,
) -> Learned:
    """Write the model to `part`."""
    counts: Counter[str] = Counter()
    origins: set[str] = set()

    def frames() -> Iterator[pl.DataFrame]:
        for frame in tables.labeled(held_out, rest=True):
            counts.update(frame[LABEL])
            origins.update(frame[ORIGIN])
            yield frame

    if isinstance(training, LinearTraining):
        found = [*frames()]
        _require_labels(counts, tables)
        linear = learn_linear(iter(found), training, target)
        part.write_bytes(linear_bytes(linear))
        return Learned(counts, origins, strongest_words(iter(found), load_linear(str(part)).tables))
    lines = part.with_name("lines.txt")
    write_lines(lines, (row for frame in frames() for row in frame.select(LABEL, "text").iter_rows()))
    _require_labels(counts, tables)
    save(train(lines, training), lines, part, max_bytes=limit)
    return Learned(counts, origins)


def _require_labels(counts: Counter[str], tables: LabeledTables) -> None:
    if len(counts) < 2:
        columns = tables.columns()
        found = (
            f"there is only {next(iter(counts))!r}" if counts else f"no row has a text in {columns['text']!r} and one"
        )
        place = f" in {columns[LABEL]!r}" if LABEL in columns else ""
        raise UsageError(f"a classifier tells two labels or more apart, and {found}{place}")


def _card(model: Path, kind: Kind, learned: Learned) -> dict[str, Any]:
    """Nothing of when and where: the same data and options give the same card."""
    made_with = {"curate": __version__} | ({"fastText": library_version()} if kind == "fasttext" else {})
    rows = {"rows": sum(learned.counts.values()), "labels": dict(sorted(learned.counts.items()))}
    return {
        "model": model.name,
        "kind": kind,
        "bytes": model.stat().st_size,
        "sha256": file_sha256(str(model), what="model"),
        "made_with": made_with,
        "trained_on": rows | {"origins": len(learned.origins)},
    } | ({"strongest_words": dict(learned.words)} if learned.words else {})
