"""Pairs of answers: how files write them, which tokens are an answer, and losses that equal their closed forms."""

from __future__ import annotations

import dataclasses
import gzip
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="train_min needs torch (the extra `train`)")
import torch.nn.functional as F  # noqa: E402

from curate.errors import UsageError  # noqa: E402
from curate.readers.turns import Turn  # noqa: E402
from curate.tokenize.encode import load_tokenizer  # noqa: E402
from curate.tokenize.templates import TEMPLATES  # noqa: E402
from curate.train_min.config import ModelConfig  # noqa: E402
from curate.train_min.dialogue import bind_template  # noqa: E402
from curate.train_min.head_loss import UNTRAINED  # noqa: E402
from curate.train_min.left_out import LeftOut  # noqa: E402
from curate.train_min.lora import Lora, add_low_rank, add_score, trained_weights  # noqa: E402
from curate.train_min.model import GPT  # noqa: E402
from curate.train_min.pair_losses import (  # noqa: E402
    answer_log_probabilities,
    frozen_reference,
    own_reference,
    pair_loss,
    preference_margins,
    reward_margins,
    rewards,
)
from curate.train_min.pairs import (  # noqa: E402
    PairRows,
    PairSource,
    PairTokens,
    encode_pairs,
    pair_costs,
    pair_rows,
    score_pairs,
    split_pairs,
)
from curate.train_min.preferences import Pair, read_pairs  # noqa: E402

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
DIALOGUE = bind_template(TEMPLATES["plain"], load_tokenizer("bytes"))
SHAPE = ModelConfig(layers=2, width=32, heads=2, context=128, vocab_size=257)
PAIRS = [
    Pair([Turn("user", "Hi")], "Hello!", "What do you want now?"),
    Pair(
        [Turn("system", "Be kind."), Turn("user", "1+1?"), Turn("assistant", "2"), Turn("user", "Sure?")], "Yes.", "No"
    ),
    Pair([Turn("user", "日本")], "はい", "x"),
]


def make_model(*, seed: int = 3) -> GPT:
    model, generator = GPT(SHAPE), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0.0, 0.2, generator=generator)
    return model


def rows_of(pairs: list[PairTokens], context: int = 128) -> PairRows:
    return pair_rows(pairs, context=context, padding=256)


def encoded() -> list[PairTokens]:
    return encode_pairs(PAIRS, DIALOGUE, context=128, left=LeftOut())


HELLO = Pair([Turn("user", "Hi")], "Hello!", "What?")
TALK = Pair([Turn("user", "Hi"), Turn("assistant", "Yes?"), Turn("user", "Bye")], "Bye!", "No.")
FORMS: list[tuple[dict[str, Any], Pair]] = [
    ({"prompt": "Hi", "chosen": "Hello!", "rejected": "What?"}, HELLO),
    (
        {
            "prompt": [{"role": "user", "content": "Hi"}],
            "chosen": [{"role": "assistant", "content": "Hello!"}],
            "rejected": [{"role": "assistant", "content": "What?"}],
        },
        HELLO,
    ),
    (
        {  # UltraFeedback: messages are whole, the prompt stands beside them once more
            "prompt": "Hi",
            "chosen": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}],
            "rejected": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "What?"}],
            "score_chosen": 9.0,
        },
        HELLO,
    ),
    (
        {  # HH-RLHF
            "chosen": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye\n\nAssistant: Bye!",
            "rejected": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye\n\nAssistant: No.",
        },
        TALK,
    ),
    ({"prompt": "\n\nHuman: Hi\n\nAssistant: Yes?\n\nHuman: Bye", "chosen": "Bye!", "rejected": "No."}, TALK),
    (
        {"system": "S", "prompt": "Hi", "chosen": "Hello!", "rejected": "What?"},
        dataclasses.replace(HELLO, turns=[Turn("system", "S"), *HELLO.turns]),
    ),
]


