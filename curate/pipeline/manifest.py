"""The end of a run: `manifest.json`, which names everything that went in and came out, under a seal of its own.

done records ─▶ inputs (sha256), outputs and records (size, sha256), counts per source and step, versions, models
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from curate.engine.at_once import asked_of_each
from curate.engine.ledger import add_counts, check_account
from curate.engine.plan import Plan
from curate.engine.records import read_done
from curate.engine.sealed import sealed_bytes
from curate.engine.store import Store
from curate.pipeline.planning import LIBRARIES
from curate.recipe import Recipe
from curate.recipe_form import digest
from curate.run_files import DONE, MANIFEST, PLAN, RECIPE, SPLIT_ENDS, SPLITS, WORK
from curate.steps.deciding_files import deciding_files
from curate.version import __version__

Models = list[dict[str, str]]
"""Every file that decides, by name and checksum."""


NO_COUNTS = ("source", "tokens", "pii", "encoder")
"""What stands among the counts of a split, and is not added up, or apart."""


def write_manifest(
    store: Store, recipe: Recipe, plan: Plan, stages: Sequence[str], *, models: Models | None = None
) -> None:
    """Gather the done records of all stages; the account must close for every source. `models` are those that the run
    was made with, where they are known (default: looked at now)."""
    done = {stage: {task.key: task for task in read_done(store, stage)} for stage in stages}
    counts = _counts(done["tokenize"])  # the last stage that every document comes to: its account is of the whole way
    for source, count in counts.items():
        check_account(count, source)
        # Of sources of which the end of a document is held out, `mix` knows better than `tokenize`.
        count["tokens"] |= done["mix"]["all"].counts["parts"].get(source, {})
    outputs = {
        name: entry for stage in done.values() for task in stage.values() for name, entry in task.outputs.items()
    }
    manifest = {
        "name": recipe.name,
        "recipe": digest(recipe),
        "curate": __version__,
        "libraries": {name: version(name) for name in LIBRARIES},
        "models": _models(recipe) if models is None else models,
        "records": _records(store),
        "inputs": _inputs(plan, done["filter"]),
        "outputs": {name: entry for name, entry in outputs.items() if not name.startswith(f"{WORK}/")},
        "counts": counts,
        "ranks": done["rank"]["all"].counts if "rank" in done else {},
        "dedup": done["dedup"]["all"].counts if "dedup" in done else {},
        "contamination": done["contamination"]["all"].counts if "contamination" in done else {},
        "tokenizer": {**done["tokenizer"]["all"].counts, "encoder": _encoder(done["tokenize"])},
        "tokens": done["mix"]["all"].counts,
    }
    store.write(MANIFEST, sealed_bytes(manifest))


def _counts(done: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The account of each source, over its splits."""
    counts: dict[str, dict[str, Any]] = {}
    for task in done.values():
        total = counts.setdefault(task.counts["source"], {"tokens": {}, "pii": {}})
        for group in ("tokens", "pii"):
            add_counts(total[group], task.counts[group])
        add_counts(total, {key: value for key, value in task.counts.items() if key not in NO_COUNTS})
    return counts


def _encoder(done: dict[str, Any]) -> str | None:
    """The library that has encoded: the fast one, or for a tokenizer that it does not know the reference."""
    found = sorted({task.counts["encoder"] for task in done.values()} - {None})
    return ", ".join(found) if found else None


def _inputs(plan: Plan, done: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Each source's inputs, with the SHA-256 that was taken while they were read: of a file, or, where several splits
    share it, of the bytes that each has to itself."""
    ranges: dict[tuple[str, str], list[tuple[int, int, str]]] = {}
    for task in done.values():
        for name, found in task.counts["inputs"].items():
            ranges.setdefault((task.counts["source"], name), []).extend(map(tuple, found))
    return {
        source: [
            {"name": file.name, "size": file.size, **_digests(sorted(ranges[source, file.name]), file.size)}
            for file in files
        ]
        for source, files in plan.inputs().items()
    }


def _digests(ranges: Sequence[tuple[int, int, str]], size: int) -> dict[str, Any]:
    if [(start, end) for start, end, _ in ranges] == [(0, size)]:
        return {"sha256": ranges[0][2]}
    return {"ranges": [{"start": start, "end": end, "sha256": sha256} for start, end, sha256 in ranges]}


def _models(recipe: Recipe) -> Models:
    """Without their places."""
    entries = [dataclasses.asdict(file) for file in deciding_files(recipe)]
    return [{key: value for key, value in entry.items() if key != "path"} for entry in entries]


def _records(store: Store) -> dict[str, dict[str, Any]]:
    """The run's own papers: what it was asked, its plan, and what each task has done."""
    names = (RECIPE, PLAN, SPLITS, SPLIT_ENDS, *sorted(store.names(DONE)))
    contents = zip(names, asked_of_each(store, store.read, names), strict=True)
    return {name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in contents}
