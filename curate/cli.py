"""The command line: finds the command, prints its errors, exits. Only this and `curate/commands/` print or exit."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from curate.commands.table import parser
from curate.errors import CurateError
from curate.terminal import warn

RESUMABLE = ("run", "train")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point `curate`; exit codes are those of `curate.errors` and of DESIGN §5."""
    options = argparse.Namespace(command=None)
    try:
        options = parser().parse_args(arguments)
        sys.exit(options.do(options))
    except CurateError as error:
        warn(f"curate: {error}", style="bold red")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if options.command in RESUMABLE else ", nothing was written"
        warn(f"curate: interrupted{goes_on}", style="bold red")
        sys.exit(130)
    except BrokenPipeError:  # `curate show RUN | head`
        sys.stderr.close()
        sys.exit(0)
