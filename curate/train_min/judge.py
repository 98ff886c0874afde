"""A reward model asked: what number it gives an answer; more is better, and only differences mean something.

turns, answer ─▶ Dialogue ─▶ ids up to the end of the answer ─▶ score of the last one
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from curate.errors import UsageError
from curate.readers.turns import Turn
from curate.train_min.checkpoint import latest_checkpoint, load_model, read_state
from curate.train_min.dialogue import Dialogue, bind_template, template_of
from curate.train_min.generate import open_tokenizer
from curate.train_min.left_out import LeftOut
from curate.train_min.model import GPT
from curate.train_min.pair_losses import rewards
from curate.train_min.pairs import encode_pairs, pair_rows
from curate.train_min.preferences import Pair


@dataclass(frozen=True, slots=True)
class Judge:
    """A reward model, opened."""

    model: GPT
    dialogue: Dialogue

    @torch.no_grad()
    def rewards(self, prompt: str | Sequence[Turn], answers: Sequence[str]) -> list[float]:
        """Of each answer to one prompt, a text of the user or whole turns.

        Raises:
            UsageError: prompt and answer are longer than the context, or an answer is empty.
        """
        turns = [Turn("user", prompt)] if isinstance(prompt, str) else [*prompt]
        if not all(answer.strip() for answer in answers):
            raise UsageError("an answer says nothing")
        left, context = LeftOut(rows=len(answers)), self.model.config.context
        pairs = encode_pairs([Pair(turns, each, each) for each in answers], self.dialogue, context=context, left=left)
        if left.reasons:
            raise UsageError(left.first)
        padding = self.dialogue.tokenizer.end_of_text
        rows = pair_rows(pairs, context=context, padding=padding)
        count = len(answers)
        found: list[float] = rewards(self.model, rows.inputs[:count], rows.targets[:count]).tolist()
        return found


def open_judge(checkpoint: str | Path) -> Judge:
    """What `curate tune --method reward` has made (a folder, or a tuning's, whose newest checkpoint is taken).

    Raises:
        UsageError: it is no reward model.
    """
    folder = latest_checkpoint(Path(checkpoint)) or Path(checkpoint)
    state = read_state(folder)
    if state.tuning is None or state.tuning["method"] != "reward":
        raise UsageError(f"{folder} is no reward model: curate tune --method reward makes one")
    template = template_of(state.tuning["template"])
    return Judge(
        load_model(folder), bind_template(template, open_tokenizer(folder, state.vocabulary, template.control))
    )
