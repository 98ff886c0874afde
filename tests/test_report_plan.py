"""What a plan expects is what a run makes: exactly where all documents can be tried, within its error elsewhere."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import curate
from curate.cli import main
from curate.forecast import survey
from curate.forecast.distinct import distinct_share
from curate.pipeline.run import run
from curate.report.check import check
from curate.report.plan import plan, plan_values
from curate.report.terminal.plan import plan_lines, plan_table

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
RECIPE = f"""\
name = "toy"
[[source]]
name = "web"
read = "warc"
paths = ["{SAMPLE}/web.warc.gz"]
steps = [
  {{{{ use = "language", keep = ["en", "de"] }}}},
  {{{{ use = "gopher_quality", min_stop_words = 0, min_words = 40 }}}},
  {{{{ use = "c4", terminal_punctuation = false, min_sentences = 1 }}}},
]
[[source]]
name = "code"
read = "code"
paths = ["{SAMPLE}/code.tar.gz"]
[[source]]
name = "nothing"
read = "tables"
paths = ["nothing.jsonl"]
[dedup]
[scrub]
[mix]
weights = {{{{ web = 0.8, code = 0.2 }}}}
[tokenize]
tokenizer = {{tokenizer}}
[limits]
max_quarantined = 1.0
"""
TRAINED = "{ train = { vocab_size = 600 } }"


def write(folder: Path, tokenizer: str) -> Path:
    (folder / "nothing.jsonl").write_text("no JSON\n{}\n")
    (folder / "toy.toml").write_text(RECIPE.format(tokenizer=tokenizer), encoding="utf-8")
    return folder / "toy.toml"


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """The tokens of a run, by source."""
    folder = tmp_path_factory.mktemp("plan")
    done = run(write(folder, TRAINED), out=folder / "run", workers=0)
    return {name: sum(counts["tokens"].values()) for name, counts in done.manifest["counts"].items()}


def test_where_all_documents_are_tried_the_plan_counts_as_the_run_does(tmp_path: Path, counted: dict[str, int]) -> None:
    values = plan_values(plan(str(write(tmp_path, TRAINED))))
    for name, source in values["sources"].items():
        assert source["estimated_tokens"] == pytest.approx(counted[name], rel=0.02, abs=5)
        assert source["estimated"]["error"] <= 0.01 * source["estimated_tokens"]
    assert values["sources"]["nothing"]["estimated_tokens"] == 0


def test_a_part_of_the_documents_tells_it_within_its_error(
    tmp_path: Path, counted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "MAX_DOCUMENTS", 150)
    recipe = str(write(tmp_path, TRAINED))
    values = plan_values(plan(recipe))
    web = values["sources"]["web"]
    assert web["estimated"]["drawn"] <= 150
    assert 0.2 < web["estimated"]["drawn_share"] < 0.4
    assert web["estimated"]["error"] > 0
    assert abs(web["estimated_tokens"] - counted["web"]) < 3 * web["estimated"]["error"]
    assert web["estimated_tokens"] == pytest.approx(counted["web"], rel=0.4)
    assert plan_values(plan(recipe)) == values


def test_of_large_inputs_the_beginnings_of_many_splits_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve splits of four megabytes, of which a third is read; neighbors are alike, as in a crawl."""
    monkeypatch.setattr(survey, "MAX_INPUT", 16 << 20)
    words = [["one", "two", "three"], ["a", "much", "longer", "vocabulary"]]
    with (tmp_path / "rows.jsonl").open("w") as file:
        for number in range(12_000):
            text = " ".join(words[number // 1000 % 2]) + f" number {number} "
            file.write(json.dumps({"text": text * (40 + number // 100), "number": number}) + "\n")
    recipe = 'name = "x"\n[[source]]\nname = "rows"\nread = "tables"\npaths = ["rows.jsonl"]\n'
    (tmp_path / "x.toml").write_text(recipe + '[tokenize]\ntokenizer = "bytes"\n')
    [source] = plan_values(plan(tmp_path / "x.toml"))["sources"].values()
    assert source["splits"] > 8
    found = source["estimated"]
    assert found["drawn_share"] < 0.4
    lines = (tmp_path / "rows.jsonl").read_text().splitlines()
    whole = sum(len(json.loads(line)["text"]) + 1 for line in lines)
    assert found["tokens"] == pytest.approx(whole, rel=0.02)


def test_bytes_and_a_tokenizers_file_are_counted_as_they_are(tmp_path: Path) -> None:
    code = plan_values(plan(write(tmp_path, '"bytes"')))["sources"]["code"]
    found = code["estimated"]
    assert code["estimated_tokens"] == found["bytes"] + found["documents"]


def test_the_shipped_sample_is_not_warned_of_epochs_that_it_does_not_have() -> None:
    """It said: 42,206 tokens of web, four epochs of them; a run has 450,000 and 1.1."""
    checked = check("quickstart", documents=20)
    assert [finding.sentence for finding in checked.findings if finding.place == "[mix]"] == []


def test_the_command_tells_what_its_numbers_rest_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path, '"bytes"')
    with pytest.raises(SystemExit) as ended:
        main(["plan", str(recipe), "--json"])
    assert ended.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["sources"]["code"]["estimated"]["drawn_share"] == 1.0
    planned = plan(recipe)
    assert "code (code): 86 documents were tried, all that can be read" in list(plan_lines(planned))
    console = Console(width=80, file=io.StringIO())
    console.print(plan_table(planned))
    assert isinstance(console.file, io.StringIO)
    assert "~epochs" in console.file.getvalue()


@given(st.lists(st.integers(1, 30), max_size=50))
@settings(deadline=None)
def test_of_a_whole_corpus_the_different_documents_are_counted(sizes: list[int]) -> None:
    share = distinct_share(np.array(sizes, dtype=np.int64), 1.0)
    assert share == (pytest.approx(len(sizes) / sum(sizes)) if sizes else 0)


@pytest.mark.parametrize(
    "sizes",
    [[1] * 3000, [2] * 1000, [1] * 1000 + [3] * 300, [1] * 1200 + [400], list(range(1, 60)) * 2, [1] * 9 + [5] * 500],
)
@pytest.mark.parametrize("drawn_share", [0.1, 0.3, 0.7])
def test_different_documents_are_told_from_a_part(sizes: list[int], drawn_share: float) -> None:
    drawn = np.random.default_rng(5).binomial(sizes, drawn_share)
    found = distinct_share(drawn[drawn > 0].astype(np.int64), drawn_share)
    assert found == pytest.approx(len(sizes) / sum(sizes), rel=0.25)
