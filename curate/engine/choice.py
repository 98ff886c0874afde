"""Which engine does a run, and with what: as it was asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """`name` is one of the table `engines.ENGINES`; what an engine does not know of is refused by it."""

    name: str = "local"
    workers: int | None = None
    """Worker processes of each machine; None: one for each of its cores."""
    ray_address: str | None = None
    """Of a Ray cluster that is there; None: one of this machine's own, for this run."""
    is_insecure: bool = False
    """Whether a cluster that asks for no token will do."""
    facts: str = ""
    """The function ("module:function") that says of a run's store what must be the same on every machine."""
    loads: str = ""
    """The function ("module:function") that loads what tasks need, for workers that are begun before there are any."""
    ahead: object = None
    """What `engines.begun_ahead` has begun for this engine."""
