"""What takes the place of a finding: its entity's name, a pseudonym, a hash, or nothing.

text, hits ─▶ mask: "<PERSON>" │ pseudonym: "<PERSON_1>", "tamiro@example.org" │ hash: "<PERSON:5f0c…>" │ remove ─▶ text
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from curate.recipe import ScrubMode
from curate.scrub.entity import Entity
from curate.scrub.findings import Hit, marks_of
from curate.scrub.pseudonyms import PSEUDONYMS, Draw
from curate.scrub.spans import replaced

HASH_BYTES = 6
"""Among a million values two have one hash in one case of 560."""
MAX_DRAWS = 100
"""How often a pseudonym is drawn that another value of the document has already."""

Rewrite = Callable[[str, Sequence[Hit], bytes, str], str]
"""From a text, what was found in it, a key and the document's id to the text that may be shown."""


def rewrite(text: str, hits: Sequence[Hit], *, mode: ScrubMode, seed: int, id: str) -> str:
    """The text with each finding replaced.

    Within a document equal values (without regard to case and white space) get one pseudonym, others another; which one
    follows from the seed, the document's id and the value, and, if two values draw the same, from their order. A hash
    is the same in all documents with one seed.
    """
    return MODES[mode](text, hits, str(seed).encode(), id)


def _mask(text: str, hits: Sequence[Hit], key: bytes, id: str) -> str:
    return replaced(text, marks_of(hits))


def _pseudonymize(text: str, hits: Sequence[Hit], key: bytes, id: str) -> str:
    given: dict[tuple[str, str], str] = {}
    numbers: Counter[str] = Counter()
    taken: set[str] = set()
    marked = []
    for start, end, entity in hits:
        value = (entity.name, _plain(text[start:end]))
        if value not in given:
            numbers[entity.name] += 1
            made = _drawn(text[start:end], entity, taken, partial(_digest, key, "pseudonym", id, *value, size=32))
            given[value] = made or f"<{entity.name}_{numbers[entity.name]}>"
            taken.add(given[value])
        marked.append((start, end, given[value]))
    return replaced(text, marked)


def _drawn(value: str, entity: Entity, taken: set[str], digest: Callable[[str], bytes]) -> str | None:
    """One that no other value of the document has; None where none is made, or left."""
    if not (make := PSEUDONYMS.get(entity.name)):
        return None
    for attempt in range(MAX_DRAWS):
        made = make(value, _draw_from(digest(str(attempt))))
        if made is None or made not in taken:
            return made
    return None


def _draw_from(digest: bytes) -> Draw:
    left = int.from_bytes(digest)

    def draw(below: int) -> int:
        nonlocal left
        left, drawn = divmod(left, below)
        return drawn

    return draw


def _hash(text: str, hits: Sequence[Hit], key: bytes, id: str) -> str:
    def mark(value: str, entity: Entity) -> str:
        return f"<{entity.name}:{_digest(key, 'hash', entity.name, _plain(value), size=HASH_BYTES).hex()}>"

    return replaced(text, [(start, end, mark(text[start:end], entity)) for start, end, entity in hits])


def _remove(text: str, hits: Sequence[Hit], key: bytes, id: str) -> str:
    """Of two spaces that would meet where a finding was, one goes with it."""
    parts, last = [], 0
    for start, end, _ in hits:
        parts.append(text[last:start])
        is_apart = (start == 0 or text[start - 1] in " \n") and text[end : end + 1] == " "
        last = end + is_apart
    return "".join([*parts, text[last:]])


def _plain(value: str) -> str:
    return " ".join(value.casefold().split())


def _digest(key: bytes, *parts: str, size: int) -> bytes:
    """Keyed BLAKE2b (RFC 7693); each part with its length, so that no two lists of parts are one."""
    told = b"".join(len(part.encode()).to_bytes(8) + part.encode() for part in parts)
    return hashlib.blake2b(told, key=key, digest_size=size).digest()


MODES: Mapping[ScrubMode, Rewrite] = {
    "mask": _mask,
    "pseudonym": _pseudonymize,
    "hash": _hash,
    "remove": _remove,
}
