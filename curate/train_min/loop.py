"""The training loop: steps of the optimizer, and what is told, evaluated and saved between them.

    ahead ─▶ Batch ─▶ micro-batches ─▶ gradients add up ─▶ over ranks ─▶ clip ─▶ optimizer ─▶ guard
                                                          OUT/log.* ◀─ report, evaluate ◀─┘ └─▶ OUT/checkpoint-NNNNNNNN

A GPU is asked once a step, when all of it is in its queue: for the cost of each row and the gradient's norm.
"""

from __future__ import annotations

import dataclasses
import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from curate.errors import Interrupted
from curate.finite import finite
from curate.interrupts import Note
from curate.train_min.average import Average
from curate.train_min.checkpoint import State, gather_tensors, save_checkpoint
from curate.train_min.compiled_blocks import begin_pass
from curate.train_min.config import TrainConfig, largest_divisor
from curate.train_min.dropout import row_dropout
from curate.train_min.guard import (
    MAX_SKIPPED,
    StepWatch,
    Trouble,
    memory_watched,
    not_finite,
    worst_rows,
)
from curate.train_min.loader import Batch, ahead
from curate.train_min.log import Log, StepReport
from curate.train_min.model import GPT
from curate.train_min.moe import balance
from curate.train_min.objective import Objective
from curate.train_min.optim import Optimizers, rate_share
from curate.train_min.peak import flops_per_token, peak_flops
from curate.train_min.spread import Spread
from curate.train_min.weight_shards import whole
from curate.typed import build


@dataclass(slots=True)
class TrainProgress:
    """What goes on through a run beside weights and moments."""

    step: int
    seen: list[int]
    """Rows by source."""
    trained: list[int]
    """Tokens that were learned by source since the last report, and their nats."""
    nats: list[float]
    reported: int = 0
    """Tokens of the rows up to the last report."""
    scores: list[dict[str, Any]] = field(default_factory=list)
    """Of the last whole evaluation."""
    watch: StepWatch = field(default_factory=StepWatch)
    troubles: list[Trouble] = field(default_factory=list)
    """Since the last report."""


def read_progress(saved: Mapping[str, Any], sources: Sequence[str]) -> TrainProgress:
    """Of a state that was saved, also by a version that knew less, or of a training of other sources: what was seen of
    those that are no more is forgotten."""
    values = dict(saved)
    known = {name: index for index, name in enumerate(values.pop("sources", sources))}
    for name in ("seen", "trained", "nats"):
        values[name] = [values[name][known[source]] if source in known else 0 for source in sources]
    watch, troubles = values.pop("watch", None), values.pop("troubles", ())
    progress = TrainProgress(**values, troubles=[build(Trouble, each, ()) for each in troubles])
    if watch is not None:
        progress.watch = build(StepWatch, watch, ())
    return progress


@dataclass(frozen=True, slots=True)
class Session:
    """All that the loop works with."""

    config: TrainConfig
    objective: Objective
    model: GPT
    optimizer: Optimizers
    progress: TrainProgress
    average: Average | None
    """The first rank has it, or each that of its shards."""
    spread: Spread
    out: Path
    log: Log | None
    """The first rank has it."""
    report: Callable[[StepReport], None] | None
    forked: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Cost:
    """What a step says of itself when it is done."""

    nats: npt.NDArray[np.float64]
    """[rows of the step]"""
    norm: float
    """Of the gradient, before it is clipped."""
    is_stopped: bool
    """A signal has come to one of the ranks."""


