"""A run's tokens as another trainer reads them: of each source, or of the mixture in its order.

RUN/tokens ─▶ units: sources, or the mixed sequence (written now where the run has none) ─▶ Format.write ─▶ OUT, whole
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.engine.whole import PART, whole_folder
from curate.errors import UsageError, nearest
from curate.run_files import DOCUMENTS, MIXED, MIXTURE, TOKEN_BYTES, TOKENS, shards, source_of
from curate.run_folder import RunFolder
from curate.standalone.outputs import check_new_folder
from curate.tokenize.exports.format import PARTS, Format, Part, Unit, Wanted, snippet_of
from curate.tokenize.exports.formats import find_format
from curate.tokenize.exports.payload import count
from curate.tokenize.materialize import materialize
from curate.tokenize.mix import MixtureRecord, read_mixture, read_token_bytes
from curate.tokenize.shards import Shard, TokenArray, open_shard, open_shards
from curate.tokenize.views import PAYLOAD

ROW_LENGTH = 2048
SNIPPET = "load.py"


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: of each unit the tokens by part, what is not in the files, and how they are loaded."""

    folder: Path
    tokens: dict[str, dict[Part, int]]
    notes: tuple[str, ...]
    snippet: str


def export(
    run: Path | str | RunFolder,
    to: str,
    *,
    out: Path | str,
    sources: Sequence[str] = (),
    mixture: bool = False,
    row_length: int = ROW_LENGTH,
) -> Exported:
    """Write the tokens of a run into a new folder `out`, in the format `to` (see `curate.tokenize.exports.formats`).

    By default each source that has tokens has a folder of its own there; `sources` chooses some, of which a single
    one stands in `out` itself. With `mixture` it is the sequence of the mixture, with all of its repeats, and the
    validation documents of all sources. `row_length` is the length of samples where a format holds samples. Linked
    formats share their payload with the run: who writes into one changes the other.

    Raises:
        UsageError: the run is not done, a name is unknown, the format cannot hold these tokens, or `out` holds
            something already, or lies in the run.
    """
    run = run if isinstance(run, RunFolder) else RunFolder(run)
    format, target = find_format(to), Path(out)
    if not run.is_complete:
        raise UsageError(f'{run.place} is not done: "curate run" has not finished there')
    if mixture and sources:
        raise UsageError("the mixture is of all sources; leave the names of sources out, or leave out the mixture")
    if row_length < 1:
        raise UsageError(f"the length of a row is {row_length}; it has at least one token")
    _check_target(target, run.folder)
    record = read_mixture(run.file(MIXTURE))
    with whole_folder(target) as part, _units(run, record, sources, mixture, part) as units:
        wanted = Wanted(record.vocabulary, row_length, lambda unit, which: _texts(run.folder, unit, which))
        return _write_all(format, units, wanted, part, target)


def _write_all(format: Format, units: list[Unit], wanted: Wanted, folder: Path, target: Path) -> Exported:
    notes: list[str] = []
    for unit in units:
        place = folder if len(units) == 1 else folder / unit.name
        place.mkdir(exist_ok=True)
        told = format.write(place, unit, wanted)
        notes += told if len(units) == 1 else [f"{unit.name}: {note}" for note in told]
        snippet = snippet_of(format, wanted, [part for part in PARTS if unit.shards(part)])
        (place / SNIPPET).write_text(snippet, encoding="utf-8")
    tokens = {unit.name: {part: count(unit.shards(part)) for part in PARTS} for unit in units}
    return Exported(target, tokens, tuple(dict.fromkeys(notes)), snippet)


def _check_target(target: Path, run: Path) -> None:
    if run.resolve() in (target.resolve(), *target.resolve().parents):
        raise UsageError(f"{target} lies inside the run, whose files are its own; choose another --out")
    check_new_folder(target)


