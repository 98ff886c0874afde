"""Control tokens never come from a text, whatever it spells: the model that encodes does not know them.

tokenizer.json ─▶ control tokens ─▶ the same file without their pieces, merges and words ─▶ the encoder

`tokenizers` can be told not to look for special tokens in a text, but its model finds those of its vocabulary all the
same: Unigram as a piece, WordLevel and WordPiece as a word, BPE by its merges. SentencePiece itself keeps control
pieces out of the table in which it looks pieces up; so does this.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from curate.tokenize.end_of_text import config_tokens, special_tokens, tokens_after, unknown_token
from curate.tokenize.vocabulary import BYTE_PIECE

SPELLED_BYTE = {
    "type": "Split",
    "pattern": {"Regex": "<(?=0x[0-9A-F]{2}>)"},
    "behavior": "MergedWithPrevious",
    "invert": False,
}
"""`<0x41>` in a text is six characters: cut behind the first, it cannot be found as the piece of a byte."""


def control_tokens(table: Mapping[str, Any], config: Mapping[str, Any], end_of_text: str) -> set[str]:
    """Tokens that are marked special or have a role; not the unknown token, and none that text cannot do without."""
    found = {*special_tokens(table), *config_tokens(config), *tokens_after(table.get("post_processor")), end_of_text}
    return {token for token in found if token != unknown_token(table) and not is_text(token, table)}


def is_text(token: str, table: Mapping[str, Any]) -> bool:
    """One character or byte of the model's alphabet: CLIP pads with "!", and a text may still shout."""
    return token in _pieces(table["model"]) and (len(token) == 1 or BYTE_PIECE.fullmatch(token) is not None)


def without_control(table: dict[str, Any], control: Set[str], ids: Mapping[str, int]) -> dict[str, Any]:
    """The tokenizer.json that encodes as this one does, and gives no id of `control`; the same where it never does."""
    model, added = table["model"], [_as_special(entry, control) for entry in table.get("added_tokens") or ()]
    unknown = unknown_token(table)
    hidden = {token for token in _findable(model) if token in control or token == unknown}
    if hidden - {unknown} or (hidden and _is_list(model)):
        ordinary = {entry["content"] for entry in added if not entry.get("special")}
        model = _without(model, hidden, {token: ids[token] for token in {unknown, *ordinary} if token in ids})
        added = [entry for entry in added if entry["content"] not in hidden]
    changed = table | {"model": model, "added_tokens": added}
    if model.get("byte_fallback") and (_is_list(model) or model.get("ignore_merges")):
        before = table.get("pre_tokenizer")
        steps = [SPELLED_BYTE] if before is None else [before, SPELLED_BYTE]
        changed["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    return changed


def _as_special(entry: dict[str, Any], control: Set[str]) -> dict[str, Any]:
    return entry | {"special": True} if entry["content"] in control else entry


def _pieces(model: Mapping[str, Any]) -> dict[str, Any]:
    vocab: dict[str, Any] = {piece[0]: None for piece in model["vocab"]} if _is_list(model) else model["vocab"]
    return vocab


def _findable(model: Mapping[str, Any]) -> set[str]:
    """The pieces that the model may find in a text as they are spelled: of BPE those that merges make."""
    if "merges" not in model:
        return set(_pieces(model))
    prefix = model.get("continuing_subword_prefix") or ""
    pairs = (merge.split(" ", 1) if isinstance(merge, str) else merge for merge in model["merges"] or ())
    made = {first + second.removeprefix(prefix) for first, second in pairs}
    return made | set(model["vocab"]) if model.get("ignore_merges") else made


def _without(model: dict[str, Any], hidden: Set[str], kept: dict[str, int]) -> dict[str, Any]:
    """`kept` are the unknown token, which the model looks up by its text, and added tokens, which would get other ids
    if the vocabulary that they come after were shorter."""
    if _is_list(model):  # places are ids, and an empty piece is never found
        return model | {"vocab": [["", *piece[1:]] if piece[0] in hidden else piece for piece in model["vocab"]]}
    vocab = {token: number for token, number in model["vocab"].items() if token not in hidden} | kept
    if "merges" not in model:
        return model | {"vocab": vocab}
    merges = [merge for merge in model["merges"] or () if not {*_halves(merge), _merged(merge, model)} & hidden]
    return model | {"vocab": vocab, "merges": merges}


def _is_list(model: Mapping[str, Any]) -> bool:
    """As in Unigram models, whose ids are places."""
    return isinstance(model["vocab"], list)


def _halves(merge: Any) -> tuple[str, str]:
    """Merges are pairs, in older files one string with a space."""
    first, _, second = merge.partition(" ") if isinstance(merge, str) else (merge[0], "", merge[1])
    return first, second


def _merged(merge: Any, model: Mapping[str, Any]) -> str:
    first, second = _halves(merge)
    return first + second.removeprefix(model.get("continuing_subword_prefix") or "")
