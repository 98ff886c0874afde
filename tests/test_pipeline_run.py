"""Whole runs on real text: the account closes, any number of workers gives the same bytes, kills cost nothing,
and bad input gives one clear line."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import itertools
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psutil
import pytest

import curate
from curate.cli import main
from curate.pipeline.run import run
from curate.report.verify import differences
from curate.tokenize.draw import DrawnRows
from curate.tokenize.mix import Draw, read_mixture
from curate.tokenize.shards import open_shards

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"

RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["web/*.warc.gz"]
steps = [
  {{ use = "language", keep = ["en", "de", "fr", "es"] }},
  "gopher_repetition",
  {{ use = "gopher_quality", min_stop_words = 0 }},
]
[[source]]
name = "books"
read = "books"
paths = ["books"]
[[source]]
name = "code"
read = "code"
paths = ["code.tar.gz"]
{steps}
[dedup]
prefer = ["books"]
[scrub]
[mix]
weights = {{ web = 0.6, books = 0.3, code = 0.1 }}
{mix}
[tokenize]
tokenizer = {{ train = {{ vocab_size = 1024, sample_bytes = 300_000 }} }}
validation = 0.05
"""


def members(path: Path) -> list[bytes]:
    """The gzip members of a WARC, as they stand."""
    data = path.read_bytes()
    starts = [0]
    import zlib

    while starts[-1] < len(data):
        inflater = zlib.decompressobj(31)
        inflater.decompress(data[starts[-1] :])
        starts.append(len(data) - len(inflater.unused_data))
    return [data[start:end] for start, end in itertools.pairwise(starts)]


