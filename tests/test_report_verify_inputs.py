"""`curate verify RUN --inputs`: what lies where a run has read, compared with the digests that it took."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import curate
from curate.cli import main
from curate.engine import plan
from curate.run_folder import RunFolder

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
LINES = [json.dumps({"text": text}) + "\n" for text in (SAMPLE / "books" / "persuasion.txt").read_text().split("\n\n")]
RECIPE = """
name = "small"
[[source]]
name = "rows"
read = "tables"
paths = ["rows/*.jsonl"]
[mix]
tokens = 1000
[tokenize]
tokenizer = "bytes"
"""


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run over a file that several splits share, and one that a split has alone."""
    monkeypatch.setattr(plan, "MIN_SPLIT_BYTES", 100_000)
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "large.jsonl").write_text("".join(LINES))
    (tmp_path / "rows" / "small.jsonl").write_text("".join(LINES[:3]))
    (tmp_path / "small.toml").write_text(RECIPE)
    return RunFolder(curate.run(tmp_path / "small.toml", out=tmp_path / "run", workers=0).folder)


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_manifest_has_the_digest_of_each_file_or_of_the_ranges_of_a_shared_one(
    finished: RunFolder, tmp_path: Path
) -> None:
    large, small = finished.manifest["inputs"]["rows"]
    content = (tmp_path / "rows" / "large.jsonl").read_bytes()
    assert small["sha256"] == hashlib.sha256((tmp_path / "rows" / "small.jsonl").read_bytes()).hexdigest()
    ends = [part["end"] for part in large["ranges"]]
    assert len(ends) == 5
    assert [part["start"] for part in large["ranges"]] == [0, *ends[:-1]]
    assert ends[-1] == large["size"] == len(content)
    for part in large["ranges"]:
        assert part["sha256"] == hashlib.sha256(content[part["start"] : part["end"]]).hexdigest()


def test_inputs_that_changed_behind_a_runs_back_are_named_with_the_place(
    finished: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("verify", str(finished.folder), "--inputs") == 0
    assert "the inputs" in capsys.readouterr().out
    large, small = tmp_path / "rows" / "large.jsonl", tmp_path / "rows" / "small.jsonl"
    content = bytearray(large.read_bytes())
    content[250_000] ^= 1
    large.write_bytes(content)
    small.unlink()
    assert curate.verify(finished).is_sound, "the run itself is as it was"
    assert exit_code("verify", str(finished.folder), "--inputs") == 1
    told = capsys.readouterr().out
    second = finished.manifest["inputs"]["rows"][0]["ranges"][2]
    assert second["start"] <= 250_000 < second["end"]
    assert f"rows/large.jsonl has other bytes between {second['start']:,} and {second['end']:,}" in told
    assert "rows/small.jsonl cannot be read any more" in told
    large.write_bytes(content[:-1])
    differences = curate.verify(finished, inputs=True).differences
    assert any(f"large.jsonl has {len(content) - 1:,} bytes" in sentence for sentence in differences)
