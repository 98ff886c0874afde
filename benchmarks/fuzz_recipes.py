"""Mutated recipes by the thousand: how they end, what is not one sentence, and the slowest of them.

    python benchmarks/fuzz_recipes.py --count 3000 --seed 1

The mutations are those of `tests/test_fuzz_recipes.py`, which runs 2,000 of them on every change.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from test_fuzz_recipes import mutants, outcome, write_inputs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    os.environ |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_EC2_METADATA_DISABLED": "true"}
    ends: Counter[str] = Counter()
    times: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        for number, content in enumerate(mutants(arguments.count, arguments.seed)):
            (folder / "recipe.toml").write_bytes(content)
            began = time.perf_counter()
            try:
                ends[outcome(folder / "recipe.toml")] += 1
            except Exception as error:
                place = traceback.extract_tb(error.__traceback__)[-1]
                ends[f"bug: {type(error).__name__}: {str(error)[:100]} at {place.filename}:{place.lineno}"] += 1
            times.append((time.perf_counter() - began, number))
    for end, count in ends.most_common():
        print(f"{count:>7,}  {end}")
    print("slowest:", ", ".join(f"{seconds:.2f} s (mutant {number})" for seconds, number in sorted(times)[-3:]))


if __name__ == "__main__":
    main()
