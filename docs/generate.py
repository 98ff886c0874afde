"""Writes docs/recipe.md, cli.md and signals.md from the code, or says with `--check` that they are not what it says.

    python docs/generate.py [--check]

dataclasses of curate/recipe.py, readers, filters ─▶ recipe_page  ─▶ docs/recipe.md
parsers of curate/commands/                       ─▶ cli_page     ─▶ docs/cli.md
SIGNALS of curate/text/signals.py                 ─▶ signals_page ─▶ docs/signals.md
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from cli_page import cli_page
from recipe_page import recipe_page
from signals_page import signals_page

DOCS = Path(__file__).resolve().parent


def pages() -> Mapping[Path, str]:
    return {DOCS / "recipe.md": recipe_page(), DOCS / "cli.md": cli_page(), DOCS / "signals.md": signals_page()}


def main() -> int:
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"docs/{path.name} is not what the code says: python docs/generate.py")
        return 1 if stale else 0
    for path in stale:
        path.write_text(pages()[path], encoding="utf-8")
        print(f"wrote docs/{path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
