"""Trains the shipped model of languages from Debian packages, bit for bit the same each time; docs/language-card.md.

packages ─▶ lines by language ─▶ not English? ─┬▶ so many of each ─┬▶ train.txt ─▶ fastText ─▶ quantized ─▶ curate.ftz
words by frequency ─▶ drawn lines ─────────────┘                   │
noise ─▶ und, zxx ─────────────────────────────────────────────────┘

    apt-get install hunspell-tools tesseract-ocr
    pip install brotli fasttext-community==0.11.9 wordfreq==3.1.1
    python benchmarks/train_language.py FOLDER --out curate/filters/models/curate.ftz

FOLDER takes 4 GB; it takes half an hour of one core, most of it for reading packages.
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import neighbor_counts
import numpy as np
import polars as pl
import wordfreq
from language_neighbors import by_language, in_cyrillic, in_latin, telling
from language_noise import code_of, no_language, undetermined
from language_packages import fetch
from language_texts import lines_by_language
from language_words import (
    TESSERACT_NAMES,
    Frequencies,
    counted,
    drawn_lines,
    hunspell_words,
    mixed,
    tesseract_words,
    words_of,
)
from train_neighbors import GROUPS as CLOSE
from train_neighbors import words_in

from curate.filters.fasttext_train import Training, train
from curate.filters.language import LID_176, load_lid
from curate.filters.language_measure import language_names

SEED = 17
LEFT_OUT = frozenset(["als", "an", "ia", "ie", "io", "lij", "li", "lmo", "nds", "pms", "scn", "sh", "vec", "wa"])
"""Of lid.176's languages: those so close to a larger one that our texts of them cost the larger one more than they win,
and Serbo-Croatian, which has its own names."""
MIN_LINES, MIN_WORDS = 20_000, 30_000
"""A language needs 150 kB of lines, or so many bytes of lines and a list of so many words."""
MUCH = 150_000
MB = 1_000_000
AMOUNTS: Mapping[tuple[str, ...], tuple[float, float]] = {
    ("hr", "bs"): (1.6, 0.9),
    ("sr",): (2.6, 1.6),
    ("no", "en"): (1.6, 1.2),
    ("nn",): (1.4, 1.0),
    ("es",): (1.4, 0.8),
    ("gl", "ca", "pt", "da", "sv", "sl", "cs", "sk", "bg", "mk", "id"): (1.0, 0.6),
    ("zh", "ja"): (0.9, 0.0),
    ("de", "fr", "it", "nl", "pl", "ru", "uk", "ro", "hu", "tr", "fi", "el", "he", "ar", "fa", "vi", "ko", "th",
     "lt", "lv", "et", "sq", "mt", "hi", "ur", "bn", "ta", "eu"): (0.4, 0.4),
    ("ms",): (0.25, 0.15),
}  # fmt: skip
"""Megabytes of written and of drawn lines: more for languages that have close neighbors, and for large ones."""
OTHERS = (0.12, 0.1)
NOISE = 1.0 * MB
OPTIONS = Training(dim=16, epochs=4, learning_rate=0.8, word_ngrams=1, min_count=5, bucket=500_000, min_ngram=2,
                   max_ngram=4, loss="softmax", seed=SEED)  # fmt: skip
RARE, RARE_OF_NEIGHBORS = 0.4, 0.12
"""The shares of drawn words that the lists give, each word with the same chance; of Croatian, Bosnian and Serbian the
lists hold words that tell, whatever their frequency."""
WIKI, WIKI_OF_OTHERS = 0.5, 0.75
"""The shares of Wikipedia's words where wordfreq has counted a language, too, and where our own lines have to do."""
MAX_ENGLISH = 0.5
"""The chance that a line of another language is English."""
ROWS = 200_000
"""Words and n-grams that the quantized model keeps."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    lines = options.folder / "train.txt"
    if not lines.exists():
        write(rows_of(options.folder), lines)
    model = train(lines, OPTIONS)
    model.quantize(input=str(lines), cutoff=ROWS, qnorm=True, retrain=True, thread=1, verbose=-1)
    model.save_model(str(options.out))
    print(f"{options.out}: {options.out.stat().st_size:,} bytes, {len(model.labels):,} labels")


def write(rows: list[tuple[str, str]], path: Path) -> None:
    unfinished = path.with_suffix(".unfinished")
    with unfinished.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"__label__{label} {' '.join(text.split())}\n" for label, text in rows)
    unfinished.replace(path)


def rows_of(folder: Path) -> list[tuple[str, str]]:
    """(label, text), in an order that the seed alone decides."""
    draw, packages = random.Random(SEED), fetch(folder)
    written = cached(folder / "lines.json", lambda: lines_by_language(packages))
    listed = cached(
        folder / "words.json",
        lambda: {"tesseract": tesseract_words(packages, folder), "hunspell": hunspell_words(folder / "debs", folder)},
    )
    code = cached(folder / "code.json", lambda: code_of(packages))
    written = {language: english_apart(lines, language) for language, lines in written.items()}
    written["sr"] = list(dict.fromkeys([*written["sr"], *map(in_latin, written["sr"])]))
    lists = lists_by_language(listed)
    drawn_from = frequencies_by_language(written, listed, wikipedia(folder / "wheels"))
    rows: list[tuple[str, str]] = []
    for language in languages(written, lists):
        rows += [(language, text) for text in texts_of(language, written, lists, drawn_from, draw)]
    rows += [("und", text) for text in undetermined(written, int(NOISE), draw)]
    rows += [("zxx", text) for text in no_language(code, int(NOISE), draw)]
    draw.shuffle(rows)
    return rows


def cached(path: Path, make):  # type: ignore[no-untyped-def]
    if not path.exists():
        path.write_text(json.dumps(make(), ensure_ascii=False), encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))


def english_apart(lines: list[str], language: str) -> list[str]:
    """A fifth of what manuals have in some languages is still English: what lid.176 takes for it is left out."""
    lid = load_lid(str(LID_176))
    chances = lid.probabilities(pl.Series(lines, dtype=pl.String))[:, language_names(lid).index("en")]
    return lines if language == "en" else [lines[at] for at in np.flatnonzero(chances < MAX_ENGLISH)]


def languages(written: Mapping[str, Sequence[str]], lists: Mapping[str, Sequence[Sequence[str]]]) -> Iterator[str]:
    """Those of lid.176's that there is enough of."""
    for language in sorted(set(language_names(load_lid(str(LID_176)))) - LEFT_OUT):
        size, words = size_of(written.get(language, ())), sum(map(len, lists.get(language, ())))
        if size >= MUCH or (size >= MIN_LINES and words >= MIN_WORDS):
            yield language


