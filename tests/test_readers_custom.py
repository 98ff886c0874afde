"""Users' own readers: found by name, shown wherever others are, and what they do wrong costs as little as it can."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import curate
from curate.batch import Record
from curate.engine.plan import FileRange, InputFile
from curate.errors import RecipeError, RunConflict, UsageError
from curate.readers.custom import resolve_reader
from curate.recipe import Source
from curate.recipe_file import load
from curate.recipe_form import normal_form, to_toml
from curate.report.check import check
from curate.report.plan import plan
from curate.report.terminal.plan import plan_lines
from curate.report.terminal.why import story_lines
from curate.report.why import stories
from curate.steps.bind import resolve

DOCS = Path(__file__).resolve().parents[1] / "docs" / "sources.md"
READER = '''
"""Posts of a forum's dump."""
import json
import curate
from words import SPAM


@curate.reader
def forum(file, min_score: int = -100):
    """Posts of a forum's dump: a line each."""
    for line in file:
        kind, score, text = line.decode().rstrip().split("|", 2)
        if kind == "crash":
            import os
            os._exit(3)
        if kind == "list":
            yield [text]
        elif kind == "html":
            yield {"html": text, "score": int(score)}
        elif kind == "plain":
            yield text
        elif int(score) >= min_score and text not in SPAM:
            yield {"text": text, "id": f"post-{score}", "url": f"https://forum.example/{score}", "score": int(score)}


def split_lines(file, target_bytes):
    """Ends of lines, at least so many bytes apart."""
    bounds = [0]
    for line in file:
        if file.tell() - bounds[-1] >= target_bytes:
            bounds.append(file.tell())
    size = file.seek(0, 2)
    return list(zip(bounds, [*bounds[1:], size])) if bounds[-1] < size else list(zip(bounds, bounds[1:]))


@curate.reader(split_file=split_lines)
def in_parts(file, start, end):
    file.seek(start)
    while (at := file.tell()) < end:
        kind, score, text = file.readline().decode().rstrip().split("|", 2)
        yield {"text": text, "at": at if kind != "nowhere" else end}


@curate.filter
def polite(document: curate.Document) -> bool:
    return "rude" not in document.text


def two(one, other):
    return []
