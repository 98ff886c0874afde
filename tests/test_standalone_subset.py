"""A part of a run as a WARC file: the original records, read by warcio and by curate alike, and never over a file."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from pathlib import Path

import polars as pl
import pytest
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import curate
from curate.errors import RunConflict, UsageError

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"

RECIPE = """
name = "small"
[[source]]
name = "web"
read = "warc"
paths = ["{web}"]
steps = [{{ use = "language", keep = ["en"], min_score = 0.65 }}]
[[source]]
name = "books"
read = "tables"
paths = ["notes.jsonl"]
[dedup]
[tokenize]
tokenizer = "bytes"
validation = 0.0
"""

AGAIN = """
name = "again"
[[source]]
name = "web"
read = "warc"
paths = ["{web}"]
[tokenize]
tokenizer = "bytes"
validation = 0.0
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    """The quickstart's crawl and a table, filtered by language."""
    folder = tmp_path_factory.mktemp("ran")
    rows = [
        {"text": f"Note {number}: Grüße aus {place}.\n", "url": f"http://x.org/{place}"} for number, place in PLACES
    ]
    (folder / "notes.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "recipe.toml").write_text(RECIPE.format(web=SAMPLE / "web.warc.gz"), encoding="utf-8")
    return curate.run(folder / "recipe.toml", out=folder / "run", workers=0)


PLACES = list(enumerate(["Köln", "Łódź", "Oslo", "Bern"]))


def read_again(path: Path, folder: Path) -> curate.Run:
    (folder / "again.toml").write_text(AGAIN.format(web=path), encoding="utf-8")
    return curate.run(folder / "again.toml", out=folder / "again", workers=0)


def original_bodies(path: Path) -> dict[str, bytes]:
    """What warcio reads, without a look inside: the record's id and its body, HTTP head included."""
    with path.open("rb") as file:
        records = ArchiveIterator(file, no_record_parse=True)
        return {record.rec_headers["WARC-Record-ID"]: record.raw_stream.read() for record in records}


@pytest.mark.parametrize("name", ["kept.warc.gz", "kept.warc"])
def test_the_kept_pages_read_again_have_the_same_texts(ran: curate.Run, tmp_path: Path, name: str) -> None:
    made = curate.subset(ran, tmp_path / name)
    kept = ran.documents().collect()
    assert made.written == {"web": kept.filter(source="web").height, "books": 4}
    assert made.left_out == {}
    again = read_again(made.path, tmp_path).documents("web").collect()
    assert sorted(again["text"]) == sorted(kept["text"])
    urls = kept.filter(source="web")["url"].to_list()
    assert set(urls) <= set(again["url"])


def test_records_are_the_bytes_of_the_input_and_warcio_reads_them(ran: curate.Run, tmp_path: Path) -> None:
    made = curate.subset(ran, tmp_path / "kept.warc.gz", source="web")
    copies, originals = original_bodies(made.path), original_bodies(SAMPLE / "web.warc.gz")
    kept = {name: body for name, body in copies.items() if name in originals}
    assert len(kept) == made.written["web"] == len(copies) - 1  # and the warcinfo record
    assert all(body == originals[name] and body.startswith(b"HTTP/") for name, body in kept.items())
    with made.path.open("rb") as file:
        records = list(ArchiveIterator(file, check_digests="raise"))
    assert [record.rec_type for record in records] == ["warcinfo"] + ["response"] * made.written["web"]


def test_the_same_call_gives_the_same_bytes(ran: curate.Run, tmp_path: Path) -> None:
    first = curate.subset(ran, tmp_path / "a.warc.gz", sample=5).path.read_bytes()
    (tmp_path / "b").mkdir()
    assert curate.subset(ran, tmp_path / "b" / "a.warc.gz", sample=5).path.read_bytes() == first
    assert curate.subset(ran, tmp_path / "b" / "a.warc.gz", sample=5, seed=4, force=True).path.read_bytes() != first


def ids_in(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [name for record in ArchiveIterator(file) if (name := record.rec_headers["Curate-Id"])]


def test_a_sample_is_of_that_size_and_part_of_the_whole(ran: curate.Run, tmp_path: Path) -> None:
    sample = ids_in(curate.subset(ran, tmp_path / "s.warc.gz", sample=9).path)
    kept = ran.ledger().filter(pl.col("outcome") == "kept").collect()["id"]
    assert len(sample) == 9
    assert set(sample) <= set(kept)


def test_what_a_step_dropped_is_there_for_each_reason(ran: curate.Run, tmp_path: Path) -> None:
    gone = ran.ledger("web").filter(pl.col("outcome") == "dropped").collect()
    for step, reason in gone.select("step", "reason").unique().rows():
        made = curate.subset(ran, tmp_path / "d.warc.gz", dropped_by=step, reason=reason, force=True)
        expected = gone.filter(pl.col("step") == step, pl.col("reason") == reason)["id"]
        assert ids_in(made.path) == expected.to_list()


def test_listed_ids_are_taken_whatever_became_of_them(ran: curate.Run, tmp_path: Path) -> None:
    rows = ran.ledger().collect()
    ids = [rows.filter(outcome="kept")["id"][-1], rows.filter(outcome="dropped")["id"][0]]
    made = curate.subset(ran, tmp_path / "i.warc", ids=ids)
    assert sorted(ids_in(made.path)) == sorted(ids)


def test_wrong_names_and_places_are_refused_in_one_sentence(ran: curate.Run, tmp_path: Path) -> None:
    taken = tmp_path / "taken.warc.gz"
    taken.write_bytes(b"mine")
    for arguments, sentence in (
        ({"to": taken}, "exists; --force writes over it"),
        ({"to": ran.folder / "x.warc"}, "lies inside the run"),
        ({"to": tmp_path / "x.zip"}, "ends in .warc.gz or .warc"),
        ({"to": tmp_path / "none" / "x.warc"}, "there is no folder"),
        ({"to": SAMPLE / "web.warc.gz", "force": True}, "is an input of this run"),
        ({"to": tmp_path / "x.warc", "dropped_by": "langage"}, 'did you mean "language"'),
        ({"to": tmp_path / "x.warc", "source": "wib"}, 'did you mean "web"'),
        ({"to": tmp_path / "x.warc", "ids": ["web/none@1"]}, "is no id in this run"),
        ({"to": tmp_path / "x.warc", "reason": "x"}, "belongs to a step"),
    ):
        with pytest.raises(UsageError, match=sentence):
            curate.subset(ran, **arguments)  # type: ignore[arg-type]
    assert taken.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["taken.warc.gz"]


def test_a_run_that_is_not_done_is_refused(ran: curate.Run, tmp_path: Path) -> None:
    shutil.copytree(ran.folder, tmp_path / "run")
    (tmp_path / "run" / "manifest.json").unlink()
    with pytest.raises(UsageError, match="is not done"):
        curate.subset(tmp_path / "run", tmp_path / "x.warc")


def test_records_that_cannot_be_had_are_told_and_an_empty_file_is_not_made(tmp_path: Path) -> None:
    broken = gzip.compress(pages(1)[0])
    (tmp_path / "web.warc.gz").write_bytes(b"".join(map(gzip.compress, pages(2))) + broken[:-30])
    (tmp_path / "recipe.toml").write_text(AGAIN.format(web="web.warc.gz"), encoding="utf-8")
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    lost = run.ledger().filter(pl.col("outcome") == "quarantined").collect()
    made = curate.subset(run, tmp_path / "x.warc", ids=run.ledger().collect()["id"].to_list())
    assert (made.written, made.left_out) == ({"web": 2}, {"web": lost.height})
    with pytest.raises(UsageError, match="none of the 1 chosen records can be had"):
        curate.subset(run, tmp_path / "y.warc", ids=lost["id"].to_list())
    assert not list(tmp_path.glob("*y.warc*"))


def test_an_input_that_changed_since_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").write_text('{"text": "One note."}\n', encoding="utf-8")
    recipe = AGAIN.replace('"warc"', '"tables"').format(web="notes.jsonl")
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    (tmp_path / "notes.jsonl").write_text('{"text": "Two notes."}\n', encoding="utf-8")
    with pytest.raises(RunConflict, match=r"notes\.jsonl has changed since the run"):
        curate.subset(run, tmp_path / "x.warc")
    assert not list(tmp_path.glob("x.warc*"))


def pages(count: int) -> list[bytes]:
    """Records of a plain WARC, each with an HTTP head in an order of its own."""
    records = []
    for number in range(count):
        out = io.BytesIO()
        writer = WARCWriter(out, gzip=False)
        head = StatusAndHeaders("200 OK", [("X-Odd", "a"), ("Content-Type", "text/html"), ("x-ODD", "b")], "HTTP/1.1")
        page = f"<p>Page {number} of a file in a form of its own, with some words.</p>".encode()
        record = writer.create_warc_record(
            f"http://x.org/{number}", "response", io.BytesIO(page), length=len(page), http_headers=head
        )
        writer.write_record(record)
        records.append(out.getvalue())
    return records


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("plain.warc", b"".join),
        ("members.warc.gz", lambda records: b"".join(map(gzip.compress, records))),
        ("one-member.warc.gz", lambda records: gzip.compress(b"".join(records))),
        (
            "two-in-each.warc.gz",
            lambda records: b"".join(gzip.compress(a + b) for a, b in zip(records[::2], records[1::2], strict=True)),
        ),
        (
            "heads-apart.warc.gz",
            lambda records: b"".join(
                gzip.compress(part) for record in records for part in (record[:300], record[300:])
            ),
        ),
    ],
)
def test_records_are_found_in_every_form_of_file(name: str, pack: object, tmp_path: Path) -> None:
    records = pages(6)
    (tmp_path / name).write_bytes(pack(records))  # type: ignore[operator]
    (tmp_path / "recipe.toml").write_text(AGAIN.format(web=name), encoding="utf-8")
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    assert run.manifest["counts"]["web"]["kept"] == 6
    made = curate.subset(run, tmp_path / "x.warc.gz", sample=3)
    assert made.written == {"web": 3}
    bodies = {record.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n\r\n") for record in records}
    assert sum(body in bodies for body in original_bodies(made.path).values()) == 3


def test_kept_records_of_other_makers_files_and_of_arc_are_had_again(tmp_path: Path) -> None:
    makers = SHARED / "warc" / "warcio"
    if not makers.is_dir():
        pytest.skip("needs ../shared/data/warc")
    (tmp_path / "recipe.toml").write_text(AGAIN.format(web=makers), encoding="utf-8")
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    kept = run.documents("web").collect()
    made = curate.subset(run, tmp_path / "x.warc.gz")
    assert made.written == {"web": kept.height}
    assert any(".arc" in id for id in kept["id"])
    again = read_again(made.path, tmp_path).documents("web").collect()
    assert sorted(again["text"]) == sorted(kept["text"])
    with made.path.open("rb") as file:
        assert all(record.rec_headers["WARC-Record-ID"] for record in ArchiveIterator(file, check_digests="raise"))
