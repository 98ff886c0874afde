"""The columns of a run's tables are known before anything is read, as every step then measures them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from curate.engine.clock import Clock
from curate.errors import UsageError
from curate.filters.language import LID_176
from curate.filters.ngram.file import NgramTables, write_tables
from curate.filters.ngram.table import NgramTable
from curate.recipe import Decontaminate, OwnColumn, Recipe, Scrub, Source, Step
from curate.recipe_dedup import Dedup
from curate.steps.bind import BUILT_IN, bind, resolve
from curate.steps.conform import as_measured, common_type, conformed
from curate.steps.decide import decide
from curate.steps.rows import frame_rows
from curate.steps.schema import measured, run_tables, source_tables
from curate.steps.type_names import named_types, types_named

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "language": {"keep": ("en", "de")},
    "fasttext": {"model": str(LID_176), "label": "en", "min_score": 0.1},
    "classifier": {"model": str(LID_176), "label": "en", "pareto": 2.0},
    "where": {"expression": "word_count >= 0"},
    "license": {"allowed": ("MIT",)},
}
LANGUAGE = Step("language", PARAMETERS["language"])
TEXT = "It was the best of times, it was the worst of times!\n\n* one { x }\n* one\nlorem ipsum, http://example.org\n"
OWN = """\
import curate, polars as pl

@curate.filter
def short(document):
    raise RuntimeError("nobody calls this on no documents")

@curate.filter(batch=True)
def plain(batch):
    raise RuntimeError("nor this")

@curate.signal(dtype=pl.List(pl.Float32))
def vector(batch):
    raise RuntimeError("nor this")

@curate.transform
def shout(document):
    raise RuntimeError("nor this")
