"""The GPT, its loss, its optimizer and its settings, against plain autograd and the rules that they state."""

from __future__ import annotations

import dataclasses
import math

import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
import torch.nn.functional as F  # noqa: E402

from curate.errors import UsageError  # noqa: E402
from curate.settings import parse_settings  # noqa: E402
from curate.train_min.config import ModelConfig, TrainConfig  # noqa: E402
from curate.train_min.head_loss import UNTRAINED  # noqa: E402
from curate.train_min.layers import Norm, pair_hashes, rotary_table, rotate  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.optim import Muon, make_optimizer, orthogonal, rate_share  # noqa: E402
from curate.train_min.presets import PRESETS, configure  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = ModelConfig(layers=2, width=32, heads=2, context=16, vocab_size=70)


def make_model(config: ModelConfig = SHAPE, *, seed: int = 3) -> GPT:
    """Every matrix random, so that no path is dead because its projection starts at zero."""
    generator = torch.Generator().manual_seed(seed)
    model = GPT(config, generator=generator)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=generator)
    return model


def random_tokens(rows: int, length: int, *, seed: int = 5) -> torch.Tensor:
    return torch.randint(0, SHAPE.vocab_size, (rows, length), generator=torch.Generator().manual_seed(seed))


def test_a_later_token_does_not_change_earlier_logits() -> None:
    model, tokens = make_model(), random_tokens(3, 16)
    changed = tokens.clone()
    changed[:, 9] = (changed[:, 9] + 1) % SHAPE.vocab_size
    before, after = model(tokens), model(changed)
    assert torch.equal(before[:, :9], after[:, :9])
    assert (before[:, 9:] != after[:, 9:]).flatten(2).any(dim=2).all()


def test_a_shorter_window_has_the_logits_of_the_longer_one() -> None:
    model, tokens = make_model(), random_tokens(2, 16)
    torch.testing.assert_close(model(tokens[:, :7]), model(tokens)[:, :7])


def test_rotated_products_depend_on_the_distance_alone() -> None:
    generator = torch.Generator().manual_seed(1)
    query, key = torch.randn(8, generator=generator), torch.randn(8, generator=generator)
    cos, sin = rotary_table(64, 8, base=10_000.0)
    q, k = rotate(query.expand(64, 8), cos, sin), rotate(key.expand(64, 8), cos, sin)
    products = q @ k.T
    for distance in (0, 1, 5, 20):
        diagonal = products.diagonal(-distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)
    assert not torch.isclose(products[10, 0], products[20, 0])


def test_rotation_turns_a_pair_by_position_times_rate() -> None:
    cos, sin = rotary_table(10, 4, base=100.0)
    turned = rotate(torch.tensor([1.0, 1.0, 0.0, 0.0]).expand(10, 4), cos, sin)
    expected = [math.cos(9), math.cos(0.9), math.sin(9), math.sin(0.9)]
    torch.testing.assert_close(turned[9], torch.tensor(expected))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("softcap", [None, 3.0])
@pytest.mark.parametrize("z_loss", [0.0, 0.1])
def test_the_fused_loss_and_its_gradients_equal_plain_autograd(
    tied: bool, softcap: float | None, z_loss: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.train_min.head_loss.CHUNK_ELEMENTS", {"cpu": 1})  # several chunks, the last one short
    config = ModelConfig(layers=2, width=32, heads=2, context=16, vocab_size=70, tied=tied, softcap=softcap)
    model, tokens = make_model(config), random_tokens(5, 17)
    inputs, targets = tokens[:, :-1], tokens[:, 1:]

    logits = model(inputs).reshape(-1, 70)
    plain = F.cross_entropy(logits, targets.reshape(-1), reduction="none")
    whole = (plain + z_loss * logits.logsumexp(dim=1).square()).sum() / 7
    whole.backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    model.z_loss = z_loss
    loss, nats = model.loss(inputs, targets, scale=1 / 7)
    (loss * 1.0).backward()

    torch.testing.assert_close(nats, plain.detach().view(5, 16))
    torch.testing.assert_close(loss, whole.detach())
    for weight, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-5, rtol=1e-4)


