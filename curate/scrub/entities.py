"""The table of entities: what `[scrub] entities` may name, besides a user's own functions and what packages bring.

("EMAIL_ADDRESS", "my_entities:staff_number") ─▶ find_entities ─▶ Entity, Entity
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from curate.errors import UsageError, nearest
from curate.plugins import find_plugin
from curate.scrub.accounts import IBAN_CODE
from curate.scrub.cards import CREDIT_CARD
from curate.scrub.emails import EMAIL_ADDRESS
from curate.scrub.entity import Entity
from curate.scrub.ips import IP_ADDRESS
from curate.scrub.machines import MAC_ADDRESS, URL_CREDENTIALS
from curate.scrub.names import NAMES
from curate.scrub.national import NATIONAL
from curate.scrub.phones import PHONE_NUMBER
from curate.scrub.presidio import RECOGNIZED
from curate.scrub.secrets import SECRET
from curate.scrub.wallets import CRYPTO

ENGINES = ("patterns", "presidio")
PATTERNS = (
    *(EMAIL_ADDRESS, IP_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN_CODE, CRYPTO, MAC_ADDRESS, URL_CREDENTIALS),
    *NATIONAL,
)
ENTITIES: Mapping[str, Entity] = {entity.name: entity for entity in (*RECOGNIZED, *PATTERNS, SECRET, *NAMES)}
"""By name, as "patterns" has them where it has them."""
PRESIDIO: Mapping[str, Entity] = {entity.name: entity for entity in (*RECOGNIZED, *NAMES)}
"""What the engine "presidio" leaves to Presidio and to models; it finds all others as "patterns" does."""


def find_entities(named: Iterable[str | Entity], engine: str) -> tuple[Entity, ...]:
    """The entities that a recipe calls so; those that are objects already stay as they are.

    Raises:
        UsageError: there is no such engine, it does not find one of them, or two have one name.
    """
    if engine not in ENGINES:
        raise UsageError(f'no engine "{engine}" finds personal data{nearest(engine, ENGINES)}')
    found = tuple(entity if isinstance(entity, Entity) else _find_entity(entity, engine) for entity in named)
    names = [entity.name for entity in found]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UsageError(f"two entities are called {twice[0]}; each is found once")
    return found


def _find_entity(name: str, engine: str) -> Entity:
    found = (PRESIDIO.get(name) if engine == "presidio" else None) or ENTITIES.get(name) or find_plugin(name)
    if not isinstance(found, Entity):
        told = nearest(name, known_names(engine))
        raise UsageError(f'the engine "{engine}" does not find "{name}"{told}; your own are named "module:function"')
    if found.engine not in ("patterns", engine):
        known = ", ".join(known_names(engine))
        raise UsageError(f'the engine "{engine}" does not find {name}; "{found.engine}" does (known: {known})')
    return found


def known_names(engine: str) -> Sequence[str]:
    return [name for name, entity in ENTITIES.items() if entity.engine in ("patterns", engine)]
