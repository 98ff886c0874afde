"""Faults of the machine, by the hundred: workers killed inside batches, disks that fill up, bits that flip in a run's
folder. After each the same call goes on, and every file must be that of an undisturbed run; for a flipped bit, a
refusal that names the file is as good.

quiet run ─▶ sha256 of every file
trial ─▶ kill · full disk · flipped bit ─▶ the same call again … done ─▶ same │ refused by name │ named by `verify`
                                                                        └▶ DIFFERENT ─▶ exit 1
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil

import curate
from curate.engine.cursor import Cursor
from curate.engine.engine import Said
from curate.engine.progress import Progress
from curate.engine.task import READ
from curate.errors import CurateError, Interrupted
from curate.report.verify import differences

NOVELS = sorted((Path(curate.__file__).parent / "recipes" / "quickstart" / "books").glob("*.txt"))
RECIPE = """\
name = "faults"
[[source]]
name = "docs"
read = "tables"
paths = ["*.jsonl"]
steps = ["gopher_repetition", "c4", "mine:short", "toxicity"]
[dedup]
[scrub]
[tokenize]
tokenizer = { train = { vocab_size = 600, sample_bytes = 300_000 } }
validation = 0.05
"""
MINE = """\
import curate

@curate.filter
def short(document: curate.Document) -> bool:
    return len(document.text) < 2_000
"""
NOT_COMPARED = ("timing.json", "report.html", ".lock", "kernels.lock")
RESUMABLE = 5
Show = Callable[[Progress | Said], None]


def main() -> None:
    options = parse_options()
    with tempfile.TemporaryDirectory(prefix="curate-faults-") as temporary:
        work = Path(temporary)
        recipe = make_recipe(work / "in", options.files, options.documents)
        expected = digests(curate.run(recipe, out=work / "quiet", workers=1, fresh=True).folder)
        print(f"quiet run: {len(expected)} files", flush=True)
        bad = 0
        for name, trial, count in (
            ("killed inside a batch", partial(kill_trial, options.most_kills), options.kills),
            ("full disk", disk_trial, options.full_disks),
            ("flipped bit", flip_trial, options.flips),
        ):
            bad += trials(name, trial, count, recipe, work, expected, options.seed)
    sys.exit(1 if bad else 0)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="trials with workers killed inside batches")
    parser.add_argument("--most-kills", type=int, default=3, help="in one trial")
    parser.add_argument("--full-disks", type=int, default=5, help="trials on a file system of random size (needs root)")
    parser.add_argument("--flips", type=int, default=20, help="trials with a bit flipped between stages")
    parser.add_argument("--files", type=int, default=4, help="inputs, which are small, and the splits of large ones")
    parser.add_argument("--documents", type=int, default=700, help="of all files; a kill has many taken one at a time")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def make_recipe(folder: Path, files: int, documents: int) -> Path:
    """Paragraphs of novels, a tenth of them twice, over several files."""
    folder.mkdir()
    texts = [" ".join(part.split()) for novel in NOVELS for part in novel.read_text(encoding="utf-8").split("\n\n")]
    texts = [text for text in texts if len(text) > 100][: documents * 10 // 11]
    texts += texts[: documents // 11]
    for number in range(files):
        rows = [json.dumps({"text": f"{text} Write to me@example.org."}) for text in texts[number::files]]
        (folder / f"{number}.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "mine.py").write_text(MINE, encoding="utf-8")
    (folder / "faults.toml").write_text(RECIPE, encoding="utf-8")
    return folder / "faults.toml"


def trials(
    name: str,
    trial: Callable[[Path, Path, dict[str, str], random.Random], str],
    count: int,
    recipe: Path,
    work: Path,
    expected: dict[str, str],
    seed: int,
) -> int:
    """How many trials of one kind ended with other bytes."""
    outcomes: Counter[str] = Counter()
    for number in range(count):
        out = work / "trial"
        told = trial(recipe, out, expected, random.Random(f"{seed}/{name}/{number}"))
        outcomes[told.partition(":")[0]] += 1
        print(f"{name} {number}: {told}", flush=True)
        shutil.rmtree(out, ignore_errors=True)
    if count:
        print(f"{name}: {dict(outcomes)} of {count}", flush=True)
    return outcomes["DIFFERENT"]


def kill_trial(most: int, recipe: Path, out: Path, expected: dict[str, str], chance: random.Random) -> str:
    """Some workers of one run are killed, each at a random moment at which it works on a batch."""
    killed: list[str] = []
    with killing(out, chance, killed, most):
        curate.run(recipe, out=out, workers=1, fresh=True)
    told = verdict(expected, digests(out))
    return f"{told}: killed in {', '.join(killed) or 'nothing'}"


@contextlib.contextmanager
def killing(out: Path, chance: random.Random, killed: list[str], most: int) -> Iterator[None]:
    """A thread that kills a worker after it has seen some batches at work, so often at the most."""
    is_over = threading.Event()

    def watch() -> None:
        wanted, seen, last = chance.randint(1, 12), 0, ""
        while not is_over.is_set() and len(killed) < most:
            time.sleep(0.001)
            position = batch_at_work(out)
            if position is None or position == last:
                continue
            last, seen = position, seen + 1
            if seen >= wanted and kill_workers():
                killed.append(position)
                wanted, seen = chance.randint(1, 12), 0

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def batch_at_work(out: Path) -> str | None:
    """What the newest worker's cursor says, if it is on documents after they were read."""
    cursors = sorted((out / "work" / "workers").glob("*.cursor"), key=lambda path: path.name.partition(".")[2])
    if not cursors:
        return None
    with contextlib.suppress(OSError, ValueError):
        position = Cursor.shared(cursors[-1]).read()
        if not position.is_idle and position.step not in (READ, "extract"):
            return f"{position.step} {position.first}-{position.last}"
    return None


