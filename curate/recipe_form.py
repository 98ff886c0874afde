"""The normal form of a recipe, in which every default is filled in; the digest of it, and the TOML file that says it.

Recipe ─▶ plain values ─┬▶ JSON with sorted keys ─▶ SHA-256
                        └▶ TOML, which loads to the same recipe
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from curate.recipe import Recipe, Source, Step


def normal_form(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain values, every default filled in, without what cannot change the data (places, `[train]`)."""
    plain: dict[str, Any] = plain_value(recipe)
    plain["source"] = plain.pop("sources")
    for unneeded in ("file", "places", "train"):
        plain.pop(unneeded)
    return plain


def digest(recipe: Recipe) -> str:
    """SHA-256 of the normal form as JSON with sorted keys."""
    text = json.dumps(normal_form(recipe), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def to_toml(recipe: Recipe) -> str:
    """The resolved recipe as a TOML file that loads to the same recipe."""
    plain = normal_form(recipe) | {"train": plain_value(recipe.train)}
    sources = plain.pop("source")
    tables = {key: value for key, value in plain.items() if isinstance(value, dict)}
    lines = [f"{key} = {_toml(value)}" for key, value in plain.items() if key not in tables and value is not None]
    for source in sources:
        lines += ["", "[[source]]", *_toml_pairs(source)]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_toml_pairs(table)]
    return "\n".join(lines) + "\n"


def changed_keys(old: Recipe, new: Recipe) -> list[str]:
    """What another recipe says otherwise, as one finds it in the file: "seed", "[mix] weights", "source web: steps"."""
    before, after = _by_key(normal_form(old)), _by_key(normal_form(new))
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def _by_key(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Two levels of tables as one. A table that is not there says nothing."""
    found = {key: value for key, value in plain.items() if key != "source" and not isinstance(value, Mapping)}
    for source in plain["source"]:
        found |= {f"source {source['name']}: {key}": value for key, value in source.items()}
    for name, table in plain.items():
        if isinstance(table, Mapping):
            found |= {f"[{name}] {key}": value for key, value in table.items()}
    return found


def _toml_pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_toml_key(key)} = {_toml(value)}" for key, value in table.items() if value is not None]


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _toml_string(value)
    if isinstance(value, Mapping):
        pairs = _toml_pairs(value)
        return "{ " + ", ".join(pairs) + " }" if pairs else "{}"
    if isinstance(value, list | tuple):
        items = [_toml(item) for item in value]
        is_long = sum(map(len, items)) > 100
        return "[\n  " + ",\n  ".join(items) + ",\n]" if is_long else "[" + ", ".join(items) + "]"
    return repr(value)


def _toml_key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml_string(key)


def _toml_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON's escapes are all TOML's too


HIDDEN = ("place", "own", "written", "reader_parameters", "base")
"""Fields that are no keys of the TOML."""


def plain_value(value: Any) -> Any:
    """A part of a recipe as values that JSON has, by the names of its keys."""
    if isinstance(value, Step):
        return {"use": value.use, **{key: plain_value(item) for key, item in value.parameters.items()}}
    if isinstance(value, Source) and value.reader_parameters:
        use = Step(value.read, value.reader_parameters)
        return plain_value(replace(value, reader_parameters={})) | {"read": plain_value(use)}
    if dataclasses.is_dataclass(value):
        names = [item.name for item in dataclasses.fields(value) if item.name not in HIDDEN]
        return {name: plain_value(getattr(value, name)) for name in names}
    if isinstance(value, Mapping):
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain_value(item) for item in value]
    return value
