"""How the families of models that others load name and turn their weights: GPT-2, Llama, Qwen 3.

our weights, shape ─▶ Layout.give ─▶ theirs;  theirs ─▶ Layout.take ─▶ ours;  shape ◀─▶ config.json
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from curate.errors import UsageError
from curate.train_min.config import ModelConfig

Weights = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a family of models names and turns its weights. `fits` are the settings that a shape of it has."""

    name: str
    """Of `model_type` in config.json."""
    architecture: str
    fits: Mapping[str, Any]
    give: Callable[[Weights, ModelConfig], Weights]
    take: Callable[[Weights, ModelConfig], Weights]
    describe: Callable[[ModelConfig], dict[str, Any]]
    shape: Callable[[Mapping[str, Any]], dict[str, Any]]
    """Of a config.json, the settings that it decides."""


def _padded(weight: Tensor, config: ModelConfig) -> Tensor:
    """With rows of zeros for the ids of the padding, which are never predicted."""
    rows = config.padded_vocab_size - len(weight)
    return torch.cat((weight, weight.new_zeros(rows, weight.shape[1])))


def _blocks(config: ModelConfig, ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    for number in range(config.layers):
        yield f"blocks.{number}.{ours}", theirs.format(number)


# --- GPT-2: matrices lie on their sides (inputs x outputs), and queries, keys and values are one, as they are here.

GPT2_BLOCK = {
    "attention_norm": "ln_1",
    "attention.qkv": "attn.c_attn",
    "attention.out": "attn.c_proj",
    "mlp_norm": "ln_2",
    "mlp.up": "mlp.c_fc",
    "mlp.down": "mlp.c_proj",
}


def _gpt2_names(config: ModelConfig) -> Iterator[tuple[str, str, bool]]:
    """Our name, theirs, and whether the matrix is turned."""
    yield "positions.weight", "transformer.wpe.weight", False
    for part in ("weight", "bias"):
        yield f"last_norm.{part}", f"transformer.ln_f.{part}", False
        for ours, theirs in GPT2_BLOCK.items():
            for one, other in _blocks(config, f"{ours}.{part}", f"transformer.h.{{}}.{theirs}.{part}"):
                yield one, other, part == "weight" and "norm" not in ours


def _give_gpt2(weights: Weights, config: ModelConfig) -> Weights:
    given = {theirs: weights[ours].T if turned else weights[ours] for ours, theirs, turned in _gpt2_names(config)}
    return given | {"transformer.wte.weight": weights["embed.weight"][: config.vocab_size]}


def _take_gpt2(weights: Weights, config: ModelConfig) -> Weights:
    taken = {ours: weights[theirs].T if turned else weights[theirs] for ours, theirs, turned in _gpt2_names(config)}
    return taken | {"embed.weight": _padded(weights["transformer.wte.weight"], config)}


GELUS = {"gelu": "gelu_new", "gelu_exact": "gelu"}
"""Ours and theirs."""


def _describe_gpt2(config: ModelConfig) -> dict[str, Any]:
    return {
        "n_layer": config.layers,
        "n_embd": config.width,
        "n_head": config.heads,
        "n_inner": config.inner,
        "n_positions": config.context,
        "activation_function": GELUS[config.activation],
        "layer_norm_epsilon": config.norm_eps,
    }


def _shape_gpt2(described: Mapping[str, Any]) -> dict[str, Any]:
    kind = described.get("activation_function", "gelu_new")
    ours = {theirs: name for name, theirs in GELUS.items()}
    if kind not in ours:
        raise UsageError(f'its activation is "{kind}", and there are {" and ".join(ours)}')
    return {
        "activation": ours[kind],
        "layers": described["n_layer"],
        "width": described["n_embd"],
        "heads": described["n_head"],
        "hidden": described.get("n_inner"),
        "context": described["n_positions"],
        "norm_eps": described["layer_norm_epsilon"],
    }


# --- Llama and Qwen 3: queries, keys and values stand apart, and so do the two sides of SwiGLU.

LLAMA_BLOCK = {
    "attention_norm": "input_layernorm",
    "attention.out": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "mlp.down": "mlp.down_proj",
}
QWEN3_BLOCK = LLAMA_BLOCK | {"attention.q_norm": "self_attn.q_norm", "attention.k_norm": "self_attn.k_norm"}
JOINED = {
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "mlp.up": ("mlp.gate_proj", "mlp.up_proj"),
}


def _llama_names(config: ModelConfig) -> Iterator[tuple[str, str]]:
    yield "last_norm.weight", "model.norm.weight"
    for ours, theirs in (QWEN3_BLOCK if config.qk_norm == "rms" else LLAMA_BLOCK).items():
        yield from _blocks(config, f"{ours}.weight", f"model.layers.{{}}.{theirs}.weight")


def _joined_names(config: ModelConfig) -> Iterator[tuple[str, list[str], list[int]]]:
    """Of matrices that are one here: our name, theirs, and how many rows each has."""
    heads = [config.heads, config.key_heads, config.key_heads]
    rows = {"attention.qkv": [config.channels * count for count in heads], "mlp.up": [config.inner] * 2}
    for ours, several in JOINED.items():
        for number in range(config.layers):
            theirs = [f"model.layers.{number}.{name}.weight" for name in several]
            yield f"blocks.{number}.{ours}.weight", theirs, rows[ours]


def _give_llama(weights: Weights, config: ModelConfig) -> Weights:
    given = {theirs: weights[ours] for ours, theirs in _llama_names(config)}
    for ours, theirs, rows in _joined_names(config):
        given |= dict(zip(theirs, torch.split(weights[ours], rows), strict=True))
    given["model.embed_tokens.weight"] = weights["embed.weight"][: config.vocab_size]
    if not config.tied:
        given["lm_head.weight"] = weights["head.weight"][: config.vocab_size]
    return given


def _take_llama(weights: Weights, config: ModelConfig) -> Weights:
    taken = {ours: weights[theirs] for ours, theirs in _llama_names(config)}
    for ours, theirs, _ in _joined_names(config):
        taken[ours] = torch.cat([weights[name] for name in theirs])
    taken["embed.weight"] = _padded(weights["model.embed_tokens.weight"], config)
    if not config.tied:
        taken["head.weight"] = _padded(weights["lm_head.weight"], config)
    return taken


def _describe_llama(config: ModelConfig) -> dict[str, Any]:
    return {
        "num_hidden_layers": config.layers,
        "hidden_size": config.width,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.key_heads,
        "head_dim": config.channels,
        "intermediate_size": config.inner,
        "max_position_embeddings": config.context,
        "hidden_act": "silu",
        "rms_norm_eps": config.norm_eps,
        # The first is read by versions of transformers before 5, the second by those since.
        "rope_theta": config.rope_base,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_base},
        "attention_bias": False,
        "mlp_bias": False,
    }


