"""Before the tests: bytecode is kept, whatever the environment says, as they start hundreds of processes, each of which
would compile its libraries anew; and no run takes over what another has done. And what several files make their inputs
with.
"""

from __future__ import annotations

import importlib.util
import os
import random
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import settings

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Two runs that are compared are made twice; what is about taking over says so.
os.environ["CURATE_FRESH"] = "1"
# The same examples each time, so that a failure is of the change that is tested; other ones, and the memory of those
# that failed, are had by `--hypothesis-profile=search`.
settings.register_profile("search", settings.default)
settings.register_profile("repeat", derandomize=True, database=None)
settings.load_profile("repeat")

SAMPLE = Path(__file__).parents[1] / "curate" / "recipes" / "quickstart" / "web.warc.gz"
ROWS_WITH_DEDUP = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.parquet"]
[dedup]
{dedup}
[tokenize]
tokenizer = "bytes"
validation = 0
"""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: many tests wait for processes, signals and limits of time."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(autouse=True)
def same_numbers() -> None:
    """What draws without a seed of its own draws the same each time: a failure is of the change that is tested."""
    random.seed(0)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(scope="session")
def first_members() -> Callable[[int], bytes]:
    """So many first gzip members of the sample's WARC, as they stand."""

    def members(count: int) -> bytes:
        data, end = SAMPLE.read_bytes(), 0
        for _ in range(count):
            inflater = zlib.decompressobj(31)
            inflater.decompress(data[end:])
            end = len(data) - len(inflater.unused_data)
        return data[:end]

    return members


@pytest.fixture(scope="session")
def rows_with_dedup() -> Callable[[Sequence[Any], Path, str], Path]:
    """Writes rows, and the recipe that deduplicates them as some lines of `[dedup]` say; returns the recipe's path."""

    def write(rows: Sequence[Any], folder: Path, dedup: str) -> Path:
        folder.mkdir(exist_ok=True)
        pl.DataFrame(rows).write_parquet(folder / "rows.parquet")
        path = folder / "toy.toml"
        path.write_text(ROWS_WITH_DEDUP.format(dedup=dedup))
        return path

    return write


@pytest.fixture(scope="session")
def byte_run() -> Callable[[Path, Mapping[str, float]], Path]:
    """Writes the `tokens/` of a run, and nothing else of one, whose tokens are the bytes of Python's reference: prose,
    source code without validation, and a tiny source; each weighs what it is given."""
    import json
    import pydoc_data.topics
    import subprocess

    from curate.tokenize.mix import Held, MixtureRecord, Vocabulary, mixture_json, plan_mixture
    from curate.tokenize.shards import write_shard

    prose = [text.encode() for _, text in sorted(pydoc_data.topics.topics.items())]
    zen = [b"Beautiful is better than ugly.\n" * 40]
    texts: dict[str, dict[str, list[bytes]]] = {
        "prose": {"train": prose[10:], "validation": prose[:1]},
        "code": {"train": [Path(module.__file__).read_bytes() for module in (json, subprocess)], "validation": []},
        "zen": {"train": zen, "validation": [b"Simple is better than complex.\n"]},
    }

    def write(run: Path, weights: Mapping[str, float]) -> Path:
        held = {}
        for source, splits in texts.items():
            for split, documents in splits.items():
                folder = run / "tokens" / split / source
                folder.mkdir(parents=True)
                if documents:
                    tokens = np.concatenate([np.append(np.frombuffer(t, np.uint8), np.uint16(256)) for t in documents])
                    sizes = np.array([*map(len, documents)], dtype=np.int64)
                    ends = np.concatenate([[0], np.cumsum(sizes + 1)])
                    names = pl.Series([f"{source}/{number}" for number in range(len(documents))])
                    write_shard(folder, "00000", tokens, ends, names, pl.Series(sizes))
            held[source] = Held(len(splits["train"]), sum(map(len, splits["train"])) + len(splits["train"]))
        available = {name: counts.tokens for name, counts in held.items()}
        mixture = plan_mixture(available, weights=weights, tokens=100_000, max_epochs=4)
        vocabulary = Vocabulary(257, 256, "<|endoftext|>", "uint16", "b" * 64, "bytes")
        plan = mixture_json(MixtureRecord(mixture, 17, vocabulary, held))
        (run / "tokens" / "mixture.json").write_text(plan, encoding="utf-8")
        np.array([1] * 256 + [0], dtype="<u4").tofile(run / "tokens" / "token_bytes.bin")
        return run

    return write


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small products gain nothing from threads, and waiting for one another costs much on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


BROWSED = """
name = "{name}"
[[source]]
name = "web"
read = "warc"
paths = ["web.warc.gz"]
steps = [
  {{ use = "language", keep = ["en", "de"], min_score = 0.5 }},
  {{ use = "gopher_quality", min_words = {least}, min_stop_words = 0 }},
  "c4",
]
[[source]]
name = "rows"
read = "tables"
paths = ["rows.jsonl"]
steps = [{{ use = "gopher_quality", min_words = 40 }}, {{ where = "word_count != 63" }}]
[dedup]
method = ["exact", "lines"]
[scrub]
entities = ["EMAIL_ADDRESS"]
[tokenize]
tokenizer = "bytes"
[limits]
max_quarantined = 1.0
"""
PROSE = "It was the best of times and it was the worst of times, and we had all of it before us in that year. "
SHARED = "This whole line stands in every second one of these rows, and in no other place of theirs.\n"
HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=document.title='taken'> \u202e\" ' & "


def hostile_rows() -> list[dict[str, str]]:
    """Texts of 30 to 300 words that want to be more than text, each with an address of mail that is nobody's; the last
    one repeats the one before."""
    found = []
    for number in range(1, 13):
        shared = SHARED if number % 2 else ""
        text = f"{PROSE * number}{HOSTILE}\n{shared}Write to person{number}@example.org, or call +1 212 555 0134."
        url = f"https://www.host{number % 3}.example/page{number}?q=<script>alert(1)</script>"
        found.append({"text": text, "url": url})
    return [*found, found[-1]]


@pytest.fixture(scope="session")
def browsed_runs(first_members: Callable[[int], bytes], tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """A run over pages of the sample and over rows that would be mark-up, and one that keeps pages of 40 words where
    the first asks for 80; nobody may change them."""
    import json

    import curate

    folder = tmp_path_factory.mktemp("browsed")
    (folder / "web.warc.gz").write_bytes(first_members(160))
    rows = "".join(json.dumps(row) + "\n" for row in hostile_rows())
    (folder / "rows.jsonl").write_text(f"{rows}no JSON\n")
    made = []
    for name, least in (("strict", 80), ("lenient", 40)):
        (folder / f"{name}.toml").write_text(BROWSED.format(name=name, least=least))
        made.append(curate.run(folder / f"{name}.toml", out=folder / name, workers=0))
    return made[0], made[1]


@pytest.fixture(scope="session")
def pages() -> ModuleType:
    """docs/run_page.py."""
    spec = importlib.util.spec_from_file_location(
        "run_page", Path(__file__).resolve().parents[1] / "docs" / "run_page.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["run_page"] = module  # its dataclass looks it up there
    spec.loader.exec_module(module)
    return module
