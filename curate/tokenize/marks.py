"""The control tokens that a recipe needs besides end-of-text: those of fill-in-the-middle, and of a template.

recipe ─┬▶ wanted: control in every vocabulary that has them    ─▶ load_tokenizer
        ├▶ reserved: what a tokenizer that is trained gets      ─▶ train_bpe
        └▶ checked: all of them are there, each another token   ─▶ plan, check
"""

from __future__ import annotations

from curate.errors import UsageError
from curate.recipe import Recipe, TokenizerChoice, TrainTokenizer
from curate.tokenize.encode import Tokenizer
from curate.tokenize.fim import find_marks, reserved_marks, wanted_marks
from curate.tokenize.own_control import check_control
from curate.tokenize.templates import run_template


def wanted_control(recipe: Recipe) -> tuple[str, ...]:
    """Tokens that no text becomes in this run, whether the tokenizer's files mark them as special or not."""
    fim = recipe.tokenize.fim
    return (*(wanted_marks(fim) if fim is not None else ()), *_of_template(recipe))


def reserved_control(recipe: Recipe) -> tuple[str, ...]:
    """Special tokens of a tokenizer that is trained, besides end-of-text: those that its table names, and the marks."""
    fim, choice = recipe.tokenize.fim, recipe.tokenize.tokenizer
    named = choice.train.special_tokens if isinstance(choice, TokenizerChoice) else ()
    marks = (*(reserved_marks(fim) if fim is not None else ()), *_of_template(recipe))
    return (*named, *(mark for mark in marks if mark not in named))


def _of_template(recipe: Recipe) -> tuple[str, ...]:
    template = run_template(recipe)
    return template.control if template is not None else ()


def check_reserved(recipe: Recipe, end_of_text: str, wanted: TrainTokenizer) -> None:
    """Raises UsageError where a tokenizer cannot be trained with the recipe's control tokens."""
    check_control([end_of_text, *reserved_control(recipe)], wanted.vocab_size, kind=wanted.kind)


def check_vocabulary(tokenizer: Tokenizer, recipe: Recipe) -> None:
    """Raises UsageError where the vocabulary lacks a control token that the recipe needs; says which."""
    if recipe.tokenize.fim is not None:
        find_marks(recipe.tokenize.fim, tokenizer.control, tokenizer.end_of_text_token)
    marks, name = _of_template(recipe), recipe.tokenize.template
    if missing := [mark for mark in marks if mark not in tokenizer.control]:
        told = f"{tokenizer.name} has no control token {' and '.join(missing)}"
        raise UsageError(f'{told}, which the template "{name}" needs; template = "plain" needs none')
    if (end := tokenizer.end_of_text_token) in marks:
        told = f'the template "{name}" has it within a text; name another one: end_of_text = "…"'
        raise UsageError(f"{end} ends a text for {tokenizer.name}, and {told}")