def test_targets_that_are_not_learned_cost_nothing_and_move_nothing() -> None:
    model, tokens = make_model(), random_tokens(3, 17)
    inputs, targets = tokens[:, :-1], tokens[:, 1:].clone()
    targets[0, 3:9] = targets[2] = UNTRAINED
    plain = F.cross_entropy(
        model(inputs).reshape(-1, 70), targets.reshape(-1), reduction="none", ignore_index=UNTRAINED
    )
    plain.sum().backward()
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    loss, nats = model.loss(inputs, targets, scale=1.0)
    loss.backward()
    torch.testing.assert_close(nats, plain.detach().view(3, 16))
    assert (nats[targets == UNTRAINED] == 0).all()
    for weight, gradient in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-5, rtol=1e-4)


def test_attention_equals_softmax_over_the_past() -> None:
    attention = make_model().blocks[0].attention
    x = torch.randn(1, 6, 32, generator=torch.Generator().manual_seed(2))
    cos, sin = rotary_table(6, 16, base=10_000.0)
    q, k, v = (part.view(1, 6, 2, 16).transpose(1, 2) for part in attention.qkv(x).split(32, dim=-1))
    norm = Norm("plain", 16, 1e-7)
    scores = norm(rotate(q, cos, sin)) @ norm(rotate(k, cos, sin)).transpose(-1, -2) / 4
    scores = scores.masked_fill(torch.ones(6, 6).triu(1).bool(), -torch.inf)
    expected = attention.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(1, 6, 32))
    torch.testing.assert_close(attention(x, (cos, sin)), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["own", "gpt2", "llama", "qwen3"])
def test_documents_that_are_kept_apart_have_the_logits_that_each_has_alone(name: str) -> None:
    start = SHAPE if name == "own" else dataclasses.replace(PRESETS[name].model, layers=2, width=32, heads=2)
    small = {"kv_heads": 1, "head_width": 16, "hidden": 64} if name in ("llama", "qwen3") else {}
    config = dataclasses.replace(start, context=16, vocab_size=70, documents=True, **small)
    model, tokens = make_model(config), random_tokens(2, 16)
    model.end_of_text = 69
    tokens[tokens == 69] = 68
    tokens[0, 4] = tokens[0, 5] = tokens[0, 11] = tokens[1, 15] = 69  # one of a single token, one that fills a row
    together = model(tokens)
    for row, first, last in ((0, 0, 5), (0, 5, 6), (0, 6, 12), (0, 12, 16), (1, 0, 16)):
        alone = model(tokens[row : row + 1, first:last])
        torch.testing.assert_close(together[row, first:last], alone[0], atol=2e-5, rtol=1e-4)


def test_a_pair_is_a_token_and_the_one_before_it_in_their_order() -> None:
    tokens, rows = random_tokens(2, 16), 1 << 20
    found = pair_hashes(tokens, rows)
    assert ((found >= 0) & (found < rows)).all()
    changed = tokens.clone()
    changed[:, 5] = (changed[:, 5] + 1) % SHAPE.vocab_size
    differs = (pair_hashes(changed, rows) != found).any(dim=0)
    assert differs.nonzero().flatten().tolist() == [5, 6]
    ab, ba = (pair_hashes(torch.tensor([pair]), rows)[0, 1] for pair in ([3, 4], [4, 3]))
    assert ab != ba


def test_pairs_are_nothing_until_they_are_met_and_then_say_what_bigrams_do() -> None:
    """A model without a block, whose next token follows from two tokens and from no single one."""
    plain, model = GPT(SHAPE), GPT(dataclasses.replace(SHAPE, token_pairs=1 << 12))
    tokens = random_tokens(64, 16) % 2
    assert torch.equal(plain(tokens), model(tokens))
    tokens[:, 2:] = 0
    for place in range(2, 16):
        tokens[:, place] = tokens[:, place - 1] ^ tokens[:, place - 2]
    losses = []
    for each in (plain, model):
        each.blocks = torch.nn.ModuleList()
        rule = torch.optim.AdamW(each.parameters(), lr=0.03)
        for _ in range(60):
            loss, _ = each.loss(tokens[:, 1:-1], tokens[:, 2:], scale=1 / tokens[:, 2:].numel())
            loss.backward()
            rule.step()
            rule.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[1] < 0.3 < 0.5 < losses[0]


