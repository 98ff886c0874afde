"""The settings of a training run as frozen dataclasses, and which of them go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from curate.errors import UsageError


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The shape of the transformer. `heads` divide `width` where `head_width` is not given, and a head has an even
    number of channels. The presets `gpt2`, `llama` and `qwen3` have what those models have, so that others load them
    (see `exchange`)."""

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
    kv_heads: int | None = None
    """Heads of keys and values, of which each serves several of `heads` (Ainslie et al. 2023); None: one each."""
    head_width: int | None = None
    """Channels of a head; None: width / heads."""
    hidden: int | None = None
    """Channels inside an MLP; None: four times `width`, of which SwiGLU has two thirds for each of its two sides."""
    activation: Literal["relu2", "swiglu", "gelu", "gelu_exact"] = "relu2"
    """ReLU² (So et al. 2021), SwiGLU (Shazeer 2020), GELU by its tanh form, as GPT-2 has it, or exact, as nanoGPT has
    it, which takes a third of the time on a CPU."""
    norm: Literal["plain", "rms", "layer"] = "plain"
    """RMSNorm without weights, RMSNorm with a weight for each channel, or LayerNorm."""
    norm_eps: float = 1.1920929e-07
    """Added to a mean square; the least step of a float32 at 1 by default."""
    qk_norm: Literal["plain", "rms", "none"] = "plain"
    """Of queries and keys, over the channels of a head; it keeps their products bounded."""
    positions: Literal["rotary", "learned"] = "rotary"
    bias: bool = False
    """Of all matrices inside the blocks."""
    embed_norm: bool = True
    """Embeddings are normalized before the first block."""
    token_pairs: int | None = None
    """Rows of a second embedding: of each token together with the one before it, by a hash. A small model then has at
    its entry what bigrams and trigrams are made of, for a look-up (Huang et al. 2025, arXiv:2501.16975)."""
    window: int | None = None
    """Tokens back that attention sees, its own included; None: all."""
    documents: bool = False
    """Attention sees nothing behind the beginning of a document."""
    experts: int | None = None
    """MLPs of `hidden` channels in the place of each, among which a router chooses for every token; None: one, and no
    router."""
    experts_active: int = 1
    """How many of them a token goes through."""

    @property
    def key_heads(self) -> int:
        return self.kv_heads or self.heads

    @property
    def channels(self) -> int:
        """Of one head."""
        return self.head_width or self.width // self.heads

    @property
    def inner(self) -> int:
        """Channels inside an MLP; those of SwiGLU in whole sixty-fours, which matrix units like."""
        gated = -(-8 * self.width // (3 * 64)) * 64
        return self.hidden or (gated if self.activation == "swiglu" else 4 * self.width)

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
    """The most that AdamW has."""
    seed: int = 17
    optimizer: Literal["adamw", "muon"] = "adamw"
    """Of the matrices inside the blocks; the embedding, the head and vectors have AdamW in any case."""
    matrix_learning_rate: float = 0.02
    """The most that Muon has; what it adds to a matrix has one length whatever the gradient's."""
    momentum: float = 0.95
    """Of Muon."""
    weight_decay: float = 0.1
    """Of the matrices inside the blocks; four times as much of the embedding of pairs."""
    regularize: Literal["none", "auto"] = "none"
    """"auto": where the tokens are seen 4 times or more, `weight_decay` is multiplied with that number, up to 16, and
    `dropout` is 0.1; what is set by itself stays."""
    dropout: float = 0.0
    """Share of the values that become 0 while the model learns: of embeddings, and of what attention and MLPs add."""
    beta1: float = 0.9
    beta2: float = 0.95
    warmup: float = 0.02
    """Share of the steps in which the learning rate rises from 0."""
    cooldown: float = 0.5
    """Share of the steps in which it falls back to 0."""
    cooldown_power: float = 1.0
    """It falls by that power of the way: 1 is a line, .5 the root, steep at first (Hägele et al. 2024)."""
    schedule: Literal["wsd", "cosine"] = "wsd"
    """Warm-up, stable, decay; or behind the warm-up half a cosine, down to a tenth."""
    average: float = 0.0
    """Share of the steps that an average of the weights looks back over, which is then the training's result; 0: its
    last weights are. With a rate that falls to 0 it gains nothing."""
    z_loss: float = 0.0
    """Times the square of the logarithm of the softmax's denominator, which it keeps near 0 (Chowdhery et al. 2022)."""
    max_gradient_norm: float = 1.0
    balance_rate: float = 0.001
    """What a step adds to an expert's bias, or takes from it, towards an even load (DeepSeek-V3's)."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """What the blocks compute in; weights, loss and optimizer are float32. "auto": bfloat16 where the device multiplies
    it (CUDA from Ampere on, CPUs with AMX or AVX512-BF16), else float32."""
    compile: bool = False
    """Give the blocks to torch.compile, on CUDA alone; attention under masks is FlexAttention then."""
    compile_mode: Literal["default", "reduce-overhead", "max-autotune-no-cudagraphs"] = "default"
    """torch.compile's: as it is, as CUDA graphs, or with several kernels tried for each product."""
    shard_weights: bool = False
    """Under `torchrun`: each process keeps a part of the weights, gradients and moments, and gathers a block's weights
    when its turn comes (FSDP2). One process has all of them in any case."""
    recompute: bool = False
    """Keep the input of each block alone for the backward pass, and compute the block once more there: a third more
    work, and a fraction of the memory."""
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


def check_config(config: TrainConfig) -> None:
    model = config.model
    for name in ("steps", "batch_rows", "micro_rows", "report_every", "evaluate_every", "save_every"):
        if getattr(config, name) < 1:
            raise UsageError(f"{name} is {getattr(config, name)}; it must be at least 1")
    if config.batch_rows % config.micro_rows:
        raise UsageError(f"batch_rows {config.batch_rows} is not a multiple of micro_rows {config.micro_rows}")
    if (model.head_width is None and model.width % (2 * model.heads)) or model.channels % 2:
        raise UsageError(f"width {model.width} does not divide into {model.heads} heads of an even number of channels")
    if model.heads % model.key_heads:
        raise UsageError(f"{model.heads} heads are not so many for each of kv_heads {model.kv_heads}")
    if model.experts is not None and not 1 <= model.experts_active <= model.experts:
        raise UsageError(f"of {model.experts} experts a token goes through 1 or more, not {model.experts_active}")
    if model.experts is not None and model.bias:
        raise UsageError("experts have no bias: set bias=false")
    if model.token_pairs is not None and model.token_pairs < 1:
        raise UsageError(f"token_pairs is {model.token_pairs}; a table has one row at least")
    if model.window is not None and model.window < 1:
        raise UsageError(f"the window of attention is {model.window}; a token sees itself at least")
    if config.compile_mode == "reduce-overhead" and config.shard_weights:
        raise UsageError(
            "CUDA graphs need weights that stay where they are: set compile_mode=default or shard_weights=false"
        )
    if config.cooldown_power <= 0 or config.z_loss < 0:
        raise UsageError(
            f"cooldown_power {config.cooldown_power} must be over 0, and z_loss {config.z_loss} not under it"
        )
    if not 0 <= config.average <= 1:
        raise UsageError(f"average is {config.average}; it is a share of the steps")
    if not 0 <= config.dropout < 1:
        raise UsageError(f"dropout is {config.dropout}; it is a share under 1")
    if not 0 <= config.warmup + config.cooldown <= 1:
        raise UsageError(
            f"warmup {config.warmup} and cooldown {config.cooldown} are shares of the steps, together <= 1"
        )


def largest_divisor(number: int, limit: int) -> int:
    return next(divisor for divisor in range(min(number, limit), 0, -1) if number % divisor == 0)
