"""Which copy stays, and what `filter` writes for it."""

from __future__ import annotations

import polars as pl
import pytest

from curate.dedup.ranking import KEEP, rank_documents
from curate.dedup.sign import check_keep, sign_documents
from curate.errors import UsageError
from curate.recipe_dedup import Dedup

ROWS = [("a", "web", 10), ("b", "web", 30), ("c", "books", 5), ("d", "news", 99), ("e", "web", 30), ("f", "web", 1)]
DOCUMENTS = pl.DataFrame(ROWS, schema=["id", "source", "length"], orient="row")


def order(documents: pl.DataFrame, *prefer: str, keep: str = "longest") -> str:
    ranks = rank_documents(documents, prefer=prefer, keep=keep).tolist()
    return "".join(documents["id"][ranks.index(place)] for place in range(len(ranks)))


def test_the_order_is_by_preference_then_length_then_id() -> None:
    assert order(DOCUMENTS) == "dbeacf"
    assert order(DOCUMENTS, "web", "books") == "beafcd"
    assert order(DOCUMENTS, "books", "web") == "cbeafd"
    assert order(DOCUMENTS, "unknown", "web") == "beafdc"


def test_the_first_is_by_id_and_a_column_goes_before_length() -> None:
    assert order(DOCUMENTS, keep="first") == "abcdef"
    assert order(DOCUMENTS, "news", keep="first") == "dabcef"
    scored = DOCUMENTS.with_columns(pl.Series(KEEP, [1.0, 2.0, None, float("nan"), 2.0, 3.0]))
    assert order(scored, keep="highest:score") == "fbeadc"


def test_the_latest_is_by_timestamps_as_crawls_and_tables_write_them() -> None:
    times = ["2024-05-01T12:00:00Z", "2024-05-02", "2024-05-01 13:00:00", None, "yesterday"]
    documents = pl.DataFrame({"id": list("abcde"), "source": "web", "text": "same", "timestamp": times})
    signed = sign_documents(documents, Dedup(method=("exact",), keep="latest"))
    assert order(signed, keep="latest") == "bcade"


def test_keep_names_a_column_that_is_there() -> None:
    documents = pl.DataFrame({"id": ["a"], "source": "web", "text": "same", "quality_score": [0.5]})
    signed = sign_documents(documents, Dedup(method=("exact",), keep="highest:quality_score"))
    assert signed[KEEP].to_list() == [0.5]
    with pytest.raises(UsageError, match='no column "quality_scor"; did you mean "quality_score"'):
        check_keep(Dedup(keep="highest:quality_scor"), documents.columns)
    with pytest.raises(
        UsageError, match='keep = "longst": expected one of longest, cleanest, latest, first, highest:COLUMN'
    ):
        check_keep(Dedup(keep="longst"), documents.columns)
