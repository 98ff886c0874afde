"""The two consoles of the command line: what was asked for goes to OUT, everything else to ERR."""

from __future__ import annotations

from rich.console import Console

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)
