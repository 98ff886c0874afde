"""The command line: reads arguments, calls the library, prints, exits. Nothing else in curate prints or exits."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from curate import __version__
from curate.errors import CurateError, UsageError, nearest

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)

QUARANTINE_EXCEEDED = 3


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point `curate`; exit codes are those of `curate.errors` and of DESIGN §5."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except CurateError as error:
        ERR.print(f"curate: {error}", style="bold red", markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        ERR.print("curate: interrupted; the same command goes on from here", style="bold red")
        sys.exit(130)
    except BrokenPipeError:  # `curate show RUN | head`
        sys.stderr.close()
        sys.exit(0)


def run_command(options: argparse.Namespace) -> int:
    from curate.passes.check import require_torch
    from curate.passes.run import run
    from curate.report.progress import progress_on

    if options.train:
        require_torch()
    was_complete = (_run_folder(options) / "manifest.json").is_file()
    with progress_on(ERR) as show:
        result = run(
            options.recipe,
            out=options.out,
            workers=options.workers,
            keep_intermediate=options.keep_intermediate,
            show=show,
        )
    if was_complete:
        ERR.print(f"{result.folder} is complete already; nothing to do.", markup=False)
    _print_run(result.folder, as_json=options.json)
    if options.train:
        _train(result.folder)
    elif not options.json:
        OUT.print(f"\nNext: curate train {result.folder}", markup=False)
    return _quarantine_code(result.folder) or _guard_code(result.folder)


def plan_command(options: argparse.Namespace) -> int:
    from curate.report.plan import plan_tables, plan_values

    if options.json:
        OUT.print_json(json.dumps(plan_values(options.recipe)))
    else:
        for table in plan_tables(options.recipe):
            OUT.print(table)
    return 0


def show_command(options: argparse.Namespace) -> int:
    _print_run(options.run, as_json=options.json, reasons=options.reasons)
    return 0


def why_command(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from curate.report.why import checks_table, stories, story_lines
    from curate.run_folder import Run

    found = stories(Run(options.run), options.document)
    if options.json:
        OUT.print_json(json.dumps([asdict(story) for story in found]))
        return 0
    for story in found:
        for line in story_lines(story):
            OUT.print(line, markup=False, soft_wrap=True)
        if story.checks:
            OUT.print(checks_table(story))
    return 0


def retune_command(options: argparse.Namespace) -> int:
    from curate.passes.retune import parse_change, retune
    from curate.recipe import to_toml
    from curate.report.retune import by_language, difference, difference_table, notes, sample_lines, samples
    from curate.run_folder import Run

    run = Run(options.run)
    retuned = retune(run, [parse_change(text) for text in options.set])
    rows, moved, languages = difference(run, retuned), samples(retuned, options.sample), by_language(retuned)
    if options.json:
        OUT.print_json(json.dumps({"difference": rows, "languages": languages, "samples": moved}))
    else:
        OUT.print(difference_table(rows))
        for line in (*notes(rows, languages), "", *sample_lines(moved)):
            OUT.print(line, markup=False, soft_wrap=True)
        OUT.print("\nKept by the filters: copies are looked for in a new run only.", markup=False)
    if options.apply:
        base = retuned.recipe.base.resolve()
        if options.apply.resolve().parent != base:
            raise UsageError(f"--apply {options.apply}: the recipe's paths start from {base}; write the new one there")
        options.apply.write_text(to_toml(retuned.recipe), encoding="utf-8")
        ERR.print(f"wrote {options.apply}; next: curate run {options.apply}", markup=False)
    return 0


def verify_command(options: argparse.Namespace) -> int:
    from curate.report.verify import differences
    from curate.run_folder import Run

    run = Run(options.run)
    found = list(differences(run))
    for sentence in found:
        OUT.print(sentence, markup=False)
    if not found:
        OUT.print(
            f"{options.run}: {len(run.manifest['outputs'])} files and the account are as the manifest says.",
            markup=False,
        )
    return 1 if found else 0


def train_command(options: argparse.Namespace) -> int:
    from curate.passes.check import require_torch

    require_torch()
    _train(
        options.run,
        preset=options.preset,
        steps=options.steps,
        device=options.device,
        seed=options.seed,
        resume=not options.restart,
    )
    return 0


def generate_command(options: argparse.Namespace) -> int:
    from curate.passes.check import require_torch

    require_torch()
    from curate.train_min.generate import generate

    text = generate(
        options.checkpoint,
        options.prompt,
        tokens=options.tokens,
        temperature=options.temperature,
        top_k=options.top_k,
        seed=options.seed,
    )
    OUT.print(text, markup=False, soft_wrap=True)
    return 0


def signals_command(options: argparse.Namespace) -> int:
    from curate.report.signals import signal_values, signals_table

    if options.json:
        OUT.print_json(json.dumps(signal_values()))
    else:
        OUT.print(signals_table())
    return 0


def recipes_command(options: argparse.Namespace) -> int:
    from curate.recipe_file import shipped_recipes

    shipped = shipped_recipes()
    if options.name is None:
        for name, path in shipped.items():
            first = path.read_text(encoding="utf-8").partition("\n")[0]
            OUT.print(f"{name:<16}{first.removeprefix('#').strip()}", markup=False)
        return 0
    if options.name not in shipped:
        raise UsageError(f'no recipe "{options.name}" ships{nearest(options.name, shipped)}')
    OUT.print(shipped[options.name].read_text(encoding="utf-8"), markup=False, soft_wrap=True, end="")
    return 0


def _run_folder(options: argparse.Namespace) -> Path:
    from curate.recipe_file import load

    return Path(options.out) if options.out else Path("runs") / load(options.recipe).name


def _print_run(folder: Path, *, as_json: bool, reasons: bool = False) -> None:
    from curate.report.show import by_step, funnel, funnel_table, tokens_table
    from curate.run_folder import Run

    run = Run(folder)
    if as_json:
        manifest = run.manifest
        chosen = {key: manifest[key] for key in ("name", "recipe", "counts", "dedup", "tokens")}
        OUT.print_json(json.dumps(chosen | {"mixture": run.mixture}))
        return
    rows = funnel(run)
    OUT.print(funnel_table(rows if reasons else by_step(rows)))
    OUT.print(tokens_table(run))
    for note in run.mixture["mixture"]["notes"]:
        OUT.print(note, markup=False)


def _guard_code(folder: Path) -> int:
    """1 when a step dropped more than the recipe allows."""
    from curate.report.guard import sentence, suspicions
    from curate.run_folder import Run

    found = suspicions(Run(folder))
    for suspicion in found:
        ERR.print(f"curate: {sentence(suspicion)}", style="bold yellow", markup=False)
    return 1 if any(suspicion.is_fault for suspicion in found) else 0


def _quarantine_code(folder: Path) -> int:
    """3 when more was quarantined than the recipe's budget allows."""
    from curate.recipe_file import load
    from curate.run_folder import Run

    counts = Run(folder).manifest["counts"].values()
    read, quarantined = (sum(count[name] for count in counts) for name in ("read", "quarantined"))
    budget = load(folder / "recipe.toml").limits.max_quarantined
    if quarantined <= budget * read:
        return 0
    ERR.print(
        f"curate: {quarantined:,} of {read:,} records were quarantined, more than max_quarantined = {budget} allows; "
        f'the ledger in {folder / "ledger"} has a row for each (outcome = "quarantined")',
        style="bold yellow",
        markup=False,
        soft_wrap=True,
    )
    return QUARANTINE_EXCEEDED


