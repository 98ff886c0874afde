"""`extract = "union"`: of each page the text of the first extractor that passes all steps, by an oracle: runs with one
extractor each; what the ledger says of the others; which pages are not worth a second text."""

from __future__ import annotations

import gzip
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from fastwarc.warc import ArchiveIterator

import curate
from curate.batch import Record
from curate.cli import main
from curate.errors import RecipeError
from curate.pipeline.run import run
from curate.recipe import UNION, Recipe
from curate.recipe_file import load
from curate.recipe_form import to_toml
from curate.report.plan import plan
from curate.report.terminal.why import story_lines
from curate.report.trial import try_step
from curate.report.why import stories
from curate.standalone.subset import subset
from curate.steps.bind import resolve
from curate.steps.remeasure import measure_unknown
from curate.steps.retune import Change, retune
from curate.steps.rows import MAX_HELD_BYTES, NumberedRow, bounded_batches
from curate.steps.versions import decide_records, sieve_of, staying_rows

QUICKSTART = Path(curate.__file__).parent / "recipes" / "quickstart"
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
NOVEL = QUICKSTART / "books" / "persuasion.txt"

BOTH = ("resiliparse", "trafilatura")
RECIPE = """\
name = "union"
[[source]]
name = "web"
read = "warc"
paths = ["*.warc.gz"]
extract = {extract}
{more}
steps = [
  "url",
  {{ use = "language", keep = ["en"], min_score = {min_score} }},
  {{ use = "gopher_quality", min_words = {min_words}, min_stop_words = {min_stop_words} }},
  "c4",
  {{ where = "digit_ratio < {max_digits}" }},
]
[dedup]
[tokenize]
tokenizer = "bytes"
validation = 0.0
[limits]
max_drop = 1.0
"""
LOREM = "<p>Lorem ipsum dolor sit amet, so nobody has read this sentence.</p>"
GERMAN = (
    "<p>Die alte Brücke über den Fluss war wegen Reparaturen gesperrt, und alle im Dorf mussten Nummer {} nehmen.</p>"
)


def paragraphs(start: int, count: int) -> str:
    """Paragraphs of a novel, of some length."""
    found = [" ".join(part.split()) for part in NOVEL.read_text(encoding="utf-8").split("\n\n")]
    return "".join(f"<p>{text}</p>" for text in [text for text in found if len(text) > 200][start : start + count])


def pages() -> dict[str, tuple[str, str]]:
    """Name, media type and content of pages on which the two extractors differ, and of others."""
    bodies = {
        "good": f"<article>{paragraphs(0, 5)}</article>",
        "form": f"<article>{paragraphs(5, 5)}</article><form>{LOREM}</form>",
        "advertisement": f'<div class="advertisement">{paragraphs(10, 5)}</div>',
        "advertisement-short": '<div class="advertisement"><p>He was thirty-four and had no wish to sail.</p></div>',
        "fieldset": f"<fieldset>{paragraphs(30, 5)}</fieldset>",
        "lorem": f"<article>{paragraphs(15, 3)}{LOREM}{paragraphs(18, 2)}</article>",
        "short": "<article><p>He was thirty-four, and had no wish to sail, and that was the end of it.</p></article>",
        "german": f"<article>{''.join(GERMAN.format(number) for number in range(20))}</article><form>{LOREM}</form>",
        "hentai": f"<article>{paragraphs(20, 5)}</article><form>{LOREM}</form>",
        "nothing": "",
    }
    found = {name: ("text/html", f"<!DOCTYPE html><html><body>{body}</body></html>") for name, body in bodies.items()}
    return found | {"plain": ("text/plain", re.sub("<.+?>", "\n", paragraphs(25, 3) + LOREM))}


def warc(contents: Mapping[str, tuple[str, str]]) -> bytes:
    return b"".join(gzip.compress(record(name, *content), mtime=0) for name, content in contents.items())


