"""Languages that n-grams take for one another, told apart by how frequent their words are in each, and by their script.

chances of a text ─▶ a group is likelier than what is not of it? ─▶ what its words cost each ─▶ chances within it
                  ─▶ most of its letters are Han? ─▶ what is written otherwise gets no chance

A word's weight is the logarithm of how much rarer it is in a language than in the one of its group where it is most
frequent: *tisuća* in Serbian, *vreme* in Croatian, *kerana* in Indonesian. A text is a bag of words, as to any naive
Bayes classifier; what a model says of other languages, and of a group as a whole, stays. docs/language-card.md says
where the counts are from.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.model_bytes import BadModel
from curate.filters.neighbor_words import sum_weights
from curate.filters.neighbors_file import Neighbors, read_neighbors
from curate.filters.shipped_models import MODELS, shipped_sum
from curate.model_file import ModelFile
from curate.text.buffers import TextBuffers

Chances = npt.NDArray[np.float64]

NEIGHBORS = MODELS / "neighbors.bin"
LICENSE = "Apache-2.0"
LEAST = 1e-4
"""The chance that each of a group has at least, before its words are looked at."""
HAN = ("zh", "ja", "und", "zxx")
"""What a text may be of which most letters are Han."""


@functools.cache
def shipped_neighbors() -> tuple[Neighbors, ModelFile]:
    """The groups that ship, and what a manifest says of their file.

    Raises:
        UsageError: the file is damaged, or is not there.
    """
    found = file_sha256(str(NEIGHBORS), what="table of close languages", expected=shipped_sum(NEIGHBORS.name))
    try:
        neighbors = read_neighbors(NEIGHBORS.read_bytes())
    except BadModel as error:
        raise UsageError(f"{NEIGHBORS} holds no close languages: {error}") from error
    return neighbors, ModelFile(NEIGHBORS.name, str(NEIGHBORS), found, LICENSE)


def without_other_scripts(chances: Chances, names: Sequence[str], scripts: pl.Series) -> Chances:
    """The chances of texts in these scripts of languages that are written so; as they are, where these have none."""
    rows = np.flatnonzero((scripts == "Hani").fill_null(False).to_numpy())
    is_other = np.array([name not in HAN for name in names])
    found = chances.copy()
    found[np.ix_(rows, np.flatnonzero(is_other))] = 0
    sums = found[rows].sum(axis=1, keepdims=True)
    scaled = found[rows] / np.where(sums > 0, sums, 1) * chances[rows].sum(axis=1, keepdims=True)
    found[rows] = np.where(sums > 0, scaled, chances[rows])
    return found


def tell_apart(
    buffers: TextBuffers, chances: Chances, names: Sequence[str], scripts: pl.Series, neighbors: Neighbors
) -> Chances:
    """float64[texts, labels]: the chances by a model that has all groups among its names, weighed by their words.

    Those texts are asked about of which a group is likelier than any language beside it, and whose letters are mostly
    of its script.
    """
    found, most = chances.copy(), chances.max(axis=1, initial=0)
    for group in neighbors.groups:
        columns = np.array([names.index(language) for language in group.languages])
        within = chances[:, columns]
        # Where the likeliest language is of the group, all of it is likelier than any other.
        is_likely = (most > 0) & ((within.max(axis=1) == most) | (within.sum(axis=1) > most))
        rows = np.flatnonzero(is_likely & (scripts == group.script).fill_null(False).to_numpy())
        if len(rows):
            evidence = neighbors.step * sum_weights(buffers, rows, group) + np.array(group.priors)
            found[np.ix_(rows, columns)] = _weighed(within[rows], group.trust, evidence)
    return found


def _weighed(chances: Chances, trust: float, evidence: npt.NDArray[np.float64]) -> Chances:
    """Bayes' rule within a group: the sum of each text's chances stays."""
    logs = trust * np.log(np.maximum(chances, LEAST)) + evidence
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    weighed: Chances = chances.sum(axis=1, keepdims=True) * shares / shares.sum(axis=1, keepdims=True)
    return weighed
