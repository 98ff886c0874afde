"""Names of people, places and groups, found by a model of spaCy that the user names; none is ever downloaded.

texts ─▶ pieces that end at lines ─▶ nlp.pipe: what finds entities, and sentences ─▶ Presidio's names of labels ─▶ spans

Presidio asks the whole pipeline, text by text. No name goes over the end of a sentence, but on the other parts (tagger,
lemmatizer …) names do not depend: they are left out, and texts go in batches. What is found is the same.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from curate.batch import Pulse, no_pulse
from curate.errors import DocumentError, UsageError, nearest
from curate.model_file import ModelFile
from curate.scrub.entity import Entity, Labels


def _named(name: str, about: str, *labels: str) -> Entity:
    return Entity(name=name, about=f"{about}; needs a `model`", find=Labels(frozenset(labels)))


NAMES = (
    _named("PERSON", "names of people", "PERSON", "PER"),
    _named("LOCATION", "names of places: countries, towns, mountains, buildings", "GPE", "LOC", "FAC", "LOCATION"),
    _named("NRP", "nationalities, religions and political groups", "NORP"),
    _named("ORGANIZATION", "names of companies and institutions; Presidio's own setting leaves them out", "ORG"),
)
"""As Presidio's configuration maps the labels of models (presidio_analyzer/conf/default.yaml)."""

MAX_PIECE = 10_000
"""Characters that a model sees at once, where a text has lines or words to cut it at."""
BATCH_PIECES = 64

FINDERS = frozenset({"ner", "beam_ner"})
RULERS = frozenset({"entity_ruler", "span_ruler"})
"""Factories of components that set entities: by themselves, or by patterns that may ask for what others have set."""
BOUNDERS = frozenset({"parser", "beam_parser", "senter", "sentencizer"})
"""Those that part sentences. Without them some names reach into the next line, one text in 400."""


def find_names(
    texts: Mapping[int, str], *, entities: Sequence[Entity], model: str, pulse: Pulse = no_pulse
) -> dict[int, list[tuple[int, int, Entity]]]:
    """Where names start and end in each text, and what they are, in order; `model` as `find_model` takes it.

    `pulse` is called after every piece.

    Raises:
        UsageError: spaCy or the model is not installed, or the model finds no entities.
        DocumentError: the model failed on a text; says which by its number.
    """
    nlp = load_model(model)
    wanted = {label: entity for entity in entities if isinstance(entity.find, Labels) for label in entity.find.names}
    places = [(number, start, piece) for number, text in texts.items() for start, piece in cut_at_lines(text)]
    found: dict[int, list[tuple[int, int, Entity]]] = {}
    for (number, start, _), document in zip(places, _asked(nlp, places), strict=True):
        for name in document.ents:
            if name.label_ in wanted and name.end_char > name.start_char:
                hit = (start + name.start_char, start + name.end_char, wanted[name.label_])
                found.setdefault(number, []).append(hit)
        pulse()
    return found


def cut_at_lines(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of at most `MAX_PIECE` characters, with their starts: they end behind a line, else behind a word."""
    start = 0
    while start < len(text):
        end = start + MAX_PIECE
        if end < len(text):
            at = max(text.rfind("\n", start, end), text.rfind(" ", start, end) if "\n" not in text[start:end] else -1)
            end = at + 1 if at > start else end
        yield start, text[start:end]
        start = end


def _asked(nlp: Any, places: Sequence[tuple[int, int, str]]) -> Iterator[Any]:
    """The pieces with their entities, in order; after an exception one by one, to learn whose it is."""
    done = 0
    try:
        for document in nlp.pipe((piece for _, _, piece in places), batch_size=BATCH_PIECES):
            yield document
            done += 1
    except Exception:
        for number, _, piece in places[done:]:
            yield _ask_one(nlp, number, piece)


def _ask_one(nlp: Any, number: int, piece: str) -> Any:
    try:
        return nlp(piece)
    except Exception as error:
        raise DocumentError(
            f"text {number} cannot be scrubbed: the model of names failed: {type(error).__name__}: {error}"
        ) from error


def find_model(model: str, base: Path) -> Path:
    """The folder of a model: one that is named by its path (from `base`), or that of an installed package.

    Raises:
        UsageError: there is neither.
    """
    if (base / model / "meta.json").is_file():
        return base / model
    found = importlib.util.find_spec(model) if model.isidentifier() else None
    if found and found.origin and (folders := sorted(Path(found.origin).parent.glob("*/meta.json"))):
        return folders[0].parent
    raise UsageError(
        f'model = "{model}" is neither an installed spaCy model nor the folder of one, which has a meta.json'
        f"{nearest(model, known) if (known := _installed()) else ''}; none is downloaded"
    )


def model_of_names(model: str, base: Path) -> ModelFile:
    """The model as the plan holds it: its name and version, and a digest over all of its files."""
    folder = find_model(model, base)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    told = [f"{path.relative_to(folder).as_posix()} {_digest(str(path), path.stat().st_mtime_ns)}" for path in files]
    version = json.loads((folder / "meta.json").read_text(encoding="utf-8")).get("version", "")
    sha256 = hashlib.sha256("\n".join(told).encode()).hexdigest()
    return ModelFile(f"{Path(model).name} {version}".strip(), str(folder), sha256)


@functools.lru_cache(maxsize=1000)
def _digest(path: str, changed: int) -> str:
    """Once for each state of a file: a worker asks before every split."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installed() -> list[str]:
    try:
        import spacy.util
    except ImportError:
        return []
    return spacy.util.get_installed_models()


@functools.lru_cache(maxsize=2)
def load_model(folder: str) -> Any:
    """The pipeline of a model, with those components alone that entities need.

    Raises:
        UsageError: spaCy is not installed; the model is damaged, made for another version, or finds no entities.
    """
    try:
        import spacy
    except ImportError as error:
        raise UsageError(f'names need spaCy ({error}): pip install "curate-corpus[pii]"') from error
    try:
        nlp = spacy.load(folder)
    except Exception as error:
        told = " ".join(str(error).split())
        raise UsageError(f"the model {folder} cannot be loaded: {type(error).__name__}: {told}") from error
    needed = _needed(nlp)
    if not needed:
        raise UsageError(f"the model {folder} finds no entities: it has {', '.join(nlp.pipe_names) or 'no component'}")
    nlp.select_pipes(enable=needed)
    return nlp


def _needed(nlp: Any) -> list[str]:
    """Components that set entities, those that part sentences, and those to which these listen. What a ruler's patterns
    ask for only they know: before the last ruler all stay."""
    kinds = {name: nlp.get_pipe_meta(name).factory for name in nlp.pipe_names}
    if not any(kind in FINDERS | RULERS for kind in kinds.values()):
        return []
    rulers = [place for place, kind in enumerate(kinds.values()) if kind in RULERS]
    before = nlp.pipe_names[: rulers[-1] + 1] if rulers else []
    asked = {name for name, kind in kinds.items() if kind in FINDERS | BOUNDERS}
    heard = [name for name, pipe in nlp.pipeline if asked & set(getattr(pipe, "listener_map", {}))]
    return [name for name in nlp.pipe_names if name in {*before, *asked, *heard}]
