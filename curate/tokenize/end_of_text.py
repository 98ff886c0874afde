"""Which token ends a text: the one that the recipe names, else the one that the tokenizer's own files declare.

named ─▶ eos_token of tokenizer_config.json ─▶ what the post-processor puts after a text ─▶ the only special token left

A list of usual names would be a guess: `</s>` is Llama's end-of-text, and in Gemma's file a tag of HTML. Only tokens
that the file marks as special come into question, and of these not those whose name says that they do something else
(`<pad>`, `<bos>`). Where more than one is left, the recipe has to choose.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from curate.errors import UsageError, nearest
from curate.tokenize.backends import library_errors, printable

CONFIG = "tokenizer_config.json"
OTHER_ROLES = re.compile(r"<s>|(?<![a-z])(?:pad|padding|unk|unknown|mask|bos|begin|start|cls)(?![a-z])")
"""Names of special tokens that say: padding, unknown, masked, or the beginning of something."""
SHOWN = 12
"""Candidates that a sentence lists; Llama 3 has 256."""


def choose_end_of_text(
    named: str | None, table: Mapping[str, Any], config: Mapping[str, Any], ids: Mapping[str, int], place: Path
) -> str:
    """The token, by its text; `table` is a tokenizer.json, `config` what stands beside it, `ids` its whole vocabulary.

    Raises:
        UsageError: the token is not in the vocabulary, or the files name none or several.
    """
    if named is not None:
        return _known(named, table, ids, f"{place} has no token")
    declared = _text_of(config.get("eos_token"))
    if declared is not None:
        return _known(declared, table, ids, f"the eos_token of {place.with_name(CONFIG)} is no token of {place.name}:")
    candidates = tokens_after(table.get("post_processor")) or _open_specials(table)
    candidates = [token for token in dict.fromkeys(candidates) if token in ids]
    if len(candidates) == 1:
        return candidates[0]
    raise UsageError(f'{place} {_choice(candidates)}; name it in the recipe: [tokenize] end_of_text = "…"')


def _known(token: str, table: Mapping[str, Any], ids: Mapping[str, int], sentence: str) -> str:
    if token in ids:
        return token
    known = [added for added in (*special_tokens(table), *ordinary_tokens(table)) if added in ids]
    hint = nearest(token, [printable(name) for name in known[:SHOWN]]) if known else ""
    raise UsageError(f'{sentence} "{printable(token)}"{hint}')


def _choice(candidates: list[str]) -> str:
    if not candidates:
        return "declares no token that could end a text"
    more = f" and {len(candidates) - SHOWN} more" if len(candidates) > SHOWN else ""
    shown = ", ".join(printable(token) for token in candidates[:SHOWN])
    return f"does not say which of its special tokens ends a text ({shown}{more})"


def read_config(path: Path) -> dict[str, Any]:
    """The tokenizer_config.json beside a tokenizer.json; empty where there is none.

    Raises:
        UsageError: it is no JSON object.
    """
    beside = path.with_name(CONFIG)
    if not beside.is_file():
        return {}
    with library_errors(f"{beside} cannot be read"):
        found = json.loads(beside.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise UsageError(f"{beside} is no JSON object")
    return found


def special_tokens(table: Mapping[str, Any]) -> list[str]:
    """The added tokens that are marked special, in the order of the file."""
    return [added["content"] for added in table.get("added_tokens") or () if added.get("special")]


def ordinary_tokens(table: Mapping[str, Any]) -> list[str]:
    """The added tokens that are not: a text that spells one has it."""
    return [added["content"] for added in table.get("added_tokens") or () if not added.get("special")]


def config_tokens(config: Mapping[str, Any]) -> list[str]:
    """Every token that a tokenizer_config.json gives a role (`bos_token`, `pad_token` …) or marks as special."""
    roles = [_text_of(value) for key, value in config.items() if key.endswith("_token")]
    several = config.get("additional_special_tokens")
    roles += [_text_of(value) for value in several] if isinstance(several, list) else []
    added = config.get("added_tokens_decoder")
    entries = added.values() if isinstance(added, dict) else ()
    roles += [_text_of(entry) for entry in entries if isinstance(entry, dict) and entry.get("special")]
    return [token for token in roles if token]


def unknown_token(table: Mapping[str, Any]) -> str | None:
    """What the model gives for text that it does not know; not a control token, as it stands for text."""
    model = table["model"]
    number, vocabulary = model.get("unk_id"), model.get("vocab")
    if isinstance(number, int) and isinstance(vocabulary, list) and 0 <= number < len(vocabulary):
        return str(vocabulary[number][0])
    return _text_of(model.get("unk_token"))


def tokens_after(processor: Any) -> list[str]:
    """The tokens that a post-processor puts after a text."""
    return [token for token, is_after in _around(processor) if is_after]


def _open_specials(table: Mapping[str, Any]) -> list[str]:
    """Special tokens without another role: not unknown, not padding, not what stands before a text, be it that the file
    says so or their own name."""
    taken = {unknown_token(table)} | {token for token, is_after in _around(table.get("post_processor")) if not is_after}
    padding = table.get("padding")
    if isinstance(padding, dict):
        taken.add(_text_of(padding.get("pad_token")))
    return [token for token in special_tokens(table) if token not in taken and not OTHER_ROLES.search(token.lower())]


def _around(processor: Any) -> Iterator[tuple[str, bool]]:
    """Each token that a post-processor adds to a single text, and whether it stands after it."""
    if not isinstance(processor, dict):
        return
    for part in processor.get("processors") or ():
        yield from _around(part)
    for key, is_after in (("cls", False), ("sep", True)):  # BertProcessing and RobertaProcessing
        pair = processor.get(key)
        if isinstance(pair, list) and pair and isinstance(pair[0], str):
            yield pair[0], is_after
    yield from _in_template(processor)


def _in_template(processor: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    template = processor.get("single")
    is_after = False
    for part in template if isinstance(template, list) else ():
        if isinstance(part, dict) and "Sequence" in part:
            is_after = True
        elif isinstance(part, dict) and isinstance(part.get("SpecialToken"), dict):
            name = part["SpecialToken"].get("id")
            yield from ((token, is_after) for token in _tokens_of(processor, name))


def _tokens_of(processor: Mapping[str, Any], name: Any) -> list[str]:
    """A template names its tokens, and says below `special_tokens` what each name stands for."""
    table = processor.get("special_tokens")
    entry = table.get(name) if isinstance(table, dict) and isinstance(name, str) else None
    found = entry.get("tokens") if isinstance(entry, dict) else None
    return [token for token in found if isinstance(token, str)] if isinstance(found, list) else []


def _text_of(value: Any) -> str | None:
    """A token is written as its text, or as a table with its `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) and value else None
