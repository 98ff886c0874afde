"""`[dedup]` of a recipe, and the tables of its methods, as typed, frozen models."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Lines:
    """Method "lines": parts of texts that stand in others, too, or twice in one; the best document keeps each."""

    unit: Literal["line", "sentence", "paragraph"] = "line"
    """What is compared."""
    span: int = field(default=1, metadata={"range": (1, 100)})
    """So many units one after the other must repeat; C4 has 3 sentences."""
    min_words: int = field(default=5, metadata={"range": (1, 10_000)})
    """Of all units of a span together; shorter ones may repeat."""


@dataclass(frozen=True, slots=True)
class Substring:
    """Method "substring": runs of words that stand somewhere else, too."""

    min_words: int = field(default=50, metadata={"range": (2, 100_000)})
    """Shorter runs may repeat."""


@dataclass(frozen=True, slots=True)
class Ngrams:
    """Method "ngrams": lines, and documents, most of whose n-grams were seen before."""

    ngram: int = field(default=13, metadata={"range": (1, 100)})
    """Words of an n-gram."""
    max_seen: float = field(default=0.8, metadata={"range": (0.0, 1.0)})
    """The share of its n-grams that were seen before; a line or document with more goes."""
    max_false_positives: float = field(default=0.01, metadata={"range": (1e-9, 0.5)})
    """The share of new n-grams that may look seen."""
    capacity: int | None = field(default=None, metadata={"range": (1, 1 << 50)})
    """N-grams that the Bloom filter must hold (default: as many as there are, which takes another reading)."""


@dataclass(frozen=True, slots=True)
class Semantic:
    """Method "semantic": documents whose embeddings, a column of the tables, point nearly the same way."""

    column: str = "embedding"
    """A list of numbers of the same length in every row."""
    min_similarity: float = field(default=0.95, metadata={"range": (-1.0, 1.0)})
    """Cosine to the document that stays."""
    cells: int | None = field(default=None, metadata={"range": (1, 1 << 20)})
    """Cells of k-means, within which documents are compared (default: the root of how many there are)."""


@dataclass(frozen=True, slots=True)
class Verify:
    """What a near-duplicate must have in common with the copy that stays; 0 asks for nothing."""

    jaccard: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    """True Jaccard similarity of their n-grams."""
    containment: float = field(default=0.0, metadata={"range": (0.0, 1.0)})
    """The share of its own distinct n-grams of words that stand in the copy that stays, too."""
    ngram: int = field(default=3, metadata={"range": (1, 100)})
    """Words of an n-gram of which containment is a share."""


@dataclass(frozen=True, slots=True)
class Dedup:
    """Which documents count as copies, method by method, and which copy stays: the order of sources, then `keep`."""

    method: tuple[str, ...] = ("exact", "minhash")
    """A name or a list, in this order, each on what the ones before left; docs/dedup.md lists all."""
    ngram: int = field(default=5, metadata={"range": (1, 100)})
    """Units of a shingle, for "minhash"."""
    unit: Literal["words", "characters"] = "words"
    """Of which n-grams consist, for "minhash"."""
    normalize: Literal["words", "ccnet", "none"] = "words"
    """How much of a text counts where texts are compared, but by "exact"."""
    bands: int = field(default=14, metadata={"range": (1, 1000)})
    """Of a signature: documents with an equal band are compared."""
    rows: int = field(default=8, metadata={"range": (1, 1000)})
    """Hashes of a band: more make a chance meeting rarer."""
    threshold: float | None = field(default=None, metadata={"range": (0.01, 0.99)})
    """Instead of bands and rows: those that err least about this similarity, of `permutations`."""
    permutations: int = field(default=128, metadata={"range": (2, 1024)})
    """Hashes of a signature, where `threshold` says how they part into bands."""
    verify: float | Verify = field(default=0.7, metadata={"range": (0.0, 1.0)})
    """The least true Jaccard similarity of a near-duplicate to the copy that stays; 0: a shared band is enough."""
    prefer: tuple[str, ...] = ()
    """Sources in the order in which their documents stay; those that are not named come last, in the recipe's order."""
    exempt: tuple[str, ...] = ()
    """Sources whose documents are never removed as near-duplicates ("minhash", "semantic")."""
    keep: str | tuple[str, ...] = "longest"
    """"longest", "cleanest" (the longest but for lines that repeat), "latest" (by timestamp), "first" (by id), or
    "highest:" and a column; or "cleanest" and then one of the last three."""
    lines: Lines = Lines()
    substring: Substring = Substring()
    ngrams: Ngrams = Ngrams()
    semantic: Semantic = Semantic()
    min_words_left: int = field(default=1, metadata={"range": (0, 1_000_000)})
    """Documents of which parts were cut and fewer words are left are dropped."""
    max_memory: int = field(default=1 << 30, metadata={"range": (1 << 16, 1 << 50)})
    """Bytes of the Bloom filter, or of the sketch by which "lines" and "substring" spare work."""
    against: tuple[str, ...] = ()
    """Indexes, or runs that have one: what repeats a document there is dropped."""
    index: bool = False
    """Leave an index of the documents that stay in RUN/dedup/index, for later runs."""
    rehydrate: tuple[tuple[int, ...], ...] = ()
    """How often a document goes among the training tokens: pairs of the least cluster size and a number of times."""
    base: Path = field(default=Path(), compare=False, metadata={"toml": False})
    """The folder in which methods of the user's own are looked for: the recipe's."""

    @property
    def verification(self) -> Verify:
        """A number by itself is a Jaccard similarity."""
        return self.verify if isinstance(self.verify, Verify) else Verify(jaccard=self.verify)

    @property
    def is_verified(self) -> bool:
        return self.verification.jaccard > 0 or self.verification.containment > 0
