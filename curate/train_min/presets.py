"""The presets, which name whole sets of settings, and single settings in their place."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from curate.errors import UsageError, nearest
from curate.train_min.config import ModelConfig, TrainConfig, check_config, largest_divisor
from curate.typed import Mismatch, convert


def _on_gpu(
    preset: str,
    model: ModelConfig,
    *,
    steps: int,
    learning_rate: float,
    batch_rows: int = 512,
    micro_rows: int = 32,
    save_every: int = 250,
) -> TrainConfig:
    """A size that only a GPU trains in good time: compiled, and seldom evaluated, on more."""
    return TrainConfig(
        preset=preset,
        model=model,
        steps=steps,
        batch_rows=batch_rows,
        micro_rows=micro_rows,
        learning_rate=learning_rate,
        compile=True,
        evaluate_every=500,
        evaluate_tokens=1 << 20,
        save_every=save_every,
    )


_NANO = TrainConfig(
    preset="nano",
    model=ModelConfig(layers=2, width=128, heads=2, context=128, tied=True, token_pairs=1 << 16),
    steps=1300,
    batch_rows=8,
    micro_rows=8,
    learning_rate=8e-3,
    optimizer="muon",
    cooldown=0.7,
    evaluate_tokens=4096,
    last_evaluate_tokens=32_768,
)
_T1 = TrainConfig(
    preset="t1",
    model=ModelConfig(layers=4, width=256, heads=4, context=256, tied=True),
    steps=600,
    batch_rows=16,
    micro_rows=8,
    learning_rate=3e-3,
    evaluate_tokens=16_384,
    last_evaluate_tokens=131_072,
)
_T2 = ModelConfig(layers=8, width=448, heads=7, context=1024, softcap=15.0)
_T3 = ModelConfig(layers=12, width=640, heads=10, context=1024, softcap=15.0)
_D12 = ModelConfig(layers=12, width=768, heads=6, context=1024, softcap=15.0)
_D24 = ModelConfig(layers=24, width=1024, heads=8, context=1024, softcap=15.0)
_MOE = ModelConfig(
    layers=12, width=768, heads=6, context=1024, softcap=15.0, hidden=1536, experts=16, experts_active=2
)  # fmt: skip
_GPT2 = ModelConfig(
    layers=12, width=768, heads=12, context=1024, tied=True, activation="gelu", norm="layer", norm_eps=1e-5,
    qk_norm="none", positions="learned", bias=True, embed_norm=False,
)  # fmt: skip
_LLAMA = ModelConfig(
    layers=12, width=768, heads=12, context=1024, kv_heads=3, hidden=2048, activation="swiglu", norm="rms",
    norm_eps=1e-5, qk_norm="none", embed_norm=False, rope_base=500_000.0,
)  # fmt: skip
_QWEN3 = ModelConfig(
    layers=12, width=768, heads=12, context=1024, tied=True, kv_heads=4, head_width=128, hidden=2048,
    activation="swiglu", norm="rms", norm_eps=1e-6, qk_norm="rms", embed_norm=False, rope_base=1_000_000.0,
)  # fmt: skip

PRESETS: Mapping[str, TrainConfig] = {
    # For two CPU cores and two minutes: 0.4 M parameters beside the embeddings, of which that of pairs has 8 M; small
    # steps and many of them. On the quickstart it beats a trigram model on every source.
    "nano": _NANO,
    # For a CPU and ten minutes: 3 M beside the embedding, to tell two corpora apart.
    "t1": _T1,
    # 19 M beside the embedding, 500 M tokens: the smallest size at which rankings of corpora carry over to 1 B
    # parameters (DataDecide, Magnusson et al. 2025).
    "t2-20m": _on_gpu("t2-20m", _T2, steps=3_800, batch_rows=128, micro_rows=64, learning_rate=2e-3, save_every=500),
    # 57 M beside the embedding, 1.2 B tokens.
    "t3-60m": _on_gpu("t3-60m", _T3, steps=4_600, batch_rows=256, micro_rows=64, learning_rate=1.8e-3, save_every=500),
    # The shape and batch of GPT-2 124M as the speed records train it, with heads of 128 channels; 2.5 B tokens.
    "d12": _on_gpu("d12", _D12, steps=4_800, learning_rate=1.5e-3),
    # 350 M with heads of 128 channels; 7 B tokens.
    "d24": _on_gpu("d24", _D24, steps=13_400, micro_rows=16, learning_rate=1e-3),
    # d12 with 16 experts of half its MLP, two of them for a token: d12's work, 482 M beside the embedding.
    "moe": _on_gpu("moe", _MOE, steps=4_800, learning_rate=1.5e-3),
    # GPT-2 as it was published (Radford et al. 2019), at the speed records' batch.
    "gpt2": _on_gpu("gpt2", _GPT2, steps=4_800, learning_rate=6e-4),
    # A small Llama 3 (Grattafiori et al. 2024): RMSNorm with weights, SwiGLU, four queries to a key.
    "llama": _on_gpu("llama", _LLAMA, steps=4_800, learning_rate=6e-4),
    # A small Qwen 3 (Yang et al. 2025): as Llama, with weighted norms of queries and keys, and heads of 128 channels.
    "qwen3": _on_gpu("qwen3", _QWEN3, steps=4_800, learning_rate=6e-4),
}


def configure(preset: str, *, vocab_size: int, settings: Mapping[str, Any] | None = None) -> TrainConfig:
    """A preset with single settings replaced: names of `TrainConfig` ("steps") or of `ModelConfig` ("width").

    Raises:
        UsageError: an unknown preset or setting, or values that do not go together.
    """
    if preset not in PRESETS:
        raise UsageError(f'there is no preset "{preset}"{nearest(preset, PRESETS)}')
    start = PRESETS[preset]
    model = dataclasses.replace(start.model, vocab_size=vocab_size)
    return change_settings(dataclasses.replace(start, model=model), settings or {})


def change_settings(start: TrainConfig, settings: Mapping[str, Any]) -> TrainConfig:
    """Single settings replaced, by names of `TrainConfig` or of `ModelConfig`; raises what `configure` does."""
    of_model = {field.name for field in dataclasses.fields(ModelConfig)} - {"vocab_size"}
    of_run = {field.name for field in dataclasses.fields(TrainConfig)} - {"model", "preset"}
    for name in settings:
        if name not in of_model | of_run:
            raise UsageError(f'there is no training setting "{name}"{nearest(name, of_model | of_run)}')
    shape = {name: _typed(value, name, ModelConfig) for name, value in settings.items() if name in of_model}
    rest = {name: _typed(value, name, TrainConfig) for name, value in settings.items() if name in of_run}
    config = dataclasses.replace(start, model=dataclasses.replace(start.model, **shape), **rest)
    if "batch_rows" in rest and "micro_rows" not in rest:
        config = dataclasses.replace(config, micro_rows=largest_divisor(config.batch_rows, start.micro_rows))
    check_config(config)
    return config


def _typed(value: Any, name: str, kind: type[ModelConfig] | type[TrainConfig]) -> Any:
    try:
        return convert(value, get_type_hints(kind)[name], (name,))
    except Mismatch as mismatch:
        raise UsageError(f'training setting "{name}": {mismatch}') from None