def _train(
    folder: Path,
    *,
    preset: str | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int | None = None,
    resume: bool = True,
) -> None:
    """Train on a run and print the table; the preset is the recipe's unless another is asked for."""
    from curate.recipe_file import load
    from curate.report.training import scores_table, training_progress
    from curate.run_folder import Run
    from curate.train_min.train import train

    preset = preset or load(Run(folder).folder / "recipe.toml").train.preset
    with training_progress(ERR) as report:
        result = train(folder, preset=preset, steps=steps, device=device, seed=seed, resume=resume, report=report)
    if result.was_complete:
        ERR.print(f"{result.checkpoint.parent} holds this training, complete; --restart begins it anew.", markup=False)
    OUT.print(scores_table(result))
    OUT.print(f'\nNext: curate generate {result.checkpoint.parent} "The "', markup=False)


class _Parser(argparse.ArgumentParser):
    """Argument errors as one line with the nearest name, like every other error of curate."""

    def error(self, message: str) -> NoReturn:
        raise SystemExit(_usage(f"{message} (see {self.prog} --help)"))


def _usage(message: str) -> int:
    ERR.print(f"curate: {message}", style="bold red", markup=False, soft_wrap=True)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="curate", description="From raw web crawls, books and code to the tokens of a language model."
    )
    parser.add_argument("--version", action="version", version=f"curate {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)

    run = _command(commands, "run", run_command, "do everything of a recipe that is not done yet")
    run.add_argument("recipe", help='a recipe\'s file, or the name of one that ships ("quickstart")')
    run.add_argument("--out", type=Path, help="the run's folder (default: runs/NAME)")
    run.add_argument(
        "--workers", type=_positive, help="worker processes (default: all cores); never changes the output"
    )
    run.add_argument("--keep-intermediate", action="store_true", help="keep RUN/work, with unscrubbed text")
    run.add_argument("--train", action="store_true", help="train a small model on the tokens afterwards")
    run.add_argument("--json", action="store_true", help="print the account as JSON")

    plan = _command(commands, "plan", plan_command, "inputs, splits and the mixture's epochs; runs nothing")
    plan.add_argument("recipe")
    plan.add_argument("--json", action="store_true")

    show = _command(commands, "show", show_command, "the funnel: what came in, what each step dropped, what came out")
    show.add_argument("run", type=Path)
    show.add_argument("--reasons", action="store_true", help="a row for every rule, not only for every step")
    show.add_argument("--json", action="store_true")

    why = _command(commands, "why", why_command, "one document's way: every rule, its values, what it repeats")
    why.add_argument("run", type=Path)
    why.add_argument("document", metavar="ID_OR_URL")
    why.add_argument("--json", action="store_true")

    retune = _command(commands, "retune", retune_command, "what other thresholds would change, from the ledger alone")
    retune.add_argument("run", type=Path)
    retune.add_argument("--set", action="append", required=True, metavar="STEP.PARAMETER=VALUE", help="may be repeated")
    retune.add_argument("--sample", type=_positive, default=5, help="documents shown of each kind that change sides")
    retune.add_argument("--apply", type=Path, metavar="FILE", help="write the recipe with these values")
    retune.add_argument("--json", action="store_true")

    verify = _command(commands, "verify", verify_command, "recompute checksums and the account; exit 1 on a difference")
    verify.add_argument("run", type=Path)

    train = _command(commands, "train", train_command, "train a compact GPT on a run's tokens")
    train.add_argument("run", type=Path)
    train.add_argument("--preset", help="nano, t2-20m, d12 (default: the recipe's)")
    train.add_argument("--steps", type=_positive)
    train.add_argument("--device", default="auto", help="auto, cpu, cuda")
    train.add_argument("--seed", type=int)
    train.add_argument("--restart", action="store_true", help="begin anew instead of going on from the checkpoint")

    generate = _command(commands, "generate", generate_command, "text from a checkpoint")
    generate.add_argument("checkpoint", type=Path)
    generate.add_argument("prompt")
    generate.add_argument("--tokens", type=_positive, default=200)
    generate.add_argument("--temperature", type=float, default=0.8)
    generate.add_argument("--top-k", type=_positive, default=50)
    generate.add_argument("--seed", type=int, default=17)

    signals = _command(commands, "signals", signals_command, "what is measured on every document: name, unit, source")
    signals.add_argument("--json", action="store_true")

    recipes = _command(commands, "recipes", recipes_command, "the named recipes that ship, or one of them printed")
    recipes.add_argument("name", nargs="?")
    return parser


def _command(
    commands: Any, name: str, function: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    command.set_defaults(command=function)
    return command


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, found {text}")
    return number
