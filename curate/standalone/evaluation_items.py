"""Evaluation sets from files: what a model is to find likelier, or to go on with.

minimal pairs ─▶ good | bad;  multiple choice ─▶ context, endings, label;  LAMBADA ─▶ text without its last word | word
"""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from curate.errors import UsageError

Kind = Literal["pairs", "choices", "lambada"]
GOOD, BAD = ("sentence_good", "good"), ("sentence_bad", "bad")
SUBSET = ("UID", "subset")
CONTEXT, ENDINGS, LABEL = "ctx", "endings", "label"


class Continuation(NamedTuple):
    """A text behind another; what is asked is how likely the text is after the context."""

    context: str
    text: str


@dataclass(frozen=True, slots=True)
class EvaluationItem:
    """Texts of which the one numbered `right` should be the likeliest; of LAMBADA there is one, to be written."""

    subset: str
    options: tuple[Continuation, ...]
    right: int = 0


def read_items(path: str | Path, kind: Kind, *, limit: int | None = None) -> list[EvaluationItem]:
    """The items of a JSON Lines file (`.gz`), or of all of them in a `.zip`; the first `limit` of each file.

    Pairs have `sentence_good` and `sentence_bad`, as BLiMP has them (Warstadt et al. 2020), or `good` and `bad`, and
    may have a `UID` or `subset`, else the file is one; choices `ctx`, `endings`, `label`, as HellaSwag has (Zellers
    et al. 2019); LAMBADA (Paperno et al. 2016) `text`.

    Raises:
        UsageError: there is no such file, it cannot be read, or a line lacks what its kind needs.
    """
    items: list[EvaluationItem] = []
    for name, content in _files(Path(path)):
        lines = [line for line in content.splitlines() if line.strip()][:limit]
        items += [_item(kind, line, name, f"{path}, {name}, line {number}") for number, line in enumerate(lines, 1)]
    if not items:
        raise UsageError(f"{path} holds no items: no line of JSON is in it")
    return items


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name without suffix and content of each file of lines."""
    try:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                lines = (name for name in archive.namelist() if name.endswith(".jsonl"))
                for name in sorted(name for name in lines if not Path(name).name.startswith(".")):
                    yield Path(name).stem, archive.read(name)
        else:
            content = path.read_bytes()
            yield path.name.partition(".")[0], gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise UsageError(f"the evaluation set {path} cannot be read: {error}") from error


def _item(kind: Kind, line: bytes, name: str, place: str) -> EvaluationItem:
    try:
        row = json.loads(line)
        return {"pairs": _pair, "choices": _choice, "lambada": _last_word}[kind](row, name)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        wanted = {"pairs": "good and bad sentences", "choices": "ctx, endings and label", "lambada": "a text of words"}
        raise UsageError(f"{place} has no {wanted[kind]}: {type(error).__name__}: {error}") from error


def _pair(row: dict[str, Any], name: str) -> EvaluationItem:
    good, bad = (str(row[next((key for key in keys if key in row), keys[0])]) for keys in (GOOD, BAD))
    subset = next((str(row[key]) for key in SUBSET if key in row), name)
    return EvaluationItem(subset, (Continuation("", good), Continuation("", bad)))


def _choice(row: dict[str, Any], name: str) -> EvaluationItem:
    endings, right = [str(ending) for ending in row[ENDINGS]], int(row[LABEL])
    if not 0 <= right < len(endings):
        raise IndexError(f"the label {right} is of none of {len(endings)} endings")
    context = str(row[CONTEXT]).rstrip()
    return EvaluationItem(name, tuple(Continuation(context, f" {ending.lstrip()}") for ending in endings), right)


def _last_word(row: dict[str, Any], name: str) -> EvaluationItem:
    context, space, word = str(row["text"]).rstrip().rpartition(" ")
    if not context:
        raise ValueError("one word has nothing before it")
    return EvaluationItem(name, (Continuation(context, space + word),))