@contextmanager
def _units(
    run: RunFolder, record: MixtureRecord, sources: Sequence[str], mixture: bool, work: Path
) -> Iterator[list[Unit]]:
    if not mixture:
        yield _source_units(run.folder, record, sources)
        return
    validation = tuple(shard for name in record.held for shard in _shards(run.folder, "validation", name))
    if mixed := _shards(run.folder, "train", MIXED):
        yield [Unit(MIXED, mixed, validation)]
        return
    folder = work / f"{MIXED}{PART}"
    folder.mkdir()
    _materialize(run, record, folder)
    yield [Unit(MIXED, _open(folder), validation)]
    shutil.rmtree(folder)  # what was linked keeps its content


def _source_units(folder: Path, record: MixtureRecord, sources: Sequence[str]) -> list[Unit]:
    named = {name: _pools(name, record) for name in sources}
    names = dict.fromkeys(pool for pools in named.values() for pool in pools) or record.held
    units = [Unit(name, _shards(folder, "train", name), _shards(folder, "validation", name)) for name in names]
    full = {unit.name: unit for unit in units if unit.train}
    if empty := [name for name, pools in named.items() if not full.keys() & {*pools}]:
        raise UsageError(f"the run holds no tokens of {empty[0]}: its share of the mixture is 0, or nothing was kept")
    if not full:
        raise UsageError(f"{folder / TOKENS} holds no tokens")
    return [*full.values()]


def _pools(name: str, record: MixtureRecord) -> list[str]:
    """A bucket of a source by its own name; a source's name stands for all of its buckets."""
    pools = [pool for pool in record.held if name in (pool, source_of(pool))]
    if not pools:
        raise UsageError(f'the run has no source "{name}"{nearest(name, record.held)}')
    return pools


def _materialize(run: RunFolder, record: MixtureRecord, folder: Path) -> None:
    drawn = [share.name for share in record.mixture.shares if share.tokens]
    arrays: dict[str, TokenArray] = {name: open_shards(run.room(shards("train", name))) for name in drawn}
    materialize(
        arrays,
        record.mixture,
        seed=record.seed,
        folder=folder,
        max_shard_tokens=run.recipe.mix.max_shard_tokens,
        token_bytes=read_token_bytes(run.file(TOKEN_BYTES), record.vocabulary.size),
    )


def _shards(folder: Path, part: Part, source: str) -> tuple[Shard, ...]:
    return _open(folder / shards(part, source))


def _open(folder: Path) -> tuple[Shard, ...]:
    found = (open_shard(path) for path in sorted(folder.glob(f"*{PAYLOAD}")))
    return tuple(shard for shard in found if len(shard.tokens))


def _texts(run: Path, unit: Unit, part: Part) -> Iterator[pl.Series]:
    """The texts of a unit's documents in the order of its shards, a shard at a time. Which file holds which document is
    looked up once: a shard of a source is of one file, and all files would else be read for each."""
    shards = unit.shards(part)
    owners = sorted({id.partition("/")[0] for shard in shards for id in shard.documents()["id"]})  # an id begins so
    files = [file for name in owners for file in sorted((run / DOCUMENTS / name).glob("*.parquet"))]
    index = pl.scan_parquet(files, glob=False, include_file_paths="file").select("id", "file").collect()
    for shard in shards:
        wanted = shard.documents().select("id", "bytes").join(index, on="id", how="left", maintain_order="left")
        held = pl.scan_parquet(wanted["file"].unique().sort().to_list(), glob=False).select("id", "text")
        found = held.filter(pl.col("id").is_in(wanted["id"].unique().implode())).collect()
        rows = wanted.join(found, on="id", how="left", maintain_order="left").select("text", "bytes")
        yield pl.Series("text", [_piece(text, size, part) for text, size in rows.iter_rows()], dtype=pl.String)


def _piece(text: str, size: int, part: Part) -> str:
    """As much of a text as the part holds: of a document that both share training has the begin, validation the end."""
    data = text.encode()
    if size >= len(data):
        return text
    return (data[:size] if part == "train" else data[len(data) - size :]).decode(errors="ignore")
