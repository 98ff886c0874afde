"""`curate run`: everything of a recipe that is not done yet, the funnel, and what in it looks like a mistake."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.commands.arguments import add_command, add_json, add_recipe, count, place, positive
from curate.commands.report import write_beside
from curate.commands.show import print_run
from curate.commands.train import show_training
from curate.errors import UsageError
from curate.run_files import MANIFEST, REPORT, WORK
from curate.terminal import ERR, say, warn

if TYPE_CHECKING:
    from curate.api import Run


def add(commands: Any) -> None:
    command = add_command(
        commands,
        "run",
        "do everything of a recipe that is not done yet, from raw inputs to training tokens",
        run,
        about="Reads, filters, deduplicates, scrubs, tokenizes and mixes the inputs into the run's folder, and prints "
        "what came in and what came out. A run that was interrupted goes on where it stopped; one that is complete "
        "stays as it is.",
        examples=["curate run quickstart", "curate run recipe.toml --out runs/mini --workers 8"],
    )
    add_recipe(command)
    words = "the run's folder, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX (default: runs/ and its name)"
    command.add_argument("--out", type=place, metavar="DIR", help=words)
    words = "worker processes (default: one for each core; 0: all in this process, for a debugger); they never change "
    command.add_argument("--workers", type=count, metavar="N", help=f"{words}the output")
    words = "take nothing over from the runs beside this one, which by default saves what they have done already"
    command.add_argument("--fresh", action="store_true", help=words)
    words = "remove RUN/work at the end, on which later runs build; it has the texts as they were before personal "
    words += "data was replaced"
    kept = "keep RUN/work, on which later runs build (the default)"
    command.add_argument("--keep-intermediate", dest="keep", action="store_true", default=True, help=kept)
    command.add_argument("--discard-intermediate", dest="keep", action="store_false", help=words)
    words = "write RUN/profile/flame.svg, a picture of where the CPU time went, and the stacks that it was drawn from"
    command.add_argument("--profile", action="store_true", help=words)
    words = "write no RUN/report.html, the page that shows the run"
    command.add_argument("--no-report", dest="report", action="store_false", help=words)
    words = "this is one of N processes, on as many machines as you like, that do the run together over one folder"
    command.add_argument("--world", type=positive, metavar="N", default=1, help=words)
    command.add_argument("--rank", type=count, metavar="I", default=0, help="which of them, counted from 0")
    words = (
        "what does the work: local, worker processes of this machine, or ray, the nodes of a Ray cluster, which must "
    )
    words += "see the run's folder and the inputs under the same paths"
    command.add_argument("--engine", metavar="NAME", default="local", help=f"{words} (default: local)")
    words = "a Ray cluster that is there, of which this machine is a node: HOST:PORT or auto (default: one of this "
    command.add_argument("--ray-address", metavar="ADDRESS", help=f"{words}machine's own, for this run)")
    words = "take part in a Ray cluster that asks for no token: whoever reaches it can run what he likes on it"
    command.add_argument("--insecure-cluster", action="store_true", help=words)
    command.add_argument("--train", action="store_true", help="train a small model on the tokens afterwards")
    add_json(command)


def run(options: argparse.Namespace) -> int:
    from curate.api import train
    from curate.engine.stores import is_here, store_at
    from curate.train_min.needs import require_torch

    if options.train:
        require_torch()
    out = _place(options)
    if options.train and isinstance(out, str):
        raise UsageError(f"a training needs a folder of this machine: afterwards, curate train {out} --out DIR")
    was_complete = store_at(out).stamp(MANIFEST) is not None
    made = _run(options, out)
    if was_complete:
        warn(f"{out} is complete already; nothing to do.")
    print_run(made, as_json=options.json)
    # Of several that share the run the first to see it complete draws it.
    is_drawn = was_complete or (options.world > 1 and made.file(REPORT).is_file())
    # It shows documents, and those of an object store would all have to be fetched.
    if options.report and not is_drawn and is_here(out):
        write_beside(made, is_quiet=options.json)
    if options.train:
        show_training(partial(train, made), out)
        if options.report:
            write_beside(made, is_quiet=True)  # once more, with the curves
    elif not options.json and made.mixture["mixture"]["tokens"]:
        say()
        say(f"Next: curate train {out}" + ("" if is_here(out) else " --out DIR"))
    if options.keep and not was_complete and made.recipe.scrub is not None:
        work = f"{out}/{WORK}"
        warn(f"{work} has texts with personal data, for later runs to build on; --discard-intermediate keeps none.")
    for concern in made.concerns:
        warn(f"curate: {concern.sentence}", style="bold red" if concern.about == "tokens" else "bold yellow")
    return made.exit_code


def _run(options: argparse.Namespace, out: Path | str) -> Run:
    from curate.api import run
    from curate.report.terminal.progress import progress_on

    with progress_on(ERR) as show:
        return run(
            options.recipe,
            out=out,
            workers=options.workers,
            keep_intermediate=options.keep,
            fresh=options.fresh or None,
            show=show,
            profile=options.profile,
            rank=options.rank,
            world=options.world,
            engine=options.engine,
            ray_address=options.ray_address,
            insecure_cluster=options.insecure_cluster,
        )


def _place(options: argparse.Namespace) -> Path | str:
    from curate.recipe_file import load

    out: Path | str | None = options.out
    return out if out is not None else Path("runs") / load(options.recipe).name
