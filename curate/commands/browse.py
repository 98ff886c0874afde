"""`curate browse`: the documents of a finished run in a browser on this machine."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command, add_run, count, place
from curate.terminal import say, warn


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "browse",
        "open a page to search a run's documents: why each was kept or dropped, beside its text",
        run,
        about="A page for this machine alone, under a secret address, that changes nothing. It searches and filters "
        "what was kept, dropped and quarantined, shows what was cut out of a text, moves thresholds, and compares two "
        "runs. Ctrl-C ends it.",
        examples=["curate browse runs/quickstart", "curate browse runs/new runs/old --port 8000 --no-open"],
    )
    add_run(command)
    words = "the folder of another run that is done, to see which documents changed sides"
    command.add_argument("other", type=place, nargs="?", metavar="OTHER_RUN", help=words)
    words = "where it listens, on the loopback (default: any port that is free)"
    command.add_argument("--port", type=count, default=0, metavar="N", help=words)
    words = "print the address and open no browser"
    command.add_argument("--no-open", dest="open", action="store_false", help=words)


def run(options: argparse.Namespace) -> int:
    from curate.api import Run

    other = Run(options.other) if options.other else None
    server = Run(options.run).browse(other, port=options.port)
    try:
        say(f"{server.url} (Ctrl-C ends it)")
        if options.open:
            _open(server.url)
        server.serve()
    except KeyboardInterrupt:
        warn(f"curate: {options.run} is no longer shown")
    return 0


def _open(url: str) -> None:
    """Wherever that cannot be done the address is there to be copied."""
    import webbrowser

    if not webbrowser.open(url):
        warn("curate: there is no browser to open here; open the address above")