def kill_workers() -> bool:
    children = psutil.Process().children()
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.send_signal(signal.SIGKILL)
    return bool(children)


def disk_trial(recipe: Path, out: Path, expected: dict[str, str], chance: random.Random) -> str:
    """A file system that is too small; then it grows, and the same command is given again."""
    out.mkdir()
    size = chance.randint(150, 4000)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", out], check=True)
    try:
        codes = []
        while len(codes) < 12:
            codes.append(run_command(recipe, out / "run"))
            if codes[-1] != RESUMABLE:
                break
            size = int(size * 1.6)
            subprocess.run(["mount", "-o", f"remount,size={size}k", out], check=True)
        told = verdict(expected, digests(out / "run")) if codes[-1] == 0 else f"DIFFERENT: exit {codes[-1]}"
        return f"{told}: exit codes {codes}"
    finally:
        subprocess.run(["umount", out], check=True)


def run_command(recipe: Path, out: Path) -> int:
    command = [
        sys.executable,
        "-m",
        "curate",
        "run",
        str(recipe),
        "--fresh",
        "--out",
        str(out),
        "--workers",
        "1",
        "--json",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode


def flip_trial(recipe: Path, out: Path, expected: dict[str, str], chance: random.Random) -> str:
    """One bit of one file flips while a stage works; every second time the run is interrupted there, too."""
    stage = chance.choice(["dedup", "sample", "tokenizer", "tokenize", "mix", "shards"])
    flipped: list[str] = []
    with contextlib.suppress(Interrupted):
        try:
            curate.run(recipe, out=out, workers=1, fresh=True, show=flipping(out, stage, chance, flipped))
        except CurateError as error:
            if not isinstance(error, Interrupted):
                return f"refused by name: {error}" if is_named(error, flipped) else f"DIFFERENT: {flipped}: {error}"
            raise
    try:
        curate.run(recipe, out=out, workers=1, fresh=True)
    except CurateError as error:
        return f"refused by name: {error}" if is_named(error, flipped) else f"DIFFERENT: {flipped}: {error}"
    told = verdict(expected, digests(out))
    if told != "same" and any(
        Path(name).name in sentence for name in flipped for sentence in differences(curate.Run(out))
    ):
        told = "named by verify"  # an output that no stage reads any more
    return f"{told}: {', '.join(flipped) or 'nothing flipped'} in {stage}"


def flipping(out: Path, stage: str, chance: random.Random, flipped: list[str]) -> Show:
    is_interrupted = chance.random() < 0.5

    def show(progress: Progress | Said) -> None:
        if not isinstance(progress, Progress) or progress.stage != stage or flipped:
            return
        path = chance.choice(list(committed(out)))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
        flipped.append(path.relative_to(out).as_posix())
        if is_interrupted:
            os.kill(os.getpid(), signal.SIGINT)

    return show


def committed(out: Path) -> Iterator[Path]:
    """The files of a run that is at work, but those of its workers and what they are just writing."""
    for path in sorted(out.rglob("*")):
        parts = path.relative_to(out).parts
        is_at_work = "workers" in parts or "tmp" in parts or path.name in NOT_COMPARED or path.suffix == ".part"
        if path.is_file() and not is_at_work and path.stat().st_size:
            yield path


def is_named(error: CurateError, flipped: list[str]) -> bool:
    return any(Path(name).name in str(error) for name in flipped)


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of every file of a finished run, by its path."""
    paths = (path for path in sorted(run.rglob("*")) if path.is_file() and path.name not in NOT_COMPARED)
    return {path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def verdict(expected: dict[str, str], found: dict[str, str]) -> str:
    names = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    return "same" if not names else f"DIFFERENT: {names[:5]}"


if __name__ == "__main__":
    main()
