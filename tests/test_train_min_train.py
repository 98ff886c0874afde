"""A run folder in, a checkpoint and scores out: the loader, the loop, its checkpoints, the evaluation and sampling."""

from __future__ import annotations

import json
import math
import os
import pydoc_data.topics
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
pytest.importorskip("safetensors", reason="train_min needs safetensors (the extra `train`)")

from curate.errors import CurateError, Interrupted, MachineError, RunConflict, UsageError  # noqa: E402
from curate.tokenize.mix import Held, MixtureRecord, Vocabulary, mixture_json, plan_mixture  # noqa: E402
from curate.tokenize.shards import write_shard  # noqa: E402
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state  # noqa: E402
from curate.train_min.evaluate import bits, evaluate, unigram_nats  # noqa: E402
from curate.train_min.generate import generate  # noqa: E402
from curate.train_min.loader import Loader, open_tokens  # noqa: E402
from curate.train_min.log import StepReport  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import configure  # noqa: E402
from curate.train_min.sampling import Sampling  # noqa: E402
from curate.train_min.train import TrainResult, train  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

END = 256
TINY = {"layers": 1, "width": 32, "heads": 2, "context": 32, "batch_rows": 4, "micro_rows": 2, "learning_rate": 1e-2}
SHORT = {**TINY, "report_every": 3, "save_every": 4, "evaluate_every": 5, "evaluate_tokens": 300}


def documents() -> dict[str, dict[str, list[bytes]]]:
    """Real text as bytes, by source and split: Python's reference prose, code without validation, and a tiny source."""
    zen = [b"Beautiful is better than ugly.\n" * 40]
    prose = [text.encode() for _, text in sorted(pydoc_data.topics.topics.items())]
    code = [Path(module).read_bytes() for module in (json.__file__, subprocess.__file__)]
    return {
        "prose": {"train": prose[10:], "validation": prose[:1]},
        "code": {"train": code, "validation": []},
        "zen": {
            "train": zen,
            "validation": [b"Simple is better than complex.\n"],
        },
    }


def write_run(run: Path, *, weights: dict[str, float], tokens: int = 100_000, seed: int = 17) -> Path:
    held: dict[str, Held] = {}
    for source, splits in documents().items():
        for split, texts in splits.items():
            folder = run / "tokens" / split / source
            folder.mkdir(parents=True)
            if texts:
                ids = np.concatenate([np.append(np.frombuffer(t, np.uint8), np.uint16(END)) for t in texts])
                sizes = np.array([len(text) for text in texts], dtype=np.int64)
                ends = np.concatenate([[0], np.cumsum(sizes + 1)])
                names = pl.Series([f"{source}/{number}" for number in range(len(texts))])
                write_shard(folder, "00000", ids, ends, names, pl.Series(sizes))
            if split == "train":
                held[source] = Held(len(texts), sum(map(len, texts)) + len(texts))
    available = {name: counts.tokens for name, counts in held.items()}
    mixture = plan_mixture(available, weights=weights, tokens=tokens, max_epochs=4)
    vocabulary = Vocabulary(257, END, "<|endoftext|>", "uint16", "b" * 64, "bytes")
    plan = mixture_json(MixtureRecord(mixture, seed, vocabulary, held))
    (run / "tokens" / "mixture.json").write_text(plan, encoding="utf-8")
    np.array([1] * 256 + [0], dtype="<u4").tofile(run / "tokens" / "token_bytes.bin")
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), weights={"prose": 0.7, "code": 0.29, "zen": 0.01})


def train_short(run: Path, out: Path, **changes: Any) -> TrainResult:
    arguments = {"steps": 10, "settings": SHORT, "device": "cpu", "threads": 1, **changes}
    return train(run, out=out, **arguments)


