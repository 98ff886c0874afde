"""Not speed alone: what settings of the trainer bring, on the tokens of a run, in bits per byte at equal steps.

    python benchmarks/train_settings.py repeats RUN [--part 8] [--steps 600]  regularize "none" and "auto"
    python benchmarks/train_settings.py average RUN [--share 0.02]            the last weights, and their average
    python benchmarks/train_settings.py slices RUN                            attention under masks, whole and in slices
    python benchmarks/train_settings.py attention RUN                         attention by a kernel, and by products

`repeats` trains on the first of so many parts of each source's tokens. `slices` and `attention` say CPU milliseconds
of a forward and backward pass through two layers, 384 wide.
"""

from __future__ import annotations

import argparse
import dataclasses
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import load_file

from curate.run_files import MIXTURE, TOKEN_BYTES, TOKENS, shards
from curate.settings import parse_settings
from curate.tokenize.mix import Held, MixtureRecord, mixture_json, plan_mixture
from curate.tokenize.shards import write_shard
from curate.train_min import attention
from curate.train_min.checkpoint import load_model
from curate.train_min.config import ModelConfig
from curate.train_min.evaluate import evaluate, unigram_nats
from curate.train_min.loader import Loader, TokenData, open_tokens
from curate.train_min.model import GPT
from curate.train_min.train import TrainResult, multiplies_bfloat16, train

CPU = torch.device("cpu")
MAX_EPOCHS = 1000.0
SHAPES = ((1024, 2, None), (1024, 2, 256), (2048, 1, None))
"""Context, rows and window."""
WIDE: dict[str, Any] = {"layers": 2, "width": 384, "heads": 6}


def main() -> None:
    options = parse_options()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for line in KINDS[options.kind](options, Path(folder)):
            print(line, flush=True)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=[*KINDS])
    parser.add_argument("run", type=Path)
    parser.add_argument("--preset", default="nano")
    parser.add_argument("--part", type=int, default=8)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--share", type=float, default=0.02, help="of the steps, that the average looks back over")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for all trainings")
    return parser.parse_args()


def repeats(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    run = write_part(open_tokens(options.run), folder / "run", options.part)
    for seed in range(1, options.seeds + 1):
        for name in ("none", "auto"):
            result = trained(options, run, folder / "out", seed, {"regularize": name})
            yield f"seed {seed}  regularize {name:5}  {told(result.scores)}"


def write_part(data: TokenData, run: Path, part: int) -> Path:
    """A run of the first tokens of each source, with the validation of the whole."""
    shutil.copytree(data.run / TOKENS / "validation", run / TOKENS / "validation")
    shutil.copyfile(data.run / TOKEN_BYTES, run / TOKEN_BYTES)
    end, dtype, held = data.record.vocabulary.end_of_text, data.record.vocabulary.dtype, {}
    for name, array in data.train.items():
        tokens = array.gather(np.array([0]), len(array) // part)[0].astype(dtype)
        tokens[-1] = end
        ends = np.concatenate([[0], np.flatnonzero(tokens == end) + 1])
        place = run / shards("train", name)
        place.mkdir(parents=True)
        ids = pl.Series([f"{name}/{number}" for number in range(len(ends) - 1)])
        write_shard(place, "00000", tokens, ends, ids, pl.Series(np.diff(ends)))
        held[name] = Held(len(ids), len(tokens))
    weights = {share.name: share.drawn for share in data.record.mixture.shares if share.tokens}
    available = {name: counts.tokens for name, counts in held.items()}
    mixture = plan_mixture(available, weights=weights, tokens=None, max_epochs=MAX_EPOCHS)
    record = MixtureRecord(mixture, data.record.seed, data.record.vocabulary, held)
    (run / MIXTURE).write_text(mixture_json(record), encoding="utf-8")
    return run


def average(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    data = open_tokens(options.run)
    unigram = unigram_nats(data)
    for seed in range(1, options.seeds + 1):
        result = trained(options, options.run, folder / "out", seed, {"average": options.share})
        model = load_model(result.checkpoint)
        for name, file in (("average", "model.safetensors"), ("last", "last.safetensors")):
            model.load_state_dict(load_file(result.checkpoint / file))
            yield f"seed {seed}  {name:8}  {told(evaluate(model, data, unigram=unigram))}"


def trained(options: argparse.Namespace, run: Path, out: Path, seed: int, settings: Mapping[str, Any]) -> TrainResult:
    most = 1 << 30
    settings = {"evaluate_every": most, "save_every": most, **settings, **parse_settings(options.set)}
    return train(
        run, preset=options.preset, out=out, seed=seed, steps=options.steps, settings=settings, device="cpu",
        threads=1, resume=False,
    )  # fmt: skip


def told(scores: tuple[Any, ...]) -> str:
    mean = statistics.mean(score.bits_per_byte for score in scores)
    return "  ".join([*(f"{score.source} {score.bits_per_byte:.3f}" for score in scores), f"mean {mean:.3f}"])


def slices(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    data, size = open_tokens(options.run), attention.BLOCK
    for context, rows, window in SHAPES:
        found = {}
        for name, block in (("whole", context), ("in slices", size)):
            attention.BLOCK = block
            found[name] = measure(data, ModelConfig(**WIDE, context=context, window=window, documents=True), rows)
        told = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in found.items())
        yield f"context {context}, window {window}: {told}, {found['whole'] / found['in slices']:.2f} times as fast"


def by_products(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    """In bfloat16, without masks."""
    data, is_short_on_cpu = open_tokens(options.run), attention._is_short_on_cpu
    for context in (128, 256, 512, 1024):
        found = {}
        for name, chosen in (("kernel", lambda *_: False), ("products", is_short_on_cpu)):
            attention._is_short_on_cpu = chosen
            found[name] = measure(data, ModelConfig(**WIDE, context=context), 2048 // context)
        told = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in found.items())
        yield f"context {context}: {told}, {found['kernel'] / found['products']:.2f} times as fast"


def measure(data: TokenData, shape: ModelConfig, rows: int) -> float:
    """CPU seconds of a pass, the median of seven."""
    vocabulary, context = data.record.vocabulary, shape.context
    model = GPT(dataclasses.replace(shape, vocab_size=vocabulary.size))
    model.end_of_text = vocabulary.end_of_text
    model.compute_dtype = torch.bfloat16 if multiplies_bfloat16(CPU) else torch.float32
    loader, times = Loader(data, context=context, seed=17, device=CPU), []
    for step in range(8):
        inputs = loader.rows(step * rows, rows).inputs
        start = time.process_time()
        model.hidden(inputs).float().square().mean().backward()
        times.append(time.process_time() - start)
    return statistics.median(times[1:])


KINDS = {"repeats": repeats, "average": average, "slices": slices, "attention": by_products}

if __name__ == "__main__":
    main()
