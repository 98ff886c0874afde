"""Words by language, and lines made of them: what translations of programs lack of everyday vocabulary.

tesseract's and Hunspell's word lists ─▶ words of a language ─────────────┐
wordfreq's counts, or the words of its lines ─▶ how frequent each one is ─┴▶ lines of words drawn by frequency

A fastText model reads a text as a bag of words: drawn ones teach it as much as written ones, the order apart.
"""

from __future__ import annotations

import random
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path

import wordfreq
from language_packages import found, members

from curate.filters.language_codes import TWO_TO_THREE

TRAINED = re.compile(r"\.traineddata$")
HUNSPELL = re.compile(r"/usr/share/hunspell/[^/]+\.(?:dic|aff)$")
TESSERACT_NAMES = {
    **{three: two for two, three in (pair.split(":") for pair in TWO_TO_THREE.split())},
    "nor": "no", "fil": "tl", "srp_latn": "sr", "kmr": "ku", "uzb_cyrl": "uz", "ceb": "ceb",
}  # fmt: skip
FULL_FORMS = ("nb_NO", "nn_NO", "da_DK", "sl_SI", "sk_SK", "cs_CZ", "ro_RO", "bg_BG")
STEMS = ("sr_Latn_RS", "sr_RS", "gl_ES", "ca", "hr_HR", "bs_BA")
"""Hunspell's dictionaries of languages that have close neighbors, with all forms of a word where they can be had."""
MOST_FORMS = 500_000
WITHOUT_SPACES = ("th", "my", "km", "lo", "bo", "dz", "zh", "ja")
LENGTHS = (3, 5, 8, 12, 18, 25)

Frequencies = Mapping[str, float]


def tesseract_words(packages: Sequence[Path], folder: Path) -> dict[str, list[str]]:
    """Of each language that OCR is trained for: words of web pages, made readable by tesseract's own tools."""
    words: dict[str, list[str]] = {}
    for package in packages:
        for path, data in members(package, TRAINED) if package.name.startswith("tesseract-ocr-") else ():
            name = Path(path).stem
            with tempfile.TemporaryDirectory(dir=folder) as place:
                (Path(place) / "x.traineddata").write_bytes(data)
                run(["combine_tessdata", "-u", "x.traineddata", "x."], place)
                run(["dawg2wordlist", "x.lstm-unicharset", "x.lstm-word-dawg", "words"], place)
                list_ = (Path(place) / "words").read_text(encoding="utf-8").split("\n")
            words.setdefault(name, []).extend(filter(is_word, list_))
    return words


def hunspell_words(debs: Path, folder: Path) -> dict[str, list[str]]:
    """By the name of the dictionary."""
    words = {}
    for dictionary in (*FULL_FORMS, *STEMS):
        package = {"nb": "no", "nn": "no"}.get(dictionary[:2], dictionary[:2])
        files = {Path(path).name: data for path, data in members(found(debs, f"hunspell-{package}")[0], HUNSPELL)}
        affixes = files[f"{dictionary}.aff"]
        charset = re.search(rb"^SET +(\S+)", affixes, re.MULTILINE)[1].decode().replace("microsoft-cp", "cp")
        for end in ("dic", "aff"):
            (folder / f"x.{end}").write_bytes(files[f"{dictionary}.{end}"])
        entries = files[f"{dictionary}.dic"]
        if dictionary in FULL_FORMS:
            entries = subprocess.run(["unmunch", "x.dic", "x.aff"], cwd=folder, capture_output=True).stdout
        forms = sorted({re.split(r"[/ \t]", line)[0] for line in entries.decode(charset, "ignore").split("\n")})
        words[dictionary] = list(filter(is_word, forms))[:: len(forms) // MOST_FORMS + 1]
    return words


def counted(language: str) -> Frequencies:
    return wordfreq.get_frequency_dict(language, wordlist="best")


def words_of(lines: Sequence[str]) -> Frequencies:
    """How often each word stands in lines; none that is in capitals."""
    counts = Counter(word for line in lines for word in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", line))
    return {word: float(count) for word, count in counts.items() if not is_shouted(word)}


def mixed(first: Frequencies, second: Frequencies, share: float) -> Frequencies:
    """`share` of the first, the rest of the second."""
    weights = share / (sum(first.values()) or 1), (1 - share) / (sum(second.values()) or 1)
    together = {word: count * weights[0] for word, count in first.items()}
    for word, count in second.items():
        together[word] = together.get(word, 0.0) + count * weights[1]
    return together


def drawn_lines(
    frequencies: Frequencies, lists: Sequence[Sequence[str]], language: str, size: int, rare: float, draw: random.Random
) -> Iterator[str]:
    """Lines of some `size` bytes altogether; a share of `rare` words is from the lists, each with the same chance."""
    words, chances = list(frequencies), list(accumulate(frequencies.values()))
    joint, written = "" if language in WITHOUT_SPACES else " ", 0
    while words and written < size:
        text = joint.join(
            draw.choice(draw.choice(lists)) if lists and draw.random() < rare else word
            for word in draw.choices(words, cum_weights=chances, k=draw.choice(LENGTHS))
        )
        if draw.random() < 0.3:
            text = text.replace(" ", ", ", 1)
        text = text[:1].upper() + text[1:] + draw.choice((".", ".", ".", "?", "", ""))
        written += len(text.encode())
        yield text


def is_word(word: str) -> bool:
    letters = re.sub(r"['’-]", "", word)
    return bool(letters) and not is_shouted(word) and (letters.isalpha() or not (word.isascii() or word[0].isascii()))


def is_shouted(word: str) -> bool:
    return len(word) > 1 and word.isupper()


def run(command: list[str], place: str) -> None:
    subprocess.run(command, cwd=place, check=True, capture_output=True)
