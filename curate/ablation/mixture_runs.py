"""Many small runs over mixtures of one run's sources: what a law of mixtures is fitted to.

RUN ─▶ mixtures drawn by Dirichlet ─▶ OUT/NNN: a mixture.json over RUN's tokens ─▶ trained, scored ─▶ OUT/runs.csv
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from curate.ablation.arms import Arm, open_arms
from curate.ablation.fit_mixture import LOSS, WEIGHT
from curate.ablation.held_out import BYTES_PER_SOURCE, HeldOutPassages, hold_out
from curate.ablation.judges import ArmTrial, Tier, check_tier, default_tokens, judge
from curate.errors import UsageError
from curate.run_files import MIXTURE, TOKEN_BYTES, shards
from curate.tokenize.mix import mixture_json, plan_mixture
from curate.train_min.evaluate import bits

TABLE = "runs.csv"


def mixture_runs(
    run: str | Path,
    *,
    out: str | Path,
    count: int = 32,
    tier: str = "ngram",
    tokens: int | None = None,
    settings: Mapping[str, Any] | None = None,
    device: str = "auto",
    threads: int | None = None,
    seed: int = 17,
    report: Callable[[int, int], None] | None = None,
) -> Path:
    """Train a tier of `curate.ablate` on `count` mixtures of a run's sources, and write a table for `fit_mixture`.

    Mixtures are drawn evenly over all that there are (Dirichlet with 1 for each source); a source gives at most what
    the run's `max_epochs` allows, so the table has the weights that came of it. Losses are bits per byte of each
    source's held-out passages. What is trained stays in `out`, and is not trained again. `report` is told how many of
    how many are done.

    Raises:
        UsageError: the run has one source or no validation part, or what `curate.ablate` raises.
    """
    asked = Tier(tier, settings or {}, device, threads)
    check_tier(asked)
    arm, _ = open_arms([run, run])
    if len(arm.data.train) < 2:
        raise UsageError(f"{run} draws from one source: there is nothing to mix")
    passages = hold_out([arm], max_bytes=BYTES_PER_SOURCE)
    budget = tokens or default_tokens(asked, [arm])
    generator = np.random.default_rng(seed)
    folder, rows = Path(out), []
    for number in range(count):
        drawn = generator.dirichlet(np.ones(len(arm.data.train)))
        weights = dict(zip(arm.data.train, drawn.tolist(), strict=True))
        mixed = _mixed(arm, weights, budget, folder / f"{number:03}")
        trial = ArmTrial(mixed, seed, budget, folder / f"{number:03}" / "training")
        rows.append(_row(mixed, passages, judge(trial, asked, passages)))
        if report is not None:
            report(number + 1, count)
    _write(folder / TABLE, rows)
    return folder / TABLE


def _mixed(arm: Arm, weights: Mapping[str, float], tokens: int, folder: Path) -> Arm:
    """The run under another mixture, as a folder of links with a mixture.json of its own."""
    record = arm.data.record
    available = {share.name: share.available for share in record.mixture.shares if share.name in arm.data.train}
    mixture = plan_mixture(available, weights=weights, tokens=tokens, max_epochs=record.mixture.max_epochs)
    held = {name: record.held[name] for name in available}
    record = replace(record, mixture=mixture, held=held)
    source, parts = arm.data.run.resolve(), ("train", "validation")
    (folder / MIXTURE).parent.mkdir(parents=True, exist_ok=True)
    names = [*(str(Path(shards(part, "any")).parent) for part in parts), TOKEN_BYTES, record.vocabulary.tokenizer]
    for name in names:
        if (source / name).exists() and not os.path.lexists(folder / name):
            (folder / name).symlink_to(source / name)
    (folder / MIXTURE).write_text(mixture_json(record), encoding="utf-8")
    drawn = {share.name for share in mixture.shares if share.tokens}
    train = {name: array for name, array in arm.data.train.items() if name in drawn}
    return replace(arm, data=replace(arm.data, run=folder, record=record, train=train))


def _row(arm: Arm, passages: HeldOutPassages, nats: Any) -> dict[str, float]:
    row = {f"{WEIGHT}{share.name}": share.drawn for share in arm.data.record.mixture.shares}
    names, sizes = np.array(passages.rows["source"].to_list()), passages.rows["text"].str.len_bytes().to_numpy()
    for source in dict.fromkeys(names.tolist()):
        mine = names == source
        row[f"{LOSS}_{source}"] = bits(float(nats[mine].sum()), int(sizes[mine].sum()))
    return row


def _write(path: Path, rows: list[dict[str, float]]) -> None:
    part = path.with_name(f"{path.name}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    part.replace(path)
