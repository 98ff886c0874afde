"""An index, or a run's signatures, as datasketch's MinHashes and its LSH, and back.

DIR ─▶ signatures ─▶ to_minhashes: id, MinHash ─▶ to_lsh: MinHashLSH with the same bands      (and text ─▶ minhash_of)
                     id, MinHash ─▶ index_from ─▶ DIR, which `[dedup] against` and `curate dedup --against` take

Signatures are those of `datasketch.MinHash(scheme="affine32")` with one permutation for each row of each band, over our
32-bit hashes of n-grams. The library is named in full wherever it is meant: this module lies in curate.dedup.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from curate.dedup.index import PARAMETERS, append_index, files_of, read_parameters
from curate.dedup.methods import document_methods
from curate.dedup.minhash import EMPTY, SEED, band_keys, band_names, pack_signatures, unpack_signatures
from curate.dedup.near import MINHASH
from curate.dedup.signatures import read_columns
from curate.errors import UsageError
from curate.recipe_dedup import Dedup
from curate.recipe_file import load
from curate.run_files import INDEX, RECIPE, filtered
from curate.text.shingles import shingles

if TYPE_CHECKING:
    from datasketch import MinHash, MinHashLSH

SCHEME = "affine32"
ROWS_AT_ONCE = 10_000


def to_lsh(folder: str | Path) -> MinHashLSH:
    """All documents of an index (or of a run that has one, or that kept its intermediate files) by their ids.

    What it finds for `minhash_of(text, ...)` are the documents that share a band with the text: our candidates.

    Raises:
        UsageError: datasketch is not installed, the folder has no signatures, or there is only one band.
    """
    library, (_, dedup) = _library(), _signed(Path(folder))
    if dedup.bands < 2:
        raise UsageError(f"{folder} has one band; datasketch.MinHashLSH needs two or more")
    lsh: MinHashLSH = library.MinHashLSH(num_perm=dedup.bands * dedup.rows, params=(dedup.bands, dedup.rows))
    for id, minhash in to_minhashes(folder):
        lsh.insert(id, minhash)
    return lsh


def to_minhashes(folder: str | Path) -> Iterator[tuple[str, MinHash]]:
    """Ids and signatures, file by file in the order of their rows; documents without words have none.

    Raises:
        UsageError: datasketch is not installed, or the folder has no signatures.
    """
    _library()
    files, dedup = _signed(Path(folder))
    make = _maker(dedup)
    for file in files:
        table = read_columns([str(file)], ["id", "signature"]).drop_nulls()
        column = pa.chunked_array([table["signature"].to_arrow()])
        for start in range(0, table.height, ROWS_AT_ONCE):
            rows = np.arange(start, min(start + ROWS_AT_ONCE, table.height), dtype=np.int64)
            for row, values in zip(rows.tolist(), unpack_signatures(column, rows), strict=True):
                yield table["id"][row], make(values)


def minhash_of(text: str, dedup: Dedup | None = None) -> MinHash:
    """The signature of one text, to be asked for; `dedup` says how the others were signed."""
    dedup = dedup or Dedup()
    minhash: MinHash = _maker(dedup)(np.full(dedup.bands * dedup.rows, EMPTY, dtype=np.uint32))
    found = shingles(pl.Series([text]), ngram=dedup.ngram, unit=dedup.unit, normalize=dedup.normalize)
    minhash.update_batch(found.values.tolist())
    return minhash


def index_from(
    minhashes: Iterable[tuple[str, MinHash]], folder: str | Path, dedup: Dedup | None = None, *, source: str = "tables"
) -> int:
    """Add documents to an index, which is made where there is none; returns how many. `dedup` (default: its defaults
    with the method "minhash" alone) says how they were signed; nobody can tell by the signatures whether that is true.

    Raises:
        UsageError: a signature of another scheme, seed or length, an id that stands twice, or another folder.
    """
    dedup = dedup or Dedup(method=("minhash",))
    if document_methods(dedup) != (MINHASH,):
        raise UsageError(f"datasketch knows signatures alone: the method must be minhash, found {list(dedup.method)}")
    ids, rows = [], []
    for id, minhash in minhashes:
        ids.append(id)
        rows.append(_checked(id, minhash, dedup))
    with tempfile.TemporaryDirectory(prefix="curate-dedup-") as scratch:
        file = Path(scratch) / "signatures.parquet"
        _signature_table(ids, rows, dedup, source).write_parquet(file)
        return append_index(Path(folder), dedup, [file])


def _checked(id: str, minhash: MinHash, dedup: Dedup) -> npt.NDArray[np.uint32]:
    found = (getattr(minhash, "scheme", "legacy"), minhash.seed, len(minhash))
    wanted = (SCHEME, SEED, dedup.bands * dedup.rows)
    if found != wanted:
        said = [f"scheme {scheme}, seed {seed}, {length} permutations" for scheme, seed, length in (found, wanted)]
        raise UsageError(
            f'the signature of "{id}" has {said[0]}; {dedup.bands} bands of {dedup.rows} rows need {said[1]}'
        )
    return np.asarray(minhash.hashvalues, dtype=np.uint32)


def _signature_table(ids: list[str], rows: list[npt.NDArray[np.uint32]], dedup: Dedup, source: str) -> pl.DataFrame:
    """Rows of a signature file; how long the texts were is not known. One without words has null for its bands."""
    signatures = np.array(rows, dtype=np.uint32).reshape(len(rows), dedup.bands * dedup.rows)
    keys = band_keys(signatures, bands=dedup.bands)
    columns = {name: pl.Series(keys[:, band]) for band, name in enumerate(band_names(dedup.bands))}
    columns["signature"] = pack_signatures(signatures)
    has_words = pl.Series((signatures != EMPTY).any(axis=1))
    signed = pl.DataFrame(columns).select(pl.when(has_words).then(pl.all()))
    account = pl.DataFrame({"id": pl.Series(ids, dtype=pl.String)}).with_columns(
        pl.lit(source).alias("source"), pl.lit(None, pl.Int64).alias("length")
    )
    return pl.concat([account, signed], how="horizontal")


def _signed(folder: Path) -> tuple[list[Path], Dedup]:
    """The signature files of an index or a run, and how they were signed."""
    place = folder / INDEX if (folder / INDEX).is_dir() else folder
    if (place / PARAMETERS).is_file():
        found = read_parameters(place / PARAMETERS)
        names = [name for name in MINHASH.parameters(Dedup()) if name != "seed"]
        if any(name not in found for name in names) or found.get("seed") != SEED:
            raise UsageError(f"{folder} has no MinHash signatures: it was made with the methods {found.get('method')}")
        return files_of(place), Dedup(method=("minhash",), **{name: found[name] for name in names})
    files = sorted(folder.glob(filtered("*", "signatures")))
    dedup = load(folder / RECIPE).dedup if files else None
    if dedup is None or MINHASH not in document_methods(dedup):
        raise UsageError(
            f"{folder} has no MinHash signatures: a run leaves an index with [dedup] index = true, "
            "and all signatures without --discard-intermediate"
        )
    return files, dedup


def _maker(dedup: Dedup) -> Any:
    """From values to a MinHash; all of them share the permutations, which take longer to draw than the rest."""
    library = _library()
    first = library.MinHash(dedup.bands * dedup.rows, seed=SEED, scheme=SCHEME, hashfunc=int)

    def make(values: npt.NDArray[np.uint32]) -> Any:
        return library.MinHash(
            seed=SEED, scheme=SCHEME, hashfunc=int, hashvalues=values, permutations=first.permutations
        )

    return make


def _library() -> Any:
    try:
        found = importlib.import_module("datasketch")
    except ImportError:
        found = None
    version = getattr(found, "__version__", "0")
    if not version.partition(".")[0].isdecimal() or int(version.partition(".")[0]) < 2:
        there = f"found {version}" if found else "it is not installed"
        raise UsageError(f'this needs datasketch 2.0 or later ({there}): pip install "curate-corpus[interop]"')
    return found
