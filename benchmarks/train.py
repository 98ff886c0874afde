"""Training on a CPU at equal architecture, tokens and seconds: `curate train` beside nanoGPT's CPU setting and litgpt.

RUN/tokens ─▶ train.bin, val.bin ─▶ a side: its speed by some steps ─▶ as many as fit the seconds ─▶ steps/s, bits/byte

    python benchmarks/train.py RUN [--seconds 120] [--threads 2] [--rounds 3] [--litgpt PYTHON]

RUN is a finished run of one source with a tokenizer of some 8,192 ids. The shape is GPT-2's with 14 M parameters: six
layers, 384 wide, six heads, windows of 256. nanoGPT is made anew from its published configuration (peer_train.py);
litgpt stands in an environment of its own, and has its own rotary positions and a head apart from the embedding.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curate.train_min.loader import TokenData, open_tokens

LAYERS, WIDTH, HEADS, CONTEXT, ROWS = 6, 384, 6, 256, 8
LEARNING_RATE = 1e-3
VALIDATION_TOKENS = 1 << 16
TRIAL_STEPS = 12
SHAPE: dict[str, Any] = {
    "layers": LAYERS, "width": WIDTH, "heads": HEADS, "context": CONTEXT, "batch_rows": ROWS, "micro_rows": ROWS,
    "activation": "gelu_exact",
}  # fmt: skip
PEER = Path(__file__).with_name("peer_train.py")


@dataclass(frozen=True, slots=True)
class Trained:
    """Steps and what they cost: seconds without evaluation; bits per byte of the validation tokens at the end."""

    steps: int
    steps_per_second: float
    bits_per_byte: float


def main() -> None:
    options = parse_options()
    data = open_tokens(options.run)
    with tempfile.TemporaryDirectory() as folder:
        validated, size = write_tokens(data, Path(folder))
        sides = {"curate": lambda: curate(options, Path(folder), validated)}
        sides["nanoGPT, float32"] = lambda: peer(sys.executable, "nanogpt", options, data, Path(folder), size)
        if options.litgpt:
            sides["litgpt, bf16-mixed"] = lambda: peer(options.litgpt, "litgpt", options, data, Path(folder), size)
        found: dict[str, list[Trained]] = {name: [] for name in sides}
        for _ in range(options.rounds):
            for name, train in sides.items():
                found[name].append(train())
    show({name: median(trained) for name, trained in found.items()})


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--litgpt", help="the Python of an environment with litgpt")
    return parser.parse_args()


def write_tokens(data: TokenData, folder: Path) -> tuple[int, int]:
    """The tokens as nanoGPT has them, uint16; returns how many validation tokens there are, whole windows of them, and
    the bytes of their text."""
    [name] = data.train
    for part, arrays in (("train", data.train), ("val", data.validation)):
        tokens = np.concatenate([np.asarray(shard.tokens) for shard in arrays[name].shards])
        if part == "val":
            tokens = tokens[: min(len(tokens), VALIDATION_TOKENS) // CONTEXT * CONTEXT]
        tokens.astype(np.uint16).tofile(folder / f"{part}.bin")
    return len(tokens), int(data.token_bytes[tokens].sum())


def curate(options: argparse.Namespace, folder: Path, validated: int) -> Trained:
    trial = run_curate(options, folder / "trial", TRIAL_STEPS, validated)
    steps = max(TRIAL_STEPS, int(options.seconds * trial.steps_per_second))
    return run_curate(options, folder / "curate", steps, validated)


def run_curate(options: argparse.Namespace, out: Path, steps: int, validated: int) -> Trained:
    settings = SHAPE | {"learning_rate": LEARNING_RATE, "report_every": 4, "compile": "false"}
    settings |= {"evaluate_every": steps, "save_every": steps, "last_evaluate_tokens": validated}
    words = [f"--set={name}={value}" for name, value in settings.items()]
    command = [sys.executable, "-m", "curate", "train", str(options.run), "--preset", "gpt2", "--steps", str(steps)]
    call([*command, *words, "--out", str(out), "--device", "cpu", "--restart"], options.threads)
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    # The first report has what is done once: memory that is touched for the first time.
    speed = statistics.median(line["tokens_per_second"] for line in lines[1:]) / (ROWS * CONTEXT)
    [score] = lines[-1]["validation"]
    return Trained(steps, speed, score["bits_per_byte"])


def peer(
    python: str, side: str, options: argparse.Namespace, data: TokenData, folder: Path, validation_bytes: int
) -> Trained:
    vocabulary = data.record.vocabulary
    settings = {
        "layers": LAYERS, "width": WIDTH, "heads": HEADS, "context": CONTEXT, "rows": ROWS, "rate": LEARNING_RATE,
        "vocab_size": -(-vocabulary.size // 64) * 64, "end_of_text": vocabulary.end_of_text,
        "seconds": options.seconds, "threads": options.threads, "trial_steps": TRIAL_STEPS,
    }  # fmt: skip
    found = json.loads(call([python, str(PEER), side, str(folder), json.dumps(settings)], options.threads))
    bits = found["nats"] / (math.log(2) * validation_bytes)
    return Trained(found["steps"], found["steps"] / found["seconds"], bits)


def call(command: list[str], threads: int) -> str:
    """In a process that has so many cores, where a system can say so."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command[:4])} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done.stdout.splitlines()[-1] if done.stdout.strip() else ""


def median(trained: list[Trained]) -> Trained:
    values = zip(*((each.steps, each.steps_per_second, each.bits_per_byte) for each in trained), strict=True)
    steps, speed, bits = map(statistics.median, values)
    return Trained(int(steps), speed, bits)


def show(found: dict[str, Trained]) -> None:
    ours = found["curate"].steps_per_second
    print("side                | steps/s | curate is | steps | bits per byte at equal seconds")
    for name, each in found.items():
        ratio = ours / each.steps_per_second
        print(f"{name:19} | {each.steps_per_second:7.3f} | {ratio:8.2f}x | {each.steps:5,} | {each.bits_per_byte:.3f}")


if __name__ == "__main__":
    main()
