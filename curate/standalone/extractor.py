"""An extractor of one's own: the judge of `extract = "curate"`, trained on gold pages, as a file and its card.

golds ─▶ pages ─▶ scanned and labeled, page by page ─▶ trained ─▶ FILE, and what it was trained on beside it, FILE.json
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from curate.engine.whole import target_of, write_file
from curate.errors import UsageError
from curate.extract.judge.fit import library
from curate.extract.judge.golds import read_golds
from curate.extract.judge.model import model_bytes
from curate.extract.judge.train import DEFAULT_SEED, JudgeTraining, make_example, train_judge
from curate.standalone.model_files import card_path, check_target, write_card


@dataclass(frozen=True, slots=True)
class TrainedExtractor:
    """A model on disk, and what its card says."""

    model: Path
    card: Mapping[str, Any]


def train_extractor(
    golds: Sequence[str | Path],
    *,
    out: str | Path,
    training: JudgeTraining | None = None,
    seed: int = DEFAULT_SEED,
    force: bool = False,
    tell: Callable[[str], None] | None = None,
) -> TrainedExtractor:
    """Train the judge of blocks on gold pages, and write it to `out`, with a card beside it, `out` + `.json`.

    `golds` are folders of WCXB or of the article extraction benchmark, Readability's test pages as `.tar.gz`, or JSON
    Lines with `html`, `text` and perhaps `url`, `type` and `body_only`. The same golds and options give the same bytes.
    `tell` hears how far it is.

    Raises:
        UsageError: LightGBM is not installed; a gold is missing or no gold; there are too few pages; `out` exists and
            `force` is not given.
    """
    library()
    target = Path(out)
    for path in (target, card_path(target)):
        check_target(path, force=force)
    pages = read_golds([_existing(Path(gold)) for gold in golds])
    examples = [make_example(page) for page in pages]
    model = train_judge(examples, replace(training or JudgeTraining(), seed=seed), tell)
    data = model_bytes(model)
    card = {"model": target.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **model.facts}
    write_file(target_of(target), data)
    write_card(target, card)
    return TrainedExtractor(target, card)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"there is no gold {path}")
    return path