def train_steps(session: Session, note: Note) -> None:
    """All steps that are left.

    Raises:
        Interrupted: by a signal, after the step is saved.
        CheckFailed: steps after steps were not finite.
        MachineError: out of memory, or a checkpoint could not be written.
    """
    config, progress, spread = session.config, session.progress, session.spread
    rows = spread.rows(config.batch_rows)
    micro_rows = largest_divisor(len(rows), config.micro_rows)

    def gather(step: int) -> Batch:
        return session.objective.source.batch(
            step * config.batch_rows, config.batch_rows, own=rows, micro_rows=micro_rows
        )

    teller = _Teller(session)
    with memory_watched(micro_rows), closing(ahead(gather, progress.step, config.steps)) as batches:
        for batch in batches:
            share = rate_share(progress.step, config)
            cost = _learn(session, batch, rows, share, is_stopped=note.number > 0)
            trouble = _account(session, batch, cost)
            if session.average is not None:
                session.average.follow(progress.step)
            is_hopeless = progress.watch.in_a_row >= MAX_SKIPPED
            teller.tell_if_due(share, cost.norm, at_once=is_hopeless)
            if is_hopeless and trouble is not None:
                spread.wait()  # for the first, which tells: torchrun ends all as soon as one has ended
                raise not_finite(trouble, session.objective.command(trouble.positions))
            # Of several ranks each stops after the step in which all have heard of it.
            is_stopped = cost.is_stopped if spread.size > 1 else note.number > 0
            _save_if_due(session, is_stopped)
            if is_stopped and progress.step < config.steps:
                spread.wait()
                told = f"training stopped after step {progress.step} of {config.steps}, and is saved"
                raise Interrupted(told, note.number or signal.SIGTERM)
    spread.wait()


def _learn(session: Session, batch: Batch, rows: range, share: float, *, is_stopped: bool) -> Cost:
    """One step of the optimizer, over one batch in micro-batches."""
    config, model, spread = session.config, session.model, session.spread
    device = model.embed.weight.device
    # The nats of each row of the batch, on the device; behind them, whether a signal has come.
    costs = torch.zeros(config.batch_rows + 1, dtype=torch.float64, device=device)
    costs[-1].fill_(float(is_stopped))
    # Gradients of micro-batches add up to that of the mean over all that is learned in the batch.
    scale, at = 1 / max(int(batch.trained.sum()), 1), rows.start
    micro_rows, first = len(rows) // len(batch.parts), session.progress.step * config.batch_rows
    for number, part in enumerate(batch.parts):
        inputs, targets = (tensor.to(device, non_blocking=True) for tensor in part)
        model.dropout = row_dropout(config.dropout, config.seed, first + at, micro_rows, len(inputs), device)
        begin_pass(config)
        with spread.summed(is_last=number == len(batch.parts) - 1):
            loss, nats = session.objective.loss(model, inputs, targets, scale)
            loss.backward()  # type: ignore[no-untyped-call]
        costs[at : at + len(nats)] = nats.sum(dim=1, dtype=torch.float64)
        at += len(nats)
    spread.add(costs)
    norm = whole(torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_gradient_norm))
    skip = 1.0 - (torch.isfinite(norm) & torch.isfinite(costs).all()).float()
    session.optimizer.step(share, skip=skip)
    balance(model, config.balance_rate, skip=skip, add=spread.add)
    # The one wait for a GPU in a step: all before was only put into its queue.
    *nats_of_rows, stopped, norm_there = torch.cat((costs, norm.double().reshape(1))).tolist()
    return Cost(np.array(nats_of_rows), norm_there, stopped > 0)


def _account(session: Session, batch: Batch, cost: Cost) -> Trouble | None:
    """Count a step, and look at it."""
    progress, count = session.progress, len(session.objective.source.sources)
    progress.step += 1
    loss = float(cost.nats.sum()) / max(int(batch.trained.sum()), 1)
    kind = progress.watch.look(loss, cost.norm)
    _add(progress.seen, np.bincount(batch.sources, minlength=count))
    if kind != "not finite":
        _add(progress.trained, np.bincount(batch.sources, batch.trained, minlength=count).astype(np.int64))
        _add(progress.nats, np.bincount(batch.sources, cost.nats, minlength=count))
    if kind is None:
        return None
    rows = worst_rows((cost.nats / np.maximum(batch.trained, 1)).tolist())
    positions = tuple((progress.step - 1) * session.config.batch_rows + row for row in rows)
    sources = tuple(dict.fromkeys(session.objective.source.sources[batch.sources[row]] for row in rows))
    documents = session.objective.documents(positions)
    progress.troubles.append(
        Trouble(progress.step, kind, finite(loss), finite(cost.norm), sources, positions, documents)
    )
    return progress.troubles[-1]


