"""The curves of a training: what is read of its log, that lines of dots go where the values are, and the picture."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest

from curate.report.curves import Panel, TrainingCurve, draw_picture, limits, read_curves, running_mean, shortened
from curate.report.terminal.curves import DOTS, HEIGHT, MARGIN, curves_lines

HEAD = "step,tokens,loss,learning_rate,loss/web,bits_per_byte/web,loss/books,bits_per_byte/books\n"
LOG = HEAD + "".join(
    f"{step},{step * 100},{9 - step / 10},0.01,{9 - step / 5},"
    f"{2 - step / 100 if step % 5 == 0 else ''},{9 if step > 3 else ''},\n"
    for step in range(1, 21)
)


def dots(lines: list[str]) -> dict[int, list[int]]:
    """By column of dots, the rows from above that have one."""
    found: dict[int, list[int]] = {}
    for row, line in enumerate(lines):
        for column, character in enumerate(line[MARGIN:]):
            for side in (0, 1):
                shown = [4 * row + dot for dot in range(4) if character != " " and ord(character) & DOTS[side][dot]]
                found.setdefault(2 * column + side, []).extend(shown)
    return found


def text(panel: Panel, width: int = 60) -> list[str]:
    return ["".join(piece for piece, _ in line) for line in curves_lines([panel], width=width)]


def test_a_log_has_losses_of_all_and_of_each_source_and_scores_where_there_are_two(tmp_path: Path) -> None:
    assert read_curves(tmp_path) == ()
    (tmp_path / "log.csv").write_text(HEAD, encoding="utf-8")
    assert read_curves(tmp_path) == ()
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    loss, score = read_curves(tmp_path)
    assert [curve.name for curve in loss.curves] == ["all", "web", "books"]
    assert loss.curves[0].tokens == tuple(range(100, 2001, 100))
    assert loss.curves[1].values == pytest.approx([9 - step / 5 for step in range(1, 21)])
    assert loss.curves[2].tokens == tuple(range(400, 2001, 100))
    assert [(curve.name, curve.tokens) for curve in score.curves] == [("web", (500, 1000, 1500, 2000))]
    assert score.curves[0].values == pytest.approx([1.95, 1.9, 1.85, 1.8])


def test_a_running_mean_keeps_ends_and_lines() -> None:
    assert running_mean([4, 0, 5, 3, 1], 1) == [4, 3, 8 / 3, 3, 1]
    assert running_mean([1.0, 2.0, 3.0, 4.0], 5) == [1, 2, 3, 4]
    assert running_mean([], 2) == []


def test_dots_are_where_the_values_are() -> None:
    tokens = tuple(float(step) for step in range(0, 1001, 10))
    values = tuple(5 - 3 * (step / 1000) ** 2 for step in tokens)
    panel = Panel("loss", (TrainingCurve("web", tokens, values),))
    low, high = limits(panel)
    assert (low, high) == (2, max(value for step, value in zip(tokens, values, strict=True) if step >= 50))
    lines = text(panel)
    found = dots(lines[1 : 1 + HEIGHT])
    seen = 0
    for column, rows in found.items():
        value = 5 - 3 * ((column + 0.5) / len(found)) ** 2
        expected = (high - value) / (high - low) * 4 * HEIGHT
        if expected >= 0:
            assert rows
            assert min(rows) - 1 <= expected <= max(rows) + 2
            assert max(rows) - min(rows) <= 2
            seen += 1
    assert seen > 0.9 * len(found)
    assert lines[0] == "loss"
    assert lines[1].startswith(f"{high:5.2f} ┤")
    assert lines[HEIGHT].startswith(" 2.00 ┤")
    assert lines[HEIGHT + 2].split() == ["0", "1", "k", "tokens"]
    assert max(map(len, lines)) == 60


def test_a_steep_line_has_no_gaps_and_a_level_one_is_seen() -> None:
    jump = Panel("loss", (TrainingCurve("web", (0.0, 499.0, 500.0, 1000.0), (1.0, 1.0, 3.0, 3.0)),))
    columns = dots(text(jump)[1 : 1 + HEIGHT])
    assert sorted({row for rows in columns.values() for row in rows}) == [*range(4 * HEIGHT)]
    level = Panel("loss", (TrainingCurve("web", (1.0, 2.0), (4.0, 4.0)), TrainingCurve("all", (1.0, 2.0), (4.0, 4.0))))
    assert {row for rows in dots(text(level)[1 : 1 + HEIGHT]).values() for row in rows} == {2 * HEIGHT}
    assert [line.split()[1:] for line in text(level)[HEIGHT + 3 : HEIGHT + 5]] == [["web", "4.000"], ["all", "4.000"]]


def test_numbers_of_tokens_are_short() -> None:
    numbers = (0, 999, 1_000, 12_345, 1_331_200, 2_500_000_000, 3e12)
    assert [*map(shortened, numbers)] == ["0", "999", "1 k", "12.3 k", "1.33 M", "2.5 G", "3 T"]


def test_the_picture_is_a_png_where_there_is_something_that_draws(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(LOG, encoding="utf-8")
    assert draw_picture((), tmp_path / "none.png") is None
    picture = draw_picture(read_curves(tmp_path), tmp_path / "curves.png")
    if find_spec("matplotlib") is None:
        assert picture is None
        assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]
        return
    assert picture == tmp_path / "curves.png"
    data = picture.read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert [int.from_bytes(data[at : at + 4]) for at in (16, 20)] == [1560, 570]


@pytest.mark.skipif(sys.platform == "win32", reason="it has no pseudo-terminals")
def test_who_looks_at_a_terminal_sees_the_curves(
    byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
    import pty

    run = byte_run(tmp_path / "run", {"prose": 0.7, "code": 0.3})
    words = [sys.executable, "-m", "curate", "train", str(run), "--steps", "8", "--device", "cpu"]
    for name, value in {"width": 32, "context": 32, "report_every": 2, "evaluate_every": 4, "token_pairs": 64}.items():
        words += ["--set", f"{name}={value}"]
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80", "OMP_NUM_THREADS": "1", "TERM": "xterm"}
    seen, shown = pty.openpty()
    process = subprocess.Popen(words, stdout=shown, stderr=subprocess.DEVNULL, env=environment)
    os.close(shown)
    told = b""
    while part := _read(seen):
        told += part
    os.close(seen)
    assert process.wait() == 0
    for title in ("training loss, nats", "validation, bits per byte"):
        assert title in told.decode()
    assert any(0x2800 < ord(character) < 0x2900 for character in told.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # Linux's way to say that nobody writes any more
        return b""
