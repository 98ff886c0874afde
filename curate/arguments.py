"""The commands of `curate` and their arguments; `cli` does them. The name of a command is in `command`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, NoReturn

from curate import __version__
from curate.errors import UsageError


class _Parser(argparse.ArgumentParser):
    """Argument errors as one line with the nearest name, like every other error of curate."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


def parser() -> argparse.ArgumentParser:
    """The whole command line.

    Its `parse_args` raises UsageError where the words make no command.
    """
    whole = _Parser(prog="curate", description="From raw web crawls, books and code to the tokens of a language model.")
    whole.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = whole.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (_add_passes, _add_dedup, _add_decontaminate, _add_looks, _add_trainer):
        add(commands)
    return whole


def _add_passes(commands: Any) -> None:
    run = _command(commands, "run", "do everything of a recipe that is not done yet")
    run.add_argument("recipe", help='a recipe\'s file, or the name of one that ships ("quickstart")')
    run.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME)")
    run.add_argument(
        "--workers",
        type=_count,
        help="worker processes (default: all cores; 0: all in this one, for a debugger); never changes the output",
    )
    run.add_argument("--keep-intermediate", action="store_true", help="keep RUN/work, with unscrubbed text")
    run.add_argument("--train", action="store_true", help="train a small model on the tokens afterwards")
    _add_json(run, "print the account as JSON")

    plan = _command(commands, "plan", "inputs, splits and the mixture's epochs; runs nothing")
    plan.add_argument("recipe")
    _add_json(plan)

    check = _command(commands, "check", "what in a recipe can never work, and what each rule takes of a sample")
    check.add_argument("recipe")
    check.add_argument("--documents", type=_positive, default=1000, help="of each source that the steps are tried on")
    _add_json(check)

    step = _command(commands, "filter", "try one step of a recipe: what it keeps and drops, with the values")
    step.add_argument("recipe")
    step.add_argument("--try", action="store_true", required=True, dest="is_trial", help="on a sample; writes nothing")
    step.add_argument("--step", required=True, metavar="NAME", help='as the funnel calls it; a second one is "where#2"')
    step.add_argument("--source", metavar="NAME", help="default: the first that has the step")
    step.add_argument("--sample", type=_positive, default=20, help="examples shown")
    _add_json(step)


def _add_dedup(commands: Any) -> None:
    dedup = _command(commands, "dedup", "a verdict on every row of tables with texts: which row it repeats, if any")
    dedup.add_argument("files", nargs="+", metavar="FILE", help="Parquet or JSON Lines (.gz, .zst), or folders of them")
    dedup.add_argument("--out", type=Path, required=True, help="the verdicts, as Parquet")
    dedup.add_argument(
        "--method",
        nargs="+",
        default=["exact", "minhash"],
        metavar="METHOD",
        help="exact, url, minhash, semantic, lines, substring, ngrams: in this order",
    )
    for name in ("text", "id", "url", "timestamp"):
        dedup.add_argument(f"--{name}", metavar="COLUMN", help=f'default: "{name}"')
    dedup.add_argument(
        "--kept", type=Path, metavar="FILE", help="write the rows that stay, with their texts, as Parquet"
    )
    dedup.add_argument("--ngram", type=_positive, help="words a shingle (5)")
    dedup.add_argument("--unit", help='"words" or "characters": what a shingle consists of')
    dedup.add_argument("--normalise", help='"words", "ccnet" or "none": how much of a text counts')
    dedup.add_argument("--bands", type=_positive, help="(14)")
    dedup.add_argument("--rows", type=_positive, help="a band (8)")
    dedup.add_argument("--threshold", type=float, help="instead of bands and rows: the similarity to split them for")
    dedup.add_argument("--permutations", type=_positive, help="for --threshold (128)")
    dedup.add_argument("--verify", type=float, help="least true similarity to the copy that stays (0.7); 0: none")
    dedup.add_argument("--keep", help='"longest", "latest", "first" or "highest:COLUMN"')
    dedup.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="others: lines.span=3")
    dedup.add_argument("--against", nargs="+", default=[], metavar="DIR", help="indexes, or runs that have one")
    dedup.add_argument("--index", type=Path, metavar="DIR", help="against this one too; then add what stays to it")
    dedup.add_argument("--workers", type=_positive, help="threads (default: all cores); never changes the output")
    _add_json(dedup, "print the account as JSON")