def _add(totals: list[Any], amounts: npt.NDArray[Any]) -> None:
    totals[:] = [total + amount for total, amount in zip(totals, amounts.tolist(), strict=True)]


class _Teller:
    """Reports and evaluations, and the clock between them; the first rank's alone are seen."""

    def __init__(self, session: Session) -> None:
        self._session = session
        device, dtype = session.model.embed.weight.device, session.model.compute_dtype
        self._peak = peak_flops(device, dtype) if session.spread.is_first else None
        self._clock = time.perf_counter()

    def tell_if_due(self, share: float, norm: float, *, at_once: bool) -> None:
        """Tell of the steps since the last report, and evaluate where it is time."""
        config, progress = self._session.config, self._session.progress
        is_judged = progress.step == config.steps or progress.step % config.evaluate_every == 0
        if not (at_once or is_judged or progress.step % config.report_every == 0):
            return
        seconds = time.perf_counter() - self._clock
        spread = self._session.spread
        scores = self._evaluate() if spread.takes_part and is_judged and not at_once else None
        if spread.is_first:
            self._write(share, norm, seconds, scores)
        count = len(progress.seen)
        progress.trained, progress.nats, progress.troubles = [0] * count, [0.0] * count, []
        progress.reported = sum(progress.seen) * self._session.objective.row_tokens
        self._clock = time.perf_counter()  # evaluation is no time of training

    def _evaluate(self) -> tuple[Any, ...]:
        session, config, progress = self._session, self._session.config, self._session.progress
        limit = config.last_evaluate_tokens if progress.step == config.steps else config.evaluate_tokens
        scores = session.objective.evaluate(session.model, limit)
        progress.scores = [dataclasses.asdict(score) for score in scores]
        return scores

    def _write(self, share: float, norm: float, seconds: float, scores: tuple[Any, ...] | None) -> None:
        session, config, progress = self._session, self._session.config, self._session.progress
        objective, learned = session.objective, sum(progress.trained)
        sources, row_tokens = objective.source.sources, objective.row_tokens
        speed = (sum(progress.seen) * row_tokens - progress.reported) / seconds
        peak = None if self._peak is None else self._peak * session.spread.size
        line = StepReport(
            step=progress.step,
            steps=config.steps,
            loss=sum(progress.nats) / learned if learned else math.nan,
            losses={name: n / t for name, n, t in zip(sources, progress.nats, progress.trained, strict=True) if t},
            tokens={name: rows * row_tokens for name, rows in zip(sources, progress.seen, strict=True)},
            learning_rate=config.learning_rate * share,
            gradient_norm=norm,
            tokens_per_second=speed,
            mfu=None if peak is None else speed * flops_per_token(config.model) / peak,
            skipped=progress.watch.skipped,
            troubles=tuple(progress.troubles),
            validation=scores,
        )
        if session.log is not None:
            session.log.write(line)
        if session.report is not None:
            session.report(line)


def _save_if_due(session: Session, is_stopped: bool) -> None:
    config, progress = session.config, session.progress
    # What steps that were not finite have left is no place to go on from: it may be what broke them.
    is_due = progress.step % config.save_every == 0 and not progress.watch.in_a_row
    if not session.spread.takes_part or not (is_due or is_stopped or progress.step == config.steps):
        return
    is_first = session.spread.is_first
    tensors = gather_tensors(session.model, session.optimizer, session.average, keep=is_first)
    if not is_first:
        return
    state = State(
        step=progress.step,
        config=dataclasses.asdict(config),
        vocabulary=dataclasses.asdict(session.objective.vocabulary),
        fingerprint=session.objective.fingerprint,
        progress=dataclasses.asdict(progress) | {"sources": list(session.objective.source.sources)},
        tuning=session.objective.tuning,
        forked=session.forked,
    )
    save_checkpoint(session.out, state, tensors, tokenizer=session.objective.tokenizer_file)