def size_of(lines: Sequence[str]) -> int:
    return sum(len(line.encode()) for line in lines)


def lists_by_language(listed: Mapping[str, Mapping[str, list[str]]]) -> dict[str, list[list[str]]]:
    """The word lists that lines are drawn from; those of Croatian, Bosnian and Serbian only of words that tell."""
    lists: dict[str, list[list[str]]] = {}
    for name, words in listed["tesseract"].items():
        lists.setdefault(TESSERACT_NAMES.get(name, name), []).append(words)
    for name, words in listed["hunspell"].items():
        lists.setdefault(name[:2], []).append(words)
    lists["no"] = [listed["hunspell"]["nb_NO"]]
    lists.pop("nb", None)
    return lists | {language: [words] for language, words in telling(together(listed)).items()}


def together(listed: Mapping[str, Mapping[str, list[str]]]) -> Frequencies:
    """The words of Croatian, Bosnian and Serbian in Latin letters, with their counts, or as good as none."""
    lists = [listed["tesseract"][name] for name in ("hrv", "bos", "srp_latn")]
    lists += [listed["hunspell"][name] for name in ("sr_Latn_RS", "hr_HR", "bs_BA")]
    rare = {word: 1e-7 for words in lists for word in words if word.islower() and word == in_latin(word)}
    counts = {word: count for word, count in counted("sh").items() if word.isalpha() and word == in_latin(word)}
    return rare | counts


def wikipedia(folder: Path) -> dict[str, Frequencies]:
    """How frequent words are in Wikipedia, in 80 languages; words of one letter are not counted there."""
    folder.mkdir(exist_ok=True)
    wheels = neighbor_counts.fetch(folder)
    found = {name: frequent(neighbor_counts.word_logs(wheels, name)) for name in neighbor_counts.word_languages(wheels)}
    balkan = next(group.languages for group in CLOSE if group.languages[0].name == "bs")
    names = [language.name for language in balkan]
    return found | dict(zip(names, map(frequent, words_in("Latn", wheels, balkan)), strict=True))


def frequent(logs: Mapping[str, float]) -> Frequencies:
    return {word: math.exp(log) for word, log in logs.items()}


def frequencies_by_language(
    written: Mapping[str, Sequence[str]],
    listed: Mapping[str, Mapping[str, list[str]]],
    wiki: Mapping[str, Frequencies],
) -> dict[str, Frequencies]:
    """Where others have counted words; of other languages the words of our own lines are counted."""
    known = {name for name in wordfreq.available_languages() if name not in ("sh", "zh", "ja", "ko", "nb")}
    found: dict[str, Frequencies] = {name: counted(name) for name in sorted(known)}
    found["no"] = counted("nb")
    for language in sorted(set(wiki) & set(written)):
        if language in found:
            found[language] = mixed(wiki[language], found[language], WIKI)
        else:
            found[language] = mixed(wiki[language], words_of(written[language]), WIKI_OF_OTHERS)
    for language, frequencies in by_language(together(listed)).items():
        found[language] = mixed(mixed(wiki[language], frequencies, WIKI), words_of(written[language]), WIKI_OF_OTHERS)
    return found


def texts_of(
    language: str,
    written: Mapping[str, Sequence[str]],
    lists: Mapping[str, Sequence[Sequence[str]]],
    drawn_from: Mapping[str, Frequencies],
    draw: random.Random,
) -> Iterator[str]:
    """As many bytes as the table says, drawn lines for written ones that are missing."""
    wanted, drawn = next((sizes for names, sizes in AMOUNTS.items() if language in names), OTHERS)
    lines = list(written.get(language, ()))
    draw.shuffle(lines)
    size = 0
    for line in lines:
        if size >= wanted * MB:
            break
        size += len(line.encode())
        yield line
    frequencies = drawn_from.get(language) or words_of(lines)
    missing = int(drawn * MB + max(0, wanted * MB - size)) if language not in ("zh", "ja") else 0
    rare = RARE_OF_NEIGHBORS if language in ("hr", "bs", "sr") else RARE
    for text in drawn_lines(frequencies, lists.get(language, ()), language, missing, rare, draw):
        yield in_cyrillic(text) if language == "sr" and draw.random() < 0.25 else text


if __name__ == "__main__":
    main()