def _add_decontaminate(commands: Any) -> None:
    words = "which rows of tables hold which items of evaluation sets"
    decontaminate = _command(commands, "decontaminate", words)
    decontaminate.add_argument("files", nargs="+", metavar="FILE", help="Parquet or JSON Lines, or folders of them")
    sets = "evaluation sets: JSON Lines, Parquet, or text with an item a line"
    decontaminate.add_argument("--against", nargs="+", required=True, metavar="FILE", help=sets)
    decontaminate.add_argument(
        "--out", type=Path, required=True, help="the report: a row a document and item, as Parquet"
    )
    kept = "write the rows that are left, with their texts, as Parquet"
    decontaminate.add_argument("--kept", type=Path, metavar="FILE", help=kept)
    method = '"ngrams": GPT-3\'s, n-grams are cut; "sampled": decon\'s, documents with most of an item go'
    decontaminate.add_argument("--method", help=method)
    for name in ("text", "id"):
        decontaminate.add_argument(f"--{name}", metavar="COLUMN", help=f'default: "{name}"')
    decontaminate.add_argument("--columns", nargs="+", metavar="COLUMN", help="of the sets: what an item consists of")
    others = "others: ngrams.window=100"
    decontaminate.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=others)
    _add_json(decontaminate, "print the account as JSON")


def _add_looks(commands: Any) -> None:
    show = _command(commands, "show", "the funnel: what came in, what each step dropped, what came out")
    show.add_argument("run", type=Path)
    show.add_argument("--reasons", action="store_true", help="a row for every rule, not only for every step")
    _add_json(show)

    why = _command(commands, "why", "one document's way: every rule, its values, what it repeats")
    why.add_argument("run", type=Path)
    why.add_argument("document", metavar="ID_OR_URL")
    _add_json(why)

    retune = _command(commands, "retune", "what other thresholds would change, from the ledger alone")
    retune.add_argument("run", type=Path)
    retune.add_argument("--set", action="append", required=True, metavar="STEP.PARAMETER=VALUE", help="may be repeated")
    retune.add_argument("--sample", type=_positive, default=5, help="documents shown of each kind that change sides")
    retune.add_argument("--apply", type=Path, metavar="FILE", help="write the recipe with these values")
    _add_json(retune)

    verify = _command(commands, "verify", "recompute checksums and the account; exit 1 on a difference")
    verify.add_argument("run", type=Path)

    signals = _command(commands, "signals", "what is measured on every document: name, unit, source")
    _add_json(signals)

    recipes = _command(commands, "recipes", "the named recipes that ship, or one of them printed")
    recipes.add_argument("name", nargs="?")


def _add_trainer(commands: Any) -> None:
    train = _command(commands, "train", "train a compact GPT on a run's tokens")
    train.add_argument("run", type=Path)
    train.add_argument("--preset", help="nano, t2-20m, d12 (default: the recipe's)")
    train.add_argument("--steps", type=_positive)
    train.add_argument("--device", default="auto", help="auto, cpu, cuda")
    train.add_argument("--seed", type=int)
    train.add_argument("--restart", action="store_true", help="begin anew instead of going on from the checkpoint")

    generate = _command(commands, "generate", "text from a checkpoint")
    generate.add_argument("checkpoint", type=Path)
    generate.add_argument("prompt")
    generate.add_argument("--tokens", type=_positive, default=200)
    generate.add_argument("--temperature", type=float, default=0.8)
    generate.add_argument("--top-k", type=_positive, default=50)
    generate.add_argument("--seed", type=int, default=17)


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(command=name)
    return command


def _add_json(command: argparse.ArgumentParser, text: str | None = None) -> None:
    command.add_argument("--json", action="store_true", help=text)


def _positive(text: str) -> int:
    return _count(text, least=1)


def _count(text: str, *, least: int = 0) -> int:
    number = int(text) if text.isdigit() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f"expected a whole number from {least}, found {text}")
    return number
