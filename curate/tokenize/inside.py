"""A tokenizer.json for texts from within documents: what it puts before every text, it puts before none of these.

table ─▶ "Prepend" removed, "Metaspace" and "ByteLevel" without a first space ─▶ the same table where none was put
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def without_first_space(table: Mapping[str, Any]) -> dict[str, Any]:
    """The tokenizer.json that encodes as `table` does, but without a space of its own before a text."""
    steps = ((key, table.get(key)) for key in ("normalizer", "pre_tokenizer"))
    return {**table, **{key: _without(step) for key, step in steps if step is not None}}


def _without(step: Mapping[str, Any]) -> dict[str, Any] | None:
    """One step of a normalizer or pre-tokenizer, with all that it is made of; None where nothing is left of it."""
    if step.get("type") == "Prepend":
        return None
    changed = dict(step)
    for key in ("normalizers", "pretokenizers"):
        if isinstance(step.get(key), list):
            changed[key] = [kept for part in step[key] if (kept := _without(part)) is not None]
    if "prepend_scheme" in step:
        changed["prepend_scheme"] = "never"
    if "add_prefix_space" in step:
        changed["add_prefix_space"] = False
    return changed
