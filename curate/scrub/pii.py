"""Personal data out of texts: a mark takes the place of each finding, and findings are counted.

texts ─▶ one scan for all patterns ─▶ "<EMAIL_ADDRESS>", "<IP_ADDRESS>"
         documents that can hold one (a cheap test) ─▶ a user's own function ─▶ "<STAFF_NUMBER>"
                                                       Presidio, for all that it finds at once ─▶ "<PHONE_NUMBER>"
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import numpy as np
import polars as pl

from curate.batch import Pulse, no_pulse
from curate.errors import CurateError, DocumentError
from curate.scrub.entities import find_entities
from curate.scrub.entity import Entity, Pattern
from curate.scrub.patterns import find_by_patterns
from curate.scrub.presidio import find_by_presidio
from curate.scrub.spans import in_order, replaced


def scrub_texts(
    texts: pl.Series,
    *,
    entities: Iterable[str | Entity],
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
        DocumentError: Presidio or a user's function could not finish a text; it says which by its number. Such a
            document must not pass, and the others can: asked without it, or one by one, they get the same answers.
    """
    asked = find_entities(entities, engine)
    counts: dict[str, pl.Series] = {}
    for is_pattern, group in groupby(asked, lambda entity: isinstance(entity.find, Pattern)):
        those = [*group]
        if is_pattern:
            texts, found = _replace_patterns(texts, those)
            counts |= found
            continue
        for entity in those:
            if entity.engine == "patterns":
                texts, counts[entity.name] = _replace_one(texts, entity)
    recognized = [entity for entity in asked if entity.engine == "presidio"]
    if recognized:
        texts, found = _replace_recognized(texts, recognized, pulse)
        counts |= found
    return pl.DataFrame({"text": texts} | {entity.column: counts[entity.name] for entity in asked})


def _replace_patterns(texts: pl.Series, entities: Sequence[Entity]) -> tuple[pl.Series, dict[str, pl.Series]]:
    """The texts without what patterns find, and counts; only documents with findings leave the column."""
    found = find_by_patterns(texts, entities)
    marks = {entity.name: entity.mark for entity in entities}
    places = pl.Series([*found], dtype=pl.UInt32)
    clean = [
        replaced(text, [(start, end, marks[name]) for start, end, name in spans])
        for text, spans in zip(texts.gather(places), found.values(), strict=True)
    ]
    counts = {name: np.zeros(len(texts), dtype=np.uint32) for name in marks}
    for number, spans in found.items():
        for *_, name in spans:
            counts[name][number] += 1
    return _put(texts, places, pl.Series(clean)) if found else texts, {
        name: pl.Series(of_texts) for name, of_texts in counts.items()
    }


def _replace_one(texts: pl.Series, entity: Entity) -> tuple[pl.Series, pl.Series]:
    """The texts without one entity, and counts; only documents that can hold it leave the column."""
    can_hold = texts.str.contains(entity.can_hold) if entity.can_hold else texts.is_not_null()
    places = can_hold.fill_null(False).arg_true()
    with entity.within():
        held = zip(places, texts.gather(places), strict=True)
        found = [_replace_in_one(number, text, entity) for number, text in held]
    counts = pl.zeros(len(texts), dtype=pl.UInt32, eager=True)
    if not any(count for _, count in found):
        return texts, counts
    numbers = pl.Series([count for _, count in found], dtype=pl.UInt32)
    return _put(texts, places, pl.Series([text for text, _ in found])), _put(counts, places, numbers)


def _replace_in_one(number: int, text: str, entity: Entity) -> tuple[str, int]:
    assert callable(entity.find), "patterns and Presidio are asked for all of their entities together"
    try:
        spans = in_order(text, entity.find(text))
    except CurateError:
        raise
    except Exception as error:
        raise _unfinished(number, text, f"{entity.name}: {type(error).__name__}: {error}") from error
    return replaced(text, [(*span, entity.mark) for span in spans]), len(spans)


def _put(column: pl.Series, places: pl.Series, values: pl.Series) -> pl.Series:
    """The column with other values in some places; texts are gathered and not copied."""
    order = np.arange(len(column))
    order[places] = len(column) + np.arange(len(values))
    return pl.concat([column, values], rechunk=False).gather(order)


def _replace_recognized(
    texts: pl.Series, entities: Sequence[Entity], pulse: Pulse
) -> tuple[pl.Series, dict[str, pl.Series]]:
    found = [_replace_recognized_in_one(number, text, entities, pulse) for number, text in enumerate(texts)]
    clean = pl.Series(texts.name, [text for text, _ in found], dtype=pl.String)
    names = [entity.name for entity in entities]
    return clean, {name: pl.Series([counts[name] for _, counts in found], dtype=pl.UInt32) for name in names}


def _replace_recognized_in_one(
    number: int, text: str | None, entities: Sequence[Entity], pulse: Pulse
) -> tuple[str | None, Counter[str]]:
    if text is None:
        return None, Counter()
    marks = {entity.name: entity.mark for entity in entities}
    try:
        found = find_by_presidio(text, entities=entities, pulse=pulse)
    except DocumentError as error:
        raise _unfinished(number, text, str(error)) from error
    counts = Counter(name for _, _, name in found)
    return replaced(text, [(start, end, marks[name]) for start, end, name in found]), counts


def _unfinished(number: int, text: str, why: str) -> DocumentError:
    return DocumentError(f"text {number} of {len(text):,} characters cannot be scrubbed: {why}")