def write_rows(path: Path, rows: list[Any]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def test_pairs_are_read_in_the_forms_that_files_have(tmp_path: Path) -> None:
    rows = [row for row, _ in FORMS]
    for name in ("pairs.jsonl", "pairs.jsonl.gz"):
        pairs, left = read_pairs(write_rows(tmp_path / name, rows))
        assert pairs == [pair for _, pair in FORMS]
        assert (left.rows, left.reasons, left.sentence()) == (6, {}, "")
    (tmp_path / "pairs.json").write_text(json.dumps(rows))
    assert read_pairs(tmp_path / "pairs.json")[0] == pairs


def test_pairs_of_a_table_are_read(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    pl.DataFrame([row for row, _ in FORMS[2:3]]).write_parquet(tmp_path / "pairs.parquet")
    assert read_pairs(tmp_path / "pairs.parquet")[0] == [HELLO]


GOOD = FORMS[0][0]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (
            {"prompt": "Hi", "chosen": "A", "text": "B"},
            'no "rejected" among the columns prompt, chosen, text (no_column)',
        ),
        ({**GOOD, "rejected": " "}, "rejected says nothing (empty_answer)"),
        ({**GOOD, "chosen": "What?"}, "chosen and rejected are the same (same_answers)"),
        ({"chosen": "A", "rejected": "B"}, "no turn before the answers (no_prompt)"),
        (
            {**GOOD, "chosen": [{"role": "user", "content": "A"}]},
            "does not end with a turn of the assistant (no_answer)",
        ),
        ({**GOOD, "chosen": 3}, "turn 2 says no text, but int (bad_turn)"),
        ({**GOOD, "chosen": "\ufdd0"}, "holds U+FDD0 (control_character)"),
        ([1], "(bad_json)"),
    ],
)
def test_what_is_no_pair_is_counted_and_told(tmp_path: Path, row: Any, told: str) -> None:
    pairs, left = read_pairs(write_rows(tmp_path / "some.jsonl", [GOOD, row, GOOD]))
    assert (len(pairs), left.rows, sum(left.reasons.values())) == (2, 3, 1)
    assert "row 2: " in left.sentence()
    assert told in left.sentence()
    with pytest.raises(UsageError, match="2 of 3 rows cannot be learned; the first: row 1: "):
        read_pairs(write_rows(tmp_path / "most.jsonl", [row, GOOD, row]))


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no rows"):
        read_pairs(write_rows(tmp_path / "none.jsonl", []))
    (tmp_path / "pairs.csv").write_text("a,b")
    with pytest.raises(UsageError, match="no file of preferences"):
        read_pairs(tmp_path / "pairs.csv")
    with pytest.raises(UsageError, match="no file matches"):
        read_pairs(tmp_path / "gone.jsonl")


def test_an_answer_is_what_is_said_last_and_what_ends_it() -> None:
    for pair, found in zip(PAIRS, encoded(), strict=True):
        for ids, begins, answer in (
            (found.chosen, found.chosen_at, pair.chosen),
            (found.rejected, found.rejected_at, pair.rejected),
        ):
            assert ids[0] == 256
            assert bytes(ids[begins:-1].tolist()).decode() == answer + "\n\n"
            assert ids[-1] == 256  # the template plain is ended by it
            assert bytes(ids[1:begins].tolist()).decode().endswith("\n\nAssistant:\n")
    assert "Be kind." in bytes(encoded()[1].chosen[1:-1].tolist()).decode()


def test_a_pair_that_is_longer_than_the_context_is_left_out() -> None:
    left = LeftOut(rows=3)
    assert len(encode_pairs(PAIRS, DIALOGUE, context=40, left=left)) == 1
    assert left.sentence().startswith("left out of 3 rows: 2 too_long; the first: a pair of ")


def test_rows_have_the_answers_as_targets_and_nothing_else() -> None:
    rows = rows_of(encoded())
    assert rows.inputs.shape == rows.targets.shape == (6, 128)
    for number, pair in enumerate(encoded()):
        for row, ids, begins in ((number, pair.chosen, pair.chosen_at), (number + 3, pair.rejected, pair.rejected_at)):
            learned = rows.targets[row][rows.targets[row] != UNTRAINED]
            assert learned.tolist() == ids[begins:].tolist()
            assert rows.inputs[row, : len(ids)].tolist() == ids.tolist()
            assert (rows.targets[row, : begins - 1] == UNTRAINED).all()


def test_rows_are_no_longer_than_the_context() -> None:
    longest = max(len(ids) for pair in encoded() for ids in (pair.chosen, pair.rejected))
    assert longest % 64 != 0
    assert rows_of(encoded(), longest).inputs.shape == (6, longest)