def record(name: str, media: str, content: str) -> bytes:
    body = f"HTTP/1.1 200 OK\r\nContent-Type: {media}; charset=utf-8\r\n\r\n{content}".encode()
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/{name}\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body + b"\r\n\r\n"


def write(folder: Path, extract: str | Sequence[str] = BOTH, *, more: str = "", **values: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "a.warc.gz").exists():
        (folder / "a.warc.gz").write_bytes(warc(pages()))
    filled = {"min_score": 0.65, "min_words": 50, "min_stop_words": 2, "max_digits": 0.2} | values
    path = folder / "union.toml"
    path.write_text(RECIPE.format(extract=json.dumps(extract), more=more, **filled), encoding="utf-8")
    return path


def ledger(done: curate.Run) -> dict[str, dict[str, object]]:
    """Rows by the last part of their URLs."""
    return {row["url"].rpartition("/")[2]: row for row in done.ledger().collect().iter_rows(named=True)}


def texts(done: curate.Run) -> dict[str, str]:
    return dict(done.documents().select("id", "text").collect().iter_rows())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    return run(write(tmp_path_factory.mktemp("union")), out=tmp_path_factory.mktemp("out") / "run", workers=0)


def test_the_first_text_that_passes_all_steps_stays_and_the_ledger_says_whose_it_is(finished: curate.Run) -> None:
    told = {name: (row["outcome"], row["step"], row["extractor"]) for name, row in ledger(finished).items()}
    assert told == {
        "good": ("kept", None, "resiliparse"),
        "form": ("kept", None, "trafilatura"),
        "fieldset": ("kept", None, "resiliparse"),
        "advertisement": ("kept", None, "trafilatura"),
        "advertisement-short": ("dropped", "extract", "resiliparse"),
        "lorem": ("dropped", "c4", "resiliparse"),
        "short": ("dropped", "gopher_quality", "resiliparse"),
        "german": ("dropped", "language", "resiliparse"),
        "hentai": ("dropped", "url", "resiliparse"),
        "nothing": ("dropped", "extract", "resiliparse"),
        "plain": ("dropped", "c4", None),
    }
    assert set(finished.documents().collect()["extractor"]) == {"resiliparse", "trafilatura"}


def test_the_ledger_says_what_became_of_each_text_that_was_made(finished: curate.Run) -> None:
    rows = ledger(finished)
    asked = {name for name, row in rows.items() if row["versions"] is not None}
    assert asked == {"form", "advertisement", "advertisement-short", "lorem", "short", "nothing"}
    told = [(each["extractor"], each["outcome"], each["step"]) for each in rows["form"]["versions"]]  # type: ignore[attr-defined]
    assert told == [("resiliparse", "dropped", "c4"), ("trafilatura", "kept", None)]
    first = rows["lorem"]["versions"][0]  # type: ignore[index]
    assert {name: first[name] for name in ("step", "reason", "value")} == {
        name: rows["lorem"][name] for name in ("step", "reason", "value")
    }


def by_rule(one: curate.Run, other: curate.Run, both: curate.Run) -> None:
    """The union is what the rule makes of two runs with one extractor each."""
    rows = {
        done: {row["id"]: row for row in done.ledger().collect().iter_rows(named=True)} for done in (one, other, both)
    }
    assert rows[one].keys() == rows[both].keys()
    decision = ("outcome", "step", "reason", "value", "byte_count")
    hopeless = 0
    for id, row in rows[both].items():
        first, second = rows[one][id], rows[other][id]
        stays = second if first["outcome"] == "dropped" and second["outcome"] != "dropped" else first
        if stays is second and row["versions"] is None:
            hopeless += 1
            assert first["step"] in ("url", "language")
            stays = first
        assert {name: row[name] for name in decision} == {name: stays[name] for name in decision}, id
    assert hopeless <= 0.005 * len(rows[both])


