"""A dialogue with a checkpoint: lines of a person, answers of the model, in the template that it was tuned with.

turns so far ─▶ Dialogue.question ─▶ sample ─▶ the answer, told as it comes ─▶ one turn more
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import UsageError
from curate.readers.turns import MARK, Turn
from curate.tokenize.templates import open_template
from curate.train_min.checkpoint import latest_checkpoint, read_state
from curate.train_min.dialogue import Dialogue, bind_template, template_of
from curate.train_min.generate import Tell, Telling, open_speaker, sample
from curate.train_min.model import GPT
from curate.train_min.sampling import Sampling, check_sampling


@dataclass(slots=True)
class Chat:
    """A dialogue that goes on; `turns` are what was said so far."""

    model: GPT
    dialogue: Dialogue
    turns: list[Turn] = field(default_factory=list)

    def ask(
        self,
        text: str,
        *,
        tokens: int = 200,
        sampling: Sampling | None = None,
        seed: int = 17,
        tell: Tell | None = None,
    ) -> str:
        """The answer, of up to `tokens`, which `tell` hears as it is written. Where the context is too short for all
        turns and the answer, the oldest are not shown to the model, but for a system prompt."""
        sampling = sampling or Sampling()
        check_sampling(sampling)
        self.turns.append(Turn("user", MARK.sub("", text)))
        start = self._shown(tokens)
        stop = self.dialogue.next_question
        telling = Telling(self.dialogue.tokenizer, [], tell or (lambda piece: None), stop=stop)
        sample(
            self.model, start, tokens=tokens, ends=self.dialogue.ends, sampling=sampling, seeds=[seed], hear=telling.add
        )
        telling.end()
        answer = telling.text.removesuffix(self.dialogue.template.end)
        self.turns.append(Turn("assistant", answer))
        return answer

    def _shown(self, tokens: int) -> list[int]:
        """The ids of as many of the last turns as leave room for an answer."""
        context = self.model.config.context
        room = context - min(tokens, context // 2)
        kept = [turn for turn in self.turns if turn.role == "system"]
        others = [turn for turn in self.turns if turn.role != "system"]
        for first in range(0, len(others), 2):  # a question and its answer go together
            ids = self._asked([*kept, *others[first:]])
            if len(ids) <= room:
                break
        return ids

    def _asked(self, turns: Sequence[Turn]) -> list[int]:
        return [self.dialogue.tokenizer.end_of_text, *self.dialogue.question(turns)]


def open_chat(checkpoint: Path, *, system: str | None = None, template: str | None = None) -> Chat:
    """
    Raises:
        UsageError: there is no checkpoint, or neither it nor `template` says how conversations are written.
    """
    folder = latest_checkpoint(checkpoint) or checkpoint
    tuning = read_state(folder).tuning
    if template is not None:
        chosen = open_template(template, Path.cwd())
    elif tuning is not None and tuning["template"] is not None:
        chosen = template_of(tuning["template"])
    else:
        raise UsageError(f"{folder} was not tuned on conversations: curate tune does, or name its template")
    speaker = open_speaker(folder, control=chosen.control)
    turns = [Turn("system", MARK.sub("", system))] if system else []
    return Chat(speaker.model, bind_template(chosen, speaker.tokenizer), turns)
