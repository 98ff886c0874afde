"""The table of the methods of deduplication: a name, and where its object stands. Those of installed packages are found
by their names (`curate.plugins`), the user's own as "module:object" beside the recipe.

"minhash"            ─▶ curate.dedup.near:MINHASH ─┬▶ DocumentMethod │ PassageMethod
"my_dedup:BY_TITLE"  ─▶ base/my_dedup.py ──────────┘
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import ParamSpec, TypeVar

from curate.dedup.method import DocumentMethod, Method, PassageMethod
from curate.errors import UsageError, nearest
from curate.own_code.modules import find_module
from curate.plugins import find_plugin, named_object, plugin_names
from curate.recipe_dedup import Dedup

P = ParamSpec("P")
R = TypeVar("R")

METHODS: Mapping[str, str] = {
    "exact": "curate.dedup.exact:EXACT",
    "url": "curate.dedup.urls:URL",
    "minhash": "curate.dedup.near:MINHASH",
    "semantic": "curate.dedup.semantic:SEMANTIC",
    "lines": "curate.dedup.passages:LINES",
    "substring": "curate.dedup.passages:SUBSTRING",
    "ngrams": "curate.dedup.passages:NGRAMS",
}


def find_method(name: str, base: Path = Path()) -> Method:
    """The method that a recipe in the folder `base` calls so.

    Raises:
        UsageError: there is none.
    """
    if ":" in name:
        return _own_method(name, base)
    found = named_object(METHODS[name]) if name in METHODS else find_plugin(name)
    if not isinstance(found, DocumentMethod | PassageMethod):
        raise UsageError(f'there is no deduplication method "{name}"{nearest(name, [*METHODS, *plugin_names()])}')
    if found.name != name:
        raise UsageError(f'the deduplication method "{name}" calls itself "{found.name}"; both must be the same name')
    return found


def _own_method(use: str, base: Path) -> Method:
    """One that a module beside the recipe holds. Its name is what the recipe calls it: so it is found again by what
    stands in the ledger and in an index."""
    module_name, _, attribute = use.partition(":")
    loaded = find_module(module_name, base)
    found = getattr(loaded.module, attribute, None)
    within = loaded.folder.open if loaded.folder else nullcontext
    if isinstance(found, DocumentMethod):
        return replace(found, name=use, sign=_inside(within, found.sign), find=_inside(within, found.find))
    if isinstance(found, PassageMethod):
        return replace(found, name=use, cut=_inside(within, found.cut))
    there = [name for name, value in vars(loaded.module).items() if isinstance(value, DocumentMethod | PassageMethod)]
    raise UsageError(f'{module_name} has no deduplication method "{attribute}"{nearest(attribute, there)}')


def _inside(within: Callable[[], AbstractContextManager[None]], function: Callable[P, R]) -> Callable[P, R]:
    """The function can import what lies beside it whenever it runs."""

    def opened(*arguments: P.args, **named: P.kwargs) -> R:
        with within():
            return function(*arguments, **named)

    return opened


def methods_of(dedup: Dedup) -> tuple[Method, ...]:
    """In the order in which they are asked.

    Raises:
        UsageError: there is no method of one of the names.
    """
    return tuple(find_method(name, dedup.base) for name in dedup.method)


def document_methods(dedup: Dedup) -> tuple[DocumentMethod, ...]:
    """Those that sign, each once, in the order of the table."""
    found = {method.name: method for method in methods_of(dedup) if isinstance(method, DocumentMethod)}
    return tuple(sorted(found.values(), key=lambda method: _place(method.name, list(METHODS))))


def _place(name: str, names: Sequence[str]) -> tuple[int, str]:
    return (names.index(name) if name in names else len(names), name)


def cuts_texts(dedup: Dedup) -> bool:
    return bool(passage_methods(dedup))


def reads_texts(dedup: Dedup) -> bool:
    """Whether a method compares texts besides what was signed of them."""
    return cuts_texts(dedup) or (dedup.is_verified and any(method.verifies for method in document_methods(dedup)))


def of_documents(dedup: Dedup) -> Dedup:
    """The same without the methods that cut."""
    cut = {method.name for method in passage_methods(dedup)}
    return replace(dedup, method=tuple(name for name in dedup.method if name not in cut))


def until_verified(dedup: Dedup) -> Dedup:
    """The same up to the last method that verifies."""
    verifying = {method.name for method in document_methods(dedup) if method.verifies}
    last = max(number for number, name in enumerate(dedup.method) if name in verifying)
    return replace(dedup, method=dedup.method[: last + 1])


def passage_methods(dedup: Dedup) -> tuple[PassageMethod, ...]:
    """Those that cut, each once, in the order in which they are asked."""
    found = {method.name: method for method in methods_of(dedup) if isinstance(method, PassageMethod)}
    return tuple(found.values())


def columns_needed(dedup: Dedup) -> list[str]:
    """What documents must have besides `id, source, text`."""
    return [name for method in document_methods(dedup) for name in method.needs(dedup)]


def with_room(dedup: Dedup) -> Dedup:
    """The parameters for a part of all documents."""
    for method in passage_methods(dedup):
        dedup = method.with_room(dedup)
    return dedup


def explanations(dedup: Dedup) -> list[str]:
    """What the parameters of the methods mean, a line each."""
    return [line for method in document_methods(dedup) if (line := method.explain(dedup))]
