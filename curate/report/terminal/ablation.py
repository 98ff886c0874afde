"""A comparison of runs for a terminal: what is being trained, what each run reached, and the verdicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curate.ablation.ablate import TrialProgress
from curate.ablation.answer import Ablation
from curate.ablation.verdict import ALL, ArmVerdict
from curate.report.terminal.columns import add_column
from curate.terminal import cell

STYLES = {"better": "green", "worse": "red", "not separable": "default"}


@contextmanager
def ablation_progress(console: Console) -> Iterator[Callable[[TrialProgress], None]]:
    """The function to hand to `ablate`: a status line on a terminal, elsewhere a line for each training."""
    if not console.is_terminal:
        yield lambda progress: _print_done(console, progress)
        return
    with console.status("reading the runs") as status:

        def tell(progress: TrialProgress) -> None:
            status.update(_sentence(progress))

        yield tell


def _print_done(console: Console, progress: TrialProgress) -> None:
    if progress.step is None:
        console.print(_sentence(progress), highlight=False, markup=False)


def _sentence(progress: TrialProgress) -> str:
    step = progress.step
    how = "done" if step is None else f"step {step.step}/{step.steps}, loss {step.loss:.3f}"
    return f"{progress.number}/{progress.trials}  {progress.arm}, seed {progress.seed}: {how}"


def arms_table(found: Ablation) -> Table:
    """What each run was trained on, and what it reached."""
    title = f"{found.tier}, {found.seeds} seeds, equal {found.equal}; {found.documents:,} held-out documents"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("run", "tokens", "epochs", "bits per byte", "between seeds"):
        add_column(table, name, is_text=name == "run")
    for arm in found.arms:
        spread = "-" if arm.spread is None else f"± {arm.spread:.4f}"
        table.add_row(cell(arm.name), f"{arm.tokens:,}", f"{arm.epochs:.2f}", f"{arm.bits_per_byte:.4f}", spread)
    return table


def verdicts_table(found: Ablation) -> Table:
    """Each run beside the first: the difference in bits per byte, below 0 where it is better."""
    title = f"Beside {found.arms[0].name}, in bits per byte: below 0 is better"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("run", "source", "difference", "95 % interval", "p", "seeds", "verdict"):
        add_column(table, name, is_text=name in ("run", "source", "verdict"))
    for row in (*found.verdicts, *found.again):
        interval = f"{row.low:+.4f} … {row.high:+.4f}"
        table.add_row(
            cell(row.arm),
            cell("all sources" if row.group == ALL else row.group),
            f"{row.difference:+.4f}",
            interval,
            _p(row.corrected_p),
            f"{row.better_seeds}/{row.seeds}",
            Text(row.verdict, style=STYLES[row.verdict]),
        )
    return table


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"{p:.3f}".lstrip("0")


def sentences(found: Ablation) -> list[str]:
    """The answer in words, and where it lies."""
    said = [_answer(verdict, found) for verdict in found.overall.values()]
    if found.seen:
        said.append(f"{found.seen:,} held-out passages were left out: training data of a run is near to them.")
    where = found.plot or found.folder
    return [
        "",
        *said,
        "",
        f"See {where}" + ("" if found.plot else ' (a picture needs pip install "curate-corpus[plot]")'),
    ]


def _answer(verdict: ArmVerdict, found: Ablation) -> str:
    first, share = found.arms[0].name, abs(verdict.difference) / verdict.baseline
    if verdict.verdict == "not separable":
        return f"{verdict.arm} and {first} are not separable with {found.seeds} seeds on {found.tier}."
    return f"{verdict.arm} is {verdict.verdict} than {first} by {share:.1%} of its bits per byte."
