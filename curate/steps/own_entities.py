"""The entities of `[scrub]`, with those that are the user's own: a function from a text to spans, or an `Entity`.

"my_entities:staff_number" ─▶ base/my_entities.py ─▶ Entity("STAFF_NUMBER", find=staff_number) ─▶ "<STAFF_NUMBER>"
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from curate.errors import UsageError, nearest
from curate.model_file import ModelFile
from curate.own_code.functions import module_files_of
from curate.own_code.modules import find_module
from curate.recipe import Recipe
from curate.scrub.entities import ENTITIES, find_entities
from curate.scrub.entity import Entity


def entities_of(recipe: Recipe) -> tuple[Entity, ...]:
    """What the recipe scrubs, in its order.

    Raises:
        UsageError: there is no such entity or function, or two have one name.
    """
    if recipe.scrub is None:
        return ()
    named = [_own_entity(name, recipe.base) if ":" in name else name for name in recipe.scrub.entities]
    return find_entities(named, recipe.scrub.engine)


def entity_files(recipe: Recipe) -> Iterator[ModelFile]:
    """The modules of entities that curate does not bring."""
    return module_files_of(recipe.scrub.entities if recipe.scrub else (), recipe.base, ENTITIES)


def _own_entity(use: str, base: Path) -> Entity:
    module_name, _, attribute = use.partition(":")
    loaded = find_module(module_name, base)
    found = getattr(loaded.module, attribute, None)
    if isinstance(found, Entity):
        entity = found
    elif callable(found):
        entity = Entity(name=attribute.upper(), about=(found.__doc__ or "").partition("\n")[0], find=found)
    else:
        there = [name for name, value in vars(loaded.module).items() if callable(value) or isinstance(value, Entity)]
        raise UsageError(f'{module_name} has no entity or function "{attribute}"{nearest(attribute, there)}')
    return replace(entity, within=loaded.folder.open) if loaded.folder else entity