'''
RECIPE = """
name = "posts"
[[source]]
name = "forum"
read = {read}
paths = ["dumps/*.txt"]
{more}
steps = [{steps}]
[tokenize]
tokenizer = "bytes"
"""
POST = "post|{}|The weather of day {} was fine, and so were the people of the village who met in the square."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "readers.py").write_text(READER)
    (tmp_path / "words.py").write_text('SPAM = ("buy now",)\n')
    write(tmp_path, *(POST.format(number, number) for number in range(20)))
    return tmp_path


def write(folder: Path, *lines: str, name: str = "a.txt") -> None:
    (folder / "dumps" / name).write_text("\n".join(lines) + "\n")


def recipe(folder: Path, *, read: str = '"readers:forum"', more: str = "", steps: str = "") -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(read=read, more=more, steps=steps))
    return path


def ledger(folder: Path, path: Path, **options: Any) -> pl.DataFrame:
    return curate.run(path, out=folder / "run", **options).ledger("forum").collect()


def test_a_function_beside_the_recipe_reads_a_source_and_stands_wherever_others_do(folder: Path) -> None:
    path = recipe(folder, steps='{ where = "score > 1" }, "readers:polite"')
    write(folder, "post|7|buy now", "plain|0|" + POST.format(1, 1), name="b.txt")
    rows = ledger(folder, path, workers=1)
    assert rows["id"].to_list()[:2] == ["forum/a.txt@0", "forum/a.txt@1"]
    assert rows.filter(outcome="kept").height == 18
    assert rows.filter(id="forum/a.txt@0")["step"].item() == "where"
    assert rows.filter(id="forum/b.txt@0")["outcome"].item() == "dropped"
    run = curate.Run(folder / "run")
    kept = run.documents("forum").collect()
    assert (
        kept.row(0, named=True).items()
        >= {
            "id": "forum/a.txt@2",
            "url": "https://forum.example/2",
            "original_id": "post-2",
            "score": 2,
        }.items()
    )
    [told] = plan(path).sources
    assert (told.read, told.files, told.estimated.documents) == ("readers:forum", 2, 18)
    assert any("forum (readers:forum): 21 documents were tried" in line for line in plan_lines(plan(path)))
    assert [rate.step for rate in check(str(path)).rates][:1] == ["where"]
    assert "  read by   readers:forum" in list(story_lines(stories(run, "post-3")[0]))
    assert {"readers:forum", "readers:polite", "words.py"} <= {file["name"] for file in run.manifest["models"]}


def test_edited_code_is_refused_in_a_run_that_began_without_it(folder: Path) -> None:
    path = recipe(folder)
    ledger(folder, path, workers=0)
    (folder / "words.py").write_text('SPAM = ("buy now", "sale")\n')
    with pytest.raises(RunConflict, match=r"words\.py"):
        curate.run(path, out=folder / "run", workers=0)


def test_an_installed_plugin_is_a_reader_and_another_a_filter_by_their_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = folder / "site"
    (site / "plug-1.dist-info").mkdir(parents=True)
    (site / "words.py").write_text('SPAM = ("buy now",)\n')
    (site / "plug.py").write_text(READER)
    monkeypatch.delitem(sys.modules, "plug", raising=False)  # another test may have one of this name
    (site / "plug-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1\n")
    (site / "plug-1.dist-info" / "entry_points.txt").write_text(
        "[curate.plugins]\nforum_dump = plug:forum\npolite_posts = plug:polite\n"
    )
    monkeypatch.syspath_prepend(str(site))
    write(folder, "post|7|This is a rude one, and nobody wants to read what it says.", POST.format(8, 8))
    path = recipe(folder, read='"forum_dump"', steps='"polite_posts"')
    rows = ledger(folder, path, workers=0)
    assert rows.select("outcome", "step").rows() == [("dropped", "polite_posts"), ("kept", None)]
    assert [source.read for source in plan(path).sources] == ["forum_dump"]
    assert {rate.step for rate in check(str(path)).rates} == {"polite_posts"}
    run = curate.Run(folder / "run")
    assert [each.step for each in stories(run, "forum/a.txt@0")[0].checks] == ["polite_posts"]
    for read, told in (
        ('"forum_dunp"', 'unknown reader "forum_dunp"; did you mean "forum_dump"'),
        ('"polite_posts"', '"polite_posts" is no reader: decorate it with @curate.reader'),
    ):
        with pytest.raises(RecipeError, match=told):
            resolve(load(recipe(folder, read=read)))
    with pytest.raises(RecipeError, match='"forum_dump" is no step'):
        curate.run(recipe(folder, steps='"forum_dump"'), out=folder / "other", workers=0)


def test_parameters_stand_beside_the_name_and_are_checked(folder: Path) -> None:
    path = recipe(folder, read='{ use = "readers:forum", min_score = 15 }')
    resolved = resolve(load(path))
    assert normal_form(resolved)["source"][0]["read"] == {"use": "readers:forum", "min_score": 15}
    (folder / "again.toml").write_text(to_toml(resolved))
    assert normal_form(resolve(load(folder / "again.toml"))) == normal_form(resolved)
    assert ledger(folder, path, workers=0).height == 5
    for read, told in (
        ('{ use = "readers:forum", min_scare = 1 }', 'unknown parameter "min_scare"; did you mean "min_score"'),
        ('{ use = "readers:forum", min_score = "x" }', "expected a whole number"),
        ('{ use = "tables", x = 1 }', 'the reader "tables" has no parameter "x"'),
        ('{ name = "readers:forum" }', "a reader is a name or { use = "),
        ('"readers:forumm"', 'readers has no function "forumm"'),
        ('"readers:polite"', "is no reader"),
        ('"readers:two"', "is no reader"),
        ('"nowhere:forum"', 'there is no module "nowhere"'),
        ('"wark"', 'unknown reader "wark"; did you mean "warc"'),
    ):
        with pytest.raises(RecipeError) as error:
            resolve(load(recipe(folder, read=read)))
        assert str(error.value).startswith(f"{path}:5: "), read
        assert told in str(error.value)


def test_a_wrong_row_costs_itself_and_an_exception_what_follows_in_its_file(folder: Path) -> None:
    write(folder, "list|0|a", POST.format(1, 1), "no bars here", POST.format(2, 2), name="b.txt")
    rows = ledger(folder, with_limits(recipe(folder), "max_errors = 0.5"), workers=0)
    lost = rows.filter(outcome="quarantined")
    assert lost.select("id", "step", "reason").rows() == [
        ("forum/b.txt@0", "read", "exception"),
        ("forum/b.txt@0-1", "read", "exception"),
    ]
    assert lost["value"][0] == 'TypeError: the reader yielded list; it must yield a dict with "text", or a string'
    assert "what follows record 2 of it cannot be read: ValueError: not enough values" in lost["value"][1]
    assert "(readers.py:" in lost["value"][1]
    assert rows.filter(outcome="kept").height == 21


def with_limits(path: Path, limits: str) -> Path:
    path.write_text(path.read_text() + f"[limits]\n{limits}\n")
    return path


def test_a_reader_that_raises_too_often_stops_the_run_and_one_that_always_does_is_refused_before(folder: Path) -> None:
    for number in range(6):
        write(folder, "no bars here", name=f"c{number}.txt")
    with pytest.raises(UsageError, match=r'reader "readers:forum" raised in place of 6 of 26 records'):
        ledger(folder, recipe(folder), workers=0)
    [finding] = [each for each in check(recipe(folder)).findings if each.is_fault]
    assert finding.place == "forum, readers:forum"
    assert finding.sentence.startswith("raised in place of 6 of the first 26 records; the first: what follows record 0")
    write(folder, "no bars here")
    with pytest.raises(RecipeError, match=r'reader "readers:forum" raised on each of the first 4 files: ValueError'):
        plan(recipe(folder))


def test_a_reader_that_takes_its_worker_with_it_costs_the_rest_of_the_file(folder: Path) -> None:
    posts = [POST.format(number, number) for number in range(1010)]
    write(folder, *posts, "crash|0|x", POST.format(2, 2), name="b.txt")
    rows = ledger(folder, recipe(folder), workers=1)
    assert rows.filter(outcome="quarantined").select("id", "step", "reason").rows() == [
        ("forum/b.txt@0-1", "read", "crash")
    ]
    assert rows.filter(outcome="kept").height == 20 + 1010


def test_html_is_extracted_as_a_page_is(folder: Path) -> None:
    page = "<html><body><nav>Home | About</nav><p>A paragraph that says something about the weather.</p></body></html>"
    write(folder, f"html|5|{page}")
    rows = ledger(folder, recipe(folder, more='extract = "resiliparse"'), workers=0)
    assert rows["outcome"].to_list() == ["kept"]
    text = curate.Run(folder / "run").documents("forum").collect().row(0, named=True)
    assert text["text"] == "A paragraph that says something about the weather."
    assert text["score"] == 5


def test_a_file_that_is_split_has_the_same_documents_wherever_it_is_cut(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(folder, *(POST.format(number, number) for number in range(100)))
    path = recipe(folder, read='"readers:in_parts"')
    whole = ledger(folder, path, workers=0)
    monkeypatch.setattr("curate.engine.plan.MIN_SPLIT_BYTES", 1000)
    run = curate.run(path, out=folder / "parts", workers=0)
    assert len(run.plan.splits) > 5
    assert run.ledger("forum").collect().equals(whole)
    assert whole["id"].to_list()[1] == f"forum/a.txt@{len(POST.format(0, 0)) + 1}"


@pytest.mark.parametrize("ranges", ["[(5, 9)]", "[(0, 9), (8, 12)]", "[(0, 9), (10, 12)]", "[(0, 0)]", "[(0,)]", "7"])
def test_what_are_no_ranges_of_a_file_is_refused_with_its_name(folder: Path, ranges: str) -> None:
    changed = READER.replace("return list(zip(bounds, [*bounds[1:], size])) if", f"return {ranges} if")
    (folder / "readers.py").write_text(changed)
    with pytest.raises(UsageError, match=r'reader "readers:in_parts" (cannot split|splits) a\.txt'):
        ledger(folder, recipe(folder, read='"readers:in_parts"'), workers=0)


def test_a_row_of_a_split_file_that_does_not_say_where_it_begins_costs_itself(folder: Path) -> None:
    write(folder, POST.format(1, 1), "nowhere|1|x")
    write(folder, *(POST.format(number, number) for number in range(100)), name="b.txt")
    rows = ledger(folder, recipe(folder, read='"readers:in_parts"'), workers=0).filter(outcome="quarantined")
    size = (folder / "dumps" / "a.txt").stat().st_size
    assert rows["id"].to_list() == [f"forum/a.txt@0-{size}#1"]
    assert f'"at" is {size}: a reader with split_file says where a row begins' in rows["value"][0]


def test_a_key_for_another_reader_is_refused_at_its_line_and_left_aside_where_it_is_inherited(folder: Path) -> None:
    for read, more, told in (
        ("tables", 'extract = "trafilatura"', "extract is for warc and own readers"),
        ("warc", "split_words = 100", "split_words is for books and own readers"),
        ("code", "columns_only = true", "columns_only is for tables, conversations and own readers"),
        ("tables", 'tree = "all"', "tree is for conversations"),
    ):
        with pytest.raises(RecipeError) as error:
            resolve(load(recipe(folder, read=f'"{read}"', more=more)))
        assert str(error.value) == f'{folder / "recipe.toml"}:7: {told}, and this source reads "{read}"'
    default = recipe(folder, read='"tables"', more='extract = "curate"')  # as a run's own recipe has it
    assert resolve(load(default)).sources[0].extract == "curate"
    child = folder / "child.toml"
    child.write_text('extends = "fineweb"\n[[source]]\nname = "web"\nread = "tables"\npaths = ["x.jsonl"]\n')
    [source] = resolve(load(child)).sources
    assert (source.read, source.extract, source.min_language_chance) == ("tables", "curate", 0.0)


def test_the_table_of_readers_loads_none_of_them() -> None:
    program = "import sys, curate.readers.inputs; print(json.dumps(sorted(sys.modules)))"
    shown = subprocess.run(
        [sys.executable, "-c", f"import json; {program}"], capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(shown.stdout))
    assert not loaded & {f"curate.readers.{name}" for name in ("warc", "books", "code", "tables", "parquet", "http")}
    assert not loaded & {"numba", "lxml", "torch", "trafilatura", "pyarrow.parquet"}


@pytest.mark.skipif(not DOCS.exists(), reason="not in a checkout")
def test_the_readers_of_the_docs_run_as_they_stand_there(tmp_path: Path) -> None:
    section = DOCS.read_text().partition("## Your own reader")[2].partition("\n## ")[0]
    posts, recipe_text, lines = re.findall(r"```(?:python|toml)\n(.*?)```", section, re.DOTALL)
    (tmp_path / "my_readers.py").write_text(posts)
    (tmp_path / "recipe.toml").write_text(recipe_text + '[tokenize]\ntokenizer = "bytes"\n')
    (tmp_path / "dump").mkdir()
    rows = "".join(
        f'<row Id="{score}" Score="{score}" Body="&lt;p&gt;An answer that {score} people liked.&lt;/p&gt;" />'
        for score in range(6)
    )
    (tmp_path / "dump" / "Posts.xml").write_text(f"<posts>{rows}</posts>")
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    documents = run.documents("posts").collect()
    assert documents.select("id", "original_id", "score", "text").rows() == [
        (f"posts/Posts.xml@{score - 1}", str(score), score, f"An answer that {score} people liked.")
        for score in (3, 4, 5)
    ]
    (tmp_path / "my_lines.py").write_text(lines)
    reader = resolve_reader("my_lines:lines", {}, base=tmp_path)
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {number}\n" for number in range(100)))
    file = InputFile("lines.txt", str(path), path.stat().st_size, "")
    source = Source("s", "my_lines:lines", ("*",))
    pieces = [FileRange(file, *piece) for piece in reader.split_file(file, target_bytes=50)]
    found = [each for piece in pieces for each in reader.read(piece, source=source, max_record_bytes=1000)]
    assert len(pieces) > 10
    assert [each.payload for each in found if isinstance(each, Record)] == [f"line {number}\n" for number in range(100)]
