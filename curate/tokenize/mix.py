"""The mixture: how many tokens each source gives, and which row of which source stands at a position.

    available, weights ─▶ plan_mixture ─▶ Mixture ─▶ mixture.json ─▶ Draw.locate(positions) ─▶ source, epoch, start

The draw is a pure function of (mixture, seed, position): any number of readers sees one sequence, and the state of a
training run is one integer.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from curate.errors import CheckFailed, UsageError, nearest
from curate.tokenize.draw import WEIGHT_BITS, DrawnRows, place_rows, rows_of_epoch
from curate.tokenize.rounding import round_to
from curate.tokenize.staged_draw import assign_staged, row_stages, unassign_staged
from curate.tokenize.undraw import unplace_rows
from curate.tokenize.xxh3 import xxh3_64
from curate.typed import Mismatch, build


@dataclass(frozen=True, slots=True)
class Share:
    """What one source gives. `epochs` is tokens / available; under 1, only a part of its documents is needed."""

    name: str
    requested: float
    """Its weight in the recipe, or its share of what is available; all sum to 1."""
    drawn: float
    """Its share of the tokens that are drawn, after the limit on epochs."""
    tokens: int
    epochs: float
    available: int


@dataclass(frozen=True, slots=True)
class DrawnStage:
    """A part of the sequence: how many tokens it draws of each source."""

    name: str
    tokens: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Tokens to draw in all and by source, and sentences on what differs from what was requested."""

    tokens: int
    max_epochs: float
    shares: tuple[Share, ...]
    notes: tuple[str, ...]
    stages: tuple[DrawnStage, ...] = ()
    """One after the other; none where all of the sequence is mixed alike."""


def plan_mixture(
    available: Mapping[str, int],
    *,
    weights: Mapping[str, float],
    tokens: int | None,
    max_epochs: float,
    limits: Mapping[str, int] | None = None,
) -> Mixture:
    """Share out `tokens` (default: all that the weighted sources hold) by weights, each source at most `max_epochs`.

    What a source cannot give goes to the others in proportion to their weights (water-filling); when all are at their
    limit, the total is lowered. Without weights, sources weigh what they hold. Weights are divided by their sum.
    A source that the weights leave out gives nothing. Where nobody holds a token, nothing is drawn. `notes` says what
    of this happened. `limits` are the most tokens of each source, where those are not `max_epochs` of all it holds.

    Raises:
        UsageError: a weight is of no known source, negative or not finite.
    """
    check_weights(available, weights)
    held = {name: Fraction(available[name]) for name in available}
    parts = {name: Fraction(str(weights.get(name, 0))) for name in available} if weights else held
    total = sum(parts.values())
    asked = {name: part / (total or 1) for name, part in parts.items()}
    wanted = sum(available[name] for name in available if asked[name]) if tokens is None else tokens
    limits = limits or {name: math.floor(held[name] * Fraction(str(max_epochs))) for name in available}
    given = fill(asked, limits, wanted)
    drawn = sum(given.values())
    shares = tuple(_share(name, asked[name], given[name], drawn, available[name]) for name in available)
    notes = _notes(available, weights, shares, wanted, max_epochs, limits)
    return Mixture(tokens=drawn, max_epochs=max_epochs, shares=shares, notes=notes)


def check_weights(available: Mapping[str, int], weights: Mapping[str, float]) -> None:
    for name, weight in weights.items():
        if name not in available:
            raise UsageError(f'the mixture weighs "{name}", which is no source{nearest(name, available)}')
        if not (math.isfinite(weight) and weight >= 0):
            raise UsageError(f'the weight of "{name}" is {weight}; it must be a number of at least 0')


def fill(asked: Mapping[str, Fraction], limits: Mapping[str, int], wanted: int) -> dict[str, int]:
    """Water-filling: sources over their limit stand at it, and the rest shares what is left, until none is over."""
    full: set[str] = set()
    while True:
        open_weight = sum(weight for name, weight in asked.items() if name not in full)
        left = max(wanted - sum(limits[name] for name in full), 0)
        ideal = {name: asked[name] * left / open_weight for name in asked if name not in full and asked[name]}
        over = {name for name, amount in ideal.items() if amount > limits[name]}
        if not over:
            whole = round_to(ideal, left) if ideal else {}
            return {name: limits[name] if name in full else min(whole.get(name, 0), limits[name]) for name in asked}
        full |= over  # at least one more each turn, so that it ends


