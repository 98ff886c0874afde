"""Personal data out of texts: something else takes the place of each finding, and findings are counted.

texts ─▶ one scan for all patterns ──────────────────────────┬─▶ Findings ─▶ "<EMAIL_ADDRESS>", or as the mode says
         documents that can hold one ─▶ a user's function ────┤
         Presidio, for all that it finds at once ─────────────┤
         a model of language, for names ──────────────────────┘
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Literal

import polars as pl

from curate.batch import Pulse, no_pulse
from curate.errors import CurateError, DocumentError, UsageError
from curate.recipe import ScrubMode
from curate.scrub.entities import find_entities
from curate.scrub.entity import Entity, Labels, Pattern, Recognizer
from curate.scrub.findings import Findings, with_texts_at
from curate.scrub.modes import rewrite
from curate.scrub.names import find_names, load_model
from curate.scrub.patterns import find_by_patterns
from curate.scrub.presidio import find_by_presidio
from curate.scrub.spans import in_order


def scrub_texts(
    texts: pl.Series,
    *,
    entities: Iterable[str | Entity],
    engine: Literal["patterns", "presidio"] = "patterns",
    model: str | None = None,
    mode: ScrubMode = "mask",
    seed: int = 17,
    ids: pl.Series | None = None,
    pulse: Pulse = no_pulse,
) -> pl.DataFrame:
    """A frame with `text` (String) and a count `pii_<entity>` (UInt32, name in lower case) for each entity.

    What counts as an entity, by its form, its check digits and what stands around it, is in docs/scrub.md; those that
    patterns find take one scan together. "presidio" leaves to Presidio's pattern recognizers what these know, finds
    the others as "patterns" does, and calls `pulse` while it works on a long text; names it finds by `model`,
    the folder of a model of spaCy (`curate.scrub.names.find_model`).

    `mode` says what takes a finding's place; pseudonyms follow from `seed` and from a document's id (`ids`, String; by
    default its text stands for it), hashes from `seed`. What is found, and how often, is the same in every mode.

    Raises:
        UsageError: an entity that the engine does not know, names without a model, or Presidio, spaCy or the model is
            asked for and not installed.
        DocumentError: Presidio, the model or a user's function could not finish a text; it says which by its number.
            Such a document must not pass, and the others can: asked without it, or one by one, they get the same
            answers.
    """
    asked = find_entities(entities, engine)
    found = find_personal(texts, asked, model=model, pulse=pulse)
    clean = found.shown if mode == "mask" else _rewritten(found, mode, seed, ids)
    return pl.DataFrame({"text": clean} | {entity.column: found.count(entity) for entity in asked})


def find_personal(
    texts: pl.Series, entities: Sequence[Entity], *, model: str | None = None, pulse: Pulse = no_pulse
) -> Findings:
    """Where the entities stand in the texts; raises as `scrub_texts` does."""
    named = [entity for entity in entities if isinstance(entity.find, Labels)]
    if named and model is None:
        raise UsageError(f'{named[0].name} is found by a model of spaCy: name one, as in model = "en_core_web_sm"')
    found = Findings(texts)
    for is_pattern, group in groupby(entities, lambda entity: isinstance(entity.find, Pattern)):
        if is_pattern:
            _find_patterns(found, [*group])
        else:
            for entity in group:
                if entity.engine == "patterns":
                    _find_one(found, entity)
    recognized = [entity for entity in entities if isinstance(entity.find, Recognizer)]
    if recognized:
        _find_recognized(found, recognized, pulse)
    if named and model is not None:
        load_model(model)  # what is wrong with it is said even where no text is asked about
        held = {number: text for number, text in enumerate(texts) if text}
        found.add_beside(find_names(held, entities=named, model=model, pulse=pulse))
    return found


def _find_patterns(found: Findings, entities: Sequence[Entity]) -> None:
    """Those that patterns find, all at once."""
    by_name = {entity.name: entity for entity in entities}
    hits = find_by_patterns(found.shown, entities)
    found.add({place: [(start, end, by_name[name]) for start, end, name in spans] for place, spans in hits.items()})


def _find_one(found: Findings, entity: Entity) -> None:
    """One entity; only documents that can hold it leave the column."""
    texts = found.shown
    can_hold = texts.str.contains(entity.can_hold) if entity.can_hold else texts.is_not_null()
    places = can_hold.fill_null(False).arg_true()
    with entity.within():
        held = zip(places, texts.gather(places), strict=True)
        found.add({number: _find_in_one(number, text, entity) for number, text in held})


def _find_in_one(number: int, text: str, entity: Entity) -> list[tuple[int, int, Entity]]:
    assert callable(entity.find), "others are asked for all of their entities together"
    try:
        return [(*span, entity) for span in in_order(text, entity.find(text))]
    except CurateError:
        raise
    except Exception as error:
        raise _unfinished(number, text, f"{entity.name}: {type(error).__name__}: {error}") from error


def _find_recognized(found: Findings, entities: Sequence[Entity], pulse: Pulse) -> None:
    by_name = {entity.name: entity for entity in entities}
    hits = {}
    for number, text in enumerate(found.shown):
        try:
            spans = find_by_presidio(text, entities=entities, pulse=pulse) if text is not None else []
        except DocumentError as error:
            raise _unfinished(number, text, str(error)) from error
        hits[number] = [(start, end, by_name[name]) for start, end, name in spans]
    found.add(hits)


def _unfinished(number: int, text: str, why: str) -> DocumentError:
    return DocumentError(f"text {number} of {len(text):,} characters cannot be scrubbed: {why}")


def _rewritten(found: Findings, mode: ScrubMode, seed: int, ids: pl.Series | None) -> pl.Series:
    places = sorted(found.hits)
    if not places:
        return found.texts
    texts = found.texts.gather(places)
    keys = ids.gather(places) if ids is not None else [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    written = [
        rewrite(text, found.hits[place], mode=mode, seed=seed, id=key)
        for place, text, key in zip(places, texts, keys, strict=True)
    ]
    return with_texts_at(found.texts, places, written)
