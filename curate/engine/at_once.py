"""The same question about many files: one after the other on a disk, many at once where each is a request to a server.

items ─▶ in their order, a thousand at a time ─▶ threads ─▶ answers, in the same order
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from curate.engine.store import Store

Item = TypeVar("Item")
Answer = TypeVar("Answer")

REQUESTS = 24
"""Under way at the same time: a record takes a server some ten milliseconds, and a large run has a million."""
TAKEN = 1000


def asked_of_each(store: Store, ask: Callable[[Item], Answer], items: Iterable[Item]) -> Iterator[Answer]:
    """`ask(item)` for each item, in their order."""
    if store.address.startswith("file:"):
        yield from map(ask, items)
        return
    rest = iter(items)
    with ThreadPoolExecutor(REQUESTS) as threads:
        while some := [*islice(rest, TAKEN)]:
            yield from threads.map(ask, some)
