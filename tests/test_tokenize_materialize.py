"""The materialized mixture: whole documents, as often as their share says, in one keyed order."""

from __future__ import annotations

from pathlib import Path
from pydoc_data import topics

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.errors import UsageError
from curate.tokenize.choose import choose_tail, choose_tokens, cut_tail, hash_ids
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.materialize import materialize
from curate.tokenize.mix import Mixture, plan_mixture
from curate.tokenize.shards import TokenArray, open_shards, write_shard

SIZES = load_tokenizer("bytes").token_bytes()
TEXTS = {
    "web": [text[:400] for text in topics.topics.values()][:60],
    "books": [text[400:900] for text in topics.topics.values()][:20],
}


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenArray]:
    root = tmp_path_factory.mktemp("train")
    for source, texts in TEXTS.items():
        (root / source).mkdir()
        for number, first in enumerate(range(0, len(texts), 25)):
            part = texts[first : first + 25]
            tokens, offsets = load_tokenizer("bytes").encode_batch(part)
            ids = pl.Series([f"{source}/{first + i}" for i in range(len(part))])
            byte_counts = pl.Series([len(text.encode()) for text in part])
            write_shard(root / source, f"{number:05}", tokens, offsets, ids, byte_counts)
    return {source: open_shards(root / source) for source in TEXTS}


def plan(arrays: dict[str, TokenArray]) -> Mixture:
    available = {name: len(array) for name, array in arrays.items()}
    return plan_mixture(available, weights={"web": 0.4, "books": 0.6}, tokens=30_000, max_epochs=4)


def test_shares_are_met_to_the_token_and_one_document_of_each_source_is_cut(
    arrays: dict[str, TokenArray], tmp_path: Path
) -> None:
    mixture = plan(arrays)
    assert mixture.shares[0].epochs < 1 < 2 < mixture.shares[1].epochs
    materialize(arrays, mixture, seed=17, folder=tmp_path, max_shard_tokens=4000, token_bytes=SIZES)
    mixed = open_shards(tmp_path)
    assert len(mixed.shards) > 5
    assert all(len(shard.tokens) <= 4000 for shard in mixed.shards)
    table = mixed.documents()
    cut = []
    for number, (name, source) in enumerate(zip(table["id"], table["source"], strict=True)):
        text = TEXTS[source][int(name.partition("/")[2])].encode()
        found = mixed.document(number).tolist()
        cut += [source] if len(found) <= len(text) else []
        assert found == [*text[: len(found) - 1], 256]
        assert table["bytes"][number] == len(found) - 1
    assert sorted(cut) == ["books", "web"]
    for share in mixture.shares:
        drawn = table.filter(pl.col("source") == share.name)
        assert drawn["tokens"].sum() == share.tokens
        assert drawn.select("id", "epoch").is_duplicated().sum() == 0
        repeats = drawn["id"].value_counts()["count"]
        assert repeats.max() - repeats.min() <= 1


