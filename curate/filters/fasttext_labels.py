"""How likely each label of a fastText model is for each text: its output layer, one text by itself after the other.

sums and counts of features ─▶ mean ─▶ products with the labels' vectors ─┬▶ softmax ───────────┬▶ probabilities
                                                                          ├▶ down the tree ─────┤
                                                                          └▶ sigmoid of each ───┘

The arithmetic is that of fastText 0.9 (Joulin et al. 2016, arXiv:1607.01759), in 64 bits.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from curate.filters.fasttext_file import HIERARCHICAL, MOST_SEEN, SOFTMAX, FastTextTables
from curate.text.compiled import inner, kernel

TINY = 1e-5
"""Added to each probability before its logarithm, as fastText does."""
LEAST_SCORE = math.log(TINY)
SIGMOID_LIMIT, SIGMOID_STEPS = 8, 32
"""fastText looks sigmoids up in steps of 1/32 where each label is asked by itself."""


class Output(NamedTuple):
    """`vectors` float64[dim, labels]; `tree` int64[labels - 1, 2] joins two nodes in each inner one (`label_tree`)."""

    vectors: npt.NDArray[np.float64]
    tree: npt.NDArray[np.int64]
    loss: int


def output_of(tables: FastTextTables) -> Output:
    vectors = np.ascontiguousarray(tables.output.T, dtype=np.float64)
    return Output(vectors, label_tree(tables.label_counts), tables.loss)


def label_probabilities(
    totals: npt.NDArray[np.float64], counts: npt.NDArray[np.int64], output: Output
) -> npt.NDArray[np.float64]:
    """float64[texts, labels]; 0 for a label that fastText would not name, and for all of a text without features."""
    labels = output.vectors.shape[1]
    chances = np.zeros((len(counts), labels), dtype=np.float64)
    _answer(totals, counts, *output, np.empty(labels), np.empty(2 * labels), chances)
    return chances


def label_tree(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The Huffman tree over labels sorted by falling count: node `labels + i` joins the two nodes of row i.

    Nodes below `labels` are the labels; the last row is the root. Ties go as in fastText: inner nodes first.
    """
    labels = len(counts)
    weights = [*counts.tolist(), *[MOST_SEEN] * labels]
    children = np.empty((max(labels - 1, 0), 2), dtype=np.int64)
    leaf, node = labels - 1, labels
    for row in range(labels - 1):
        for side in range(2):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children[row, side] = leaf
                leaf -= 1
            else:
                children[row, side] = node
                node += 1
        weights[labels + row] = sum(weights[child] for child in children[row].tolist())
    return children


@kernel
def _answer(totals, counts, vectors, tree, loss, products, scores, chances):
    dim, labels = vectors.shape
    for text in range(len(counts)):
        if counts[text] == 0:
            continue
        products[:] = 0
        for column in range(dim):
            weight = totals[text, column] / counts[text]
            for label in range(labels):
                products[label] += weight * vectors[column, label]
        if loss == HIERARCHICAL:
            _go_down(products, tree, scores)
        elif loss == SOFTMAX:
            _share_out(products, scores)
        else:
            _judge_each(products, scores)
        for label in range(labels):
            if scores[label] >= LEAST_SCORE:  # TINY can make a little more than 1 of it
                chances[text, label] = min(np.exp(scores[label]), 1.0)


@inner
def _go_down(products, tree, scores):
    """From the root, whose score is 0, each node gives both its children what is left of its probability."""
    labels = len(products)
    scores[2 * labels - 2] = 0
    for row in range(labels - 2, -1, -1):
        chance = 1 / (1 + np.exp(-products[row]))
        scores[tree[row, 0]] = scores[labels + row] + np.log(1 - chance + TINY)
        scores[tree[row, 1]] = scores[labels + row] + np.log(chance + TINY)


@inner
def _share_out(products, scores):
    most, total = products.max(), 0.0
    for label in range(len(products)):
        scores[label] = np.exp(products[label] - most)
        total += scores[label]
    for label in range(len(products)):
        scores[label] = np.log(scores[label] / total + TINY)


@inner
def _judge_each(products, scores):
    for label in range(len(products)):
        value = min(max(products[label], -SIGMOID_LIMIT), SIGMOID_LIMIT)
        step = np.floor((value + SIGMOID_LIMIT) * SIGMOID_STEPS) / SIGMOID_STEPS - SIGMOID_LIMIT
        chance = 1 / (1 + np.exp(-step))
        if value != products[label]:
            chance = 0.0 if value < 0 else 1.0
        scores[label] = np.log(chance + TINY)
