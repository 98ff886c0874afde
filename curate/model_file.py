"""A file whose bytes decide, with its digest: a plan and a manifest name it, and a change of it is seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A file that a step reads (model, word list, user's code): the manifest names it with its checksum."""

    name: str
    path: str
    sha256: str
    license: str = ""
