"""Commands in the documentation are commands: their words are understood as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from curate.commands.table import parse

DOCS = Path(__file__).resolve().parents[1] / "docs"


def commands(document: str) -> list[str]:
    """The lines of a document's blocks that begin with the program, without what is said beside them."""
    blocks = re.findall(r"^```\n(.*?)^```", (DOCS / document).read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    lines = [line.partition("   ")[0] for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("curate ")]


@pytest.mark.parametrize(
    "document",
    [
        "subset.md",
        "classifier.md",
        "export.md",
        "perplexity.md",
        "ablate.md",
        "compare.md",
        "card.md",
        "forget.md",
        "browse.md",
    ],
)
def test_every_command_of_a_document_is_understood(
    document: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = commands(document)
    assert len(lines) >= 3
    for line in lines:
        words = shlex.split(line)[1:]
        assert parse(words).parser.prog.split()[1] == words[0]
