"""Clusters and verdicts against slow plain-Python versions, on files as pass 1 writes them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.dedup import clusters as clusters_module
from curate.dedup.clusters import clusters, find_duplicates, pairs_of_band, verdicts
from curate.dedup.exact import hash_texts
from curate.dedup.minhash import band_names, sign
from curate.errors import UsageError

# The opening of the Gettysburg address, and what editors, templates and crawlers do to a text.
ADDRESS = (
    "Four score and seven years ago our fathers brought forth on this continent, a new nation, conceived in Liberty, "
    "and dedicated to the proposition that all men are created equal. Now we are engaged in a great civil war, testing "
    "whether that nation, or any nation so conceived and so dedicated, can long endure. We are met on a great "
    "battle-field of that war. We have come to dedicate a portion of that field, as a final resting place for those "
    "who here gave their lives that that nation might live."
)
OTHER = (
    "The Congress shall have Power To lay and collect Taxes, Duties, Imposts and Excises, to pay the Debts and provide "
    "for the common Defence and general Welfare of the United States; but all Duties, Imposts and Excises shall be "
    "uniform throughout the United States; To borrow Money on the credit of the United States."
)
DOCUMENTS = [
    ("web/a@0", "web", ADDRESS),
    ("web/b@7", "web", ADDRESS.upper() + " ---"),
    ("web/c@3", "web", ADDRESS + " It is altogether fitting and proper."),
    ("books/a", "books", ADDRESS.replace(". ", ".\n\n  ")),
    ("web/d@1", "web", OTHER),
    ("web/e@2", "web", "* * *"),
    ("web/f@2", "web", "* * *"),
    ("web/g@2", "web", "+ + +"),
    ("news/h", "news", ""),
    ("news/i", "news", "A word alone"),
]
BANDS, ROWS = 14, 4


def signature_table(documents: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    table = pl.DataFrame(documents, schema=["id", "source", "text"], orient="row")
    length = table.select(pl.col("text").str.len_chars().alias("length"))
    signed = sign(table["text"], ngram=5, bands=BANDS, rows=ROWS)
    return pl.concat([table.drop("text"), length, hash_texts(table["text"]), signed], how="horizontal")


def write_files(table: pl.DataFrame, folder: Path, *, pieces: int) -> list[Path]:
    paths = []
    for piece in range(pieces):
        paths.append(folder / f"{piece}[split].parquet")  # a glob's characters must not confuse the reader
        table[piece::pieces].write_parquet(paths[-1])
    return paths


def found(table: pl.DataFrame, folder: Path, methods: Sequence[str], prefer: Sequence[str] = ()) -> pl.DataFrame:
    return find_duplicates(write_files(table, folder, pieces=3), methods=methods, bands=BANDS, prefer=prefer)


def components_in_python(edges: list[tuple[int, int]], count: int) -> list[int]:
    labels = list(range(count))
    for _ in range(count):
        for one, other in edges:
            labels[one] = labels[other] = min(labels[one], labels[other])
    return labels


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 25).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_clusters_are_connected_components_named_by_their_smallest_member(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    count, edges = graph
    frame = pl.DataFrame(edges, schema={"document": pl.UInt32, "smallest": pl.UInt32}, orient="row")
    halves = [frame[: len(edges) // 2], frame[len(edges) // 2 :]]
    assert clusters(halves, count).tolist() == components_in_python(edges, count)
    assert clusters([frame.reverse()], count).tolist() == components_in_python(edges, count)


def test_a_long_chain_is_one_cluster() -> None:
    chain = np.random.default_rng(3).permutation(np.arange(1, 100_000))
    edges = pl.DataFrame({"document": chain, "smallest": chain - 1})
    assert not clusters([edges], 100_000).any()


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=40))
def test_a_bucket_gives_an_edge_from_each_member_to_its_smallest(keys: list[int | None]) -> None:
    frame = pl.DataFrame({"document": range(len(keys)), "key": keys}, schema={"document": pl.UInt32, "key": pl.UInt64})
    expected = [(i, keys.index(key)) for i, key in enumerate(keys) if key is not None and keys.index(key) < i]
    assert sorted(pairs_of_band(frame).rows()) == expected
    shuffled = frame.sample(fraction=1.0, shuffle=True, seed=1)
    assert sorted(pairs_of_band(shuffled).rows()) == expected


def test_two_key_columns_must_both_agree() -> None:
    keys = pl.DataFrame({"document": [0, 1, 2, 3], "high": [1, 1, 2, 1], "low": [1, 2, 1, 1]})
    assert pairs_of_band(keys).rows() == [(3, 0)]


def test_the_copy_that_stays_is_by_preference_then_length_then_id() -> None:
    rows = [("a", "web", 10), ("b", "web", 30), ("c", "books", 5), ("d", "news", 99), ("e", "web", 30), ("f", "web", 1)]
    documents = pl.DataFrame(rows, schema=["id", "source", "length"], orient="row")
    cluster = np.array([0, 0, 0, 0, 0, 5])

    def kept(*prefer: str) -> str:
        return str(verdicts(documents, cluster, prefer=prefer)["cluster"].unique().item())

    assert kept() == "d"
    assert kept("web", "books") == "b"
    assert kept("books", "web") == "c"
    assert kept("unknown", "web") == "b"
    table = verdicts(documents, cluster, prefer=["books"])
    assert table["duplicate_of"].to_list() == ["c", "c", None, "c", "c"]
    assert table["size"].to_list() == [5] * 5


def test_exact_finds_texts_that_differ_in_white_space_only(tmp_path: Path) -> None:
    table = found(signature_table(DOCUMENTS), tmp_path, ["exact"])
    assert table.select("id", "duplicate_of", "size", "similarity").rows() == [
        ("books/a", None, 2, None),
        ("web/a@0", "books/a", 2, 1.0),
        ("web/e@2", None, 2, None),
        ("web/f@2", "web/e@2", 2, 1.0),
    ]


def test_minhash_finds_near_copies_and_leaves_documents_without_words_alone(tmp_path: Path) -> None:
    table = found(signature_table(DOCUMENTS), tmp_path, ["minhash"])
    assert table["id"].to_list() == ["books/a", "web/a@0", "web/b@7", "web/c@3"]
    assert table["cluster"].to_list() == ["web/c@3"] * 4  # the longest
    same_words = table.filter(pl.col("id").is_in(["books/a", "web/a@0", "web/b@7"]))["similarity"]
    assert same_words.n_unique() == 1  # equal signatures
    assert 0.8 < same_words[0] < 1.0


def test_both_methods_join_their_clusters_and_prefer_decides(tmp_path: Path) -> None:
    table = found(signature_table(DOCUMENTS), tmp_path, ["exact", "minhash"], prefer=["books"])
    rows = table.select("id", "duplicate_of", "size").rows()
    assert rows[:4] == [("books/a", None, 4)] + [(f"web/{key}", "books/a", 4) for key in ("a@0", "b@7", "c@3")]
    assert [row[0] for row in rows[4:]] == ["web/e@2", "web/f@2"]
    assert table["similarity"].to_list()[:3] == [None, 1.0, 1.0]
    assert table["similarity"].to_list()[5] == 1.0  # by its hash: it has no signature


def test_the_result_depends_neither_on_the_order_of_files_nor_on_that_of_rows(tmp_path: Path) -> None:
    words = ADDRESS.split()
    rng = random.Random(4)
    edited = [[rng.choice(words) if rng.random() < 0.02 else word for word in words] for _ in range(120)]
    many = [(f"web/{i:03}", rng.choice(["web", "news"]), " ".join(text)) for i, text in enumerate(edited)]
    table = signature_table([*DOCUMENTS, *many])
    methods = ("exact", "minhash")
    expected = found(table, tmp_path, methods)
    assert expected["cluster"].n_unique() > 1
    assert 0 < expected["similarity"].drop_nulls().min() < 1  # type: ignore[operator]
    for seed, pieces in enumerate([1, 2, 7]):
        folder = tmp_path / str(seed)
        folder.mkdir()
        paths = write_files(table.sample(fraction=1.0, shuffle=True, seed=seed), folder, pieces=pieces)
        rng.shuffle(paths)
        assert find_duplicates(paths, methods=methods, bands=BANDS, prefer=()).equals(expected)


def test_similarities_do_not_depend_on_the_size_of_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = signature_table([(f"{name}{i}", "web", text * 2) for name, _, text in DOCUMENTS for i in range(3)])
    expected = found(table, tmp_path, ("exact", "minhash"))
    monkeypatch.setattr(clusters_module, "KEPT_AT_ONCE", 1)
    assert found(table, tmp_path, ("exact", "minhash")).equals(expected)


def test_files_need_only_the_columns_of_their_methods(tmp_path: Path) -> None:
    table = signature_table(DOCUMENTS)
    exact = table.select("id", "source", "length", "hash_high", "hash_low")
    minhash = table.drop("hash_high", "hash_low")
    assert found(exact, tmp_path, ["exact"]).equals(found(table, tmp_path, ["exact"]))
    assert found(minhash, tmp_path, ["minhash"]).equals(found(table, tmp_path, ["minhash"]))


@pytest.mark.parametrize("methods", [("exact",), ("minhash",), ("exact", "minhash")])
def test_no_files_empty_files_and_files_without_duplicates_give_an_empty_table(
    tmp_path: Path, methods: tuple[str, ...]
) -> None:
    schema = {"id": pl.String, "duplicate_of": pl.String, "cluster": pl.String, "size": pl.UInt32}
    alone = signature_table(DOCUMENTS[3:5])
    for paths in ([], write_files(alone[:0], tmp_path, pieces=2), write_files(alone, tmp_path, pieces=3)):
        table = find_duplicates(paths, methods=methods, bands=BANDS, prefer=["web"])
        assert table.is_empty()
        assert table.schema == schema | {"similarity": pl.Float32}


def test_wrong_calls_are_refused_with_what_was_found(tmp_path: Path) -> None:
    table = signature_table(DOCUMENTS)
    with pytest.raises(UsageError, match='"minhsh"; did you mean "minhash"'):
        found(table, tmp_path, ["minhsh"])
    with pytest.raises(UsageError, match=r"0\[split\].parquet has no column signature"):
        found(table.drop("signature"), tmp_path, ["minhash"])
    with pytest.raises(UsageError, match='"web/a@0" stands twice'):
        found(pl.concat([table, table[:1]]), tmp_path, ["exact"])
    with pytest.raises(UsageError, match="there is no signature file"):
        find_duplicates([tmp_path / "none"], methods=["exact"], bands=BANDS, prefer=())
    (tmp_path / "torn").write_bytes(b"PAR1 torn")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        find_duplicates([tmp_path / "torn"], methods=["exact"], bands=BANDS, prefer=())


def test_band_columns_have_two_digits_as_pass_1_writes_them() -> None:
    assert band_names(14)[0] == "band_00"
    assert band_names(14)[-1] == "band_13"