def test_each_pair_comes_once_an_epoch_in_an_order_of_its_own() -> None:
    pairs = [PairTokens(np.array([256, n, n]), np.array([256, n, 0]), 2, 2) for n in range(30)]
    source = PairSource("x", pairs, seed=5, context=64, padding=256, device=CPU)
    epochs = [source.places(range(30 * epoch, 30 * epoch + 30)) for epoch in range(3)]
    assert all(sorted(epoch) == [*range(30)] for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    across = epochs[0][25:] + epochs[1][:5]
    batch = source.batch(25, 10, own=range(2, 8), micro_rows=4)
    assert [inputs[: len(inputs) // 2, 1].tolist() for inputs, _ in batch.parts] == [across[2:6], across[6:8]]
    assert (batch.sources.tolist(), batch.trained.tolist()) == ([0] * 10, [1] * 10)
    learned, held = split_pairs(pairs, seed=5)
    assert (len(learned), len(held)) == (28, 2)
    assert split_pairs(pairs[:19], seed=5)[1] == []


def test_costs_are_those_computed_by_hand() -> None:
    margins = torch.tensor([0.0, math.log(3), -math.log(3)])
    torch.testing.assert_close(pair_costs(margins), torch.tensor([math.log(2), math.log(4 / 3), math.log(4)]))
    smooth = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)
    torch.testing.assert_close(pair_costs(margins[1:2], 0.1), torch.tensor([smooth]))


def alone(model: GPT, ids: np.ndarray, begins: int) -> torch.Tensor:
    """log p of an answer, from the plain logits of its row."""
    tokens = torch.tensor(ids)[None]
    logs = F.log_softmax(model(tokens)[0], dim=1)
    return sum((logs[at - 1, tokens[0, at]] for at in range(begins, len(ids))), torch.zeros(()))


def test_the_reward_loss_is_bradley_and_terrys_of_each_answers_last_token() -> None:
    model = make_model()
    add_score(model)
    with torch.no_grad():
        model.score.weight.normal_(0.0, 1.0, generator=torch.Generator().manual_seed(4))
    rows = rows_of(encoded())
    sides = [pair.chosen for pair in encoded()] + [pair.rejected for pair in encoded()]
    expected = torch.stack([(model.hidden(torch.tensor(ids)[None])[0, -1] @ model.score.weight[0]) for ids in sides])
    torch.testing.assert_close(rewards(model, rows.inputs, rows.targets), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(reward_margins(model, *rows), expected[:3] - expected[3:], atol=1e-5, rtol=1e-5)
    loss, costs = pair_loss(reward_margins)(model, *rows, 0.5)
    by_hand = -torch.log(1 / (1 + torch.exp(-(expected[:3] - expected[3:]))))
    torch.testing.assert_close(costs[:, 0], by_hand.detach(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(loss, 0.5 * by_hand.sum(), atol=1e-5, rtol=1e-5)


def test_the_preference_loss_and_its_gradients_are_those_of_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.train_min.pair_losses.CHUNK_ELEMENTS", {"cpu": 1})  # several chunks
    policy, reference, rows = make_model(seed=3), make_model(seed=4), rows_of(encoded())
    terms = []
    for pair in encoded():
        gained = [
            alone(policy, ids, begins) - alone(reference, ids, begins).detach()
            for ids, begins in ((pair.chosen, pair.chosen_at), (pair.rejected, pair.rejected_at))
        ]
        margin = 0.3 * (gained[0] - gained[1])
        terms.append(-0.9 * F.logsigmoid(margin) - 0.1 * F.logsigmoid(-margin))
    expected = torch.stack(terms).sum() * 0.25
    expected.backward()
    gradients = [weight.grad.clone() for weight in policy.parameters()]
    policy.zero_grad()
    margins = preference_margins(frozen_reference(reference), beta=0.3)
    loss, costs = pair_loss(margins, label_smoothing=0.1)(policy, *rows, 0.25)
    loss.backward()
    torch.testing.assert_close(loss, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(costs[:, 0], torch.stack(terms).detach(), atol=1e-4, rtol=1e-4)
    for weight, gradient in zip(policy.parameters(), gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient, atol=1e-4, rtol=1e-3)
    assert all(weight.grad is None for weight in reference.parameters())


def test_the_reference_of_an_adapter_is_the_model_that_it_stands_beside() -> None:
    policy, plain, rows = make_model(), make_model(), rows_of(encoded())
    add_low_rank(policy, Lora(4))
    with torch.no_grad():
        for weight in trained_weights(policy).values():
            weight.normal_(0.0, 0.1)
    assert torch.equal(own_reference(policy, *rows), answer_log_probabilities(plain, *rows).detach())
    assert not torch.allclose(answer_log_probabilities(policy, *rows), own_reference(policy, *rows))


def test_a_model_that_cannot_tell_has_half_of_the_pairs() -> None:
    model = make_model()
    add_score(model)
    with torch.no_grad():
        model.score.weight.zero_()
    [score] = score_pairs(model, reward_margins, "x", encoded(), rows=2, padding=256, smoothing=0.0)
    assert (score.source, score.pairs, score.accuracy, score.margin) == ("x", 3, 0.5, 0.0)
    assert score.loss == pytest.approx(math.log(2))
    assert score_pairs(model, reward_margins, "x", [], rows=2, padding=256, smoothing=0.0) == ()
