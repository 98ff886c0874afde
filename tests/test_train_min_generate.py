"""Generation: a cache changes no logit, choices are those of transformers, and pieces of a text are the whole of it."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
from safetensors.torch import save_file  # noqa: E402

from curate.cli import main  # noqa: E402
from curate.errors import UsageError  # noqa: E402
from curate.terminal import printable  # noqa: E402
from curate.tokenize.encode import load_tokenizer  # noqa: E402
from curate.train_min.cache import Cache  # noqa: E402
from curate.train_min.checkpoint import State, load_model  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.exchange import export_model  # noqa: E402
from curate.train_min.generate import Telling, generate, sample  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import PRESETS  # noqa: E402
from curate.train_min.reading import TextReader, window_start  # noqa: E402
from curate.train_min.sampling import Sampling, check_sampling, choose, likely  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL: dict[str, Any] = {"layers": 2, "width": 48, "heads": 4, "context": 32, "vocab_size": 257}
OWN = ModelConfig(**SMALL)
SHAPES = {
    "own": OWN,
    "softcap": dataclasses.replace(OWN, softcap=5.0, tied=True),
    "window": dataclasses.replace(OWN, window=5),
    "documents": dataclasses.replace(OWN, documents=True),
    "both": dataclasses.replace(OWN, documents=True, window=7, kv_heads=2),
    "pairs": dataclasses.replace(OWN, token_pairs=97),
    "experts": dataclasses.replace(OWN, experts=4, experts_active=2),
    "gpt2": dataclasses.replace(PRESETS["gpt2"].model, **SMALL),
    "gpt2-documents": dataclasses.replace(PRESETS["gpt2"].model, **SMALL, documents=True),
    "llama": dataclasses.replace(PRESETS["llama"].model, **SMALL, kv_heads=2, hidden=80),
    "qwen3": dataclasses.replace(PRESETS["qwen3"].model, **SMALL, kv_heads=2, head_width=20, hidden=80),
}
GREEDY = Sampling(temperature=0)


def make_model(config: ModelConfig) -> GPT:
    model = GPT(config)
    model.end_of_text = 256
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=generator)
    return model


def checkpoint_of(folder: Path, config: ModelConfig) -> Path:
    folder.mkdir(parents=True)
    weights = make_model(config).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    vocabulary = {"size": 257, "end_of_text": 256, "end_of_text_token": "<|endoftext|>", "dtype": "uint16"}
    vocabulary |= {"tokenizer": "bytes", "fingerprint": "0"}
    (folder / "state.json").write_text(
        json.dumps(dataclasses.asdict(State(0, {"model": dataclasses.asdict(config)}, vocabulary, {}, {})))
    )
    return folder


def random_tokens(rows: int, length: int) -> torch.Tensor:
    tokens = torch.randint(0, 256, (rows, length), generator=torch.Generator().manual_seed(1))
    tokens[:, 0] = tokens[0, 9] = tokens[-1, 20] = 256
    return tokens


@pytest.mark.parametrize("name", SHAPES)
def test_logits_with_a_cache_are_those_without(name: str) -> None:
    """In pieces of any length: a prompt, single tokens, several more."""
    model, tokens = make_model(SHAPES[name]), random_tokens(3, 32)
    cache = Cache(model.config, rows=3, dtype=torch.float32, device=tokens.device)
    with torch.no_grad():
        parts = [model.hidden(part, cache) for part in tokens.split([7, 1, 1, 1, 12, 1, 9], dim=1)]
        torch.testing.assert_close(model.logits(torch.cat(parts, dim=1)), model(tokens), atol=1e-5, rtol=1e-5)
    with pytest.raises(UsageError, match="33 tokens are more than the context of 32"):
        model.hidden(tokens[:, :1], cache)


@pytest.mark.parametrize("name", ["own", "both", "gpt2"])
@pytest.mark.parametrize("given", [1, 31, 32, 33, 70])
def test_beyond_the_context_a_model_sees_what_it_would_see_alone(name: str, given: int) -> None:
    model, tokens = make_model(SHAPES[name]), random_tokens(2, 100)
    reader = TextReader(model, tokens[:, :given])
    for length in range(given, 101):
        seen = tokens[:, window_start(length, 32) : length]
        assert 16 < seen.shape[1] <= 32 or length <= 32
        with torch.no_grad():
            torch.testing.assert_close(reader.logits, model(seen)[:, -1], atol=1e-5, rtol=1e-5)
        if length < 100:
            reader.go_on(tokens[:, length])


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3"])
def test_the_likeliest_text_is_transformers(tmp_path: Path, name: str) -> None:
    transformers = pytest.importorskip("transformers")
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES[name])
    export_model(checkpoint, tmp_path / "given")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "given", dtype=torch.float32).eval()
    start = [256, *b"It was the"]
    for penalty in (1.0, 1.3):
        ours = sample(
            load_model(checkpoint),
            start,
            tokens=20,
            ends=[256],
            sampling=Sampling(0, repetition_penalty=penalty),
            seeds=[1],
        )
        found = theirs.generate(
            torch.tensor([start]), max_new_tokens=20, do_sample=False, repetition_penalty=penalty, pad_token_id=256
        )
        told = found[0, len(start) :].tolist()
        assert ours == [told[: told.index(256)] if 256 in told else told]


@pytest.mark.parametrize("name", ["llama"])
def test_shares_that_are_drawn_from_are_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    logits = torch.randn(50, generator=torch.Generator().manual_seed(4)) * 2
    warpers = transformers.generation.logits_process
    for top_k, top_p in ((5, 1.0), (50, 0.7), (20, 0.5), (50, 0.01)):
        expected = warpers.TopKLogitsWarper(top_k)(None, logits[None])
        expected = warpers.TopPLogitsWarper(top_p)(None, expected) if top_p < 1 else expected
        assert torch.equal(likely(logits, Sampling(top_k=top_k, top_p=top_p)), expected[0])


def test_draws_have_the_shares_that_they_should() -> None:
    logits = torch.log(torch.tensor([0.5, 0.3, 0.15, 0.05]))
    dice, nothing = torch.Generator().manual_seed(1), torch.zeros(0, dtype=torch.int64)
    drawn = [int(choose(logits, nothing, Sampling(1.0, None, 0.9), dice)) for _ in range(4000)]
    shares = torch.bincount(torch.tensor(drawn), minlength=4) / 4000
    torch.testing.assert_close(shares, torch.tensor([50, 30, 15, 0]) / 95, atol=0.03, rtol=0)


def test_a_repetition_costs_what_it_should() -> None:
    logits, seen = torch.tensor([2.0, 1.9, -1.0]), torch.tensor([0, 0, 2])
    dice = torch.Generator()
    assert int(choose(logits, seen, Sampling(0, repetition_penalty=1.01), dice)) == 0
    assert int(choose(logits, seen, Sampling(0, repetition_penalty=1.1), dice)) == 1


@pytest.mark.parametrize(
    ("sampling", "told"),
    [
        (Sampling(temperature=-1), "temperature is -1; it must be at least 0"),
        (Sampling(temperature=float("nan")), "temperature is nan"),
        (Sampling(top_k=0), "top_k is 0; it must be at least 1"),
        (Sampling(top_p=0), "top_p is 0; it is a share"),
        (Sampling(repetition_penalty=0), "repetition_penalty is 0; it must be over 0"),
    ],
)
def test_sampling_that_makes_no_sense_is_refused(sampling: Sampling, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        check_sampling(sampling)


def test_each_of_several_texts_is_the_one_of_its_seed(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["llama"])
    together = generate(checkpoint, "It", tokens=60, samples=3, seed=5)
    assert together == [generate(checkpoint, "It", tokens=60, seed=seed)[0] for seed in (5, 6, 7)]
    assert len(set(together)) == 3


def test_pieces_are_told_when_they_are_sure_and_are_the_text() -> None:
    tokenizer, said = load_tokenizer("bytes"), []
    telling = Telling(tokenizer, [*"né".encode()], said.append)
    for byte in "日é!".encode() + b"\xe6":
        telling.add(byte)
    telling.end()
    assert [piece for piece in said if piece] == ["né", "日", "é", "!", "\ufffd"]


def test_a_text_is_over_where_its_end_begins_and_nothing_of_that_is_told() -> None:
    tokenizer, said = load_tokenizer("bytes"), []
    telling = Telling(tokenizer, [], said.append, stop="\n\nUser:")
    answers = [telling.add(byte) for byte in b"A\n\nUse\n\nUser:"]
    telling.end()
    assert answers == [False] * 12 + [True]
    assert "".join(said) == telling.text == "A\n\nUse"
    assert all("User" not in piece for piece in said)


def test_the_command_tells_what_the_function_returns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["own"])
    sampling = Sampling(temperature=0.01, top_k=3, top_p=0.5, repetition_penalty=1.2)
    text, other = generate(checkpoint, "It is\n", tokens=12, sampling=sampling, samples=2)
    monkeypatch.setattr("sys.stdin", io.StringIO("It is\n"))
    options = [
        "--tokens",
        "12",
        "--temperature",
        "0.01",
        "--top-k",
        "3",
        "--top-p",
        "0.5",
        "--repetition-penalty",
        "1.2",
    ]
    with pytest.raises(SystemExit, match="0"):
        main(["generate", str(checkpoint), "-", *options])
    told = capsys.readouterr().out
    with pytest.raises(SystemExit, match="0"):
        main(["generate", str(checkpoint), "It is\n", *options, "--samples", "2"])
    both = capsys.readouterr().out
    text, other = (printable(each, keep="\t\n") + "\n" for each in (text, other))
    assert told == text
    assert both == f"── 1 of 2 ──\n{text}── 2 of 2 ──\n{other}"
