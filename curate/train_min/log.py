"""What a training tells on its way: a value for the caller, a line of log.jsonl and of log.csv, points of TensorBoard.

StepReport ─▶ Log.write ─▶ OUT/log.jsonl   all of it
                        ─▶ OUT/log.csv     the curves, a column each
                        ─▶ OUT/tensorboard the same curves, where the package `tensorboard` is installed
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from curate.finite import finite
from curate.train_min.guard import Trouble

MEASURES = ("bits_per_byte", "accuracy")
"""What scores have one of: of it, and of the loss, there is a curve for each source."""
CURVES = ("loss", "learning_rate", "gradient_norm", "tokens_per_second", "mfu", "skipped")


@dataclass(frozen=True, slots=True)
class StepReport:
    """One line of log.jsonl. Losses are training losses in nats per token, averaged since the report before."""

    step: int
    steps: int
    loss: float
    """Not a number where all steps since were skipped."""
    losses: Mapping[str, float]
    """By source; a source that was not drawn since is absent."""
    tokens: Mapping[str, int]
    """Trained on so far, by source."""
    learning_rate: float
    gradient_norm: float
    """Before clipping, of the last step."""
    tokens_per_second: float
    mfu: float | None
    """Share of the operations that the devices could do; None where nobody knows how many those are."""
    skipped: int
    """Steps so far that changed nothing, as their loss or gradient was not finite."""
    troubles: tuple[Trouble, ...]
    """Steps since the report before that stood out."""
    validation: tuple[Any, ...] | None
    """Present where this step was evaluated: on the first validation tokens, at the last step on more or all."""


class Log:
    """The files of a training's curves, from a step on."""

    def __init__(self, out: Path, *, step: int, sources: Sequence[str], measure: str = "bits_per_byte") -> None:
        """Lines of later steps are dropped: they will be run again. `sources` are those that columns are for, with what
        they are judged by."""
        self._lines, self._table = out / "log.jsonl", out / "log.csv"
        self._columns = (
            "step",
            "tokens",
            *CURVES,
            *(f"{kind}/{name}" for name in sources for kind in ("loss", measure)),
        )
        kept = _kept(self._lines, step)
        _put(self._lines, "".join(kept))
        rows = (_row({"step": line["step"], **_curves(line)}, self._columns) for line in map(json.loads, kept))
        _put(self._table, "".join([_row(dict(zip(self._columns, self._columns, strict=True)), self._columns), *rows]))
        self._board = _open_board(out / "tensorboard", step)

    def write(self, report: StepReport) -> None:
        line = finite(dataclasses.asdict(report))
        _append(self._lines, json.dumps(line) + "\n")
        curves = _curves(line)
        _append(self._table, _row({"step": report.step, **curves}, self._columns))
        if self._board is not None:
            for name, value in curves.items():
                if value is not None:
                    self._board.add_scalar(name, value, report.step)
            self._board.flush()


def _curves(line: Mapping[str, Any]) -> dict[str, float | None]:
    """The numbers of a line by the names of their curves. A line that an older version has written has fewer."""
    curves = {name: line.get(name) for name in CURVES} | {"tokens": sum(line["tokens"].values())}
    curves |= {f"loss/{source}": loss for source, loss in line["losses"].items()}
    scores = line["validation"] or ()
    return curves | {f"{kind}/{score['source']}": score[kind] for score in scores for kind in MEASURES if kind in score}


def _row(values: Mapping[str, Any], columns: Sequence[str]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, columns, lineterminator="\n", extrasaction="ignore").writerow(values)
    return text.getvalue()


def _kept(path: Path, step: int) -> list[str]:
    """The lines of the steps that the checkpoint holds. A line without its end was torn by a crash."""
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
    return [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]


def _put(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def _append(path: Path, text: str) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def _open_board(folder: Path, step: int) -> Any:
    """None without the package; points of steps that will be run again are not shown."""
    if find_spec("tensorboard") is None:
        return None
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(folder), purge_step=step + 1)
