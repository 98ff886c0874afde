"""What a method of deduplication must answer: it is one object of one of two kinds, a row of `curate.dedup.methods`.

documents ─▶ DocumentMethod.sign ─▶ columns of a signature file ─▶ .find ─▶ documents that repeat others
what is left of the texts ─▶ PassageMethod.cut ─▶ parts of texts that stand in others, too
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    import polars as pl
    from polars._typing import PolarsDataType

    from curate.dedup.cleanest import Clean
    from curate.dedup.cuts import Cuts
    from curate.dedup.duplicates import Duplicates
    from curate.dedup.sets import Texts
    from curate.dedup.signatures import SignatureFiles
    from curate.recipe_dedup import Dedup
    from curate.text.units import Span

    Reading: TypeAlias = Callable[[], Iterator[tuple[npt.NDArray[np.int64], pl.Series]]]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """What a method is given when its turn comes. `number` is its place among the methods that are asked for, under
    which it adds to `copies` and to cuts; `rank` (int64[n]) says which document stays of several, the smallest; `cuts`
    are those of the methods before, `texts` reads whole texts, and `folder` is an empty one for what memory should not
    hold."""

    number: int
    files: SignatureFiles
    rank: npt.NDArray[np.int64]
    copies: Duplicates
    cuts: Cuts
    dedup: Dedup
    texts: Texts | None
    folder: Path
    cores: int
    clean: Clean | None = None
    """Where `keep` asks for the cleanest and others have counted lines: what they say (`curate.dedup.cleanest`)."""


def nothing(dedup: Dedup) -> tuple[str, ...]:
    return ()


def no_parameters(dedup: Dedup) -> Mapping[str, Any]:
    return {}


def no_words(dedup: Dedup) -> str:
    return ""


def as_it_is(dedup: Dedup) -> Dedup:
    return dedup


def no_doubts(dedup: Dedup, tokens: int) -> tuple[tuple[str, str], ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentMethod:
    """Finds documents that repeat others. What it signs stands in an index, too, so that later documents are compared
    with it."""

    name: str
    about: str
    """When two documents are copies, as docs/dedup.md says it."""
    reason: str
    """The ledger's word for a document that goes as a copy."""
    columns: Callable[[Dedup], Mapping[str, PolarsDataType]]
    """What it signs: columns of a signature file, and of an index."""
    sign: Callable[[pl.DataFrame, Dedup], pl.DataFrame]
    """These columns of a batch of documents, which has `id, source, text` and what the method `needs`."""
    find: Callable[[Search], None]
    """Adds the documents that repeat others to `copies`, of those that stay so far."""
    meets: Callable[[Dedup], tuple[str, ...]] = nothing
    """Of its columns those (UInt64) by which documents meet: `find` compares two only where they have the value of one
    in common, directly or through others, so it may be asked of such documents apart from all others. None: it looks
    at all documents at once."""
    needs: Callable[[Dedup], tuple[str, ...]] = nothing
    """Columns of a document, besides its text, that are signed."""
    too_wide: Callable[[Dedup], tuple[str, ...]] = nothing
    """Of these, what may be longer than a text: the ledger does not repeat it."""
    parameters: Callable[[Dedup], Mapping[str, Any]] = no_parameters
    """By which its columns are made: those of an index are of no use with others."""
    keys: Callable[[Dedup], tuple[str, ...]] = nothing
    """Those of its columns that are equal where documents are the same; by them a document is known again."""
    is_of_text: bool = False
    """Whether its columns follow from the text alone: a similarity of 1 then means an equal text."""
    verifies: bool = False
    """Whether it reads the texts of candidates where the recipe asks for it, and so knows what each copy loses."""
    stands_for_text: tuple[str, ...] = ()
    """Those of its columns that are not read where texts are."""
    likeness: str = "through another copy"
    """What `curate why` says of a copy whose similarity is not known."""
    explain: Callable[[Dedup], str] = no_words
    """A line on what its parameters mean, for `curate plan`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassageMethod:
    """Takes parts out of texts that stand elsewhere, too. It signs nothing and reads all texts, so it knows nothing of
    an index."""

    name: str
    about: str
    """What is cut, as docs/dedup.md says it."""
    cut: Callable[[Search], Cuts]
    """Parts of the texts that the methods before have left, sorted and disjoint; documents of which it cuts everything
    are `gone`."""
    span: Callable[[Dedup], Span] | None = None
    """Where `cut` takes every window of texts that stands in a better place, too: what a window is. Of many documents
    it is done in parts then (`curate.dedup.kept_once`)."""
    in_order: Callable[[Dedup, int, Reading, Reading], Iterator[Cuts]] | None = None
    """Where `cut` takes documents one after the other: what it cuts of them, batch by batch, given two readings of
    their texts, of any order and of a fixed one (`curate.dedup.passages`); the number is that of the method. Of many
    documents it is one task then, that knows few of them at a time."""
    doubts: Callable[[Dedup, int], Iterable[tuple[str, str]]] = no_doubts
    """Keys of `[dedup]`, and what is wrong with their values for about so many tokens of text; for `curate check`."""
    with_room: Callable[[Dedup], Dedup] = as_it_is
    """The parameters for a part of all texts: what is too little for the whole is no matter there."""


Method: TypeAlias = DocumentMethod | PassageMethod