def runs(folder: Path, contents: bytes, both: Sequence[str] = BOTH, **values: float) -> list[curate.Run]:
    """With each extractor alone, and with both; without deduplication, which other texts change."""
    done = []
    for name, extract in ((both[0], both[0]), (both[1], both[1]), ("both", both)):
        (folder / name).mkdir()
        (folder / name / "a.warc.gz").write_bytes(contents)
        recipe = replace(load(write(folder / name, extract, **values)), dedup=None)
        done.append(run(recipe, out=folder / name / "run", workers=0))
    return done


def test_the_union_is_what_the_rule_makes_of_runs_with_one_extractor(tmp_path: Path) -> None:
    one, other, both = runs(tmp_path, warc(pages()))
    by_rule(one, other, both)
    kept = [texts(done) for done in (one, other, both)]
    assert kept[2] == kept[1] | kept[0]
    assert len(kept[2]) > max(len(kept[0]), len(kept[1]))


def test_on_real_manuals_the_union_is_what_the_rule_makes_of_both(
    tmp_path: Path, first_members: Callable[[int], bytes]
) -> None:
    one, other, both = runs(tmp_path, first_members(80), UNION)
    by_rule(one, other, both)
    assert "trafilatura" in set(both.documents().collect()["extractor"])


def every(members: Iterable[bytes], step: int) -> bytes:
    return b"".join(member for number, member in enumerate(members) if number % step == 0)


def wcxb_members() -> Iterator[bytes]:
    with tarfile.open(SHARED / "extraction" / "wcxb" / "html.tar") as archive:
        for member in archive:
            if content := archive.extractfile(member):
                html = gzip.decompress(content.read()).decode(errors="replace")
                yield gzip.compress(record(member.name, "text/html", html), compresslevel=1, mtime=0)


def prose_members() -> Iterator[bytes]:
    path = SHARED / "web" / "prose.warc.gz"
    with path.open("rb") as file:
        places = [found.stream_pos for found in ArchiveIterator(file, parse_http=False)]
        for start, end in pairwise(places):
            file.seek(start)
            yield file.read(end - start)


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(("members", "step"), [(wcxb_members, 40), (prose_members, 100)])
def test_on_pages_of_the_web_the_union_keeps_what_each_extractor_keeps(
    tmp_path: Path, members: Callable[[], Iterator[bytes]], step: int
) -> None:
    one, other, both = runs(tmp_path, every(members(), step))
    by_rule(one, other, both)
    kept = [texts(done) for done in (one, other, both)]
    assert kept[0].items() <= kept[2].items()
    lost = {id: text for id, text in kept[1].items() if id not in kept[2]}
    assert len(lost) <= 0.01 * len(kept[2])
    assert len(kept[2]) > max(len(kept[0]), len(kept[1]))


CHANGES = [
    [("gopher_quality", "min_words", 5)],
    [("gopher_quality", "min_words", 400)],
    [("gopher_quality", "min_stop_words", 0)],
    [("language", "min_score", 0.999)],
    [("language", "min_score", 0.1), ("gopher_quality", "min_words", 300)],
]


@pytest.fixture(scope="module")
def manuals(tmp_path_factory: pytest.TempPathFactory, first_members: Callable[[int], bytes]) -> curate.Run:
    folder = tmp_path_factory.mktemp("manuals")
    (folder / "a.warc.gz").write_bytes(first_members(40))
    return run(write(folder), out=folder / "run", workers=0)


@pytest.mark.parametrize("changes", CHANGES)
def test_retune_foretells_what_a_new_run_does_or_says_that_it_is_unknown(
    finished: curate.Run, tmp_path: Path, changes: list[tuple[str, str, float]]
) -> None:
    sure, told = foretold(finished, changes, warc(pages()), tmp_path)
    assert 0 < sure < told


@pytest.mark.parametrize("changes", [CHANGES[1], CHANGES[4]])
def test_retune_foretells_what_a_new_run_does_with_real_manuals(
    manuals: curate.Run, tmp_path: Path, changes: list[tuple[str, str, float]]
) -> None:
    contents = (manuals.folder.parent / "a.warc.gz").read_bytes()
    sure, told = foretold(manuals, changes, contents, tmp_path)
    assert 0 < sure <= told


