"""A model that a command makes: where it may be written, its place while it is made, and the card beside it.

check_target ─▶ model_part: a place of the same name ─▶ model ─▶ its place        write_card ─▶ model + ".json"
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from curate.engine.whole import target_of, write_file
from curate.errors import UsageError


def card_path(model: Path) -> Path:
    return model.with_name(model.name + ".json")


def check_target(path: Path, *, force: bool, inputs: Collection[Path] = ()) -> None:
    """
    Raises:
        UsageError: the file is one of those that are read (resolved paths), its folder is missing, or it exists and
            `force` is not given.
    """
    if path.resolve() in inputs:
        raise UsageError(f"{path} is one of the files that are read; choose another name")
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
    if path.exists() and not force:
        raise UsageError(f"{path} exists; --force writes over it")


@contextmanager
def model_part(target: Path) -> Iterator[Path]:
    """A place beside a file, in a folder of its own and under the same name, which becomes it at the end."""
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target_of(target).parent) as scratch:
        part = Path(scratch) / target.name
        yield part
        os.replace(part, target_of(target))


def write_card(model: Path, card: Mapping[str, Any]) -> None:
    """What a model is, as JSON; nothing of when and where, so that the same model has the same card."""
    write_file(target_of(card_path(model)), (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode())