def _shape_llama(described: Mapping[str, Any]) -> dict[str, Any]:
    rope = described.get("rope_parameters") or described.get("rope_scaling") or {}
    if rope.get("rope_type", "default") != "default":
        raise UsageError(f'its positions are scaled ("{rope["rope_type"]}"), which is not read')
    return {
        "layers": described["num_hidden_layers"],
        "width": described["hidden_size"],
        "heads": described["num_attention_heads"],
        "kv_heads": described.get("num_key_value_heads"),
        "head_width": described.get("head_dim"),
        "hidden": described["intermediate_size"],
        "context": described["max_position_embeddings"],
        "norm_eps": described["rms_norm_eps"],
        "rope_base": rope.get("rope_theta") or described.get("rope_theta", 10_000.0),
    }


PLAIN: dict[str, Any] = {"softcap": None, "token_pairs": None, "embed_norm": False, "window": None, "experts": None}
GPT2_SHAPE = {
    "activation": "gelu",
    "norm": "layer",
    "qk_norm": "none",
    "positions": "learned",
    "bias": True,
    "tied": True,
}
LLAMA_SHAPE: dict[str, Any] = {
    "activation": "swiglu",
    "norm": "rms",
    "qk_norm": "none",
    "positions": "rotary",
    "bias": False,
}

LAYOUTS = (
    Layout(
        "gpt2", "GPT2LMHeadModel", PLAIN | GPT2_SHAPE | {"activation": "gelu_exact"},
        _give_gpt2, _take_gpt2, _describe_gpt2, _shape_gpt2,
    ),
    Layout("gpt2", "GPT2LMHeadModel", PLAIN | GPT2_SHAPE, _give_gpt2, _take_gpt2, _describe_gpt2, _shape_gpt2),
    Layout("llama", "LlamaForCausalLM", PLAIN | LLAMA_SHAPE, _give_llama, _take_llama, _describe_llama, _shape_llama),
    Layout(
        "qwen3", "Qwen3ForCausalLM", PLAIN | LLAMA_SHAPE | {"qk_norm": "rms"},
        _give_llama, _take_llama, _describe_llama, _shape_llama,
    ),
)  # fmt: skip
