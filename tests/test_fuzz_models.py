"""Broken tokenizers and models, a small campaign: `benchmarks/fuzz_models.py` runs the large one."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from curate.errors import UsageError
from curate.tokenize.encode import load_tokenizer
from curate.tokenize.train import train_bpe

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "fuzz_models.py"


@pytest.fixture(scope="module")
def campaign() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("not in a checkout")
    spec = importlib.util.spec_from_file_location("fuzz_models", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_models"] = module
    spec.loader.exec_module(module)
    return module


def test_a_broken_tokenizer_or_model_is_refused_in_one_line_or_works(campaign: ModuleType, tmp_path: Path) -> None:
    outcomes = list(campaign.fuzz(seed=5, count=150, folder=tmp_path))
    assert [outcome for outcome in outcomes if outcome.fault] == []
    assert 5 < sum(not outcome.is_refused for outcome in outcomes) < 100


def test_the_sound_files_of_the_campaign_work(campaign: ModuleType, tmp_path: Path) -> None:
    for kind in campaign.kinds():
        (tmp_path / kind.name).write_bytes(kind.content)
        kind.use(tmp_path / kind.name)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["model", "vocab", "a"], 10**12, r'"a" has the id 1,000,000,000,000 in a vocabulary of 300 tokens'),
        (["model", "vocab", "a"], 2**32 - 1, "has the id 4,294,967,295"),
        (["model", "vocab", "a"], 5, "two tokens of its vocabulary have the same id"),
        (["model", "vocab", "a"], -1, "is no number from 0 on"),
        (["model", "vocab", "<0xZZ>"], 300, None),
        (["model", "vocab"], 3, 'it has no "model" with a "vocab"'),
        (["model", "merges"], [["a", "b", "c"]], "is no pair of tokens"),
        (["model", "continuing_subword_prefix"], "#" * 40, "is no pair of tokens"),
        (["added_tokens"], [{"id": 0}], 'has no "content"'),
        (["added_tokens"], [{"id": 2**32 - 1, "content": "<x>"}], '"<x>" has the id 4,294,967,295'),
        (["added_tokens"], 7, 'has no "content"'),
        (
            ["pre_tokenizer"],
            {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False},
            "is no",
        ),
    ],
)
def test_what_is_wrong_in_a_tokenizer_is_named(
    tmp_path: Path, path: list[str], value: object, message: str | None
) -> None:
    table = json.loads(train_bpe(["to be or not to be, that is the question"] * 40, vocab_size=300))
    assert len(table["model"]["vocab"]) <= 300
    table["model"]["vocab"] |= {f"more{n}": n for n in range(len(table["model"]["vocab"]), 300)}
    at = table
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    (tmp_path / "tokenizer.json").write_text(json.dumps(table))
    if message is None:
        assert load_tokenizer(tmp_path / "tokenizer.json").vocab_size == 301
        return
    with pytest.raises(UsageError, match=message):
        load_tokenizer(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [*lines[:300], "//8= 999999999"], "some are missing"),
        (lambda lines: [*lines, lines[3].split()[0] + " 599"], "under two ranks|some are missing"),
        (lambda lines: [*lines, lines[3]], r"cl100k\.tiktoken:600: .* a rank that stands above"),
        (lambda lines: [lines[0], " 599", *lines[1:]], r"cl100k\.tiktoken:2: "),
        (lambda lines: ["Zm9vYmFy 0", *lines[1:]], "no rank for 1 of the 256 bytes"),
    ],
)
def test_a_tiktoken_file_with_gaps_is_refused(
    campaign: ModuleType, tmp_path: Path, change: object, message: str
) -> None:
    [kind] = [kind for kind in campaign.kinds() if kind.name == "cl100k.tiktoken"]
    lines = kind.content.decode().splitlines()
    path = tmp_path / kind.name
    path.write_text("\n".join(change(lines)) + "\n")  # type: ignore[operator]
    with pytest.raises(UsageError, match=message):
        load_tokenizer(path)
