"""The language of a source file: by its name, then by a look at its content where the name leaves it open.

    path ─▶ file name ─▶ suffix (several languages: patterns on the first bytes) ─▶ "#!" line ─▶ name | None

The table is `languages.toml` beside this file; names are those of GitHub Linguist.
"""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SHEBANG = re.compile(r"#![ \t]*(\S+)(?:[ \t]+(.*))?")
VERSION = re.compile(r"[-.\d]+$")


@dataclass(frozen=True, slots=True)
class LanguageTable:
    suffixes: Mapping[str, str]
    filenames: Mapping[str, str]
    interpreters: Mapping[str, str]
    content: Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]
    """Suffix -> (pattern, language), in the order in which they are tried."""


def may_be_code(path: str) -> bool:
    """Whether the name alone lets a file be code: a known name or suffix, or none (it may have a "#!" line)."""
    table, name = language_table(), _name(path)
    return name in table.filenames or _suffix(name) in table.suffixes or "." not in name


def language_of(path: str, head: bytes) -> str | None:
    """The language of a file from its path and its first kilobytes; None where nothing names one."""
    table, name = language_table(), _name(path)
    if name in table.filenames:
        return table.filenames[name]
    suffix = _suffix(name)
    if suffix in table.content:
        text = head.decode("latin-1")  # the patterns are ASCII
        found = (language for pattern, language in table.content[suffix] if pattern.search(text))
        return next(found, table.suffixes.get(suffix))
    return table.suffixes.get(suffix) or _interpreted(head, table)


@functools.cache
def language_table() -> LanguageTable:
    """The constant table, read once."""
    plain = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
    content: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {}
    for rule in plain["content"]:
        pattern = re.compile(rule["pattern"], re.MULTILINE)
        content[rule["suffix"]] = (*content.get(rule["suffix"], ()), (pattern, rule["language"]))
    kinds = ("suffixes", "filenames", "interpreters")
    tables = {kind: _by_mark(plain["language"], kind) for kind in kinds}
    return LanguageTable(**tables, content=content)


def _by_mark(languages: Mapping[str, Mapping[str, list[str]]], kind: str) -> dict[str, str]:
    return {mark: language for language, marks in languages.items() for mark in marks.get(kind, ())}


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return (dot + suffix).lower() if stem else ""


def _interpreted(head: bytes, table: LanguageTable) -> str | None:
    match = SHEBANG.match(head[:200].decode("latin-1"))
    if match is None:
        return None
    program, arguments = match.group(1), (match.group(2) or "").split()
    if _name(program) == "env":
        program = next((word for word in arguments if not word.startswith("-") and "=" not in word), "")
    return table.interpreters.get(VERSION.sub("", _name(program)).lower())
