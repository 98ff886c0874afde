"""Training on a machine that has torch, numpy and safetensors, and nothing else that curate needs elsewhere."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import xxhash

from curate.tokenize.xxh3 import MAX_LENGTH, xxh3_64

pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

ROOT = Path(__file__).parents[1]
BARE = """
import re, sys, tomllib
from pathlib import Path

needed = tomllib.loads(Path(sys.argv.pop(1)).read_text())["project"]["dependencies"]
named = {re.split("[^A-Za-z0-9_-]", line)[0].lower().replace("-", "_") for line in needed} - {"numpy"}
modules = named | {"fasttext", "datasketch", "lightgbm", "presidio_analyzer", "spacy", "re2", "lxml", "llvmlite"}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

assert {"polars", "pyarrow", "numba", "xxhash", "rich", "tokenizers", "psutil"} <= modules
sys.meta_path.insert(0, Absent())
"""
IN_PYTHON = """
import curate
result = curate.train(sys.argv[1], steps=4, device="cpu", settings={"width": 32, "context": 32})
assert result.scores[0].source == "prose" and result.scores[0].bits_per_byte > 0
"""
ON_THE_COMMAND_LINE = """
from curate.cli import main
main()
"""


@pytest.fixture(scope="module")
def carried(byte_run: Callable[[Path, Mapping[str, float]], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `tokens/` of a run, copied to another place, alone."""
    run = byte_run(tmp_path_factory.mktemp("run"), {"prose": 0.7, "code": 0.3})
    elsewhere = tmp_path_factory.mktemp("node")
    shutil.copytree(run / "tokens", elsewhere / "tokens")
    return elsewhere


def bare(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A process to which none of curate's requirements but numpy is installed."""
    words = [sys.executable, "-c", BARE + program, str(ROOT / "pyproject.toml"), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")
def test_carried_tokens_are_trained_on_in_python_without_the_data_stack(carried: Path) -> None:
    for folder in (carried, carried / "tokens"):
        done = bare(IN_PYTHON, str(folder))
        assert done.returncode == 0, done.stderr
        assert (carried / "train" / "nano" / "checkpoint-00000004" / "model.safetensors").is_file()
        shutil.rmtree(carried / "train")


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")
def test_the_command_trains_without_the_data_stack_and_says_so_in_plain_lines(carried: Path, tmp_path: Path) -> None:
    options = ["--steps", "4", "--device", "cpu", "--set", "width=32", "--set", "context=32", "--out", str(tmp_path)]
    options += ["--set", "token_pairs=64"]
    done = bare(ON_THE_COMMAND_LINE, "train", str(carried), *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^step 4/4  loss \d", done.stderr, re.MULTILINE)
    title, head, prose, _, code, _, following = done.stdout.splitlines()
    assert title == "Validation after 4 steps, 0.0 M parameters"
    assert " ".join(head.split()) == "source tokens loss, nats bits per byte unigram better by"
    assert prose.split()[0] == "prose"
    assert code.startswith("code    no validation documents")
    assert following.startswith("Next: curate generate")
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])["step"] == 4


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="not in a checkout")
def test_mistakes_are_one_line_without_the_data_stack(tmp_path: Path) -> None:
    done = bare(ON_THE_COMMAND_LINE, "train", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == f"curate: {tmp_path} is not a run's folder: it has no plan.json\n"


def test_the_own_hash_has_the_numbers_of_the_library_for_every_length() -> None:
    """The library is the oracle: a draw that was planned with it stays as it was."""
    generator = random.Random(5)
    for length in range(MAX_LENGTH + 1):
        data, seed = generator.randbytes(length), generator.choice([0, 17, 2**63 - 1, generator.getrandbits(64)])
        assert xxh3_64(data, seed=seed) == xxhash.xxh3_64_intdigest(data, seed=seed), (length, seed)
    with pytest.raises(ValueError, match="at most"):
        xxh3_64(b"x" * (MAX_LENGTH + 1), seed=0)
