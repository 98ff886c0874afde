"""The trainer can be read in an evening: what docs/training.md says of its length is so, and its core stays short."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "training.md"
MAX_CORE = 1000
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}

pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="not in a checkout")


def code_lines(text: str) -> int:
    """Lines of code, without blank ones, comments, and strings that stand by themselves."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - told)


def parts() -> list[tuple[str, list[str], int]]:
    """Of the page's table: a part, its files, how many lines it is said to have."""
    table = PAGE.read_text(encoding="utf-8").partition("## How long it is")[2]
    rows = re.findall(r"^\| (\w[^|]*) \| ([^|]+) \| ([\d,]+) \|$", table, re.MULTILINE)
    return [(part, re.findall(r"`(\w+)`", files), int(count.replace(",", ""))) for part, files, count in rows]


def lines_of(names: list[str]) -> int:
    return sum(code_lines((ROOT / f"curate/train_min/{name}.py").read_text(encoding="utf-8")) for name in names)


def test_strings_comments_and_blank_lines_are_no_code() -> None:
    assert code_lines('"""What\n\nit is."""\n\n# A reason.\nx = """a\nb"""  # here\n\n\ndef f():\n    "Does."\n') == 3


def test_the_core_is_shorter_than_its_limit() -> None:
    core = [name for part, files, _ in parts() if part.startswith("core") for name in files]
    assert {"model", "optim", "loader", "loop"} <= {*core}
    assert lines_of(core) < MAX_CORE


def test_every_file_is_of_one_part_whose_length_is_as_told() -> None:
    named = [name for _, files, _ in parts() for name in files]
    assert sorted(named) == sorted(path.stem for path in (ROOT / "curate" / "train_min").glob("*.py"))
    for part, files, count in parts():
        assert abs(lines_of(files) - count) <= 0.05 * count, (part, lines_of(files))
