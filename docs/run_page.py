"""Runs a page of the documentation as a reader would: its files written, its commands typed into one shell, in order.

    python docs/run_page.py docs/tutorial.md [FOLDER]

page ─▶ blocks ─▶ files as they are named, commands in one bash ─▶ output ─▶ are the lines in it that the page shows?

```bash blocks are run. A ```text block right behind one shows lines of its output, in their order; "…" at the end of a
line stands for the rest of it. A ```toml, ```python … block is a file, whose name stands last in the paragraph before
it, in backticks. A comment before a block says what is not as usual: `<!-- exit 4 -->`, or `<!-- not run: why -->`.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^(?:<!-- (?P<note>[^\n]*) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"`([\w./-]+\.\w+)`")
PORT = "8765"
"""Of servers in pages; where it is taken, another one stands in its place."""
TIMEOUT = 900


@dataclass(frozen=True, slots=True)
class Step:
    """A file to write (`name`), or commands to type, with lines of their output and the exit code of the last one."""

    body: str
    name: str | None = None
    shown: tuple[str, ...] = ()
    code: int = 0


class PageError(Exception):
    """What a page says is not what happens."""


def steps(page: str) -> Iterator[Step]:
    """
    Raises:
        PageError: a block is none of those above.
    """
    blocks = [each.groupdict() | {"before": page[: each.start()]} for each in BLOCK.finditer(page)]
    for place, block in enumerate(blocks):
        kind, note, body = block["kind"], block["note"] or "", block["body"]
        if kind == "text" or note.startswith("not run: "):
            continue
        if kind == "bash":
            after = blocks[place + 1] if place + 1 < len(blocks) else None
            shown = after["body"].splitlines() if after and after["kind"] == "text" else []
            code = re.fullmatch(r"exit (\d+)", note)
            yield Step(body, shown=tuple(shown), code=int(code[1]) if code else 0)
            continue
        named = NAME.findall(block["before"].rstrip().rpartition("\n\n")[2])
        if not named:
            raise PageError(f"a block of {kind or 'no kind'} is neither a command nor a file:\n{body[:200]}")
        yield Step(body, name=named[-1])


def run_page(page: Path, folder: Path) -> int:
    """Run all of it in a folder, and return how many commands' outputs were compared.

    Raises:
        PageError: a command ended otherwise than the page says, or did not print what it shows.
    """
    port = _free_port()
    done = [*steps(page.read_text(encoding="utf-8").replace(PORT, port))]
    with tempfile.TemporaryDirectory() as scratch:
        _type(done, folder, Path(scratch))
        for number, step in enumerate(done):
            if step.name is None:
                _compare(step, number, Path(scratch))
    return sum(bool(step.shown) for step in done)


def _type(done: Sequence[Step], folder: Path, scratch: Path) -> None:
    """All of it into one shell, so that folders, variables and what runs in the background stay from block to block."""
    lines = ["trap 'kill $(jobs -p) 2>/dev/null' EXIT"]
    for number, step in enumerate(done):
        if step.name is not None:
            (scratch / f"{number}.file").write_text(step.body, encoding="utf-8")
            lines += [f"mkdir -p \"$(dirname '{step.name}')\"", f"cp '{scratch}/{number}.file' '{step.name}'"]
            continue
        lines += [f"trap 'echo $? >> {scratch}/{number}.codes' ERR", f"{{\n{step.body}}} > {scratch}/{number}.out 2>&1"]
        lines += ["trap - ERR", f"touch {scratch}/{number}.done"]
    (scratch / "page.sh").write_text("\n".join(lines) + "\n", encoding="utf-8")
    subprocess.run(["bash", str(scratch / "page.sh")], cwd=folder, env=_environment(scratch), timeout=TIMEOUT)


def _environment(scratch: Path) -> dict[str, str]:
    """`curate` and `python3` are those of this interpreter."""
    tools = scratch / "bin"
    tools.mkdir()
    for name, words in (("curate", "-m curate"), ("python3", ""), ("python", "")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (tools / name).chmod(0o755)
    return os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "120"}


def _compare(step: Step, number: int, scratch: Path) -> None:
    """The exit codes of the commands that failed, and the lines shown, however they are spaced."""
    out = scratch / f"{number}.out"
    said = out.read_text(encoding="utf-8", errors="replace") if out.exists() else ""
    codes = scratch / f"{number}.codes"
    failed = [int(code) for code in codes.read_text().split()] if codes.exists() else []
    if not (scratch / f"{number}.done").exists() or failed != [step.code] * bool(step.code):
        raise PageError(f"exit {failed or 'never'}, not {step.code}, of\n{step.body}\n{said}")
    found = iter([" ".join(line.split()) for line in said.splitlines()])
    for line in (" ".join(line.split()) for line in step.shown):
        begin = line.removesuffix("…").strip()
        if begin and not any(each == line or (line != begin and each.startswith(begin)) for each in found):
            raise PageError(f"not there, or not there in this order:\n{line}\nin\n{step.body}\n{said}")


def _free_port() -> str:
    """The pages' own, where nobody has it."""
    for port in (int(PORT), 0):
        with socket.socket() as tried:
            try:
                tried.bind(("localhost", port))
            except OSError:
                continue
            return str(tried.getsockname()[1])
    raise PageError("there is no port to listen on")


def main() -> int:
    page = Path(sys.argv[1])
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    try:
        print(f"{page}: as it says, {run_page(page.resolve(), folder.resolve())} outputs compared, in {folder}")
    except PageError as error:
        print(f"{page}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
