"""A part of what a run read, as a WARC file: the pages that were kept, a sample, or what a step dropped.

ledger ─▶ chosen ids ─▶ split by split: WARC records by their offsets, the texts of other sources ─▶ one WARC file
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.batch import Record
from curate.engine.files import read_version
from curate.engine.plan import Plan, Split
from curate.errors import RunConflict, UsageError, nearest
from curate.pipeline.tokenizer import keyed_share
from curate.readers.reader import traits_of
from curate.readers.warc_at import place_of, read_at
from curate.recipe import Recipe
from curate.run_files import LEDGER
from curate.run_folder import RunFolder
from curate.standalone.warc_file import Copied, Text, Writer, open_warc
from curate.steps.chapters import read_split
from curate.steps.extract import page_extractors
from curate.steps.rows import record_row

CHOSEN = ("id", "source", "url", "split", "extractor")


@dataclass(frozen=True, slots=True)
class Subset:
    """What was written, by source, and how many of the chosen could not be, by source."""

    path: Path
    written: dict[str, int]
    left_out: dict[str, int]


def subset(
    run: Path | str | RunFolder,
    to: Path | str,
    *,
    source: str | None = None,
    sample: int | None = None,
    seed: int | None = None,
    dropped_by: str | None = None,
    reason: str | None = None,
    ids: Sequence[str] = (),
    force: bool = False,
) -> Subset:
    """Write chosen records of a run, as they stand in its inputs, to a new `.warc` or `.warc.gz`.

    Chosen is what the run kept, what the step `dropped_by` took (of `reason`, if one is given; quarantined records
    as far as they can be read), or `ids`; of `source`; and of all this a `sample` by the keyed hash of the id.
    Records of WARC files are copied with their HTTP heads, nothing scrubbed. Of other sources it is the text that was
    read, as `conversion` records. The same call gives the same bytes.

    Raises:
        UsageError: the run is not done, nothing is chosen, a name is unknown, or `to` exists and `force` is not
            given, or is an input.
        RunConflict: an input has changed since the run.
    """
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    if not run.is_complete:
        raise UsageError(f'{run.place} is not done: "curate run" has not finished there')
    recipe, plan = run.recipe, run.plan
    target = _target(Path(to), run, plan, force)
    chosen = _choose(run, source, dropped_by, reason, ids)
    if sample is not None:
        chosen = _sample(chosen, sample, recipe.seed if seed is None else seed)
    _check_inputs(plan, chosen)
    told = {"dropped-by": dropped_by, "reason": reason, "ids": len(ids) or None, "sample": sample, "source": source}
    info = {
        "description": f"records of the run {recipe.name}: "
        + (", ".join(f"{name} {value}" for name, value in told.items() if value is not None) or "all that it kept"),
        "curate-recipe": plan.recipe,
    }
    with open_warc(target, info, date=_date(plan)) as writer:
        written, left_out = _write(writer, recipe, plan, chosen)
        if not written:
            raise UsageError(f"none of the {chosen.height:,} chosen records can be had: damaged, too long, or no text")
    return Subset(target, written, left_out)


def _target(path: Path, run: RunFolder, plan: Plan, force: bool) -> Path:
    if not path.name.endswith((".warc", ".warc.gz")):
        raise UsageError(f"{path}: a subset is a WARC file; its name ends in .warc.gz or .warc")
    inputs = {Path(file.uri).resolve() for files in plan.inputs().values() for file in files if "://" not in file.uri}
    if path.resolve() in inputs:
        raise UsageError(f"{path} is an input of this run; choose another --to")
    if isinstance(run.place, Path) and run.place.resolve() in path.resolve().parents:
        raise UsageError(f"{path} lies inside the run, whose files are its own; choose another --to")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; --force writes over it")
    return path


def _choose(
    run: RunFolder, source: str | None, dropped_by: str | None, reason: str | None, ids: Sequence[str]
) -> pl.DataFrame:
    """`CHOSEN` of the records wanted, in the order in which the run read them."""
    rows = _ledger(run, source)
    if ids:
        if dropped_by or reason:
            raise UsageError("ids name the records; a step or a reason beside them is not looked at")
        _known(ids, rows["id"], "id")
        chosen = rows.filter(pl.col("id").is_in(list(ids)))
    elif dropped_by:
        gone = rows.filter(pl.col("outcome") != "kept")
        _known([dropped_by], gone["step"], "step that dropped anything")
        chosen = gone.filter(step=dropped_by)
        if reason:
            _known([reason], chosen["reason"], f"reason of {dropped_by}")
            chosen = chosen.filter(reason=reason)
    elif reason:
        raise UsageError("a reason belongs to a step: --dropped-by STEP --reason REASON")
    else:
        chosen = rows.filter(outcome="kept")
    if chosen.is_empty():
        raise UsageError(
            f"{run.place} kept nothing{f' of {source}' if source else ''}; --dropped-by STEP chooses others"
        )
    return chosen.select(CHOSEN)


def _ledger(run: RunFolder, source: str | None) -> pl.DataFrame:
    names = [folder.name for folder in sorted(run.room(LEDGER).glob("*")) if folder.is_dir()]
    if source is not None and source not in names:
        raise UsageError(f'the run has no source "{source}"{nearest(source, names)}')
    wanted = ["id", "source", "url", "outcome", "step", "reason"]
    named = [*wanted, "extractor"] if any(len(each.extractors) > 1 for each in run.recipe.sources) else wanted
    found = pl.concat(
        pl.read_parquet(file, columns=named).with_columns(pl.lit(f"{name}-{file.stem}").alias("split"))
        for name in ([source] if source else names)
        for file in sorted((run.room(LEDGER) / name).glob("*.parquet"))
    )
    return found if named != wanted else found.with_columns(pl.lit(None, pl.String).alias("extractor"))


def _known(wanted: Sequence[str], existing: pl.Series, what: str) -> None:
    known = set(existing.drop_nulls())
    for name in wanted:
        if name not in known:
            raise UsageError(f'"{name}" is no {what} in this run{nearest(name, known) if len(known) < 50 else ""}')


def _sample(chosen: pl.DataFrame, size: int, seed: int) -> pl.DataFrame:
    share = keyed_share(chosen["id"], seed=seed, purpose="subset")
    return chosen.with_columns(share.alias("share")).filter(pl.col("share").rank("ordinal") <= size).drop("share")


def _check_inputs(plan: Plan, chosen: pl.DataFrame) -> None:
    """Before anything is written: every file of the splits concerned is the one that the run read."""
    pieces = (piece.file for key in chosen["split"].unique() for piece in plan.split(key).ranges)
    for file in sorted(set(pieces)):
        if read_version(file.uri) != (file.size, file.version):
            raise RunConflict(f"{file.uri} has changed since the run: what the ledger says of it is no longer true")


def _date(plan: Plan) -> int:
    """Nanoseconds of the newest input, so that the same subset has the same bytes; 0 where versions are no times."""
    versions = [file.version for files in plan.inputs().values() for file in files]
    return max((int(version) for version in versions if version.isdigit()), default=0)


def _write(writer: Writer, recipe: Recipe, plan: Plan, chosen: pl.DataFrame) -> tuple[dict[str, int], dict[str, int]]:
    written: Counter[str] = Counter()
    for (key,), rows in chosen.group_by("split", maintain_order=True):
        split = plan.split(str(key))
        is_warc = traits_of(recipe.source(split.source).read).are_warc
        for item in _copies(split, set(rows["id"]), recipe) if is_warc else _texts(split, rows, recipe):
            if item is not None:
                writer.write(item)
                written[split.source] += 1
    wanted = Counter(chosen["source"].to_list())
    return dict(written), dict(wanted - written)


def _copies(split: Split, ids: set[str], recipe: Recipe) -> Iterator[Copied | None]:
    """The records of a WARC file with these ids; those that are damaged or too big to keep are not there."""
    for file in dict.fromkeys(piece.file for piece in split.ranges):
        prefix = f"{split.source}/{file.name}@"
        places = {place_of(id): id for id in ids if id.startswith(prefix)}
        wanted = {place for place in places if place is not None}
        for block in read_at(file, wanted, max_record_bytes=recipe.limits.max_record_bytes) if wanted else ():
            yield Copied(places[block.place], block) if len(block.body) == block.length else None


def _texts(split: Split, rows: pl.DataFrame, recipe: Recipe) -> Iterator[Text | None]:
    """The texts of other sources as the run's steps saw them, in one pass over the split."""
    source = recipe.source(split.source)
    extractors = page_extractors(source, recipe)
    named = dict(rows.select("id", pl.col("extractor").fill_null(source.extractors[0])).iter_rows())
    for record in read_split(split, source, recipe):
        if record.id in named and isinstance(record, Record):
            row = record_row(record, extractors[named[record.id]], None)
            yield Text(record.id, row["text"], record.url, record.timestamp) if "text" in row else None
