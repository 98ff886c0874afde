"""Pass 2 as a whole, on files as `filter` writes them: which copies are found, which stays, and what is refused."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from curate.dedup import near as near_module
from curate.dedup.find import find_duplicates
from curate.dedup.minhash import band_names
from curate.dedup.sign import sign_documents
from curate.errors import UsageError
from curate.recipe_dedup import Dedup

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
CHAINED = Dedup(bands=BANDS, rows=ROWS, verify=0.0)
ESTIMATED = Dedup(bands=BANDS, rows=ROWS, verify=0.7)


def signature_table(documents: Sequence[tuple[str, str, str]]) -> pl.DataFrame:
    table = pl.DataFrame(documents, schema=["id", "source", "text"], orient="row")
    return sign_documents(table, Dedup(bands=BANDS, rows=ROWS))


def write_files(table: pl.DataFrame, folder: Path, *, pieces: int) -> list[Path]:
    paths = []
    for piece in range(pieces):
        paths.append(folder / f"{piece}[split].parquet")  # a glob's characters must not confuse the reader
        table[piece::pieces].write_parquet(paths[-1])
    return paths


def found(
    table: pl.DataFrame, folder: Path, methods: Sequence[str], prefer: Sequence[str] = (), near: Dedup = ESTIMATED
) -> pl.DataFrame:
    paths = write_files(table, folder, pieces=3)
    return find_duplicates(paths, replace(near, method=tuple(methods), prefer=tuple(prefer))).verdicts


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
    assert table["method"].to_list()[:3] == [None, "exact", "minhash"]
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
        assert find_duplicates(paths, replace(ESTIMATED, method=methods)).verdicts.equals(expected)


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
        table = find_duplicates(paths, replace(ESTIMATED, method=methods)).verdicts
        assert table.is_empty()
        assert table.schema == schema | {
            "similarity": pl.Float32,
            "containment": pl.Float32,
            "novel_words": pl.Int64,
            "method": pl.String,
            "earlier": pl.Boolean,
        }


def test_wrong_calls_are_refused_with_what_was_found(tmp_path: Path) -> None:
    table = signature_table(DOCUMENTS)
    with pytest.raises(UsageError, match='"minhsh"; did you mean "minhash"'):
        found(table, tmp_path, ["minhsh"])
    with pytest.raises(UsageError, match=r"0\[split\].parquet has no column signature"):
        found(table.drop("signature"), tmp_path, ["minhash"])
    with pytest.raises(UsageError, match='"web/a@0" stands twice'):
        found(pl.concat([table, table[:1]]), tmp_path, ["exact"])
    with pytest.raises(UsageError, match="there is no signature file"):
        find_duplicates([tmp_path / "none"], Dedup(method=("exact",)))
    (tmp_path / "torn").write_bytes(b"PAR1 torn")
    with pytest.raises(UsageError, match="cannot be read as Parquet"):
        find_duplicates([tmp_path / "torn"], Dedup(method=("exact",)))


def with_texts(documents: Sequence[tuple[str, str, str]], folder: Path, *, verify: float = 0.7) -> pl.DataFrame:
    """Near-duplicates by the true similarity of texts; three files, as three splits would write them."""
    folder.mkdir(exist_ok=True)
    paths = write_files(signature_table(documents), folder, pieces=3)

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        return pl.Series([text for _, _, text in documents[number::3]], dtype=pl.String).gather(rows)

    dedup = Dedup(method=("minhash",), bands=BANDS, rows=ROWS, verify=verify)
    return find_duplicates(paths, dedup, texts=texts, scratch=folder).verdicts


def word_ngrams(text: str) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[at : at + 5]) for at in range(len(words) - 4)}


def jaccard(one: str, other: str) -> float:
    a, b = word_ngrams(one), word_ngrams(other)
    return len(a & b) / len(a | b)


def pages_of_one_template(count: int, *, share: float) -> list[tuple[str, str, str]]:
    """Pages that have a navigation in common, `share` of their words, and nothing else."""
    rng = random.Random(8)
    words = [f"{word}{number}" for word in ADDRESS.split() for number in range(20)]
    navigation = " ".join(rng.sample(words, int(200 * share)))
    return [
        (f"web/{number:03}", "web", navigation + " " + " ".join(rng.sample(words, 200 - int(200 * share))))
        for number in range(count)
    ]


def test_pages_of_one_template_are_a_chain_to_bands_and_strangers_to_anchors(tmp_path: Path) -> None:
    pages = pages_of_one_template(120, share=0.6)
    assert jaccard(pages[0][2], pages[1][2]) < 0.5
    chained = found(signature_table(pages), tmp_path, ["minhash"], near=CHAINED)
    assert chained["size"].max() > 60  # type: ignore[operator]
    assert with_texts(pages, tmp_path / "verified").is_empty()


def test_copies_within_a_template_are_found_all_the_same(tmp_path: Path) -> None:
    pages = pages_of_one_template(120, share=0.6)
    copies = [(f"web/{number:03}+", source, text + " Read more.") for number, (_, source, text) in enumerate(pages)]
    verdicts = with_texts([*pages, *copies], tmp_path).filter(pl.col("duplicate_of").is_not_null())
    assert verdicts["id"].to_list() == [id for id, _, _ in pages]
    assert verdicts["duplicate_of"].to_list() == [id for id, _, _ in copies]


def test_every_copy_is_as_similar_to_what_stays_as_it_says_and_as_is_asked(tmp_path: Path) -> None:
    words = ADDRESS.split()
    rng = random.Random(5)
    edited = [[rng.choice(words) if rng.random() < 0.015 else word for word in words] for _ in range(90)]
    many = [(f"web/{at:03}", "web", " ".join(text)) for at, text in enumerate(edited)]
    texts = {id: text for id, _, text in many}
    verdicts = with_texts(many, tmp_path, verify=0.8)
    copies = verdicts.filter(pl.col("duplicate_of").is_not_null())
    assert copies.height > 30
    assert copies["duplicate_of"].n_unique() > 1
    for id, original, similarity in copies.select("id", "duplicate_of", "similarity").iter_rows():
        assert similarity == pytest.approx(jaccard(texts[id], texts[original]), abs=1e-6)
        assert similarity >= 0.8 - 1e-6
    originals = set(copies["duplicate_of"])
    assert originals.isdisjoint(copies["id"])


def test_what_lies_between_two_strangers_joins_none_to_the_other(tmp_path: Path) -> None:
    words = [f"w{number:03}" for number in range(130)]
    first, middle, last = (" ".join(words[start : start + 100]) for start in (0, 12, 24))
    assert jaccard(first, middle) > 0.75 > 0.65 > jaccard(first, last)
    documents = [("a", "web", first + " x"), ("b", "web", middle), ("c", "web", last)]
    assert with_texts(documents, tmp_path).select("id", "duplicate_of").rows() == [("a", None), ("b", "a")]


@pytest.mark.parametrize("near", [CHAINED, ESTIMATED])
def test_verdicts_do_not_depend_on_the_size_of_chunks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, near: Dedup
) -> None:
    table = signature_table([(f"{name}{i}", "web", text * 2) for name, _, text in DOCUMENTS for i in range(3)])
    expected = found(table, tmp_path, ("exact", "minhash"), near=near)
    assert expected["cluster"].n_unique() > 2
    monkeypatch.setattr(near_module, "MEMBERS_AT_ONCE", 1)
    assert found(table, tmp_path, ("exact", "minhash"), near=near).equals(expected)


def test_methods_run_in_order_and_a_copy_of_a_copy_repeats_what_stays(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "source": "web",
            "url": ["http://x.example/1", "https://www.x.example/1/", None, None],
            "text": [ADDRESS, OTHER, OTHER + " So it is.", "   "],
        }
    )
    signed = sign_documents(table, Dedup(method=("url", "minhash"), bands=BANDS, rows=ROWS))
    verdicts = found(signed, tmp_path, ["url", "minhash"])
    assert verdicts.select("id", "duplicate_of", "method", "size").rows() == [
        ("a", None, None, 2),
        ("b", "a", "url", 2),
    ]
    assert verdicts["similarity"].to_list() == [None, None]
    other_way = found(signed, tmp_path, ["minhash", "url"])
    assert other_way.select("id", "duplicate_of", "method").rows() == [("b", "c", "minhash"), ("c", None, None)]


def test_texts_without_words_and_of_one_word_follow_a_stated_rule(tmp_path: Path) -> None:
    texts = {
        "empty": "",
        "blank": " \n",
        "marks": "***",
        "marks2": "***",
        "word": "Hello",
        "word2": "hello!",
        "other": "Bye",
    }
    table = signature_table([(name, "web", text) for name, text in texts.items()])
    exact = found(table, tmp_path, ["exact"])
    assert exact["id"].to_list() == ["marks", "marks2"]  # nothing at all equals nothing
    near = found(table, tmp_path, ["minhash"])
    assert near["id"].to_list() == ["word", "word2"]  # one shingle, of all their words


def test_band_columns_have_two_digits_as_pass_1_writes_them() -> None:
    assert band_names(14)[0] == "band_00"
    assert band_names(14)[-1] == "band_13"
