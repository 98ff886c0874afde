"""The settings of a training run as frozen dataclasses, and the presets that name whole sets of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_type_hints

from curate.errors import UsageError, nearest
from curate.typed import Mismatch, convert


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of the transformer. `width` is a multiple of `heads`, and a head has an even number of channels."""

    layers: int
    width: int
    heads: int
    context: int
    """Tokens that the model sees at once, and the length of a training row."""
    vocab_size: int = 0
    """Ids of the tokenizer; the run says how many."""
    tied: bool = False
    """The head is the embedding matrix: at a small width the vocabulary would otherwise be most of the model."""
    softcap: float | None = None
    """Logits are squeezed into (-softcap, softcap) by a tanh; it costs three passes over the logits."""
    rope_base: float = 10_000.0

    @property
    def padded_vocab_size(self) -> int:
        """Rows of the embedding: the vocabulary rounded up to a multiple of 64, a shape that matrix units like."""
        return -(-self.vocab_size // 64) * 64


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All that decides the weights of a run, besides its tokens: a checkpoint of other settings is refused."""

    preset: str
    model: ModelConfig
    steps: int
    batch_rows: int
    """Rows of `context` tokens in one step of the optimizer."""
    micro_rows: int
    """Rows that go through the model at once; it divides `batch_rows`, and gradients add up over the rest."""
    learning_rate: float
    seed: int = 17
    weight_decay: float = 0.1
    """Of the matrices inside the blocks alone."""
    beta1: float = 0.9
    beta2: float = 0.95
    warmup: float = 0.02
    """Share of the steps in which the learning rate rises from 0."""
    cooldown: float = 0.5
    """Share of the steps in which it falls back to 0."""
    max_gradient_norm: float = 1.0
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What the blocks compute in; weights, loss and optimizer are float32. "auto": bfloat16 on CUDA, else float32."""
    compile: bool = False
    """Give the blocks to torch.compile."""
    report_every: int = 10
    evaluate_every: int = 100
    evaluate_tokens: int = 16_384
    """Validation tokens a source for the evaluations on the way."""
    last_evaluate_tokens: int | None = None
    """And for the last one; None: all."""
    save_every: int = 100

    @property
    def batch_tokens(self) -> int:
        return self.batch_rows * self.model.context


PRESETS: Mapping[str, TrainConfig] = {
    # For two CPU cores and two minutes: 0.4 M parameters beside the embedding, small steps and many of them.
    "nano": TrainConfig(
        preset="nano",
        model=ModelConfig(layers=2, width=128, heads=2, context=128, tied=True),
        steps=200,
        batch_rows=8,
        micro_rows=8,
        learning_rate=4e-3,
        evaluate_tokens=4096,
        last_evaluate_tokens=32_768,
    ),
    # 19 M beside the embedding, 500 M tokens: the smallest size at which rankings of corpora carry over to 1 B
    # parameters (DataDecide, Magnusson et al. 2025).
    "t2-20m": TrainConfig(
        preset="t2-20m",
        model=ModelConfig(layers=8, width=448, heads=7, context=1024, softcap=15.0),
        steps=3_800,
        batch_rows=128,
        micro_rows=64,
        learning_rate=2e-3,
        compile=True,
        evaluate_every=500,
        evaluate_tokens=1 << 20,
        save_every=500,
    ),
    # The shape and batch of GPT-2 124M as the speed records train it, with heads of 128 channels; 2.5 B tokens.
    "d12": TrainConfig(
        preset="d12",
        model=ModelConfig(layers=12, width=768, heads=6, context=1024, softcap=15.0),
        steps=4_800,
        batch_rows=512,
        micro_rows=32,
        learning_rate=1.5e-3,
        compile=True,
        evaluate_every=500,
        evaluate_tokens=1 << 20,
        save_every=250,
    ),
}


def configure(preset: str, *, vocab_size: int, settings: Mapping[str, Any] | None = None) -> TrainConfig:
    """A preset with single settings replaced: names of `TrainConfig` ("steps") or of `ModelConfig` ("width").

    Raises:
        UsageError: an unknown preset or setting, or values that do not go together.
    """
    if preset not in PRESETS:
        raise UsageError(f'there is no preset "{preset}"{nearest(preset, PRESETS)}')
    start = PRESETS[preset]
    of_model = {field.name for field in dataclasses.fields(ModelConfig)} - {"vocab_size"}
    of_run = {field.name for field in dataclasses.fields(TrainConfig)} - {"model", "preset"}
    settings = settings or {}
    for name in settings:
        if name not in of_model | of_run:
            raise UsageError(f'there is no training setting "{name}"{nearest(name, of_model | of_run)}')
    shape = {name: _typed(value, name, ModelConfig) for name, value in settings.items() if name in of_model}
    rest = {name: _typed(value, name, TrainConfig) for name, value in settings.items() if name in of_run}
    model = dataclasses.replace(start.model, vocab_size=vocab_size, **shape)
    config = dataclasses.replace(start, model=model, **rest)
    if "batch_rows" in rest and "micro_rows" not in rest:
        config = dataclasses.replace(config, micro_rows=_largest_divisor(config.batch_rows, start.micro_rows))
    _check(config)
    return config


def _typed(value: Any, name: str, kind: type[ModelConfig] | type[TrainConfig]) -> Any:
    try:
        return convert(value, get_type_hints(kind)[name], (name,))
    except Mismatch as mismatch:
        raise UsageError(f'training setting "{name}": {mismatch}') from None


def _largest_divisor(number: int, limit: int) -> int:
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)


def _check(config: TrainConfig) -> None:
    model = config.model
    for name in ("steps", "batch_rows", "micro_rows", "report_every", "evaluate_every", "save_every"):
        if getattr(config, name) < 1:
            raise UsageError(f"{name} is {getattr(config, name)}; it must be at least 1")
    if config.batch_rows % config.micro_rows:
        raise UsageError(f"batch_rows {config.batch_rows} is not a multiple of micro_rows {config.micro_rows}")
    if model.width % (2 * model.heads):
        raise UsageError(f"width {model.width} does not divide into {model.heads} heads of an even number of channels")
    if not 0 <= config.warmup + config.cooldown <= 1:
        raise UsageError(
            f"warmup {config.warmup} and cooldown {config.cooldown} are shares of the steps, together <= 1"
        )