@pytest.fixture(scope="module")
def whole(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten steps without interruption: what every broken and mended run is compared with."""
    out = tmp_path_factory.mktemp("whole")
    train_short(run, out)
    return out


def read_log(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in line.items() if name not in ("tokens_per_second", "mfu")} for line in lines]


def same_weights(one: Path, other: Path) -> bool:
    names = ("model.safetensors", "optimizer.safetensors")
    first, second = latest_checkpoint(one), latest_checkpoint(other)
    assert first is not None
    assert second is not None
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


def test_training_beats_the_unigram_baseline_on_held_out_text(run: Path, tmp_path: Path) -> None:
    settings = {**TINY, "width": 48, "context": 64, "batch_rows": 8, "micro_rows": 8, "evaluate_every": 1000}
    reports: list[StepReport] = []
    result = train_short(run, tmp_path, steps=100, settings=settings, report=reports.append)
    scores = {score.source: score for score in result.scores}
    assert scores["prose"].bits_per_byte < 0.95 * scores["prose"].unigram_bits_per_byte
    assert 4 < scores["prose"].unigram_bits_per_byte < 5.5
    assert reports[-1].loss < reports[0].loss
    assert reports[-1].validation == result.scores
    assert result.unvalidated == ("code",)


def test_every_number_of_the_log_is_in_it_and_shares_are_those_of_the_mixture(whole: Path) -> None:
    log = read_log(whole)
    assert [line["step"] for line in log] == [3, 5, 6, 9, 10]
    assert [line["validation"] is not None for line in log] == [False, True, False, False, True]
    last = log[-1]
    assert sum(last["tokens"].values()) == 10 * 4 * 32
    assert {score["source"] for score in last["validation"]} == {"prose", "zen"}
    assert all(0 < line["loss"] < 6 and set(line["losses"]) <= {"prose", "code", "zen"} for line in log)


def test_a_crash_between_report_and_save_resumes_to_the_same_bits(run: Path, whole: Path, tmp_path: Path) -> None:
    def crash(report: StepReport) -> None:
        if report.step == 6:
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path, report=crash)
    assert [line["step"] for line in read_log(tmp_path)] == [3, 5, 6]
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert read_state(checkpoint).step == 4
    train_short(run, tmp_path)
    assert same_weights(whole, tmp_path)
    assert read_log(tmp_path) == read_log(whole)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "muon"},
        {"optimizer": "muon", "token_pairs": 512},
        {"optimizer": "muon", "precision": "bfloat16"},
        {"precision": "bfloat16"},
        {"precision": "float32"},
        {"documents": True, "window": 8, "activation": "swiglu", "kv_heads": 1},
    ],
)
def test_every_kind_of_training_resumes_to_the_same_bits(run: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    def crash(report: StepReport) -> None:
        if report.step == 6:
            raise RuntimeError("power cut")

    settings = {**SHORT, **changes}
    train_short(run, tmp_path / "whole", settings=settings)
    with pytest.raises(RuntimeError, match="power cut"):
        train_short(run, tmp_path / "cut", settings=settings, report=crash)
    train_short(run, tmp_path / "cut", settings=settings)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert read_log(tmp_path / "whole") == read_log(tmp_path / "cut")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_the_step_saves_and_resumes_to_the_same_bits(
    run: Path, whole: Path, tmp_path: Path, number: signal.Signals
) -> None:
    before = signal.getsignal(number)

    def interrupt(report: StepReport) -> None:
        if report.step == 5:
            os.kill(os.getpid(), number)

    with pytest.raises(Interrupted, match="after step 5 of 10"):
        train_short(run, tmp_path, report=interrupt)
    assert signal.getsignal(number) == before
    assert not train_short(run, tmp_path).was_complete
    assert same_weights(whole, tmp_path)
    assert read_log(tmp_path) == read_log(whole)


def test_a_finished_run_is_not_run_again_unless_resume_is_off(run: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    again = train_short(run, tmp_path)
    assert again.was_complete
    assert [score.source for score in again.scores] == ["prose", "zen"]
    assert read_log(tmp_path) == read_log(whole)
    assert not train_short(run, tmp_path, resume=False, steps=2).was_complete
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["checkpoint-00000002", "log.csv", "log.jsonl"]
    assert [line["step"] for line in read_log(tmp_path)] == [2]


def test_another_seed_gives_other_weights(run: Path, whole: Path, tmp_path: Path) -> None:
    train_short(run, tmp_path, seed=18)
    assert not same_weights(whole, tmp_path)


def test_micro_batches_change_neither_the_rows_nor_what_is_learned(run: Path, tmp_path: Path) -> None:
    for rows in (2, 4):
        settings = {**SHORT, "micro_rows": rows, "precision": "float32"}
        train_short(run, tmp_path / str(rows), settings=settings)
    for one, other in zip(read_log(tmp_path / "2"), read_log(tmp_path / "4"), strict=True):
        assert one["tokens"] == other["tokens"]
        assert one["loss"] == pytest.approx(other["loss"], rel=1e-4)


def test_a_checkpoint_of_another_mixture_is_refused(whole: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "run", weights={"prose": 0.5, "code": 0.5})
    shutil.copytree(whole, tmp_path / "out")
    with pytest.raises(RunConflict, match="the mixture of the run changed"):
        train_short(other, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"steps": 12}, "steps was 10 and is 12"),
        ({"settings": {**SHORT, "width": 64}}, "width was 32 and is 64"),
        ({"seed": 3}, "seed was 17 and is 3"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused_and_says_which(
    run: Path, whole: Path, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    with pytest.raises(RunConflict, match=says):
        train_short(run, tmp_path, **changes)


def test_a_save_that_fails_keeps_the_checkpoint_before(
    run: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, target: Path) -> Path:
        if target.name == "checkpoint-00000008":
            raise OSError(28, "No space left on device")
        return Path(shutil.move(path, target))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", full)
        with pytest.raises(MachineError, match="No space left"):
            train_short(run, tmp_path)
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    assert read_state(checkpoint).step == 4
    train_short(run, tmp_path)
    assert same_weights(whole, tmp_path)


def test_a_process_killed_while_saving_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    program = """
import dataclasses, itertools, sys, torch
from pathlib import Path
from curate.train_min.checkpoint import State, gather_tensors, save_checkpoint
from curate.train_min.presets import configure
from curate.train_min.model import GPT
from curate.train_min.optim import make_optimizer
config = configure("nano", vocab_size=257, settings={"layers": 1, "width": 32})
model = GPT(config.model)
optimizer = make_optimizer(model, config)
for step in itertools.count(1):
    with torch.no_grad():
        model.embed.weight.fill_(step)
    state = State(step, dataclasses.asdict(config), {"end_of_text": 256}, {}, {})
    save_checkpoint(Path(sys.argv[1]), state, gather_tensors(model, optimizer), tokenizer=None)
"""
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    try:
        while not list(tmp_path.glob("checkpoint-0000000[5-9].part")):
            assert child.poll() is None
            time.sleep(0.0005)
    finally:
        child.kill()
        child.wait()
    checkpoint = latest_checkpoint(tmp_path)
    assert checkpoint is not None
    step = read_state(checkpoint).step
    assert step >= 4
    assert (load_model(checkpoint).embed.weight == step).all()


def test_batches_do_not_depend_on_how_they_are_cut_and_hold_the_shares(run: Path) -> None:
    loader = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu"))
    whole = loader.rows(1000, 128)
    for size in (1, 7, 64):
        parts = [loader.rows(1000 + first, min(size, 128 - first)) for first in range(0, 128, size)]
        for field in ("inputs", "targets", "sources"):
            assert torch.equal(torch.cat([getattr(part, field) for part in parts]), getattr(whole, field))
        assert np.array_equal(sum(part.trained for part in parts), whole.trained)
    assert torch.equal(whole.inputs[:, 1:], whole.targets[:, :-1])
    drawn = torch.bincount(loader.rows(0, 2048).sources, minlength=3) / 2048
    weights = {share.name: share.drawn for share in open_tokens(run).record.mixture.shares}
    assert dict(zip(loader.sources, drawn.tolist(), strict=True)) == pytest.approx(weights, abs=2 / 1024)


def test_rows_are_text_of_their_source(run: Path) -> None:
    loader = Loader(open_tokens(run), context=32, seed=17, device=torch.device("cpu"))
    texts = {name: b"\0".join([*splits["train"], b""]) for name, splits in documents().items()}
    rows = loader.rows(0, 64)
    for inputs, source in zip(rows.inputs.tolist(), rows.sources.tolist(), strict=True):
        text = texts[loader.sources[source]]
        assert bytes(0 if token == END else token for token in inputs) in text + text


def test_a_uniform_model_costs_the_logarithm_of_the_vocabulary(run: Path) -> None:
    data = open_tokens(run)
    config = configure("nano", vocab_size=257, settings=TINY).model
    model = GPT(config)
    with torch.no_grad():
        model.embed.weight.zero_()
    for score in evaluate(model, data, unigram=np.full(257, math.log(257))):
        texts = documents()[score.source]["validation"]
        assert score.tokens == score.bytes == sum(map(len, texts))
        assert score.bits_per_byte == pytest.approx(math.log2(257) * score.tokens / score.bytes, rel=1e-5)
        assert score.unigram_bits_per_byte == pytest.approx(score.bits_per_byte, rel=1e-5)
        assert score.loss == pytest.approx(math.log(257), rel=1e-5)
    assert bits(math.log(2) * 12, 4) == pytest.approx(3.0)


def test_every_validation_token_is_predicted_once_with_its_own_past(run: Path) -> None:
    """The oracle scores token after token, each from the start of its window."""
    data = open_tokens(run)
    model = load_random(width=32)
    tokens = [END, *data.validation["zen"].gather(np.array([0]), len(data.validation["zen"]))[0].tolist()]
    nats = 0.0
    for place in range(len(tokens) - 2):  # the last prediction is of end-of-text, and not counted
        window = tokens[place - place % 32 : place + 1]
        logs = torch.log_softmax(model(torch.tensor([window]))[0, -1].detach(), dim=0)
        nats -= float(logs[tokens[place + 1]])
    score = next(s for s in evaluate(model, data, unigram=unigram_nats(data)) if s.source == "zen")
    assert score.loss * score.tokens == pytest.approx(nats, rel=1e-4)


def load_random(*, width: int) -> GPT:
    config = configure("nano", vocab_size=257, settings={**TINY, "width": width}).model
    model = GPT(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.1, generator=torch.Generator().manual_seed(1))
    return model


def test_the_unigram_model_has_the_counts_of_the_drawn_mixture(run: Path) -> None:
    data = open_tokens(run)
    texts = {name: b"".join(splits["train"]) for name, splits in documents().items()}
    shares = {share.name: share for share in data.record.mixture.shares}
    expected = 1 + sum(
        shares[name].tokens * text.count(b"e") / (len(text) + len(documents()[name]["train"]))
        for name, text in texts.items()
    )
    probabilities = np.exp(-unigram_nats(data))
    assert probabilities.sum() == pytest.approx(1.0)
    assert probabilities[ord("e")] == pytest.approx(expected / (data.record.mixture.tokens + 257))


def test_steps_stop_where_the_mixture_allows_no_more_epochs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", weights={"zen": 1.0}, tokens=3000)
    result = train(run, out=tmp_path / "out", settings=SHORT, device="cpu", threads=1)
    held = 40 * len("Beautiful is better than ugly.\n") + 1
    assert result.steps == 4 * held // (4 * 32) < 300


def test_generation_is_the_same_for_one_seed_and_goes_on_from_the_prompt(whole: Path) -> None:
    texts = [generate(whole, "The statement", tokens=40, seed=seed)[0] for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert all(text.startswith("The statement") for text in texts)
    assert generate(whole, "x", tokens=0) == ["x"]
    likeliest = [Sampling(top_k=1), Sampling(temperature=0)]
    one, other = (generate(whole, "a", tokens=5, sampling=each, seed=seed) for seed, each in enumerate(likeliest))
    assert one == other


def test_wrong_calls_say_what_is_there(run: Path, whole: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no tokens"):
        train(tmp_path)
    with pytest.raises(UsageError, match='there is no device "tpu"'):
        train(run, out=tmp_path, device="tpu")
    with pytest.raises(UsageError, match="no checkpoint"):
        generate(tmp_path, "a")
    with pytest.raises(UsageError, match="temperature is -1"):
        generate(whole, "a", sampling=Sampling(temperature=-1))


def test_gradients_that_stay_in_their_place_as_graphs_need_them_learn_the_same(
    run: Path, whole: Path, tmp_path: Path
) -> None:
    """On a CPU nothing is compiled, and so the bits are the same."""
    settings = {**SHORT, "compile": True, "compile_mode": "reduce-overhead"}
    train_short(run, tmp_path, settings=settings)
    assert same_weights(whole, tmp_path)


def test_a_loss_that_is_not_a_number_stops_the_run(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CurateError, match="learning_rate"):
        train_short(run, tmp_path, settings={**SHORT, "learning_rate": 1e38})


def test_importing_curate_does_not_import_torch() -> None:
    program = "import curate, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
