"""Personal data out of texts: each finding becomes its entity's name in angle brackets, and is counted.

texts ─▶ documents that can hold one (a cheap test) ─▶ emails, ips ─▶ "<EMAIL_ADDRESS>", "<IP_ADDRESS>"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

import polars as pl

from curate.batch import Pulse, no_pulse
from curate.errors import DocumentError, UsageError, nearest
from curate.scrub.emails import replace_emails
from curate.scrub.ips import replace_ips
from curate.scrub.presidio import RECOGNIZERS, replace_by_presidio

CAN_HOLD = {
    "EMAIL_ADDRESS": r"@",
    "IP_ADDRESS": r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[23][0-9A-Fa-f]{3}:[0-9A-Fa-f:]|::[fF]{4}:",
}
"""What every document with such an entity matches; the others are not looked at again."""


def scrub_texts(
    texts: pl.Series,
    *,
    entities: tuple[str, ...],
    engine: Literal["patterns", "presidio"] = "patterns",
    pulse: Pulse = no_pulse,
) -> pl.DataFrame:
    """A frame with `text` (String) and a count `pii_<entity>` (UInt32, name in lower case) for each entity.

    "patterns" knows EMAIL_ADDRESS (under a known top-level domain) and IP_ADDRESS: valid public addresses, version 4 or
    6 (`ipaddress.is_global`; of version 6, global unicast, so that `a::b` in code stays). What stands around both
    decides as well, so that "lodash@4.17.21" and "version 4.10.2.1" stay (docs/scrub.md). "presidio" finds these two
    in the same way, and the other entities by Presidio's pattern recognizers, and calls `pulse` while it works on a
    long text.

    Raises:
        UsageError: an entity that the engine does not know, or Presidio is asked for and not installed.
        DocumentError: Presidio could not finish a text; it says which by its number. Such a document must not pass, and
            the others can: asked without it, or one by one, they get the same answers.
    """
    for entity in entities:
        _check_entity(entity, engine)
    counts = {}
    for entity in (name for name in entities if name in REPLACERS):
        texts, counts[entity] = _replace_pattern(texts, entity)
    others = tuple(name for name in entities if name not in REPLACERS)
    if others:
        texts, found = _replace_others(texts, others, pulse)
        counts |= found
    return pl.DataFrame({"text": texts} | {f"pii_{entity.lower()}": counts[entity] for entity in entities})


def _check_entity(entity: str, engine: str) -> None:
    if engine not in ("patterns", "presidio"):
        raise UsageError(f'no engine "{engine}" finds personal data{nearest(engine, ("patterns", "presidio"))}')
    known = {*REPLACERS, *RECOGNIZERS} if engine == "presidio" else {*REPLACERS}
    if entity in known:
        return
    if entity in RECOGNIZERS:
        raise UsageError(
            f'the engine "{engine}" does not find {entity}; "presidio" does (known: {", ".join(REPLACERS)})'
        )
    raise UsageError(f'the engine "{engine}" does not find "{entity}"{nearest(entity, known)}')


def _replace_pattern(texts: pl.Series, entity: str) -> tuple[pl.Series, pl.Series]:
    """The texts without one entity, and counts; only documents that can hold it leave the column."""
    places = texts.str.contains(CAN_HOLD[entity]).fill_null(False).arg_true()
    replaced = [REPLACERS[entity](text) for text in texts.gather(places)]
    counts = pl.zeros(len(texts), dtype=pl.UInt32, eager=True)
    if not any(count for _, count in replaced):
        return texts, counts
    found = pl.Series([count for _, count in replaced], dtype=pl.UInt32)
    return _put(texts, places, pl.Series([text for text, _ in replaced])), _put(counts, places, found)


def _put(column: pl.Series, places: pl.Series, values: pl.Series) -> pl.Series:
    return column.clone().scatter(places, values)


def _replace_others(
    texts: pl.Series, entities: tuple[str, ...], pulse: Pulse
) -> tuple[pl.Series, dict[str, pl.Series]]:
    replaced = [_replace_in_one(number, text, entities, pulse) for number, text in enumerate(texts)]
    clean = pl.Series(texts.name, [text for text, _ in replaced], dtype=pl.String)
    return clean, {name: pl.Series([found[name] for _, found in replaced], dtype=pl.UInt32) for name in entities}


def _replace_in_one(
    number: int, text: str | None, entities: tuple[str, ...], pulse: Pulse
) -> tuple[str | None, Counter[str]]:
    if text is None:
        return None, Counter()
    try:
        return replace_by_presidio(text, entities=entities, pulse=pulse)
    except DocumentError as error:
        raise DocumentError(f"text {number} of {len(text):,} characters cannot be scrubbed: {error}") from error


REPLACERS: dict[str, Callable[[str], tuple[str, int]]] = {
    "EMAIL_ADDRESS": replace_emails,
    "IP_ADDRESS": replace_ips,
}
"""Entity -> the function from a text to the text without it, and how many there were."""
