"""What goes wrong while a model learns: a loss that jumps, one that is no number, memory that does not do.

    loss, gradient norm of a step ─▶ StepWatch ─▶ nothing │ spike: noted │ not finite: skipped, and noted
                                                └─▶ MAX_SKIPPED in a row ─▶ the training ends
    the step's worst rows ─▶ the documents that they are of

A spike is a loss over its running mean by SPIKE_DEVIATIONS of its running deviations, or a gradient norm whose
logarithm is. A spike is learned all the same, clipped as any step is; a step whose loss or gradient is not finite
changes neither weights nor moments.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch

from curate.errors import CheckFailed, CurateError, MachineError
from curate.tokenize.trace import DocumentSpan, Tracer
from curate.train_min.config import largest_divisor

SPIKE_DEVIATIONS = 6.0
MEAN_MEMORY, DEVIATION_MEMORY = 20, 100
"""Steps that running values look back over: the mean over few, as a loss falls; deviations from it over more."""
MIN_STEPS = 20
"""Before so many, nobody knows what is normal."""
MIN_DEVIATION = 0.02
"""Of a loss in nats, and of a norm's logarithm: what changes less is no spike, however calm it was before."""
MAX_SKIPPED = 5
"""Steps in a row that are not finite; after them no later one will be."""
NAMED_ROWS = 3
"""Rows of a batch that are named, the worst first."""
NAMED_DOCUMENTS = 12


@dataclass(frozen=True, slots=True)
class Trouble:
    """A step that stood out, and its worst rows. Numbers that are not finite are None."""

    step: int
    kind: str
    """ "not finite", "loss" or "gradient"."""
    loss: float | None
    gradient_norm: float | None
    sources: tuple[str, ...]
    positions: tuple[int, ...]
    """Of those rows in the training sequence."""
    documents: tuple[str, ...]
    """What they are made of."""


@dataclass(slots=True)
class Normal:
    """What a number usually is: its running mean, and the mean square of what the next value differed from it."""

    mean: float = 0.0
    variance: float = 0.0
    count: int = 0

    @property
    def limit(self) -> float:
        deviation = max(math.sqrt(self.variance), MIN_DEVIATION)
        return self.mean + SPIKE_DEVIATIONS * deviation if self.count >= MIN_STEPS else math.inf

    def is_over(self, value: float) -> bool:
        """And take the value in; what is over the limit counts as the limit, so that a jump that stays becomes normal,
        and a single one changes little."""
        limit = self.limit
        difference = min(value, limit) - self.mean
        self.mean += difference / min(self.count + 1, MEAN_MEMORY)
        if self.count:  # the first differs from nothing
            self.variance += (difference * difference - self.variance) / min(self.count, DEVIATION_MEMORY)
        self.count += 1
        return value > limit


@dataclass(slots=True)
class StepWatch:
    """What a training remembers of its steps; it is saved with them."""

    loss: Normal = field(default_factory=Normal)
    norm: Normal = field(default_factory=Normal)
    """Of the logarithm of the gradient's norm."""
    skipped: int = 0
    in_a_row: int = 0

    def look(self, loss: float, norm: float) -> str | None:
        """What kind of trouble a step is, if any."""
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self.skipped, self.in_a_row = self.skipped + 1, self.in_a_row + 1
            return "not finite"
        self.in_a_row = 0
        is_high = self.loss.is_over(loss)
        is_steep = self.norm.is_over(math.log(max(norm, 1e-30)))
        return "loss" if is_high else "gradient" if is_steep else None


def worst_rows(nats: Sequence[float]) -> list[int]:
    """The numbers of the rows that cost most, those without a finite cost before all others."""
    order = sorted(range(len(nats)), key=lambda row: nats[row] if math.isfinite(nats[row]) else math.inf, reverse=True)
    return order[:NAMED_ROWS]


def name_documents(tracer: Tracer, positions: Sequence[int]) -> tuple[str, ...]:
    """Ids of the documents of rows, as `curate tokens --position` has them; numbers where the tables are not there."""
    names = [name for position in positions for name in _names(tracer, [*tracer.spans(position)])]
    return tuple(dict.fromkeys(names))[:NAMED_DOCUMENTS]


def _names(tracer: Tracer, spans: Sequence[DocumentSpan]) -> list[str]:
    """Of a row, which is of one source."""
    source = spans[0].source
    array, numbers = tracer.arrays[source], [span.document for span in spans]
    try:
        return [str(id) for id in array.pick(np.array(numbers))["id"]]
    except (CurateError, ImportError):  # tokens that were carried without the tables, or a machine without polars
        places = map(array.place, numbers)
        return [f"document {local} of {source}/{array.shards[shard].path.name}" for shard, local in places]


def not_finite(trouble: Trouble, command: str) -> CheckFailed:
    """What ends a training after MAX_SKIPPED steps in a row; the command shows the rows of the last."""
    return CheckFailed(
        f"the loss or its gradient is not finite at step {trouble.step}, the {MAX_SKIPPED}th in a row; its worst rows "
        f"are of {', '.join(trouble.sources)}: {'; '.join(trouble.documents)} ({command}). If it happens again "
        "elsewhere, a lower learning_rate may help"
    )


@contextmanager
def memory_watched(micro_rows: int) -> Iterator[None]:
    """
    Raises:
        MachineError: memory does not do, and what would.
    """
    try:
        yield
    except RuntimeError as error:  # torch's own is a child of it, and a CPU's has no other name
        is_memory = isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
        if not is_memory:
            raise
        told = f"out of memory with {micro_rows} rows at once"
        if micro_rows > 1:
            smaller = largest_divisor(micro_rows, micro_rows // 2)  # of the batch as well
            advice = f"--set micro_rows={smaller} goes on from the last checkpoint, and learns the same"
        else:
            advice = (
                "--set recompute=true needs less, and so does a smaller context or width, or more GPUs by torchrun "
            )
            advice += "with --set shard_weights=true"
        raise MachineError(f"{told}; {advice}") from error
