"""What a cache of keys and values is worth: tokens a second with it, and with all tokens read again for each.

    python benchmarks/generate.py [--preset gpt2] [--tokens 200]

Weights are random, the likeliest token is taken each time, one thread; medians of three.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from curate.train_min.generate import sample
from curate.train_min.model import GPT
from curate.train_min.presets import configure
from curate.train_min.reading import window_start
from curate.train_min.sampling import Sampling


@torch.no_grad()
def recomputed(model: GPT, start: list[int], tokens: int) -> list[int]:
    ids = torch.tensor([start])
    for _ in range(tokens):
        seen = ids[:, window_start(ids.shape[1], model.config.context) :]
        ids = torch.cat((ids, model(seen)[:, -1].argmax(dim=1, keepdim=True)), dim=1)
    written: list[int] = ids[0, len(start) :].tolist()
    return written


def median_seconds(write: Callable[[], object]) -> float:
    seconds = []
    for _ in range(3):
        begin = time.process_time()
        write()
        seconds.append(time.process_time() - begin)
    return statistics.median(seconds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--preset", default="gpt2")
    parser.add_argument("--vocab", type=int, default=50_257)
    parser.add_argument("--tokens", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = configure(options.preset, vocab_size=options.vocab).model
    model, start = GPT(config, generator=torch.Generator().manual_seed(1)), [1, 2, 3]
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.05, generator=torch.Generator().manual_seed(2))

    def cached() -> list[int]:
        sampling = Sampling(temperature=0)
        return sample(model, start, tokens=options.tokens, ends=[], sampling=sampling, seeds=[1])[0]

    assert cached() == recomputed(model, start, options.tokens)
    slow, fast = median_seconds(lambda: recomputed(model, start, options.tokens)), median_seconds(cached)
    print(f"{options.preset}, {options.tokens} tokens, CPU seconds of one thread")
    print(f"all read again  {slow:8.2f}  {options.tokens / slow:8.1f} tokens/s")
    print(f"with the cache  {fast:8.2f}  {options.tokens / fast:8.1f} tokens/s  {slow / fast:.1f} times as fast")


if __name__ == "__main__":
    main()
