"""The command line: reads arguments, calls the library, prints, exits. Nothing else in curate prints or exits."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from curate.arguments import parser
from curate.errors import CurateError, UsageError, nearest

OUT = Console(highlight=False)
ERR = Console(stderr=True, highlight=False)

QUARANTINE_EXCEEDED = 3
RESUMABLE = ("run", "train")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point `curate`; exit codes are those of `curate.errors` and of DESIGN §5."""
    options = argparse.Namespace(command=None)
    try:
        options = parser().parse_args(arguments)
        sys.exit(COMMANDS[options.command](options))
    except CurateError as error:
        ERR.print(f"curate: {error}", style="bold red", markup=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        goes_on = "; the same command goes on from here" if options.command in RESUMABLE else ", nothing was written"
        ERR.print(f"curate: interrupted{goes_on}", style="bold red")
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


def check_command(options: argparse.Namespace) -> int:
    from curate.report.check import check, check_values, rates_tables

    checked = check(options.recipe, documents=options.documents)
    if options.json:
        OUT.print_json(json.dumps(check_values(checked)))
        return 1 if checked.has_fault else 0
    for table in rates_tables(checked.rates):
        OUT.print(table)
    for finding in checked.findings:
        word, style = ("fault", "bold red") if finding.is_fault else ("note", None)
        OUT.print(f"{word}: {finding.place}: {finding.sentence}", style=style, markup=False, soft_wrap=True)
    if not checked.has_fault:
        OUT.print(f"{options.recipe}: nothing that can't work was found.", markup=False)
    return 1 if checked.has_fault else 0


def filter_command(options: argparse.Namespace) -> int:
    from curate.report.trial import tried_table, tried_values, try_step

    tried = try_step(options.recipe, options.step, source=options.source, sample=options.sample)
    if options.json:
        OUT.print_json(json.dumps(tried_values(tried), default=str))
        return 0
    OUT.print(tried_table(tried))
    for example in tried.examples:
        if example.outcome == "quarantined":
            OUT.print(f"quarantined: {example.id}: {example.values[0][1]}", markup=False, soft_wrap=True)
    return 0


def dedup_command(options: argparse.Namespace) -> int:
    from curate.engine.ledger import write_table
    from curate.passes.plain_dedup import dedup_files
    from curate.passes.run import available_cores
    from curate.report.dedup import account, account_lines, dedup_of

    dedup = dedup_of(options)
    columns = {name: getattr(options, name) for name in ("text", "id", "url", "timestamp") if getattr(options, name)}
    verdicts, unreadable = dedup_files(
        options.files,
        dedup,
        columns=columns,
        against=options.against,
        index=options.index,
        kept=options.kept,
        workers=options.workers or available_cores(),
        scratch=options.out.parent,
    )
    write_table(verdicts, options.out)
    counts = account(verdicts, unreadable)
    if options.json:
        OUT.print_json(json.dumps(counts))
        return 0
    for line in account_lines(counts, dedup):
        OUT.print(line, markup=False, soft_wrap=True)
    OUT.print(f"\n{options.out}: a row a document; null in duplicate_of: it stays.", markup=False, soft_wrap=True)
    if options.kept:
        OUT.print(f"{options.kept}: the documents that stay.", markup=False, soft_wrap=True)
    elif counts["cuts"]:
        OUT.print("--kept FILE writes the documents that stay, without what was cut.", markup=False, soft_wrap=True)
    return 0


def decontaminate_command(options: argparse.Namespace) -> int:
    from curate.engine.ledger import write_table
    from curate.passes.plain_decontaminate import decontaminate_files
    from curate.recipe import Decontaminate
    from curate.report.contamination import set_lines
    from curate.settings import build_options

    given = {name: getattr(options, name) for name in ("against", "method", "columns")}
    columns = {name: getattr(options, name) for name in ("text", "id") if getattr(options, name)}
    decontaminate = build_options(Decontaminate, given, options.set)
    found = decontaminate_files(options.files, decontaminate, columns=columns, kept=options.kept)
    write_table(found.report, options.out)
    if options.json:
        OUT.print_json(json.dumps(found.counts | {"documents": found.documents, "unreadable": found.unreadable}))
        return 0
    OUT.print(f"{found.documents:,} documents", markup=False)
    for line in (*set_lines(found.counts), f"\n{options.out}: a row a document and item."):
        OUT.print(line, markup=False, soft_wrap=True)
    if options.kept:
        OUT.print(f"{options.kept}: the documents that are left.", markup=False, soft_wrap=True)
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
    from curate.report.contamination import set_lines
    from curate.report.dedup import cut_lines
    from curate.report.show import by_step, funnel, funnel_table, tokens_table
    from curate.run_folder import Run

    run = Run(folder)
    if as_json:
        manifest = run.manifest
        chosen = {
            key: manifest.get(key, {}) for key in ("name", "recipe", "counts", "dedup", "contamination", "tokens")
        }
        OUT.print_json(json.dumps(chosen | {"mixture": run.mixture}))
        return
    rows = funnel(run)
    OUT.print(funnel_table(rows if reasons else by_step(rows)))
    OUT.print(tokens_table(run))
    for line in (*cut_lines(run.manifest["dedup"]), *set_lines(run.manifest.get("contamination", {}))):
        OUT.print(line, markup=False, soft_wrap=True)
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


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "run": run_command,
    "plan": plan_command,
    "check": check_command,
    "filter": filter_command,
    "dedup": dedup_command,
    "decontaminate": decontaminate_command,
    "show": show_command,
    "why": why_command,
    "retune": retune_command,
    "verify": verify_command,
    "train": train_command,
    "generate": generate_command,
    "signals": signals_command,
    "recipes": recipes_command,
}
