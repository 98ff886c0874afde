"""The materialised mixture: whole documents, as often as their share says, in one keyed order."""

from __future__ import annotations

from pathlib import Path
from pydoc_data import topics

import numpy as np
import polars as pl
import pytest

from curate.errors import UsageError
from curate.tokenize.choose import choose_documents, hash_ids
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.materialise import materialise
from curate.tokenize.mix import Mixture, plan_mixture
from curate.tokenize.shards import TokenArray, open_shards, write_shard

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


def test_documents_are_whole_and_shares_are_met_within_half_a_document(
    arrays: dict[str, TokenArray], tmp_path: Path
) -> None:
    mixture = plan(arrays)
    assert mixture.shares[0].epochs < 1 < 2 < mixture.shares[1].epochs
    materialise(arrays, mixture, seed=17, folder=tmp_path, max_shard_tokens=4000)
    mixed = open_shards(tmp_path)
    assert len(mixed.shards) > 5
    assert all(len(shard.tokens) <= 4000 for shard in mixed.shards)
    table = mixed.documents()
    for number, (name, source) in enumerate(zip(table["id"], table["source"], strict=True)):
        text = TEXTS[source][int(name.partition("/")[2])]
        assert mixed.document(number).tolist() == [*text.encode(), 256]
    for share in mixture.shares:
        drawn = table.filter(pl.col("source") == share.name)
        assert abs(drawn["tokens"].sum() - share.tokens) <= drawn["tokens"].max() / 2
        assert drawn.select("id", "epoch").is_duplicated().sum() == 0
        repeats = drawn["id"].value_counts()["count"]
        assert repeats.max() - repeats.min() <= 1


def test_the_order_mixes_sources_and_epochs(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    materialise(arrays, plan(arrays), seed=17, folder=tmp_path, max_shard_tokens=1 << 20)
    table = open_shards(tmp_path).documents()
    is_web = (table["source"] == "web").to_numpy()
    thirds = [part.mean() for part in np.array_split(is_web, 3)]
    assert max(thirds) - min(thirds) < 0.3
    assert not table.filter(pl.col("source") == "books")["epoch"].is_sorted()


def test_bytes_depend_on_the_seed_and_on_nothing_else(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    contents = []
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / folder).mkdir()
        paths = materialise(arrays, plan(arrays), seed=seed, folder=tmp_path / folder, max_shard_tokens=5000)
        contents.append([path.read_bytes() for path in sorted(paths)])
    assert contents[0] == contents[1] != contents[2]


def test_a_source_without_shards_is_refused(arrays: dict[str, TokenArray], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="without shards: books"):
        materialise({"web": arrays["web"]}, plan(arrays), seed=1, folder=tmp_path, max_shard_tokens=5000)


def test_documents_are_chosen_whole_as_near_to_the_budget_as_can_be() -> None:
    ids = pl.Series([f"web/{i}" for i in range(2000)])
    counts = np.random.default_rng(1).integers(1, 500, 2000)
    hashes = hash_ids(ids, seed=17, purpose="share")
    for budget in (1, 1000, 123_456, int(counts.sum())):
        chosen = choose_documents(hashes, counts, budget)
        assert abs(counts[chosen].sum() - budget) <= 250 or chosen.sum() == 1
        assert hashes[chosen].max() <= hashes[~chosen].min(initial=2**64 - 1)
    assert choose_documents(hashes, counts, 0).sum() == 0
    assert choose_documents(hashes, counts, 10**9).all()


def test_a_smaller_budget_chooses_a_part_of_what_a_larger_one_does() -> None:
    hashes = hash_ids(pl.Series([f"web/{i}" for i in range(500)]), seed=3, purpose="share")
    counts = np.full(500, 10)
    small, large = (choose_documents(hashes, counts, budget) for budget in (1000, 2000))
    assert (small.sum(), large.sum()) == (100, 200)
    assert not (small & ~large).any()


def test_seed_and_purpose_are_in_the_hash() -> None:
    ids = pl.Series(["a", "b"])
    drawn = {hash_ids(ids, seed=seed, purpose=purpose)[0] for seed in (1, 2) for purpose in ("x", "y")}
    assert len(drawn) == 4
