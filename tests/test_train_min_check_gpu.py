"""The check of a device runs at a small size on a CPU, and its verdicts can fail."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from curate.train_min import check_gpu  # noqa: E402
from curate.train_min.attention import visible  # noqa: E402

CPU = torch.device("cpu")


def blind_to_documents(starts: Any, length: int, window: int | None, device: Any, *, before: int = 0) -> Any:
    return visible(None, length, window, device, before=before)


def farther_by_one(starts: Any, length: int, window: int, device: Any, *, before: int = 0) -> Any:
    return visible(starts, length, window + 1, device, before=before)


def test_the_check_runs_on_a_cpu_and_writes_its_lines_as_json(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "curate.train_min.check_gpu", "--device", "cpu", "--out", str(tmp_path / "c.json")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "c.json").read_text())
    assert json.loads(done.stdout.splitlines()[-1]) == found
    verdicts = {line["name"]: line["passed"] for line in found["lines"]}
    assert [name for name, passed in verdicts.items() if passed is False] == []
    assert verdicts["documents of a row see only themselves"] is True
    assert verdicts["resumed, muon"] is True
    assert verdicts["block masks against dense ones"] is True
    assert verdicts["compiled against eager, reduce-overhead"] is None
    assert found["lines"][-1]["values"]["tokens_per_second"] > 0


def test_documents_that_see_one_another_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_gpu.check_documents(CPU).passed
    monkeypatch.setattr("curate.train_min.attention.visible", blind_to_documents)
    assert not check_gpu.check_documents(CPU).passed


def test_a_window_that_is_not_kept_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_gpu.check_window(CPU).passed
    monkeypatch.setattr("curate.train_min.attention.visible", farther_by_one)
    assert not check_gpu.check_window(CPU).passed


def test_block_masks_that_see_other_tokens_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_gpu.check_blocks(CPU).passed
    monkeypatch.setattr("curate.train_min.attention.visible", farther_by_one)
    assert not check_gpu.check_blocks(CPU).passed


def test_bits_that_differ_after_a_resume_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_gpu.check_resumed(CPU, "adamw") == dataclasses.replace(
        check_gpu.check_resumed(CPU, "adamw"), passed=True, figure="the same bits"
    )
    monkeypatch.setattr("curate.train_min.optim.Optimizers.set_state", lambda *rest: None)  # moments are forgotten
    assert not check_gpu.check_resumed(CPU, "adamw").passed