def test_a_window_hides_what_is_farther_back() -> None:
    config = dataclasses.replace(SHAPE, layers=1, window=4)
    model, tokens = make_model(config), random_tokens(1, 16)
    changed = tokens.clone()
    changed[0, 5] = (changed[0, 5] + 1) % 70
    moved = (model(tokens) != model(changed))[0].any(dim=1).nonzero().ravel().tolist()
    assert moved == [5, 6, 7, 8]


def test_heads_that_share_keys_are_those_whose_keys_stand_twice() -> None:
    shared = make_model(dataclasses.replace(SHAPE, heads=4, kv_heads=2))
    own = make_model(dataclasses.replace(SHAPE, heads=4))
    state = shared.state_dict()
    for number in range(SHAPE.layers):
        name = f"blocks.{number}.attention.qkv.weight"
        query, key, value = state[name].split([32, 16, 16])
        twice = [part.view(2, 8, 32).repeat_interleave(2, dim=0).reshape(32, 32) for part in (key, value)]
        state[name] = torch.cat((query, *twice))
    own.load_state_dict(state)
    tokens = random_tokens(2, 16)
    torch.testing.assert_close(shared(tokens), own(tokens), atol=1e-5, rtol=1e-5)


def test_padding_of_the_vocabulary_is_never_predicted() -> None:
    model = make_model()
    assert model.embed.weight.shape == (128, 32)
    assert model(random_tokens(1, 4)).shape == (1, 4, 70)
    with torch.no_grad():
        model.head_weight[70:] *= 1e3
    _, nats = model.loss(random_tokens(1, 4), random_tokens(1, 4, seed=6), scale=1.0)
    assert (nats < 50).all()


def test_bfloat16_blocks_give_nearly_the_float32_loss() -> None:
    model, tokens = make_model(), random_tokens(4, 17)
    _, exact = model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)
    model.compute_dtype = torch.bfloat16
    loss, rounded = model.loss(tokens[:, :-1], tokens[:, 1:], scale=1.0)
    loss.backward()
    assert rounded.dtype == torch.float32
    assert abs(float(rounded.mean() - exact.mean())) < 0.02
    assert all(weight.grad.dtype == torch.float32 for weight in model.parameters())


def test_a_new_model_starts_near_the_uniform_loss_and_equals_itself_for_one_seed() -> None:
    tokens = random_tokens(8, 17)
    losses = []
    for seed in (1, 1, 2):
        model = GPT(SHAPE, generator=torch.Generator().manual_seed(seed))
        losses.append(float(model.loss(tokens[:, :-1], tokens[:, 1:], scale=1 / 128)[0].detach()))
    assert losses[0] == losses[1] != losses[2]
    assert losses[0] == pytest.approx(math.log(70), abs=0.05)


def test_only_matrices_of_the_blocks_decay() -> None:
    model = make_model()
    groups = make_optimizer(model, configure("nano", vocab_size=70)).param_groups
    decaying = {id(weight) for group in groups if group["weight_decay"] for weight in group["params"]}
    assert decaying == {id(weight) for weight in model.blocks.parameters()}
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_the_learning_rate_rises_stays_and_falls() -> None:
    config = configure("nano", vocab_size=70, settings={"steps": 100, "warmup": 0.1, "cooldown": 0.4})
    rates = [rate_share(step, config) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:60] == [1.0] * 50
    assert rates[60:] == pytest.approx([1 - step / 40 for step in range(40)])


def test_a_fall_by_the_root_is_steep_at_first_and_a_cosine_ends_at_a_tenth() -> None:
    settings = {"steps": 100, "warmup": 0.1, "cooldown": 0.4}
    root = configure("nano", vocab_size=70, settings={**settings, "cooldown_power": 0.5})
    rates = [rate_share(step, root) for step in range(100)]
    assert rates[10:60] == [1.0] * 50
    assert rates[60:] == pytest.approx([1 - math.sqrt(step / 40) for step in range(40)])
    cosine = configure("nano", vocab_size=70, settings={**settings, "schedule": "cosine"})
    rates = [rate_share(step, cosine) for step in range(100)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10:] == pytest.approx([0.55 + 0.45 * math.cos(math.pi * (step + 1) / 90) for step in range(90)])
    assert rates[-1] == pytest.approx(0.1)