def foretold(old: curate.Run, changes: list[tuple[str, str, float]], contents: bytes, folder: Path) -> tuple[int, int]:
    """How many decisions are sure, of how many; all are right, what is unknown is right once it is measured, and what
    is not told of did not change."""
    (folder / "a.warc.gz").write_bytes(contents)
    recipe = write(folder, **{name: value for _, name, value in changes})
    done = run(replace(load(recipe), dedup=None), out=folder / "run", workers=0).ledger().collect()
    told = retune(old, [Change(*change) for change in changes])
    sure = told.rows.filter(pl.col("new_outcome") != "unknown")
    assert_foretold(sure, done)
    assert_foretold(measure_unknown(old, told).rows, done)
    silent = done.join(told.rows, on="id", how="anti").select("id", "outcome", "step", "reason")
    was = old.ledger().collect().join(silent.select("id"), on="id", how="semi")
    assert silent.sort("id").rows() == was.select(silent.columns).sort("id").rows()
    return sure.height, told.rows.height


def assert_foretold(rows: pl.DataFrame, done: pl.DataFrame) -> None:
    """Outcome and step, and the bytes of what is kept."""
    both = rows.join(done, on="id", how="inner")
    assert both.height == rows.height
    for row in both.iter_rows(named=True):
        assert (row["new_outcome"], row["new_step"]) == (row["outcome"], row["step"]), row
        if row["outcome"] == "kept":
            assert row["new_bytes"] == row["byte_count_right"], row


def test_why_says_whose_text_it_is_and_what_became_of_the_other(finished: curate.Run) -> None:
    (story,) = stories(finished, "https://example.org/form")
    assert story.extractor == "trafilatura"
    assert [(each.extractor, each.outcome, each.reason) for each in story.versions] == [
        ("resiliparse", "dropped", "drop_lorem_ipsum"),
        ("trafilatura", "kept", None),
    ]
    lines = [" ".join(line.split()) for line in story_lines(story)]
    assert "extractor trafilatura" in lines
    assert any(line.startswith("other resiliparse: ") and "dropped by c4, drop_lorem_ipsum" in line for line in lines)
    assert all(check.result == "kept" for check in story.checks)


def test_a_sample_has_the_texts_that_a_run_would_keep(finished: curate.Run, tmp_path: Path) -> None:
    recipe = resolve(load(write(tmp_path)))
    sieve = sieve_of(recipe.source("web"), recipe)
    records = [
        Record(f"web/{name}", content.encode(), media, url=f"https://example.org/{name}", charset="utf-8")  # type: ignore[arg-type]
        for name, (media, content) in pages().items()
    ]
    told = {name: row["extractor"] for name, row in ledger(finished).items()}
    rows = staying_rows(records, sieve)
    assert {record.id: row.get("extractor") for record, row in zip(records, rows, strict=True)} == {
        f"web/{name}": extractor for name, extractor in told.items()
    }
    decided = decide_records(records, sieve)
    assert dict(decided.select("id", "outcome").iter_rows()) == {
        f"web/{name}": row["outcome"] for name, row in ledger(finished).items()
    }


def test_try_and_plan_go_by_the_texts_that_stay(finished: curate.Run, tmp_path: Path) -> None:
    recipe = write(tmp_path)
    tried = try_step(recipe, "c4")
    assert (tried.reached, tried.kept, tried.dropped) == (6, 4, 2)
    (planned,) = plan(recipe).sources
    assert planned.estimated.documents == 4


def test_the_union_is_a_list_in_the_resolved_recipe(tmp_path: Path) -> None:
    union = resolve(load(write(tmp_path, "union")))
    named = resolve(load(write(tmp_path, UNION)))
    assert to_toml(union) == to_toml(named)
    assert f"extract = {json.dumps(list(UNION))}" in to_toml(union)
    (tmp_path / "again.toml").write_text(to_toml(union), encoding="utf-8")
    assert resolve(load(tmp_path / "again.toml")) == union
    assert resolve(load(write(tmp_path, ["trafilatura"]))).source("web").extract == "trafilatura"


