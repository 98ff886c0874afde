"""The table of methods: each answers what `DocumentMethod` or `PassageMethod` asks, and one of an installed package is
as good as those that are built in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import curate
from curate.dedup.method import DocumentMethod
from curate.dedup.methods import METHODS, document_methods, find_method
from curate.dedup.sign import sign_documents
from curate.errors import RecipeError, RunConflict, UsageError
from curate.recipe_dedup import Dedup
from curate.report.check import check
from curate.report.plan import plan
from curate.report.terminal.why import story_lines
from curate.report.verify import differences
from curate.report.why import stories
from curate.standalone.dedup import dedup_files

DOCS = Path(__file__).parent.parent / "docs" / "dedup.md"
WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
PAGES = [" ".join(WORDS[start : start + 60]) for start in range(0, 360, 60)]

MODULE = """
import numpy as np
import polars as pl

from curate.dedup.cuts import Cuts
from curate.dedup.equal import find_equal
from curate.dedup.method import DocumentMethod, PassageMethod

BY_TITLE = DocumentMethod(
    name="title",
    about="their titles are the same",
    reason="same_title",
    columns=lambda dedup: {"title_hash": pl.UInt64},
    sign=lambda documents, dedup: documents.select(pl.col("title").hash(seed=1).alias("title_hash")),
    find=lambda search: find_equal(search, ["title_hash"], is_same_text=False),
    needs=lambda dedup: ("title",),
    parameters=lambda dedup: {"title_seed": 1},
    keys=lambda dedup: ("title_hash",),
    likeness="the same title",
    explain=lambda dedup: "titles are compared letter by letter",
)


def _first_bytes(search):
    stays = np.flatnonzero(search.copies.stays)
    count, zeros = len(stays), np.zeros(len(stays), np.int64)
    return Cuts(stays, zeros, zeros + 4, np.full(count, search.number, np.int8), zeros - 1)


