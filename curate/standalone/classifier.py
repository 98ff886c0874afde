"""A classifier of one's own: trained on labeled tables, judged on rows that it has not seen, described in a card.

tables ─▶ label, text ─┬─ to train on ─▶ fastText ─▶ model ─▶ our kernels
                       └─ held out ─────────────────────────────▶ precision and recall of each label ─▶ card
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.engine.whole import target_of, write_file
from curate.errors import UsageError
from curate.filters.fasttext_model import PREFIX, FastTextModel, file_sha256, load_model
from curate.filters.fasttext_train import Training, library, library_version, save, train, write_lines
from curate.standalone.labeled import LABEL, LabeledTables, is_held_out, open_tables
from curate.standalone.outputs import check_places
from curate.standalone.tables import Unread
from curate.standalone.writing import write_frame
from curate.version import __version__

DEFAULT_SHARE = 0.1
DEFAULT_QUANTIZED_BYTES = 2_000_000
SCORED = {"id": pl.String, "label": pl.String, "score": pl.Float32}


@dataclass(frozen=True, slots=True)
class JudgedText:
    """How a model did on `rows` texts: the likeliest label of each beside the true one.

    `labels` has for each, without `__label__`: rows, predicted, precision, recall and f1 (null where undefined).
    """

    rows: int
    accuracy: float
    labels: Mapping[str, Mapping[str, float | int | None]]


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
    files: Sequence[str | Path],
    *,
    label: str,
    out: str | Path,
    text: str = "text",
    validation: float | Sequence[str | Path] = DEFAULT_SHARE,
    training: Training | None = None,
    max_bytes: int | None = None,
    force: bool = False,
) -> Trained:
    """Train a fastText classifier on JSON Lines or Parquet files with a column of labels, and write it to `out`.

    `validation` is the share of the texts that is held out, chosen by a hash of the text; or files of their own. An
    `out` that ends in `.ftz` is quantized to `max_bytes` (2 MB) or less. Beside it comes a card, `out` + `.json`. The
    same files and options give the same bytes. A recipe's step `fasttext` asks the model.

    Raises:
        UsageError: fastText is not installed; a file or column is missing; there are fewer than two labels; nothing
            is held out; `out` exists and `force` is not given, or is one of the files.
    """
    library()
    training, target = training or Training(), Path(out)
    tables = open_tables(files, text=text, label=label)
    share = float(validation) if isinstance(validation, int | float) else None
    tests = tables if isinstance(validation, int | float) else open_tables(validation, text=text, label=label)
    limit = _quantized_bytes(target, max_bytes)
    for path in (target, card_path(target)):
        _check_target(path, tables.paths() | tests.paths(), force)
    if share is not None and not 0 < share < 1:
        raise UsageError(f"the share that is held out is {share}; it lies between 0 and 1")
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target_of(target).parent) as scratch:
        lines, part = Path(scratch) / "lines.txt", Path(scratch) / target.name
        counts = _write_training(lines, tables, share, training.seed)
        save(train(lines, training), lines, part, max_bytes=limit)
        judged = _judge(load_model(str(part)), tests.labeled(held_out=share, seed=training.seed))
        card = _card(part, tables, tests, share, training, counts, judged)
        text_of_card = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        write_file(target_of(card_path(target)), text_of_card.encode())
        os.replace(part, target_of(target))
    return Trained(target, card, judged, _unread(tables, tests))


def evaluate_classifier(
    model: str | Path,
    files: Sequence[str | Path],
    *,
    label: str,
    text: str = "text",
) -> Evaluated:
    """How a supervised fastText model, of whatever origin, does on labeled files.

    Raises:
        UsageError: the model cannot be loaded, a file or column is missing, or no row has a label.
    """
    tables = open_tables(files, text=text, label=label)
    judged = _judge(load_model(str(model)), tables.labeled())
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
    classifier, target = load_model(str(model)), Path(out)
    tables = open_tables(files, text=text, label=None)
    check_places({"--out": target}, patterns=tables.source.paths, inputs=map(str, tables.paths()))
    _check_target(target, tables.paths(), force)
    parts = [frame.select("id").hstack(_predicted(classifier, frame["text"])) for frame in tables.frames()]
    scores = pl.concat(parts) if parts else pl.DataFrame(schema=SCORED)
    write_frame(scores, target)
    return Applied(target, scores.height, _unread(tables))


def _unread(*tables: LabeledTables) -> tuple[Unread, ...]:
    return tuple(sorted(set[Unread]().union(*(part.unread for part in tables))))


def card_path(model: Path) -> Path:
    return model.with_name(model.name + ".json")


def _quantized_bytes(target: Path, max_bytes: int | None) -> int | None:
    if target.suffix not in (".bin", ".ftz"):
        raise UsageError(f"{target}: a model's name ends in .bin or, quantized, in .ftz")
    if target.suffix == ".bin" and max_bytes is not None:
        raise UsageError(f"{target}: only a quantized model has a greatest size; its name ends in .ftz")
    return None if target.suffix == ".bin" else max_bytes or DEFAULT_QUANTIZED_BYTES


def _check_target(path: Path, inputs: set[Path], force: bool) -> None:
    if path.resolve() in inputs:
        raise UsageError(f"{path} is one of the files that are read; choose another name")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; --force writes over it")


def _write_training(lines: Path, tables: LabeledTables, share: float | None, seed: int) -> Counter[str]:
    """The rows that are not held out, as fastText reads them; how many there are of each label."""
    counts: Counter[str] = Counter()

    def rows() -> Iterator[tuple[str, str]]:
        for frame in tables.labeled():
            kept = frame if share is None else frame.filter(~is_held_out(frame["text"], share, seed))
            counts.update(kept[LABEL])
            yield from kept.select(LABEL, "text").iter_rows()

    write_lines(lines, rows())
    if len(counts) < 2:
        columns = tables.source.columns
        found = (
            f"there is only {next(iter(counts))!r}" if counts else f"no row has a text in {columns['text']!r} and one"
        )
        raise UsageError(f"a classifier tells two labels or more apart, and {found} in {columns[LABEL]!r}")
    return counts


def _judge(model: FastTextModel, frames: Iterator[pl.DataFrame]) -> JudgedText:
    pairs = [
        frame.select(LABEL).hstack(_predicted(model, frame["text"]).rename({LABEL: "predicted"}))
        for frame in frames
        if not frame.is_empty()
    ]
    if not pairs:
        raise UsageError("no row with a label is held out: nothing to judge by; hold more out, or give files")
    table = pl.concat(pairs).select(LABEL, "predicted", is_right=pl.col(LABEL).eq_missing(pl.col("predicted")))
    names = sorted({*table[LABEL], *(name.removeprefix(PREFIX) for name in model.labels)})
    return JudgedText(table.height, round(table["is_right"].mean(), 4), {name: _scores(table, name) for name in names})  # type: ignore[arg-type]


def _predicted(model: FastTextModel, texts: pl.Series) -> pl.DataFrame:
    """`label`, without its prefix, and `score`; null where the model knows no word of a text."""
    best = [found[0] if found else (None, None) for found in model.predict(texts, 1)] if len(texts) else []
    labels = [label and label.removeprefix(PREFIX) for label, _ in best]
    return pl.DataFrame(
        {LABEL: labels, "score": [score for _, score in best]}, schema={LABEL: pl.String, "score": pl.Float32}
    )


def _scores(table: pl.DataFrame, name: str) -> dict[str, float | int | None]:
    true, named = table.filter(pl.col(LABEL) == name), table.filter(pl.col("predicted") == name)
    right = int(true["is_right"].sum())
    precision = round(right / named.height, 4) if named.height else None
    recall = round(right / true.height, 4) if true.height else None
    f1 = round(2 * right / (true.height + named.height), 4) if true.height + named.height else None
    return {"rows": true.height, "predicted": named.height, "precision": precision, "recall": recall, "f1": f1}


def _card(
    model: Path,
    tables: LabeledTables,
    tests: LabeledTables,
    share: float | None,
    training: Training,
    counts: Mapping[str, int],
    judged: JudgedText,
) -> dict[str, Any]:
    """Nothing of when and where: the same data and options give the same card."""
    return {
        "model": model.name,
        "bytes": model.stat().st_size,
        "sha256": file_sha256(str(model), what="model"),
        "made_with": {"curate": __version__, "fastText": library_version()},
        "options": asdict(training),
        "data": tables.files(),
        "columns": dict(tables.source.columns),
        "trained_on": {"rows": sum(counts.values()), "labels": dict(sorted(counts.items()))},
        "held_out": {"share": share} | ({} if share is not None else {"data": tests.files()}) | asdict(judged),
    }
