"""What should keep one from training on a finished run, or at least be looked at.

manifest.json ─▶ more quarantined than allowed? a step that took nearly all? no token? ─▶ Concern each
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from curate.readers.reader import READERS
from curate.report.guard import sentence, suspicions
from curate.run_files import LEDGER
from curate.run_folder import RunFolder

QUARANTINE_EXCEEDED = 3
LOOKS_WRONG = 1


@dataclass(frozen=True, slots=True)
class Concern:
    """One of them, for people; `exit_code` is what `curate run` ends with for it, 0 where it is only worth knowing."""

    about: Literal["quarantine", "step", "tokens"]
    sentence: str
    exit_code: int


def concerns(run: RunFolder) -> tuple[Concern, ...]:
    """All of a finished run, the one that decides its exit code first.

    Raises:
        UsageError: the run is not complete.
    """
    return (*_quarantine(run), *_steps(run), *_files(run), *_tokens(run))


def exit_code(found: Sequence[Concern]) -> int:
    """That of the first concern that has one; 0 where all is well."""
    return next((concern.exit_code for concern in found if concern.exit_code), 0)


def _quarantine(run: RunFolder) -> Iterator[Concern]:
    """More than the recipe's budget allows."""
    counts = run.manifest["counts"].values()
    read, quarantined = (sum(count[name] for count in counts) for name in ("read", "quarantined"))
    budget = run.recipe.limits.max_quarantined
    if quarantined > budget * read:
        told = (
            f"{quarantined:,} of {read:,} records were quarantined, more than max_quarantined = {budget} allows; "
            f'the ledger in {run.place}/{LEDGER} has a row for each (outcome = "quarantined")'
        )
        yield Concern("quarantine", told, QUARANTINE_EXCEEDED)


def _steps(run: RunFolder) -> Iterator[Concern]:
    """Those that dropped more than the recipe allows, and those that never fired."""
    found = suspicions(run)
    for suspicion in sorted(found, key=lambda each: not each.is_fault):
        yield Concern("step", sentence(suspicion), LOOKS_WRONG if suspicion.is_fault else 0)


def _files(run: RunFolder) -> Iterator[Concern]:
    """A source whose reader can do nothing with any of its files."""
    for source in run.recipe.sources:
        count, reader = run.manifest["counts"][source.name], READERS.get(source.read)
        passed_over, _ = count["steps"].get("dropped/read/file_type", (0, 0))
        if reader is not None and passed_over == count["read"] > 0:
            first = run.manifest["inputs"][source.name][0]["name"]
            told = f'read = "{source.read}" takes {reader.about}; none of what source "{source.name}" names is one'
            yield Concern("step", f"{told} ({first}). Readers: {', '.join(READERS)}", LOOKS_WRONG)


def _tokens(run: RunFolder) -> Iterator[Concern]:
    """There is nothing to train on."""
    if not run.mixture["mixture"]["tokens"]:
        told = f"the run ended without a token; curate show {run.place} --reasons says what took them"
        yield Concern("tokens", told, LOOKS_WRONG)