"""


def a_batch(source: Source) -> pl.DataFrame:
    """A document, one of a single sign, one without text, and one that was lost before the steps."""
    rows: list[dict[str, Any]] = [
        {"id": "s/a", "url": "http://example.org/a", "text": TEXT * 5},
        {"id": "s/b", "url": "", "text": "."},
        {"id": "s/c", "text": "", "url": None},
        {"id": "s/d", "outcome": "dropped", "step": "read", "reason": "x"},
    ]
    return frame_rows(rows, source)


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, Any]]:
    """Those that steps need, with a language model that knows no word."""
    path = tmp_path_factory.mktemp("models") / "empty.clm"
    table = NgramTable(np.zeros(16, dtype=np.uint64), np.zeros((2, 4)), -1.0, 1)
    with path.open("wb") as file:
        write_tables(file, NgramTables(table, "words", (0,), {"": (5.0, 20.0)}))
    return {**PARAMETERS, "perplexity": {"model": str(path), "keep": ("head", "middle")}}


@pytest.mark.parametrize("use", BUILT_IN)
@pytest.mark.parametrize("read", ["warc", "tables"])
def test_every_step_measures_the_columns_that_were_expected(
    use: str, read: str, parameters: Mapping[str, Mapping[str, Any]]
) -> None:
    steps = (LANGUAGE, Step(use, parameters.get(use, {}))) if use != "language" else (LANGUAGE,)
    source = Source("s", read, ("x",), steps=steps, own=())  # type: ignore[arg-type]
    recipe = resolve(Recipe("r", sources=(source,)))
    bound = bind(recipe.sources[0], recipe)
    found, expected = decide(a_batch(source), bound, Clock()), measured(recipe.sources[0], recipe)
    optional = {name for name in expected.columns if name.startswith("before_")}  # of texts that were changed
    assert set(expected.columns) - optional <= set(found.columns) <= set(expected.columns)
    assert {name: expected.schema[name] for name in found.columns} == dict(found.schema)
    assert pl.Null not in expected.dtypes


def test_users_functions_are_not_called_to_know_their_columns(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    steps = tuple(Step(f"own:{name}") for name in ("short", "plain", "vector", "shout"))
    source = Source("s", "books", ("x",), steps=steps)
    schema = source_tables(source, Recipe("r", sources=(source,), base=tmp_path)).ledger
    assert (schema["short"], schema["plain"], schema["vector"]) == (pl.Boolean, pl.Boolean, pl.List(pl.Float32))
    assert isinstance(schema["before_own:shout"], pl.Struct)


def test_what_later_stages_add_is_there_where_the_recipe_asks_for_them() -> None:
    source = Source("s", "books", ("x",))
    plain = run_tables(Recipe("r", sources=(source,)))
    assert not [name for name in plain.ledger if name.startswith("after_") or name == "cut_bytes"]
    dedup = Dedup(method=("lines",), rehydrate=((2, 2),))
    full = run_tables(Recipe("r", sources=(source,), dedup=dedup, decontaminate=Decontaminate(("x",)), scrub=Scrub()))
    assert [*full.ledger][-4:] == ["cut_bytes", "after_dedup", "after_decontaminate", "after_scrub"]
    more = {*full.documents} - {*plain.documents}
    assert more == {"cut_bytes", "times", "pii_email_address", "pii_ip_address"}


def test_the_order_of_columns_does_not_depend_on_that_of_sources() -> None:
    code = Source("code", "code", ("x",), steps=(Step("code"),))
    web = Source("web", "warc", ("x",), steps=(LANGUAGE,))
    one, other = (run_tables(resolve(Recipe("r", sources=pair))) for pair in ((code, web), (web, code)))
    assert list(one.ledger.items()) == list(other.ledger.items())
    assert list(one.documents.items()) == list(other.documents.items())


def test_an_embedding_and_long_columns_stay_out_of_the_ledger() -> None:
    own = (OwnColumn("embedding", "embedding", "json"), OwnColumn("score", "score", "integer"))
    where = Step("where", {"expression": "score > 3"})
    source = Source("t", "tables", ("x",), steps=(where,), own=own)
    tables = run_tables(Recipe("r", sources=(source,), dedup=Dedup(method=("semantic",))))
    assert not {"embedding", "extra", "text"} & {*tables.ledger}
    assert tables.ledger["score"] == pl.Int64
    assert {"embedding", "extra", "text", "score"} <= {*tables.documents}


LISTS = pl.List(pl.Struct({"language": pl.String, "score": pl.Float32}))


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        (pl.Int64(), pl.Int64(), pl.Int64()),
        (pl.Int64(), pl.Float64(), pl.Float64()),
        (pl.UInt32(), pl.Int64(), pl.Int64()),
        (pl.Float32(), pl.Float64(), pl.Float64()),
        (pl.Boolean(), pl.Int64(), pl.String()),
        (pl.String(), pl.Float64(), pl.String()),
        (LISTS, pl.String(), pl.String()),
        (pl.List(pl.Float32), pl.Array(pl.Float32, 2), pl.String()),
    ],
)
def test_one_name_has_one_type(one: pl.DataType, other: pl.DataType, common: pl.DataType) -> None:
    assert common_type(one, other) == common == common_type(other, one)


@pytest.mark.parametrize(
    ("values", "dtype", "written"),
    [
        ([3, None, -(2**60)], pl.Int64, ["3", None, str(-(2**60))]),
        ([True, False, None], pl.Boolean, ["true", "false", None]),
        ([0.1, None, 1e300], pl.Float64, ["0.1", None, "1e+300"]),
        ([[0.5, 2.0], None, []], pl.List(pl.Float32), ["[0.5,2.0]", None, "[]"]),
        (
            [[{"language": 'é"', "score": 0.5}], None, [None]],
            LISTS,
            ['[{"language":"é\\"","score":0.5}]', None, "[null]"],
        ),
    ],
)
def test_what_is_written_as_text_is_read_as_it_was_measured(values: list[Any], dtype: Any, written: list[Any]) -> None:
    rows = pl.DataFrame({'a "ä"': pl.Series(values, dtype=dtype)})
    told = conformed(rows, {"b": pl.List(pl.String), 'a "ä"': pl.String})
    assert told.schema == {"b": pl.List(pl.String), 'a "ä"': pl.String}
    assert told['a "ä"'].to_list() == written
    assert as_measured(told, rows.schema).equals(rows)


def test_a_column_that_was_not_expected_is_never_left_out_silently() -> None:
    with pytest.raises(UsageError, match='no column "surprise"'):
        conformed(pl.DataFrame({"id": ["a"], "surprise": [1]}), {"id": pl.String})


def test_types_are_words_in_a_plan_and_types_again() -> None:
    types = pl.Schema(
        {
            "it's": LISTS,
            "array": pl.Array(pl.Float32, (2, 3)),
            "when": pl.Datetime("ms", "Europe/Berlin"),
            "enum": pl.Enum(["a", 'b"']),
            "exact": pl.Decimal(10, 2),
            "plain": pl.UInt32(),
        }
    )
    assert types_named(named_types(types)) == types
    with pytest.raises(ValueError, match="no type"):
        types_named((("x", "read_csv('secret')"),))
