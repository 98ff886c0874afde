"""The command line: finds the command, prints its errors, exits. Only this and `curate/commands/` print or exit.

words ─▶ commands.table ─▶ the command ─▶ exit code
                               └─ error, signal ─▶ one line on stderr ─▶ exit code

What is imported here is imported before anybody listens for signals: next to nothing.
"""

from __future__ import annotations

import os
import sys

from curate.interrupts import GOES_ON, Signals, number_of

TYPE_CHECKING = False  # as in `typing`
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

RESUMABLE = ("run", "train", "mix")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point `curate`; exit codes are those of `curate.errors` and of DESIGN §5.

    Without `arguments` it is all that the process is for, and signals are its own; else they are the caller's.
    """
    signals = Signals(is_ours=arguments is None)
    try:
        signals.catch()
        code = _answer(arguments, signals)
    except KeyboardInterrupt as interrupt:
        code = _tell("interrupted", 128 + signals.number_of(interrupt))
    signals.ignore()
    sys.exit(code)


def _answer(arguments: Sequence[str] | None, signals: Signals) -> int:
    try:
        return _do(arguments)
    except BrokenPipeError:  # `curate show RUN | head`
        from curate.terminal import hang_up

        hang_up()
        return 0
    except Exception as error:
        from curate.errors import Interrupted
        from curate.faults import explain

        if signals.number is not None:  # what was interrupted may have made another exception of it
            sentence = str(error) if isinstance(error, Interrupted) else "interrupted"
            return _tell(sentence, 128 + signals.number)
        known = explain(error)
        return _tell(str(known), known.exit_code)


def _do(arguments: Sequence[str] | None) -> int:
    from curate.commands.table import parse
    from curate.errors import Interrupted
    from curate.terminal import escape_the_unencodable

    escape_the_unencodable()
    options = parse(arguments)
    _require_current_folder()
    try:
        code: int = options.do(options)
    except KeyboardInterrupt as interrupt:
        if options.command not in RESUMABLE:
            raise
        raise Interrupted(GOES_ON, number_of(interrupt)) from interrupt
    sys.stdout.flush()
    return code


def _require_current_folder() -> None:
    from curate.errors import UsageError

    try:
        os.getcwd()
    except FileNotFoundError:  # which polars panics of, as it is loaded by Python 3.13
        raise UsageError("the current folder was deleted; change to one that exists") from None


def _tell(sentence: str, code: int) -> int:
    from curate.terminal import warn

    warn(f"curate: {sentence}", style="bold red")
    return code
