"""Which documents a shard holds: the view that tells of their ids.

id, bytes, tokens of each document, and more where it is known ─▶ NNNNN.docs.parquet
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import numpy.typing as npt

from curate.errors import CheckFailed
from curate.tokenize.document_ends import DOCUMENT_ENDS
from curate.tokenize.view import ShardDocuments, Tokens, View

if TYPE_CHECKING:  # shards are opened without the table, where there is no polars
    import polars as pl


def read_documents(path: Path, ends: npt.NDArray[np.uint64]) -> pl.DataFrame:
    """id, bytes, tokens of each document that ends there.

    Raises:
        CheckFailed: the file is missing or damaged, or counts other documents.
    """
    import polars as pl

    try:
        table = pl.read_parquet(path)
        counts = table["tokens"].to_numpy()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise CheckFailed(f"{path} is missing or damaged: {str(error).partition(chr(10))[0]}") from error
    if not np.array_equal(counts, np.diff(ends.astype(np.int64), prepend=0)):
        index = path.name.removesuffix(DOCUMENT_TABLE.suffix) + DOCUMENT_ENDS.suffix
        raise CheckFailed(f"{path} counts other documents than {index}: one of them is damaged")
    return table


def _write(file: BinaryIO, documents: ShardDocuments) -> None:
    import polars as pl

    from curate.engine.ledger import write_table

    columns = [
        documents.ids.cast(pl.String).rename("id"),
        documents.bytes.cast(pl.Int64).rename("bytes"),
        pl.Series("tokens", documents.tokens, dtype=pl.Int64),
    ]
    extra = [] if documents.extra is None else documents.extra.get_columns()
    write_table(pl.DataFrame(columns + extra), file)


def _check(path: Path, tokens: Tokens, ends: npt.NDArray[np.uint64]) -> None:
    read_documents(path, ends)


DOCUMENT_TABLE = View(suffix=".docs.parquet", about="id, bytes, tokens of each document", write=_write, check=_check)
