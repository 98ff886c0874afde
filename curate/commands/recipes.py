"""`curate recipes`: the named recipes that ship, or one of them printed."""

from __future__ import annotations

import argparse
from typing import Any

from curate.commands.arguments import add_command
from curate.errors import UsageError, nearest
from curate.terminal import say, say_text


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "recipes",
        "list the recipes that ship with curate, or print one of them",
        run,
        about='Published recipes, with the source of each number; extends = "fineweb" in a recipe starts from one.',
        examples=["curate recipes", "curate recipes fineweb"],
    )
    command.add_argument("name", nargs="?", metavar="NAME", help="the recipe to print (default: list all)")


def run(options: argparse.Namespace) -> int:
    from curate.recipe_file import shipped_recipes

    shipped = shipped_recipes()
    if options.name is None:
        for name, path in shipped.items():
            first = path.read_text(encoding="utf-8").partition("\n")[0]
            say(f"{name:<16}{first.removeprefix('#').strip()}")
        return 0
    if options.name not in shipped:
        raise UsageError(f'no recipe "{options.name}" ships{nearest(options.name, shipped)}')
    say_text(shipped[options.name].read_text(encoding="utf-8"))
    return 0
