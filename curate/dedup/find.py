"""`dedup`: from the signatures of all documents to the one copy of each that stays, method by method.

    signature files ─▶ ranks ─▶ each method in turn, on what the ones before left ─▶ verdicts, cuts
                                  DocumentMethod: documents that repeat others go
                                  PassageMethod: parts of texts are cut, and nothing may be left

Of texts only those of candidates are read, once each, but for the last three methods, which read all.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from curate.dedup.cleanest import Clean
from curate.dedup.cuts import NOBODY, Cuts, add_cuts
from curate.dedup.duplicates import UNKNOWN, Duplicates
from curate.dedup.index import ids_of_both
from curate.dedup.method import Method, PassageMethod, Search
from curate.dedup.methods import document_methods, methods_of
from curate.dedup.passages import mark_emptied
from curate.dedup.ranking import CLEANEST, KEEP, keep_word, keeps_cleanest, rank_documents
from curate.dedup.sets import Texts
from curate.dedup.signatures import ACCOUNT, SignatureFiles
from curate.errors import UsageError
from curate.recipe_dedup import Dedup

KNOWN = "known"
COMPARED = ("similarity", "containment", "novel_words")
"""Columns of a verdict that say how a copy compares with what stays."""


class Found(NamedTuple):
    """`verdicts` and `cuts`, see `find_duplicates`."""

    verdicts: pl.DataFrame
    cuts: pl.DataFrame


def find_duplicates(
    signature_files: Sequence[str | Path],
    dedup: Dedup,
    *,
    texts: Texts | None = None,
    scratch: Path | None = None,
    earlier: Sequence[str | Path] = (),
    cores: int = 1,
    clean: Clean | None = None,
) -> Found:
    """The documents that have copies, and the copies; and the parts of texts that stand in others, too.

    The files are Parquet with `id, source, length` and what each method signs (`DocumentMethod.columns`; what stands
    for texts only where there are none); with a `keep` that asks for it `keep_value` (see `rank_documents`). Neither
    their order nor that of their rows matters, but `texts` counts them.
    Documents of the `earlier` files, an index, stay in any case, and have no row; similarity to them is estimated from
    signatures. `scratch` is a folder for what memory should not hold (default: that for temporary files); `cores`
    threads read the texts of candidates. `clean` says how clean documents are, where the lines of others, which are not
    here, decide about it.

    `verdicts`, sorted by id, has a row for each document of a cluster of two or more: `id`, `duplicate_of` (the id
    that stays; null for itself), `cluster` (the id that stays, for every member), `size` (UInt32, members of the
    cluster), `similarity` (Float32: Jaccard similarity to what stays, with "semantic" the cosine, 1.0 for an equal
    text), `containment` (Float32: which share of its distinct word n-grams, by default 3-grams, stands in what stays),
    `novel_words` (Int64: distinct words that what stays does not have), `method` (which found it) and `earlier`
    (whether what stays is an earlier document). A document that is in an index already, with the same text, repeats
    itself there: `duplicate_of` is its id, `method` "known". What is not known is null, and so are these columns for
    what stays.

    `cuts`, sorted by id and start, has a row for each part that goes: `id`, `start`, `end` (Int64, bytes of the text;
    no two overlap), `method`, and `held_by` (the id of the document in which it stays; null where the method does not
    know).

    Raises:
        UsageError: an unknown method, a column missing in a file, an id that stands twice, or no texts where all are
            needed.
    """
    methods = methods_of(dedup)
    _check_texts(methods, dedup, texts)
    word, account = keep_word(dedup), account_columns(dedup)
    columns = _columns(dedup, has_texts=texts is not None, has_index=bool(earlier))
    files = SignatureFiles.open(signature_files, columns=columns, account=account, earlier=earlier)
    known, _ = ids_of_both(signature_files, earlier, dedup)
    files = files.without(known)
    rank = rank_documents(files.documents, prefer=dedup.prefer, keep=word)
    copies, cuts = Duplicates.none(len(rank)), Cuts.none()
    with tempfile.TemporaryDirectory(dir=scratch, prefix="dedup-") as folder:
        for number, method in enumerate(methods):
            place = Path(folder) / f"{number}-{method.name}"
            place.mkdir()
            search = Search(number, files, rank, copies, cuts, dedup, texts, place, cores, clean)
            if not isinstance(method, PassageMethod):
                method.find(search)
                continue
            cuts = add_cuts(cuts, method.cut(search))
            if texts is not None and number < len(methods) - 1:
                mark_emptied(files, texts, copies, cuts, dedup.min_words_left)
    copies.settle()
    names = pl.Series(dedup.method, dtype=pl.String)
    verdicts = _verdicts(files.documents, copies, names)
    return Found(pl.concat([verdicts, _known(known, verdicts)]).sort("id"), _cuts(files.documents, cuts, names))


def _check_texts(methods: Sequence[Method], dedup: Dedup, texts: Texts | None) -> None:
    if keeps_cleanest(dedup) and texts is None:
        raise UsageError(f'keep = "{CLEANEST}" compares texts, and there are none')
    for method in methods:
        if isinstance(method, PassageMethod) and texts is None:
            raise UsageError(f'the method "{method.name}" compares texts, and there are none')


def columns_read(dedup: Dedup, *, has_texts: bool, has_index: bool) -> list[str]:
    """The columns of signature files that are looked at."""
    return [*account_columns(dedup), *_columns(dedup, has_texts=has_texts, has_index=has_index)]


def account_columns(dedup: Dedup) -> list[str]:
    return [*ACCOUNT, *(() if keep_word(dedup) in ("longest", "first") else (KEEP,))]


def _columns(dedup: Dedup, *, has_texts: bool, has_index: bool) -> list[str]:
    """Of the columns that are signed those that will be read."""
    reads_texts = has_texts and dedup.is_verified and not has_index
    methods = document_methods(dedup)
    unread = {name for method in methods if reads_texts for name in method.stands_for_text}
    return [name for method in methods for name in method.columns(dedup) if name not in unread]


def _verdicts(documents: pl.DataFrame, copies: Duplicates, names: pl.Series) -> pl.DataFrame:
    ids, earlier = documents["id"], documents["earlier"].to_numpy()
    sizes = np.bincount(copies.original, minlength=len(ids)).astype(np.uint32)[copies.original]
    found = np.flatnonzero((sizes > 1) & ~earlier)
    original, is_copy = copies.original[found], pl.Series(copies.original[found] != found)
    table = pl.DataFrame(
        {
            "id": ids.gather(found),
            "cluster": ids.gather(original),
            "size": sizes[found],
            "similarity": pl.Series(copies.similarity[found]).fill_nan(None),
            "containment": pl.Series(copies.containment[found]).fill_nan(None),
            "novel_words": pl.Series(copies.novel[found]).replace(UNKNOWN, None),
            "method": names.gather(np.maximum(copies.method[found], 0)),
            "earlier": earlier[original],
        }
    )
    original_id = pl.when(is_copy).then("cluster").alias("duplicate_of")
    hidden = [pl.when(is_copy).then(name).alias(name) for name in (*COMPARED, "method")]
    return table.select("id", original_id, "cluster", "size", *hidden, "earlier")


def _known(ids: pl.Series, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The verdicts on documents that an index has already: they repeat themselves there, and count as no copies."""
    sizes = verdicts.group_by("cluster").agg(pl.col("size").first())
    table = ids.to_frame("id").join(sizes, left_on="id", right_on="cluster", how="left", maintain_order="left")
    values = {"duplicate_of": pl.col("id"), "cluster": pl.col("id"), "size": pl.col("size").fill_null(1)}
    values |= {"method": pl.lit(KNOWN), "earlier": pl.lit(True)}
    columns = [
        values.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in verdicts.schema.items() if name != "id"
    ]
    return table.select("id", *columns)


def no_cuts() -> pl.DataFrame:
    """The `cuts` of methods that cut nothing."""
    nothing = pl.Series("id", [], dtype=pl.String)
    return _cuts(nothing.to_frame(), Cuts.none(), nothing)


def _cuts(documents: pl.DataFrame, cuts: Cuts, names: pl.Series) -> pl.DataFrame:
    ids = documents["id"]
    is_known = pl.Series(cuts.holder != NOBODY)
    columns = {
        "id": ids.gather(cuts.document),
        "start": pl.Series(cuts.start, dtype=pl.Int64),
        "end": pl.Series(cuts.end, dtype=pl.Int64),
        "method": names.gather(cuts.method),
        "held_by": ids.gather(np.maximum(cuts.holder, 0)),
    }
    known = pl.when(is_known).then("held_by").alias("held_by")
    return pl.DataFrame(columns).with_columns(known)
