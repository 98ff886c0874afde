"""`curate verify`: checksums and the account, computed again."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from curate.commands.arguments import add_command
from curate.terminal import say


def add(commands: Any) -> None:
    command = add_command(commands, "verify", "recompute checksums and the account; exit 1 on a difference", run)
    command.add_argument("run", type=Path)


def run(options: argparse.Namespace) -> int:
    from curate.report.verify import differences
    from curate.run_folder import Run

    run = Run(options.run)
    found = list(differences(run))
    for sentence in found:
        say(sentence)
    if not found:
        say(
            f"{options.run}: {len(run.manifest['outputs'])} files and the account are as the manifest says.",
        )
    return 1 if found else 0
