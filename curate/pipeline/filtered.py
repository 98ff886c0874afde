"""What `filter` leaves of a split for the stages after it, as it was written; or `choose`, where a step ranks.

recipe ─▶ does a step of the split's source keep a share of all documents? ─▶ work/choose/ │ work/filter/
"""

from __future__ import annotations

from pathlib import Path

from curate.engine.job import open_run
from curate.engine.records import Done, committed, intact
from curate.engine.store import Store
from curate.run_files import Filtered, chosen, filtered
from curate.steps.ranks import ranked_sources


def open_filtered(store: Store, key: str, kind: Filtered) -> Path:
    """
    Raises:
        RottenFile: the file is not as it was committed.
    """
    if is_chosen(store, key):
        return intact(store, "choose", key, chosen(key, kind))
    return intact(store, "filter", key, filtered(key, kind))


def filtered_record(store: Store, key: str) -> Done:
    """
    Raises:
        RottenFile: it is gone or damaged.
    """
    return committed(store, "choose" if is_chosen(store, key) else "filter", key)


def is_chosen(store: Store, key: str) -> bool:
    """Whether the stage `choose` has the last word on a split."""
    recipe, plan = open_run(store)
    ranked = ranked_sources(recipe)
    return bool(ranked) and plan.split(key).source in ranked
