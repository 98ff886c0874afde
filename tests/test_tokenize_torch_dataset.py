"""A run's samples as datasets of PyTorch: those of the bundled trainer, in one order for all worlds and workers."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import curate
from curate.errors import UsageError
from curate.tokenize.torch_dataset import SampleDataset, SampleStream, torch_dataset
from curate.train_min.loader import Loader, open_tokens

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = 'name = "sampled"\nseed = 3\n[mix]\nweights = { a = 0.7, b = 0.3 }\n[tokenize]\ntokenizer = "bytes"\n'
SOURCE = '[[source]]\nname = "{name}"\nread = "tables"\npaths = ["{name}"]\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sampled")
    for name, size in (("a", 30), ("b", 100)):
        (folder / name).mkdir()
        lines = [json.dumps({"text": " ".join(WORDS[at * 9 : at * 9 + size])}) for at in range(30)]
        (folder / name / "x.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (folder / "r.toml").write_text(SOURCE.format(name="a") + SOURCE.format(name="b"), encoding="utf-8")
    text = RECIPE.replace("[mix]", (folder / "r.toml").read_text() + "[mix]")
    (folder / "r.toml").write_text(text, encoding="utf-8")
    return curate.run(folder / "r.toml", out=folder / "run", workers=0).folder


def rows(batches: Iterator[dict[str, torch.Tensor]], count: int) -> torch.Tensor:
    return torch.cat([batch["input_ids"] for batch in islice(batches, count)])


def stream(folder: Path, **values: int) -> SampleStream:
    made = torch_dataset(folder, row_length=16, iterable=True, **values)  # type: ignore[arg-type]
    assert isinstance(made, SampleStream)
    return made


def test_samples_are_those_that_the_bundled_trainer_draws(folder: Path) -> None:
    samples = torch_dataset(folder, row_length=16)
    assert isinstance(samples, SampleDataset)
    drawn = Loader(open_tokens(folder), context=16, seed=3, device=torch.device("cpu")).rows(0, len(samples))
    assert torch.equal(torch.stack([samples[at]["input_ids"] for at in range(len(samples))]), drawn.inputs)
    assert torch.equal(torch.stack([samples[at]["labels"] for at in range(len(samples))]), drawn.targets)
    assert [samples[at]["source"] for at in range(len(samples))] == drawn.sources.tolist()
    assert samples.sources == ("a", "b")


@pytest.mark.parametrize("world", [1, 2, 8])
def test_all_ranks_together_see_the_same_rows_whatever_their_number(folder: Path, world: int) -> None:
    ranks = [
        iter(DataLoader(stream(folder, rank=rank, world=world, batch_rows=8 // world), batch_size=8 // world))
        for rank in range(world)
    ]
    together = torch.cat([rows(rank, 1) for _ in range(5) for rank in ranks])
    samples = torch_dataset(folder, row_length=16)
    assert torch.equal(together, torch.stack([samples[at]["input_ids"] for at in range(40)]))  # type: ignore[index]


def test_batches_are_the_same_with_workers(folder: Path) -> None:
    alone = rows(iter(DataLoader(stream(folder, batch_rows=4), batch_size=4)), 6)
    loader = DataLoader(stream(folder, batch_rows=4), batch_size=4, num_workers=2, multiprocessing_context="spawn")
    assert torch.equal(rows(iter(loader), 6), alone)


def test_a_training_goes_on_at_the_position_that_it_had_reached(folder: Path) -> None:
    whole = rows(iter(DataLoader(stream(folder, batch_rows=4), batch_size=4)), 7)
    rest = rows(iter(DataLoader(stream(folder, batch_rows=4, start=3 * 4), batch_size=4)), 4)
    assert torch.equal(rest, whole[12:])


def test_a_dataset_goes_to_another_process_as_its_name_and_its_numbers(folder: Path) -> None:
    samples = torch_dataset(folder, row_length=16)
    again = pickle.loads(pickle.dumps(samples))
    assert len(pickle.dumps(samples)) < 1000
    assert torch.equal(again[7]["input_ids"], samples[7]["input_ids"])  # type: ignore[index]


@pytest.mark.parametrize("wrong", [{"row_length": 0}, {"batch_rows": 0}, {"start": -1}, {"rank": 2, "world": 2}])
def test_numbers_that_make_no_sense_are_refused(folder: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="count from 0 below world"):
        torch_dataset(folder, **({"row_length": 4} | wrong))  # type: ignore[arg-type]


def test_a_folder_without_tokens_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no tokens"):
        torch_dataset(tmp_path, row_length=4)
