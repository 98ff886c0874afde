"""What goes with a near-duplicate: how much of it stands in what stays, in numbers, and which copy that is."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from curate.dedup.find import find_duplicates
from curate.dedup.sign import sign_documents
from curate.errors import UsageError
from curate.recipe_dedup import Dedup, Verify

WORDS = re.findall(r"[a-z]+", (Path(__file__).parent.parent / "LICENSE").read_text().lower())
MANY_BANDS = {"method": ("minhash",), "bands": 60, "rows": 2}
BY_CONTAINMENT = Dedup(**MANY_BANDS, verify=Verify(containment=0.75))  # type: ignore[arg-type]


def verdicts(
    documents: Sequence[tuple[str, str, str]], folder: Path, dedup: Dedup, *, cores: int = 1, **columns: Any
) -> pl.DataFrame:
    """Of `id, source, text`; two files, as two splits would write them."""
    table = pl.DataFrame(documents, schema=["id", "source", "text"], orient="row").with_columns(**columns)
    parts = [table[::2], table[1::2]]
    paths = [folder / "0.parquet", folder / "1.parquet"]
    for part, path in zip(parts, paths, strict=True):
        sign_documents(part, dedup).write_parquet(path)

    def texts(number: int, rows: npt.NDArray[np.int64]) -> pl.Series:
        return parts[number]["text"].gather(rows)

    return find_duplicates(paths, dedup, texts=texts, scratch=folder, cores=cores).verdicts


def ngrams(text: str, ngram: int) -> set[tuple[str, ...]]:
    words = re.findall(r"\w+", text.casefold())
    return {tuple(words[at : at + ngram]) for at in range(max(len(words) - ngram + 1, 1))}


def passage(start: int, count: int) -> str:
    return " ".join(WORDS[start : start + count])


def edited_documents() -> list[tuple[str, str, str]]:
    rng = random.Random(11)
    documents = []
    for number in range(120):
        start, count = 100 * (number % 6), rng.randint(40, 160)
        words = [f"new{rng.randint(0, 500)}" if rng.random() < 0.03 else word for word in WORDS[start : start + count]]
        documents.append((f"d{number:03}", "web", " ".join(words)))
    return documents


@pytest.mark.parametrize("verify", [0.7, Verify(containment=0.75), Verify(0.3, 0.8, 2), Verify(containment=0.6)])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_verdict_says_what_the_copy_had_of_its_own(tmp_path: Path, verify: float | Verify, cores: int) -> None:
    dedup = Dedup(**MANY_BANDS, verify=verify)  # type: ignore[arg-type]
    documents = edited_documents()
    texts = {id: text for id, _, text in documents}
    copies = verdicts(documents, tmp_path, dedup, cores=cores).filter(pl.col("duplicate_of").is_not_null())
    assert copies.height > 15
    asked = dedup.verification
    for row in copies.iter_rows(named=True):
        mine, theirs = texts[row["id"]], texts[row["duplicate_of"]]
        held, kept = ngrams(mine, asked.ngram), ngrams(theirs, asked.ngram)
        assert row["containment"] == pytest.approx(len(held & kept) / len(held), abs=1e-6)
        assert row["novel_words"] == len(ngrams(mine, 1) - ngrams(theirs, 1))
        one, other = ngrams(mine, 5), ngrams(theirs, 5)
        assert row["similarity"] == pytest.approx(len(one & other) / len(one | other), abs=1e-6)
        assert row["similarity"] >= asked.jaccard - 1e-6
        assert row["containment"] >= asked.containment - 1e-6


def test_a_part_goes_with_the_whole_and_a_text_with_much_of_its_own_stays(tmp_path: Path) -> None:
    whole = passage(0, 300)
    documents = [
        ("whole", "web", whole),
        ("part", "web", passage(100, 120)),  # Jaccard similarity 0.4, but nothing of it would be lost
        ("more", "web", passage(0, 200) + " " + passage(700, 90)),  # a third of it is its own
    ]
    found = verdicts(documents, tmp_path, BY_CONTAINMENT).filter(pl.col("duplicate_of").is_not_null())
    assert found.select("id", "duplicate_of", "containment", "novel_words").rows() == [("part", "whole", 1.0, 0)]
    assert verdicts(documents, tmp_path, Dedup(**MANY_BANDS, verify=0.7)).is_empty()  # type: ignore[arg-type]


def test_both_measures_must_be_reached_where_both_are_asked_for(tmp_path: Path) -> None:
    documents = [("whole", "web", passage(0, 300)), ("part", "web", passage(100, 120)), ("end", "web", passage(1, 299))]
    both = Dedup(**MANY_BANDS, verify=Verify(jaccard=0.7, containment=0.75))  # type: ignore[arg-type]
    assert verdicts(documents, tmp_path, both)["id"].to_list() == ["end", "whole"]


def test_equal_texts_lose_nothing_and_a_copy_of_a_copy_has_the_numbers_of_what_it_equals(tmp_path: Path) -> None:
    text = passage(0, 100)
    documents = [
        ("a", "web", text),
        ("b", "web", text),
        ("c", "web", text + " unheard of"),
        ("d", "web", text + " else and more"),
    ]
    dedup = Dedup(("exact", "minhash"), bands=60, rows=2)
    rows = verdicts(documents, tmp_path, dedup).select("id", "duplicate_of", "containment", "novel_words").rows()
    assert rows[0] == ("a", "d", 1.0, 0)
    assert rows[1] == ("b", "d", 1.0, 0)
    assert rows[2][3] == len({"unheard", "of"} - set(documents[3][2].split()))
    assert rows[3] == ("d", None, None, None)


def test_what_no_text_was_read_for_is_not_known(tmp_path: Path) -> None:
    documents = [("a", "web", passage(0, 100)), ("b", "web", passage(0, 99))]
    chained = verdicts(documents, tmp_path, Dedup(**MANY_BANDS, verify=0.0))  # type: ignore[arg-type]
    assert chained.select("containment", "novel_words").rows() == [(None, None)] * 2
    assert chained["similarity"].count() == 1


def test_documents_of_exempt_sources_are_no_near_duplicates_but_equal_texts_go(tmp_path: Path) -> None:
    text = passage(0, 100)
    documents = [
        ("a", "web", text + " and more of it"),
        ("b", "books", text),
        ("c", "books", text),
        ("d", "web", text + " and"),
    ]
    for verify in (0.7, 0.0, Verify(containment=0.75)):
        dedup = Dedup(("exact", "minhash"), bands=60, rows=2, verify=verify, exempt=("books",))
        copies = verdicts(documents, tmp_path, dedup).filter(pl.col("duplicate_of").is_not_null())
        assert copies.select("id", "duplicate_of").rows() == [("c", "b"), ("d", "a")]


MENU = [
    "Home | News | Sports | Weather | Contact",
    "Subscribe to our newsletter for more stories",
    "All rights reserved by the publisher",
]


def test_the_cleanest_copy_stays_and_not_the_one_with_a_menu_or_with_lines_twice(tmp_path: Path) -> None:
    story = [passage(start, 20) for start in range(0, 200, 20)]
    others = ["\n".join([*MENU, *(passage(start + at, 20) for at in range(0, 60, 20))]) for start in (300, 500, 700)]
    documents = [
        ("menu", "web", "\n".join([*MENU, *story[:9]])),
        ("story", "web", "\n".join(story)),
        ("twice", "web", "\n".join([*story[:9], story[0], story[1]])),
        *((f"other{number}", "web", text) for number, text in enumerate(others)),
    ]
    for keep, stays in {"longest": "twice", "cleanest": "story"}.items():
        found = verdicts(documents, tmp_path, Dedup(**MANY_BANDS, verify=0.5, keep=keep))  # type: ignore[arg-type]
        assert found["cluster"].unique().to_list() == [stays], keep
        assert found.height == 3


def test_a_column_decides_among_copies_that_are_about_equally_clean(tmp_path: Path) -> None:
    text = "\n".join(passage(start, 20) for start in range(0, 400, 20))
    documents = [("a", "web", text + " more"), ("b", "web", text), ("c", "web", text[: len(text) // 2])]
    dedup = Dedup(**MANY_BANDS, verify=Verify(containment=0.75), keep=("cleanest", "highest:score"))  # type: ignore[arg-type]
    found = verdicts(documents, tmp_path, dedup, score=pl.Series([0.1, 0.9, 1.0]))
    assert found["cluster"].unique().to_list() == ["b"]
    assert found.height == 3


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ("cleanst", 'did you mean "cleanest"'),
        (("cleanest", "highest:scor"), 'no column "scor"'),
        (("longest", "cleanest"), "expected one word"),
        ((), "expected one word"),
    ],
)
def test_a_wish_that_nobody_knows_is_refused(tmp_path: Path, keep: str | tuple[str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        verdicts([("a", "web", "text")], tmp_path, Dedup(keep=keep))


def test_the_cleanest_needs_texts(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="compares texts, and there are none"):
        find_duplicates([], Dedup(keep="cleanest"))


def test_the_cleanest_does_not_depend_on_files_or_cores(tmp_path: Path) -> None:
    documents = [(id, source, text.replace(" new", "\nnew")) for id, source, text in edited_documents()]
    dedup = Dedup(**MANY_BANDS, verify=0.5, keep="cleanest")  # type: ignore[arg-type]
    first = verdicts(documents, tmp_path, dedup)
    assert first.height > 20
    assert verdicts(documents[::-1], tmp_path, dedup, cores=2).equals(first)
