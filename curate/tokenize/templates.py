"""How a conversation is written: what stands around each turn, and which of it are control tokens.

"chatml" ─▶ TEMPLATES ─┬▶ Template(turn, end, control, …) ─▶ conversation.py writes with it
a TOML file beside the recipe ─┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from curate.errors import UsageError, nearest
from curate.readers.reader import traits_of
from curate.readers.turns import ROLES
from curate.recipe import Recipe
from curate.toml_text import NotToml, parse_toml
from curate.typed import Mismatch, build


@dataclass(frozen=True, slots=True)
class Template:
    """A way to write conversations. In `turn`, `{role}`, `{text}` and `{end}` are filled in, the last two once each."""

    turn: str
    end: str
    """What a turn ends with; of the assistant it is a target as the turn itself."""
    control: tuple[str, ...] = ()
    """What is a control token in `begin`, `turn` and `end`: never a text, whatever a message says."""
    begin: str = ""
    """Before the first turn."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """How roles are called, where it is not by their own names."""


TEMPLATES: Mapping[str, Template] = {
    "chatml": Template("<|im_start|>{role}\n{text}{end}\n", "<|im_end|>", ("<|im_start|>", "<|im_end|>")),
    "llama3": Template(
        "<|start_header_id|>{role}<|end_header_id|>\n\n{text}{end}",
        "<|eot_id|>",
        ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|begin_of_text|>",
        {"tool": "ipython"},
    ),
    "plain": Template("{role}:\n{text}{end}", "\n\n", roles={role: role.capitalize() for role in ROLES}),
}
"""Those that ship."""


def run_template(recipe: Recipe) -> Template | None:
    """How a run writes conversations; None where none of its sources has any.

    Raises:
        UsageError: there is no such template.
    """
    if any(traits_of(source.read).are_conversations for source in recipe.sources):
        return open_template(recipe.tokenize.template, recipe.base)
    return None


def open_template(name: str, base: Path) -> Template:
    """A template by its name, or from a TOML file in `base`.

    Raises:
        UsageError: there is none, or it says something that cannot be.
    """
    if name in TEMPLATES:
        return TEMPLATES[name]
    path = base / name
    if not path.is_file():
        told = "a template is one of these, or the path of a TOML file"
        raise UsageError(f'there is no template "{name}"{nearest(name, TEMPLATES)}; {told}: {", ".join(TEMPLATES)}')
    try:
        found = build(Template, parse_toml(path.read_bytes()), ())
    except (NotToml, OSError, Mismatch) as error:
        raise UsageError(f"{path} is no template: {error}") from error
    _check(found, path)
    return found


def _check(template: Template, path: Path) -> None:
    for part in ("{text}", "{end}"):
        if template.turn.count(part) != 1:
            raise UsageError(f"{path} is no template: {part} stands once in turn, found {template.turn!r}")
    if not template.turn.partition("{text}")[2].startswith("{end}"):
        raise UsageError(f"{path} is no template: in turn, {{end}} stands right behind {{text}}")
    if unknown := {*template.roles} - {*ROLES}:
        raise UsageError(f"{path} is no template: there is no role {min(unknown)}; roles are {', '.join(ROLES)}")