def make_inputs(folder: Path, *, pages: int = 120, chunks: int = 4, steps: str = "", mix: str = "") -> Path:
    """A few pages in several WARCs, so that there are splits to share out; half a book twice; some code."""
    web = members(SAMPLE / "web.warc.gz")[:pages]
    (folder / "web").mkdir(parents=True)
    for number in range(chunks):
        (folder / "web" / f"{number}.warc.gz").write_bytes(b"".join(web[number::chunks]))
    (folder / "books").mkdir()
    for book in sorted((SAMPLE / "books").glob("*.txt")):
        text = book.read_text(encoding="utf-8")
        (folder / "books" / book.name).write_text(text[: len(text) // 3], encoding="utf-8")
    shutil.copyfile(SAMPLE / "code.tar.gz", folder / "code.tar.gz")
    recipe = folder / "toy.toml"
    recipe.write_text(RECIPE.format(steps=steps, mix=mix), encoding="utf-8")
    return recipe


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file of a run, but for the account of time."""
    files = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("timing.json", "report.html", ".lock")
    ]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@dataclass(frozen=True)
class Answer:
    """What the command line printed, and its exit code."""

    code: object
    out: str
    err: str


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command line in this process: a new one would spend most of its time on imports."""

    def call(*arguments: object) -> Answer:
        with pytest.raises(SystemExit) as exit:
            main([str(argument) for argument in arguments])
        return Answer(exit.value.code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A recipe and its undisturbed run."""
    folder = tmp_path_factory.mktemp("finished")
    recipe = make_inputs(folder / "in", mix="materialize = true")
    run(recipe, out=folder / "run", workers=2)
    return recipe, folder / "run"


def test_every_record_is_in_the_account(finished: tuple[Path, Path]) -> None:
    from warcio.archiveiterator import ArchiveIterator

    recipe, folder = finished
    seen = 0
    for path in sorted((recipe.parent / "web").iterdir()):
        with path.open("rb") as file:
            seen += sum(1 for _ in ArchiveIterator(file))
    ledger = curate.Run(folder).ledger("web").collect()
    assert ledger.height == seen
    assert ledger["id"].n_unique() == seen
    counts = curate.Run(folder).manifest["counts"]
    for source, count in counts.items():
        assert count["read"] == count["kept"] + count["dropped"] + count["quarantined"], source
        assert count["kept"] == curate.Run(folder).documents(source).collect().height
    assert list(differences(curate.Run(folder))) == []


def test_documents_tokens_and_their_tables_agree(finished: tuple[Path, Path]) -> None:
    from curate.tokenize.encode import load_tokenizer

    _, folder = finished
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    documents = curate.Run(folder).documents("books").collect()
    text = dict(documents.select("id", "text").iter_rows())
    found: dict[str, str] = {}
    for part in ("train", "validation"):  # the end of one of these books is held out
        shard = open_shards(folder / "tokens" / part / "books")
        for number, (name, size) in enumerate(shard.documents().select("id", "bytes").iter_rows()):
            tokens = shard.document(number)
            assert tokens[-1] == tokenizer.end_of_text
            decoded = tokenizer.decode(tokens[:-1].tolist())
            assert len(decoded.encode()) == size
            found[name] = found.get(name, "") + decoded
    assert found == text


def test_the_trainers_draw_and_the_mixed_shards_have_the_weights(finished: tuple[Path, Path]) -> None:
    _, folder = finished
    record = read_mixture(folder / "tokens" / "mixture.json")
    held = {share.name: len(open_shards(folder / "tokens" / "train" / share.name)) for share in record.mixture.shares}
    draw = Draw(record.mixture, seed=record.seed, row_length=64, held=held)
    import numpy as np

    rows: DrawnRows = draw.locate(np.arange(draw.rows))
    mixed = open_shards(folder / "tokens" / "train" / "mixed").documents()
    in_mixed = dict(mixed.group_by("source").agg(pl.col("tokens").sum()).iter_rows())
    for number, name in enumerate(draw.sources):
        share = next(share for share in record.mixture.shares if share.name == name)
        assert abs((rows.source == number).mean() - share.drawn) < 0.005
        assert in_mixed[name] == share.tokens


@pytest.mark.parametrize("workers", [0, 4])
def test_any_number_of_workers_gives_the_same_bytes(finished: tuple[Path, Path], tmp_path: Path, workers: int) -> None:
    recipe, folder = finished
    run(recipe, out=tmp_path / "run", workers=workers)
    assert digests(tmp_path / "run") == digests(folder)


def test_a_second_run_does_nothing_and_another_recipe_is_refused(
    finished: tuple[Path, Path], cli: Callable[..., Answer]
) -> None:
    recipe, folder = finished
    before = digests(folder)
    again = cli("run", recipe, "--out", folder)
    assert again.code == 0, again.err
    assert "nothing to do" in again.err
    other = recipe.with_name("other.toml")
    other.write_text(recipe.read_text().replace("vocab_size = 1024", "vocab_size = 1025"))
    refused = cli("run", other, "--out", folder)
    assert refused.code == 4
    assert "another recipe" in refused.err
    assert digests(folder) == before


def disturb(process: subprocess.Popen[bytes], victim: str) -> None:
    """Kill one worker, or all processes at once, or interrupt as Ctrl-C does; then wait if the run ends by that."""
    workers = psutil.Process(process.pid).children()
    if victim == "interrupt":
        process.send_signal(signal.SIGINT)
    victims = {"interrupt": [], "worker": workers[:1], "all": [psutil.Process(process.pid), *workers]}[victim]
    for one in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
    if victim != "worker":
        process.wait(timeout=120)


def test_half_a_record_of_a_killed_worker_is_not_in_the_run(finished: tuple[Path, Path], tmp_path: Path) -> None:
    """The run itself goes on, so nothing is resumed that could take it away."""
    recipe, folder = finished
    out = tmp_path / "run"
    left = out / "done" / "filter" / "web-00000.json.4711.part"

    def leave(progress: object) -> None:
        if left.parent.is_dir():
            left.write_bytes(b"{")

    run(recipe, out=out, workers=0, show=leave)
    assert not left.exists()
    assert digests(out) == digests(folder)


@pytest.mark.parametrize("victim", ["worker", "all", "interrupt"])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(
    finished: tuple[Path, Path], tmp_path: Path, victim: str
) -> None:
    recipe, folder = finished
    out = tmp_path / "run"
    command = [sys.executable, "-m", "curate", "run", str(recipe), "--out", str(out), "--workers", "2"]
    committed: dict[Path, int] = {}
    process = None
    for wanted in (1, 6):
        if process is None or process.poll() is not None:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and len(list(out.glob("done/*/*.json"))) < wanted:
            time.sleep(0.02)
        committed |= {path: path.stat().st_mtime_ns for path in out.glob("done/*/*.json")}
        if process.poll() is None:
            disturb(process, victim)
    assert process is not None
    if victim == "worker":
        assert process.wait(timeout=300) == 0
    assert subprocess.run(command, capture_output=True, timeout=300).returncode == 0
    for path, when in committed.items():
        assert path.stat().st_mtime_ns == when, f"{path} was done again"
    assert digests(out) == digests(folder)


def test_the_account_of_time_explains_the_run(finished: tuple[Path, Path]) -> None:
    timing = curate.Run(finished[1]).timing
    assert " ".join(timing["stages"]) == "dedup filter materialize mix sample shards sizes tokenize tokenizer"
    assert {"read", "extract", "signals", "language", "sign", "start"} <= timing["stages"]["filter"]["steps"].keys()
    assert 0.9 < timing["explained"] <= 1.0


def test_bad_input_costs_what_is_bad_and_says_so(tmp_path: Path, cli: Callable[..., Answer]) -> None:
    recipe = make_inputs(tmp_path, pages=40, chunks=1)
    good = (tmp_path / "web" / "0.warc.gz").read_bytes()
    pieces = members(tmp_path / "web" / "0.warc.gz")
    damaged = bytearray(good)
    middle = sum(map(len, pieces[:20])) + len(pieces[20]) // 2
    damaged[middle : middle + 20] = bytes(20)
    web = tmp_path / "web"
    (web / "damaged.warc.gz").write_bytes(damaged)
    (web / "cut.warc.gz").write_bytes(good[: len(good) - len(pieces[-1]) // 2])
    (web / "empty.warc.gz").write_bytes(b"")
    (web / "report.warc.gz").write_bytes(b"%PDF-1.7\n" + bytes(5000))
    (tmp_path / "books" / "latin.txt").write_bytes(b"Caf\xe9 au lait, " * 200)
    result = cli("run", recipe, "--out", tmp_path / "run", "--workers", 0)
    assert result.code == 3, result.err
    assert "Traceback" not in result.err
    assert "were quarantined, more than max_quarantined" in result.err
    ledger = (
        curate.Run(tmp_path / "run").ledger("web").collect().with_columns(file=pl.col("id").str.extract(r"/([^@]+)"))
    )
    lost = ledger.filter(pl.col("outcome") == "quarantined").select("file", "reason").rows()
    assert sorted(lost) == [
        ("cut.warc.gz", "truncated"),
        ("damaged.warc.gz", "corrupt"),
        ("empty.warc.gz", "empty"),
        ("report.warc.gz", "not_warc"),
    ]
    per_file = dict(ledger.group_by("file").len().iter_rows())
    assert per_file["damaged.warc.gz"] == per_file["cut.warc.gz"] == per_file["0.warc.gz"] == len(pieces)


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ('"gopher_repetition"', '"gopher_repetitoin"', 'did you mean "gopher_repetition"'),
        ('paths = ["books"]', 'paths = ["boooks"]', 'no file matches "boooks"'),
        ('keep = ["en"', 'keep = ["english"', "english"),
        ("[scrub]", '[scrub]\nentities = ["EMAIL_ADRESS"]', 'did you mean "EMAIL_ADDRESS"'),
    ],
)
def test_a_mistake_in_the_recipe_is_one_line_before_anything_runs(
    tmp_path: Path, cli: Callable[..., Answer], right: str, wrong: str, words: str
) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1)
    text = recipe.read_text()
    assert right in text
    recipe.write_text(text.replace(right, wrong))
    result = cli("run", recipe, "--out", tmp_path / "run")
    assert result.code == 2
    assert words in result.err
    assert "Traceback" not in result.err
    assert result.err.count("\n") == 1, result.err
    assert not (tmp_path / "run" / "plan.json").exists()


def test_an_exception_in_ones_own_filter_quarantines_that_document(tmp_path: Path) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1, steps='steps = ["mine:picky"]')
    (tmp_path / "mine.py").write_text(
        "import curate\n\n@curate.filter\ndef picky(document: curate.Document) -> bool:\n"
        "    if 'raise ' in document.text:\n        raise ValueError('not this one')\n"
        "    return 'import' in document.text\n"
    )
    recipe.write_text(recipe.read_text() + "[limits]\nmax_errors = 0.5\n")
    result = run(recipe, out=tmp_path / "run", workers=0)
    ledger = result.ledger("code").collect()
    quarantined = ledger.filter(pl.col("outcome") == "quarantined")
    assert quarantined.height > 0
    assert set(quarantined["reason"]) == {"exception"}
    assert all("not this one" in value for value in quarantined["value"])
    kept = result.documents("code").collect()["text"]
    assert kept.len() > 0
    assert all("import" in text and "raise " not in text for text in kept)
    models = result.manifest["models"]
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert digest in {model["sha256"] for model in models}


def test_a_filter_that_fails_on_many_documents_stops_the_run_with_one_line(
    tmp_path: Path, cli: Callable[..., Answer]
) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1, steps='steps = ["mine:broken"]')
    (tmp_path / "mine.py").write_text(
        "import curate\n\n@curate.filter\ndef broken(document: curate.Document) -> bool:\n"
        "    return document.columns['no such column'] > 0\n"
    )
    for _ in range(2):  # a second call comes to the same end
        result = cli("run", recipe, "--out", tmp_path / "run", "--workers", "0")
        assert result.code == 2
        assert 'step "mine:broken" raised on' in result.err
        assert "max_errors = 0.05" in result.err
        assert "KeyError: 'no such column' (mine.py:5" in result.err
        assert "Traceback" not in result.err


def test_a_document_that_kills_its_worker_is_the_only_one_lost(tmp_path: Path) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1, steps='steps = ["mine:deadly"]')
    (tmp_path / "mine.py").write_text(
        "import curate, os\n\n@curate.filter\ndef deadly(document: curate.Document) -> bool:\n"
        "    if document.id.endswith('lodash/_Stack.js'):\n"
        "        os._exit(9)\n    return True\n"
    )
    result = run(recipe, out=tmp_path / "run", workers=1)
    ledger = result.ledger("code").collect()
    crashed = ledger.filter(pl.col("reason") == "crash")
    assert [name.rpartition("lodash/")[2] for name in crashed["id"]] == ["_Stack.js"]
    assert result.manifest["counts"]["code"]["quarantined"] == 1


def test_changed_inputs_are_refused(tmp_path: Path, cli: Callable[..., Answer]) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1)
    run(recipe, out=tmp_path / "run", workers=0)
    book = next((tmp_path / "books").iterdir())
    book.write_text(book.read_text() + "One more line.\n")
    result = cli("run", recipe, "--out", tmp_path / "run")
    assert result.code == 4
    assert "other inputs: 1 changed" in result.err


def test_plan_runs_nothing_and_shows_the_epochs(
    tmp_path: Path, cli: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_inputs(tmp_path, pages=4, chunks=1)
    monkeypatch.chdir(tmp_path)
    result = cli("plan", recipe, "--json")
    assert result.code == 0, result.err
    values = json.loads(result.out)
    assert values["sources"]["web"]["splits"] == 1
    assert abs(sum(part["drawn"] for part in values["mixture"]["sources"].values()) - 1) < 1e-9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["books", "code.tar.gz", "toy.toml", "web"]


def test_a_table_source_goes_the_whole_road(tmp_path: Path) -> None:
    texts = [f"Row {number}: " + "some words that say nothing much at all. " * 5 for number in range(20)]
    lines = [json.dumps({"content": text, "link": "http://example.org/"}) for text in [*texts, texts[0]]]
    with gzip.open(tmp_path / "rows.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write("\n".join(lines[:11]))
    endless = "x" * 13_000_000  # over several splits, of which some hold no record at all
    (tmp_path / "rows.jsonl").write_text("\n".join([lines[11], endless, *lines[12:]]))
    (tmp_path / "r.toml").write_text(
        'name = "r"\n[[source]]\nname = "rows"\nread = "tables"\npaths = ["rows.*"]\n'
        'columns = { text = "content", url = "link" }\n[dedup]\nmethod = "exact"\n[tokenize]\ntokenizer = "bytes"\n'
    )
    result = run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    counts = result.manifest["counts"]["rows"]
    assert curate.Run(tmp_path / "run").ledger("rows").collect().filter(reason="bad_json").height == 1
    assert (counts["read"], counts["kept"], counts["quarantined"]) == (22, 20, 1)
    assert set(result.documents("rows").collect()["url"]) == {"http://example.org/"}
    dropped = result.ledger("rows").filter(pl.col("outcome") == "dropped").collect()
    assert dropped.select("step", "reason").rows() == [("dedup", "exact_duplicate")]
