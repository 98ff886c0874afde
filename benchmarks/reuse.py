"""What a changed recipe costs beside the run that it was changed from, and what a fresh run of it would cost.

RECIPE ─▶ a run ─▶ another mixture │ another tokenizer │ another threshold ─▶ beside it, and --fresh ─▶ CPU, bytes

    python benchmarks/reuse.py RECIPE --mix tokens=500000 --tokenizer bytes --threshold gopher_quality.min_words=60

CPU seconds are user and system time of `curate run` with one worker, the median of the repeats.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from curate.recipe import Recipe, Source
from curate.recipe_edit import with_inputs_of
from curate.recipe_file import load
from curate.recipe_form import to_toml
from curate.settings import toml_value
from curate.steps.bind import resolve, step_names

UNDECIDED = ("timing.json", ".lock")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--mix", default="tokens=500000", help="a key of [mix] and its value")
    parser.add_argument("--tokenizer", default="bytes")
    parser.add_argument("--threshold", required=True, help="step.parameter=value, of a source's last step")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    recipe = resolve(load(options.recipe))
    with tempfile.TemporaryDirectory() as scratch:
        first = Bench(Path(scratch)).run(recipe, "runs/first", "--fresh")
        print(f"{'':<11} {'fresh':>8} {'reused':>8}  same bytes  done anew")
        print(f"{'first':<11} {first:8.2f}")
        for name, changed in changes(recipe, options):
            compare(Bench(Path(scratch)), name, changed, options.repeats)
        kept, without = (size(Path(scratch) / "runs/first", work) for work in (True, False))
        print(f"the first run: {kept / 1e6:.2f} MB, {without / 1e6:.2f} MB of them without work/")


class Bench:
    """A folder in which recipes are run, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, recipe: Recipe, out: str, *more: str) -> float:
        """CPU seconds of a run into a folder that is made anew."""
        shutil.rmtree(self.folder / out, ignore_errors=True)
        path = self.folder / "recipe.toml"
        path.write_text(with_inputs_of(to_toml(recipe), recipe.base.absolute()), encoding="utf-8")
        command = [sys.executable, "-m", "curate", "run", path, "--out", out, "--workers", "1", "--no-report", *more]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=self.folder, env=os.environ, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode not in (0, 1, 3):  # complete, whatever its concerns
            raise SystemExit(done.stderr)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def changes(recipe: Recipe, options: argparse.Namespace) -> Iterator[tuple[str, Recipe]]:
    key, _, value = options.mix.partition("=")
    yield "mixture", replace(recipe, mix=replace(recipe.mix, **{key: toml_value(value)}))
    yield "tokenizer", replace(recipe, tokenize=replace(recipe.tokenize, tokenizer=options.tokenizer))
    name, _, value = options.threshold.partition("=")
    step, _, parameter = name.partition(".")
    sources = tuple(with_threshold(source, step, parameter, toml_value(value)) for source in recipe.sources)
    yield "threshold", replace(recipe, sources=sources)


def with_threshold(source: Source, step: str, parameter: str, value: Any) -> Source:
    if not source.steps or step_names(source)[-1] != step:
        return source
    last = source.steps[-1]
    return replace(source, steps=(*source.steps[:-1], replace(last, parameters={**last.parameters, parameter: value})))


def compare(bench: Bench, name: str, recipe: Recipe, repeats: int) -> None:
    fresh = statistics.median(bench.run(recipe, "fresh", "--fresh") for _ in range(repeats))
    reused = statistics.median(bench.run(recipe, "runs/second") for _ in range(repeats))
    made = bench.folder / "runs/second"
    is_same = files(made) == files(bench.folder / "fresh")
    stages = json.loads((made / "timing.json").read_text(encoding="utf-8"))["stages"]
    told = ", ".join(f"{stage} ({', '.join(sorted(each['steps'].keys() - {'other', 'load'}))})" if stage == "filter"
                     else stage for stage, each in stages.items())  # fmt: skip
    print(f"{name:<11} {fresh:8.2f} {reused:8.2f}  {'yes' if is_same else 'NO':<10}  {told}")
    shutil.rmtree(made)


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if name not in UNDECIDED}


def size(folder: Path, with_work: bool) -> int:
    """Bytes on disk; what has two names counts once."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and (with_work or path.relative_to(folder).parts[0] != "work"):
            facts = path.stat()
            found[facts.st_ino] = facts.st_size
    return sum(found.values())


if __name__ == "__main__":
    main()