def _share(name: str, asked: Fraction, tokens: int, total: int, available: int) -> Share:
    epochs = tokens / available if available else 0.0
    return Share(name, float(asked), tokens / max(total, 1), tokens, epochs, available)


def _notes(
    available: Mapping[str, int],
    weights: Mapping[str, float],
    shares: tuple[Share, ...],
    wanted: int,
    max_epochs: float,
    limits: Mapping[str, int],
) -> tuple[str, ...]:
    drawn = sum(share.tokens for share in shares)
    if not drawn:
        return ("nothing can be drawn: no source has both a weight over 0 and tokens",)
    notes = []
    total = sum(weights.values())
    if weights and abs(total - 1) > 1e-6:
        notes.append(f"the weights sum to {total:.6g}; each was divided by that")
    notes += [f"{name} has no weight and gives nothing" for name in available if weights and name not in weights]
    for share in shares:
        if share.requested and not share.available:
            notes.append(f"{share.name} holds no tokens; its share of {share.requested:.1%} goes to the others")
        elif share.drawn < share.requested and share.tokens >= limits[share.name]:
            notes.append(
                f"{share.name} was to give {share.requested:.1%} and gives {share.drawn:.1%}: "
                f"{max_epochs:g} epochs of its {share.available:,} tokens; the rest goes to the others"
            )
    if drawn < wanted:
        notes.append(f"every source is at {max_epochs:g} epochs: {drawn:,} tokens are drawn, not {wanted:,}")
    return tuple(notes)