def test_the_order_mixes_sources_and_epochs(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    materialize(arrays, plan(arrays), seed=17, folder=tmp_path, max_shard_tokens=1 << 20, token_bytes=SIZES)
    table = open_shards(tmp_path).documents()
    is_web = (table["source"] == "web").to_numpy()
    thirds = [part.mean() for part in np.array_split(is_web, 3)]
    assert max(thirds) - min(thirds) < 0.3
    assert not table.filter(pl.col("source") == "books")["epoch"].is_sorted()


def test_bytes_depend_on_the_seed_and_on_nothing_else(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    contents = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        place = tmp_path / folder
        paths = materialize(arrays, plan(arrays), seed=seed, folder=place, max_shard_tokens=5000, token_bytes=SIZES)
        contents.append([path.read_bytes() for path in sorted(paths)])
    assert contents[0] == contents[1] != contents[2]


def test_a_source_without_shards_is_refused(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    only = {"web": arrays["web"]}
    with pytest.raises(UsageError, match="without shards: books"):
        materialize(only, plan(arrays), seed=1, folder=tmp_path, max_shard_tokens=5000, token_bytes=SIZES)


def test_documents_are_taken_whole_but_the_last_and_fill_the_budget_to_the_token() -> None:
    ids = pl.Series([f"web/{i}" for i in range(2000)])
    counts = np.random.default_rng(1).integers(2, 500, 2000)
    hashes = hash_ids(ids, seed=17, purpose="share")
    for budget in (2, 3, 1000, 123_456, int(counts.sum()) - 1, int(counts.sum())):
        taken = choose_tokens(hashes, counts, budget)
        assert taken.sum() == budget
        assert ((taken > 0) & (taken < counts)).sum() <= 2
        assert taken[taken > 0].min() >= 2
        assert hashes[taken > 0].max() <= hashes[taken == 0].min(initial=2**64 - 1)
    assert choose_tokens(hashes, counts, 0).sum() == 0
    assert (choose_tokens(hashes, counts, 10**9) == counts).all()


@settings(deadline=None, max_examples=300)
@given(st.lists(st.integers(2, 30), min_size=1, max_size=20), st.integers(0, 700))
def test_no_document_is_cut_to_its_end_mark(counts: list[int], budget: int) -> None:
    hashes = hash_ids(pl.Series([str(n) for n in range(len(counts))]), seed=1, purpose="x")
    taken = choose_tokens(hashes, np.array(counts, dtype=np.int64), budget)
    assert not (taken == 1).any()
    assert (taken <= counts).all()
    assert abs(int(taken.sum()) - min(budget, sum(counts))) <= 1  # two tokens cannot be cut in two


def test_a_smaller_budget_chooses_a_part_of_what_a_larger_one_does() -> None:
    hashes = hash_ids(pl.Series([f"web/{i}" for i in range(500)]), seed=3, purpose="share")
    small, large = (choose_tokens(hashes, np.full(500, 10), budget) for budget in (1000, 2000))
    assert (small.sum(), large.sum()) == (1000, 2000)
    assert not ((small > 0) & (large == 0)).any()


def test_the_end_that_is_held_out_is_of_the_asked_size_and_at_most_half_a_document() -> None:
    hashes = np.array([5, 3, 9, 1], dtype=np.uint64)
    assert choose_tail(hashes, np.array([1000, 800, 2000, 40]), 0.05) == (1, 192)
    assert choose_tail(hashes, np.array([40, 44, 2000, 40]), 0.05) == (2, 106)
    assert choose_tail(hashes, np.array([6, 7, 9, 5]), 0.5) == (2, 4)
    assert choose_tail(hashes[:3], np.array([3, 2, 3]), 0.5) is None
    assert choose_tail(hashes[:0], np.array([], dtype=np.int64), 0.5) is None


def test_the_end_begins_with_a_paragraph_else_a_line_else_a_word() -> None:
    pieces = load_tokenizer("bytes").backend.pieces
    for text, beginning in (
        ("one. " * 40 + "\n\nTwo. " + "three\nfour " * 20, "Two. three"),
        ("one. " * 40 + "\nTwo. " + "three four " * 20, "Two. three"),
        ("one. " * 40 + "Two. " + "three four " * 20, " "),
        ("\u65e5\u672c" * 100, "\u672c\u65e5"),
    ):
        tokens = np.array([*text.encode(), 256])
        tail = cut_tail(tokens, 220, pieces)
        assert 110 <= tail <= 330
        assert bytes(tokens[-tail:-1].tolist()).decode().startswith(beginning)


def test_seed_and_purpose_are_in_the_hash() -> None:
    ids = pl.Series(["a", "b"])
    drawn = {hash_ids(ids, seed=seed, purpose=purpose)[0] for seed in (1, 2) for purpose in ("x", "y")}
    assert len(drawn) == 4