def test_muon_takes_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    model = make_model()
    config = configure("nano", vocab_size=70, settings={"optimizer": "muon"})
    groups = make_optimizer(model, config).param_groups
    with_rows = {id(group["params"][0]): group["rows"] for group in groups if "rows" in group}
    assert set(with_rows) == {id(weight) for weight in model.blocks.parameters()}
    assert with_rows[id(model.blocks[0].attention.qkv.weight)] == [32, 32, 32]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_an_update_of_muon_has_singular_values_near_one() -> None:
    for shape in ((40, 40), (20, 60), (60, 20)):
        matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
        values = torch.linalg.svdvals(orthogonal(matrix).float()) / max(1.0, shape[0] / shape[1]) ** 0.5
        assert 0.6 < values.min() < values.max() < 1.3


def test_muon_of_whole_matrices_is_torchs() -> None:
    generator = torch.Generator().manual_seed(2)
    ours, theirs = (torch.nn.Parameter(torch.ones(24, 16)) for _ in range(2))
    own = Muon([{"params": [ours], "rows": [24]}], momentum=0.9, weight_decay=0.1)
    peer = torch.optim.Muon([theirs], lr=0.05, weight_decay=0.1, momentum=0.9)
    for group in own.param_groups:
        group["lr"] = 0.05
    for _ in range(5):
        ours.grad = torch.randn(24, 16, generator=generator)
        theirs.grad = ours.grad.clone()
        own.step()
        peer.step()
    torch.testing.assert_close(ours, theirs, atol=2e-3, rtol=0)  # both compute in bfloat16


def test_the_rate_before_the_fall_does_not_depend_on_the_number_of_steps() -> None:
    short = configure("nano", vocab_size=70, settings={"steps": 100, "warmup": 0.0, "cooldown": 0.5})
    long = configure("nano", vocab_size=70, settings={"steps": 1000, "warmup": 0.0, "cooldown": 0.5})
    assert [rate_share(s, short) for s in range(50)] == [rate_share(s, long) for s in range(50)]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_whole(preset: str) -> None:
    config = configure(preset, vocab_size=32_768)
    assert config.batch_rows % config.micro_rows == 0
    with torch.device("meta"):
        matrices = sum(weight.numel() for weight in GPT(config.model).blocks.parameters())
    sizes = {"nano": 0.4e6, "t1": 3.1e6, "t2-20m": 19e6, "t3-60m": 59e6, "d12": 85e6, "d24": 302e6}
    sizes |= {"gpt2": 85e6, "llama": 74e6, "qwen3": 94e6, "moe": 482e6}
    assert matrices == pytest.approx(sizes[preset], rel=0.03)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"step": 3}, 'did you mean "steps"'),
        ({"steps": 0}, "at least 1"),
        ({"width": 30, "heads": 4}, "width 30"),
        ({"batch_rows": 6, "micro_rows": 4}, "multiple"),
        ({"precision": "float16"}, "float16"),
        ({"warmup": 0.6, "cooldown": 0.6}, "shares"),
        ({"width": "wide"}, '"width": expected a whole number'),
        ({"compile": 1}, "expected true or false"),
        ({"compile_mode": "reduce-overhead", "shard_weights": True}, "set compile_mode=default or shard_weights=false"),
    ],
)
def test_impossible_settings_are_refused_with_what_is_possible(settings: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        configure("nano", vocab_size=70, settings=settings)


def test_settings_of_a_command_line_are_typed_as_the_presets_have_them() -> None:
    words = ["learning_rate=1", "softcap=15", "tied = false", "precision=float32"]
    config = configure("nano", vocab_size=70, settings=parse_settings(words))
    assert (config.learning_rate, config.model.softcap, config.model.tied) == (1.0, 15.0, False)
    assert isinstance(config.learning_rate, float)
    with pytest.raises(UsageError, match="--set width: expected NAME=VALUE"):
        parse_settings(["width"])


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match='did you mean "nano"'):
        configure("nan", vocab_size=70)


def test_a_smaller_batch_brings_its_own_micro_batch() -> None:
    config: TrainConfig = configure("nano", vocab_size=70, settings={"batch_rows": 6})
    assert config.batch_rows % config.micro_rows == 0