FIRST_BYTES = PassageMethod(
    name="first_bytes",
    about="the first four bytes",
    cut=_first_bytes,
    doubts=lambda dedup, tokens: [("method", f"{tokens > 0} of first_bytes")],
)
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two methods, installed as any package is."""
    folder = tmp_path / "installed"
    (folder / "toy-1.dist-info").mkdir(parents=True)
    (folder / "toy_methods.py").write_text(MODULE)
    (folder / "toy-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1\n")
    points = "[curate.plugins]\ntitle = toy_methods:BY_TITLE\nfirst_bytes = toy_methods:FIRST_BYTES\n"
    (folder / "toy-1.dist-info" / "entry_points.txt").write_text(points)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "toy_methods", raising=False)  # that of the test before
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)  # worker processes look there, too
    return folder


WriteRecipe = Callable[[Path, str], Path]


@pytest.fixture
def recipe(rows_with_dedup: Callable[[Sequence[Any], Path, str], Path]) -> WriteRecipe:
    rows = [{"text": f"No. {number} {page}", "title": "Licence"} for number, page in enumerate(PAGES[:2])]
    rows += [{"text": f"No. {number} {page}", "title": f"Part {number}"} for number, page in enumerate(PAGES[2:])]
    return partial(rows_with_dedup, rows)


def test_the_table_names_its_methods_as_they_call_themselves_and_the_docs_tell_of_each() -> None:
    told = DOCS.read_text(encoding="utf-8")
    for name in METHODS:
        method = find_method(name)
        assert method.name == name
        assert f"| `{name}` | {method.about} |" in told


def test_a_method_signs_the_columns_that_it_says_with_their_types() -> None:
    table = {"text": ["one two three", " ", None], "url": ["http://a.example/", None, None]}
    documents = pl.DataFrame(table | {"id": list("abc"), "source": "web", "embedding": [[1.0, 2.0], None, None]})
    dedup = Dedup(method=tuple(METHODS))
    for method in document_methods(dedup):
        signed = method.sign(documents, dedup)
        assert signed.columns == list(method.columns(dedup))
        assert all(signed.schema[name] == kind for name, kind in method.columns(dedup).items())
        assert {*method.keys(dedup), *method.stands_for_text} <= {*signed.columns}
        assert signed.row(1) == (None,) * signed.width, "a text of nothing equals nothing"


def test_a_method_that_signs_another_thing_than_it_says_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    liar = DocumentMethod(
        name="liar",
        about="",
        reason="",
        columns=lambda dedup: {"key": pl.UInt64},
        sign=lambda documents, dedup: documents.select("id"),
        find=lambda search: None,
    )
    monkeypatch.setattr("curate.dedup.methods.find_plugin", lambda name: liar)
    documents = pl.DataFrame({"id": ["a"], "source": ["web"], "text": ["one"]})
    with pytest.raises(UsageError, match="liar signed 1 rows of id; it says 1 rows of key"):
        sign_documents(documents, Dedup(method=("liar",)))


def test_an_unknown_method_is_refused_with_its_line_and_the_nearest_name(
    package: Path, tmp_path: Path, recipe: WriteRecipe
) -> None:
    words = r'toy.toml:7: \[dedup\]: there is no deduplication method "titel"; did you mean "title"'
    with pytest.raises(RecipeError, match=words):
        plan(recipe(tmp_path / "in", 'method = ["titel"]'))


def test_a_method_of_an_installed_package_decides_in_a_run(package: Path, tmp_path: Path, recipe: WriteRecipe) -> None:
    path = recipe(tmp_path / "in", 'method = ["title", "first_bytes"]\nindex = true')
    assert plan(path).dedup == ("titles are compared letter by letter",)
    findings = [(finding.place, finding.sentence) for finding in check(path).findings]
    assert ("[dedup] method", "True of first_bytes") in findings
    done = curate.run(path, out=tmp_path / "run", workers=2)
    dropped = done.ledger().filter(pl.col("outcome") == "dropped").collect()
    copy, stays = ("web/rows.parquet@0", "web/rows.parquet@1")
    copy, stays = (copy, stays) if len(PAGES[0]) < len(PAGES[1]) else (stays, copy)
    assert dropped.select("id", "step", "reason", "value").rows() == [(copy, "dedup", "same_title", stays)]
    assert all(text.startswith(("0 ", "1 ", "2 ", "3 ")) for text in done.documents("web").collect()["text"])
    assert done.manifest["dedup"]["first_bytes"] == {"documents": 5, "parts": 5, "bytes": 20}
    assert "title" in [file["name"] for file in done.manifest["models"]], "the package's module decides"
    assert f"repeats   {stays} (the same title)" in "\n".join(story_lines(stories(done, copy)[0]))
    assert not list(differences(done))


def test_its_index_is_asked_later_and_refused_with_other_methods(
    package: Path, tmp_path: Path, recipe: WriteRecipe
) -> None:
    curate.run(recipe(tmp_path / "in", 'method = ["title"]\nindex = true'), out=tmp_path / "first", workers=0)
    table = pl.DataFrame({"text": ["Another text", "And one more"], "title": ["Licence", "New"], "id": ["x", "y"]})
    table.write_parquet(tmp_path / "new.parquet")
    verdicts = dedup_files(
        [tmp_path / "new.parquet"], Dedup(method=("title",)), columns={"id": "id"}, against=[tmp_path / "first"]
    ).verdicts
    assert verdicts["method"].to_list() == ["title", None]
    assert verdicts["earlier"].to_list() == [True, False]
    with pytest.raises(UsageError, match="title_seed 1, and this is"):
        dedup_files([tmp_path / "new.parquet"], Dedup(method=("exact",)), against=[tmp_path / "first"])


def test_a_package_that_has_changed_since_the_run_began_is_noticed(
    package: Path, tmp_path: Path, recipe: WriteRecipe
) -> None:
    path = recipe(tmp_path / "in", 'method = ["title"]')
    curate.run(path, out=tmp_path / "run", workers=0)
    (package / "toy_methods.py").write_text(MODULE + "\n# another edition\n")
    with pytest.raises(RunConflict, match="was begun with another title"):
        curate.run(path, out=tmp_path / "run", workers=0)


def test_a_method_in_a_file_beside_the_recipe_decides_under_the_name_that_the_recipe_gives_it(
    tmp_path: Path, recipe: WriteRecipe
) -> None:
    names = '["my_dedup:BY_TITLE", "my_dedup:FIRST_BYTES"]'
    path = recipe(tmp_path / "in", f"method = {names}\nindex = true")
    lazy = MODULE.replace("    stays = np", "    from beside import SIZE\n\n    stays = np").replace(
        "zeros + 4", "zeros + SIZE"
    )
    (tmp_path / "in" / "my_dedup.py").write_text(lazy)
    (tmp_path / "in" / "beside.py").write_text("SIZE = 4\n")
    assert check(path).findings
    done = curate.run(path, out=tmp_path / "run", workers=2)
    dropped = done.ledger().filter(pl.col("outcome") == "dropped").collect()
    assert dropped.select("step", "reason").rows() == [("dedup", "same_title")]
    assert "(the same title)" in "\n".join(story_lines(stories(done, dropped["id"][0])[0]))
    assert (
        pl.read_parquet(done.folder / "dedup" / "duplicates.parquet")["method"].drop_nulls()[0] == "my_dedup:BY_TITLE"
    )
    assert done.manifest["dedup"]["my_dedup:FIRST_BYTES"] == {"documents": 5, "parts": 5, "bytes": 20}
    assert {file["name"] for file in done.manifest["models"]} >= {"my_dedup:BY_TITLE", "my_dedup:FIRST_BYTES"}
    assert not list(differences(done))
    (tmp_path / "in" / "beside.py").write_text("SIZE = 5\n")
    with pytest.raises(RunConflict, match=r"was begun with another beside\.py"):
        curate.run(path, out=tmp_path / "run", workers=0)


def test_a_method_that_a_file_beside_the_recipe_has_not_is_refused_with_the_nearest(
    tmp_path: Path, recipe: WriteRecipe
) -> None:
    path = recipe(tmp_path / "in", 'method = ["my_dedup:BY_TITEL"]')
    (tmp_path / "in" / "my_dedup.py").write_text(MODULE)
    with pytest.raises(RecipeError, match='my_dedup has no deduplication method "BY_TITEL"; did you mean "BY_TITLE"'):
        plan(path)