def test_the_order_of_the_list_is_the_order_of_preference(tmp_path: Path) -> None:
    done = run(write(tmp_path, ["trafilatura", "resiliparse"]), out=tmp_path / "run", workers=0)
    told = {name: (row["outcome"], row["extractor"]) for name, row in ledger(done).items()}
    assert told["good"] == ("kept", "trafilatura")
    assert told["lorem"] == ("dropped", "trafilatura")


@pytest.mark.parametrize(
    ("extract", "told"),
    [
        ([], "each extractor once, at least one"),
        (["trafilatura", "trafilatura"], "each extractor once"),
        (["trafilatura", "unoin"], '"unoin" is not known'),
        ("unoin", '"unoin" is not known; did you mean "union"'),
        (["union"], '"union" is not known'),
    ],
)
def test_what_names_no_extractors_is_refused_with_its_line(tmp_path: Path, extract: str | list[str], told: str) -> None:
    with pytest.raises(RecipeError, match=told) as refused:
        load(write(tmp_path, extract))
    assert "union.toml:6" in str(refused.value)


def test_a_greater_least_chance_spares_more_second_texts(tmp_path: Path) -> None:
    """Half of it is in the language: nobody is sure, unless the recipe is."""
    half = f"<article>{''.join(map(GERMAN.format, range(4)))}{paragraphs(0, 1)}</article>"
    contents = warc({"half": ("text/html", f"<html><body>{half}</body></html>")})
    asked = {}
    for chance in (0.0, 1.0):
        folder = tmp_path / str(chance)
        folder.mkdir()
        (folder / "a.warc.gz").write_bytes(contents)
        done = run(write(folder, more=f"min_language_chance = {chance}"), out=folder / "run", workers=0)
        asked[chance] = ledger(done)["half"]["versions"] is not None
    assert asked == {0.0: True, 1.0: False}


def test_a_subset_of_a_run_copies_its_pages_whoever_made_their_texts(finished: curate.Run, tmp_path: Path) -> None:
    written = subset(finished, tmp_path / "kept.warc.gz")
    assert written.written == {"web": 4}
    assert written.left_out == {}


def test_batches_of_held_pages_are_bounded_whatever_became_of_their_texts() -> None:
    size = MAX_HELD_BYTES // 4
    page = Record("web/a@0", b"x" * size, "text/html")
    lost = {"id": "a", "outcome": "quarantined"}
    for row in ({"id": "a", "text": "short"}, lost):
        batches = list(bounded_batches(NumberedRow(number, row, page) for number in range(10)))
        assert [len(batch.rows) for batch in batches] == [4, 4, 2]
        assert [number for batch in batches for number in batch.numbers] == list(range(10))


def test_a_page_that_only_another_extractor_empties_is_dropped_for_its_first_text(tmp_path: Path) -> None:
    made: Recipe = resolve(load(write(tmp_path, min_words=1000)))
    form = f"<html><body><form>{paragraphs(0, 3)}</form></body></html>"
    decided = decide_records(
        [Record("web/a@0", form.encode(), "text/html", charset="utf-8")], sieve_of(made.source("web"), made)
    )
    (row,) = decided.iter_rows(named=True)
    assert (row["outcome"], row["step"], row["extractor"]) == ("dropped", "gopher_quality", "resiliparse")


def test_the_commands_take_a_run_of_the_union(finished: curate.Run, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (
        ["show", str(finished.folder)],
        ["why", str(finished.folder), "https://example.org/lorem", "--json"],
        ["retune", str(finished.folder), "--set", "gopher_quality.min_words=5"],
        ["verify", str(finished.folder)],
    ):
        with pytest.raises(SystemExit, match="0"):
            main(command)
    assert '"versions"' in capsys.readouterr().out
