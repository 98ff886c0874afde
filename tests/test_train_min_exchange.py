"""Models in the layouts of GPT-2, Llama and Qwen 3: transformers' logits are ours, and there and back is the same."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
from safetensors.torch import load_file, save_file  # noqa: E402

from curate.errors import CheckFailed, UsageError  # noqa: E402
from curate.train_min.checkpoint import State, load_model  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.exchange import export_model, import_model  # noqa: E402
from curate.train_min.generate import generate  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.presets import PRESETS  # noqa: E402

SMALL: dict[str, Any] = {"layers": 2, "width": 48, "heads": 4, "context": 32, "vocab_size": 257}
SHAPES = {
    "gpt2": replace(PRESETS["gpt2"].model, **SMALL),
    "gpt2-exact": replace(PRESETS["gpt2"].model, **SMALL, activation="gelu_exact"),
    "llama": replace(PRESETS["llama"].model, **SMALL, kv_heads=2, hidden=80),
    "llama-tied": replace(PRESETS["llama"].model, **SMALL, kv_heads=4, hidden=80, tied=True, head_width=16),
    "qwen3": replace(PRESETS["qwen3"].model, **SMALL, kv_heads=2, head_width=20, hidden=80),
}


def checkpoint_of(folder: Path, config: ModelConfig) -> Path:
    """A checkpoint whose weights are all random, so that no path is dead because it starts at zero or one."""
    model = GPT(config)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=generator)
    folder.mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / "model.safetensors")
    vocabulary = {"size": 257, "end_of_text": 256, "end_of_text_token": "<|endoftext|>", "dtype": "uint16"}
    vocabulary |= {"tokenizer": "bytes", "fingerprint": "0"}
    state = State(0, {"model": asdict(config)}, vocabulary, {}, {})
    (folder / "state.json").write_text(json.dumps(asdict(state)))
    return folder


@pytest.mark.parametrize("name", SHAPES)
def test_the_logits_of_transformers_are_ours(tmp_path: Path, name: str) -> None:
    transformers = pytest.importorskip("transformers")
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES[name])
    assert export_model(checkpoint, tmp_path / "given") == name.partition("-")[0]
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "given", dtype=torch.float32).eval()
    tokens = torch.randint(0, 257, (3, 32), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(theirs(tokens).logits, load_model(checkpoint)(tokens), atol=1e-5, rtol=1e-5)


def whole(config: ModelConfig) -> ModelConfig:
    """With what follows from the other settings written down, as a config.json has it."""
    return replace(config, hidden=config.inner, kv_heads=config.key_heads, head_width=config.channels)


@pytest.mark.parametrize("name", SHAPES)
def test_a_model_that_was_given_away_comes_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    checkpoint = checkpoint_of(tmp_path / "one" / "checkpoint-00000000", SHAPES[name])
    with torch.no_grad():  # what stands for no id is not given away
        before = load_file(checkpoint / "model.safetensors")
    before["embed.weight"][257:] = 0
    if "head.weight" in before:
        before["head.weight"][257:] = 0
    export_model(tmp_path / "one", tmp_path / "given")
    back = import_model(tmp_path / "given", tmp_path / "two")
    after = load_file(back / "model.safetensors")
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert whole(load_model(back).config) == whole(SHAPES[name])
    assert generate(tmp_path / "two", "A", tokens=8) == generate(tmp_path / "one", "A", tokens=8)


def test_transformers_own_models_come_in_with_equal_logits(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=257, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=False,
    )  # fmt: skip
    theirs = transformers.LlamaForCausalLM(config).eval()
    theirs.save_pretrained(tmp_path / "llama")
    ours = load_model(import_model(tmp_path / "llama", tmp_path / "ours"))
    tokens = torch.randint(0, 257, (2, 20), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, atol=1e-5, rtol=1e-5)


def test_our_own_shape_has_no_layout_and_the_sentence_says_in_what_it_differs(tmp_path: Path) -> None:
    config = ModelConfig(layers=1, width=16, heads=2, context=8, vocab_size=257)
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", config)
    with pytest.raises(UsageError, match=r"no other library has this shape.*llama \(.*activation relu2 for swiglu"):
        export_model(checkpoint, tmp_path / "given")
    assert not (tmp_path / "given").exists()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model_type": "t5"}, UsageError, 'is of a "t5"; layouts that are read: gpt2, llama, qwen3'),
        ({"num_hidden_layers": 3}, CheckFailed, "has no weight 'model.layers.2"),
        ({"intermediate_size": 96}, CheckFailed, r"mlp.down.weight has the shape \(48, 80\)"),
        ({"rope_parameters": {"rope_type": "yarn"}}, UsageError, 'scaled \\("yarn"\\)'),
        ({"vocab_size": None}, CheckFailed, "does not say 'vocab_size'"),
    ],
)
def test_what_is_no_such_model_is_refused_by_name(
    tmp_path: Path, change: dict[str, Any], error: type[Exception], message: str
) -> None:
    export_model(checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["llama"]), tmp_path / "given")
    path = tmp_path / "given" / "config.json"
    told = json.loads(path.read_text()) | change
    path.write_text(json.dumps({key: value for key, value in told.items() if value is not None}))
    with pytest.raises(error, match=message):
        import_model(tmp_path / "given", tmp_path / "ours")
    assert not (tmp_path / "ours").exists()


def test_an_activation_that_is_not_had_is_refused(tmp_path: Path) -> None:
    export_model(checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["gpt2"]), tmp_path / "given")
    path = tmp_path / "given" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"activation_function": "relu"}))
    with pytest.raises(UsageError, match='its activation is "relu", and there are gelu_new and gelu'):
        import_model(tmp_path / "given", tmp_path / "ours")


def test_nothing_is_written_over(tmp_path: Path) -> None:
    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["llama"])
    export_model(checkpoint, tmp_path / "given")
    with pytest.raises(UsageError, match="given is there already; name a new folder"):
        export_model(checkpoint, tmp_path / "given")
    with pytest.raises(UsageError, match="given is there already; name a new folder"):
        import_model(tmp_path / "given", tmp_path / "given")


def test_the_commands_give_a_model_and_take_it_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from curate.cli import main

    checkpoint = checkpoint_of(tmp_path / "checkpoint-00000000", SHAPES["qwen3"])
    for words in (
        ["export", checkpoint, "--out", tmp_path / "given"],
        ["import", tmp_path / "given", "--out", tmp_path / "ours"],
    ):
        with pytest.raises(SystemExit, match="0"):
            main(["model", *map(str, words)])
    told = capsys.readouterr().out.replace("\n", " ")
    assert "written in the layout of qwen3." in told
    assert load_model(tmp_path / "ours" / "checkpoint-00000000").config.qk_norm == "rms"