class Draw:
    """The training sequence: position -> a row of `row_length` + 1 tokens of one source.

    Shares hold to the row at
    the end of every block of rows (16, or 4 / smallest weight); within a source every row is drawn once an epoch, in
    another order each time. Stages have weights of their own, and go on in each source where
    the stage before has stopped.
    """

    def __init__(self, mixture: Mixture, *, seed: int, row_length: int, held: Mapping[str, int]) -> None:
        """`held`: tokens in the shards of each source (`len(open_shards(folder))`).

        Raises:
            UsageError: a source that is drawn from holds no tokens, or the sequence has too many rows to count.
        """
        drawn = [share for share in mixture.shares if share.tokens]
        missing = [share.name for share in drawn if not held.get(share.name)]
        if missing:
            raise UsageError(f"the mixture draws from sources without tokens: {', '.join(missing)}")
        self.sources = tuple(share.name for share in drawn)
        self.rows = max(mixture.tokens // row_length, 1)
        """Rows of the whole plan; positions beyond go through it again, and epochs count on."""
        if self.rows >= 1 << (63 - WEIGHT_BITS):  # a position times a weight must fit into 63 bits
            raise UsageError(f"{self.rows:,} rows are too many; make rows longer than {row_length} tokens")
        self.row_length = row_length
        stages = mixture.stages or (DrawnStage("", {share.name: share.tokens for share in drawn}),)
        key = np.uint64(xxh3_64(b"draw", seed=seed))
        self.stages = tuple(row_stages(stages, self.sources, self.rows, row_length, key))
        self._epoch_rows = np.array([rows_of_epoch(held[name], row_length) for name in self.sources], dtype=np.int64)
        names = [xxh3_64(f"source/{name}".encode(), seed=seed) for name in self.sources]
        self.source_keys = np.array(names, dtype=np.uint64)
        """What rows of a source, and the documents in them, are shuffled by."""

    def locate(self, positions: npt.NDArray[np.int64]) -> DrawnRows:
        """Of each position (int64[n]): index into `sources` int32[n], epoch int64[n], row of that epoch int64[n]."""
        source, drawn = assign_staged(positions, self.stages)
        epoch, row = place_rows(drawn, epoch_rows=self._epoch_rows[source], keys=self.source_keys[source])
        return DrawnRows(source.astype(np.int32), epoch, row)

    def epochs(self, source: int) -> int:
        """How many epochs of a source, by its index in `sources`, the plan has; the last may be drawn in part."""
        return -(-self._drawn(source) // int(self._epoch_rows[source]))

    def find(self, source: int, epoch: npt.NDArray[np.int64], row: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The positions of the plan, in order, at which rows of epochs of a source stand; not all need be drawn."""
        key, epoch_rows = self.source_keys[source], int(self._epoch_rows[source])
        numbers = unplace_rows(epoch, row, epoch_rows=epoch_rows, key=key)
        return np.sort(unassign_staged(source, numbers[numbers < self._drawn(source)], self.stages))

    def _drawn(self, source: int) -> int:
        """How many rows of a source the plan has."""
        return int(sum(stage.counts[source] for stage in self.stages))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a trainer must know of the tokenizer. `tokenizer` is its file's name in the run's folder, or "bytes"."""

    size: int
    end_of_text: int
    end_of_text_token: str
    """How the vocabulary spells it."""
    dtype: Literal["uint16", "uint32"]
    fingerprint: str
    tokenizer: str


@dataclass(frozen=True, slots=True)
class Held:
    """What the shards of one source hold: its documents once each, or those that its share needs."""

    documents: int
    tokens: int


@dataclass(frozen=True, slots=True)
class MixtureRecord:
    """`tokens/mixture.json`: all that is needed to draw the same samples anywhere."""

    mixture: Mixture
    seed: int
    vocabulary: Vocabulary
    held: Mapping[str, Held]


def mixture_json(record: MixtureRecord) -> str:
    """The content of mixture.json: sorted keys, so that equal records are equal bytes."""
    return json.dumps(dataclasses.asdict(record), sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def read_mixture(path: Path) -> MixtureRecord:
    """Read what `mixture_json` wrote.

    Raises:
        CheckFailed: the file is missing, or is not such a record.
    """
    try:
        record = build(MixtureRecord, json.loads(path.read_text(encoding="utf-8")), ())
        _check_record(record)
    except (OSError, ValueError, RecursionError, Mismatch) as error:
        raise CheckFailed(f"{path} is not a record of a mixture: {type(error).__name__}: {error}") from error
    return record


def _check_record(record: MixtureRecord) -> None:
    """What the draw takes for granted."""
    shares, vocabulary = record.mixture.shares, record.vocabulary
    if len({share.name for share in shares}) < len(shares) or {share.name for share in shares} - set(record.held):
        raise ValueError("a source stands twice, or holds nothing that is known")
    if min((share.tokens for share in shares), default=0) < 0 or sum(s.tokens for s in shares) != record.mixture.tokens:
        raise ValueError(f"the shares do not add up to {record.mixture.tokens:,} tokens")
    if record.mixture.stages and any(
        sum(stage.tokens.get(share.name, 0) for stage in record.mixture.stages) != share.tokens for share in shares
    ):
        raise ValueError("the stages do not add up to the shares")
    if not 0 <= vocabulary.end_of_text < vocabulary.size:
        raise ValueError(f"end-of-text is {vocabulary.end_of_text} among {vocabulary.size} ids")
    if not 0 <= record.seed < 2**63:
        raise ValueError(f"the seed is {record.seed}")


def read_token_bytes(path: Path, size: int | None = None) -> npt.NDArray[np.int64]:
    """`tokens/token_bytes.bin` (little-endian uint32): the UTF-8 bytes of each id, 0 for control tokens.

    Raises:
        CheckFailed: it is missing, or is not of a vocabulary of `size` ids.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckFailed(f"{path} cannot be read: {error.strerror}") from error
    if len(content) % 4 or (size is not None and len(content) != 4 * size):
        raise CheckFailed(f"{path} has {len(content):,} bytes; it should have 4 for each of {size or 'the'} ids")
    return np.frombuffer(content, dtype="<u4").astype(np.int64)
