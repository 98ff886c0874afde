"""Whether languages are told right: lid.176 by the fastText library and by curate, curate's own model, and py3langid.

web-gold, web-antigold, UDHR ─┐                          ┌▶ accuracy, precision by language; of short texts
books, code, base64, numbers ─┴▶ each contestant's label ┴▶ rejected: what is no language, and real text; µs a text

    python benchmarks/language_gold.py DATA [--py3langid PYTHON] [--model FILE]

py3langid answers from an environment of its own, whose Python is named. Gold is never trained on.
"""

from __future__ import annotations

import argparse
import base64
import codecs
import gzip
import random
import re
import subprocess
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import fasttext
import polars as pl

from curate.filters.fasttext_model import FastTextModel
from curate.filters.language import LID_176, load_lid
from curate.filters.language_measure import Asked, measure_language
from curate.filters.language_neighbors import shipped_neighbors

SERBO_CROATIAN = {"hr", "bs", "sr", "sh"}
ACCEPTED = {"me": SERBO_CROATIAN, "nb": {"no"}, "no": {"no"}} | {name: {name, "sh"} for name in ("hr", "bs", "sr")}
"""Montenegrin is in no model; "sh" names all four; "no" is Bokmål where "nn" is another label."""
UDHR = {
    "eng": "en", "cmn_hans": "zh", "spa": "es", "arb": "ar", "hin": "hi", "por_PT": "pt", "por_BR": "pt", "ben": "bn",
    "rus": "ru", "jpn": "ja", "deu": "de", "fra": "fr", "ita": "it", "tur": "tr", "kor": "ko", "vie": "vi", "urd": "ur",
    "pes_1": "fa", "pol": "pl", "ukr": "uk", "nld": "nl", "ron": "ro", "ell_monotonic": "el", "hun": "hu", "ces": "cs",
    "swe": "sv", "tha": "th", "heb": "he", "ind": "id", "tam": "ta", "bul": "bg",
}  # fmt: skip
"""The 30 languages of this archive that most pages on the web are in."""
SPACELESS = ("zh", "ja", "ko", "th")
NO_LANGUAGE = {"und", "zxx", ""}
PY3LANGID = """
import sys, json, py3langid
print(json.dumps([py3langid.classify(text)[0] for text in json.load(sys.stdin)]))
"""

Ask = Callable[[Sequence[str]], list[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--py3langid", type=Path, help="the Python of an environment that has it")
    parser.add_argument("--model", help="another model than the shipped one")
    options = parser.parse_args()
    library = fasttext.load_model(str(LID_176))
    contestants: dict[str, Ask] = {
        "lid.176, fastText": lambda texts: [ask_library(library, text) for text in texts],
        "lid.176": asker(load_lid("lid.176")),
        "curate": asker(load_lid(options.model or "curate"), neighbors=True),
    }
    if options.py3langid:
        contestants["py3langid"] = lambda texts: ask_other(options.py3langid, texts)
    by_language(contestants, options.data / "language")
    on_declaration(contestants, options.data / "udhr2.zip")
    on_short_texts(contestants, options.data)
    rejection(contestants, options.data)


def asker(lid: FastTextModel, *, neighbors: bool = False) -> Ask:
    asked = Asked(top=1, neighbors=shipped_neighbors()[0] if neighbors else None)

    def ask(texts: Sequence[str]) -> list[str]:
        measured = measure_language(pl.DataFrame({"text": texts}), lid, asked)
        return measured["language"].fill_null("").to_list()

    return ask


def ask_library(library: object, text: str) -> str:
    ((_, label),) = library.f.predict(text.replace("\n", " ") + "\n", 1, 0.0, "strict")  # type: ignore[attr-defined]
    return str(label).removeprefix("__label__")


def ask_other(python: Path, texts: Sequence[str]) -> list[str]:
    import json

    command = [str(python), "-c", PY3LANGID]
    told = subprocess.run(command, input=json.dumps(list(texts)), capture_output=True, text=True, check=True)
    return list(json.loads(told.stdout))


def is_right(answer: str, language: str) -> bool:
    return answer in ACCEPTED.get(language, {language})


def read_gold(path: Path) -> list[tuple[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [(language, text) for language, _, text in (line.rstrip("\n").partition("\t") for line in file)]


def by_language(contestants: Mapping[str, Ask], folder: Path) -> None:
    """Accuracy of web sentences, and precision: of the lines said to be in a language, those that people say are."""
    gold, anti = read_gold(folder / "web-gold.tsv.gz"), read_gold(folder / "web-antigold.tsv.gz")
    names = sorted({language for language, _ in gold})
    accuracy: dict[str, dict[str, float]] = {}
    precision: dict[str, dict[str, float]] = {}
    for name, ask in contestants.items():
        ask([text for _, text in gold[::20]])  # compiles
        started = time.process_time()
        answers = ask([text for _, text in gold])
        spent = time.process_time() - started
        right = Counter(
            language for (language, _), answer in zip(gold, answers, strict=True) if is_right(answer, language)
        )
        wrong = Counter(
            language
            for (language, _), answer in zip(anti, ask([text for _, text in anti]), strict=True)
            if language != "me" and answer in ACCEPTED.get(language, {language}) - {"sh"}
        )
        all_of = Counter(language for language, _ in gold)
        accuracy[name] = {language: right[language] / all_of[language] for language in names}
        precision[name] = {
            language: right[language] / max(right[language] + wrong[language], 1)
            for language in names
            if language != "me"
        }
        if name != "py3langid":  # its process is another
            print(f"{name:<20}{1e6 * spent / len(gold):>8.1f} µs of CPU a sentence")
    print(f"\n{len(gold):,} web sentences, {len(anti):,} lines that are not in the language named")
    show("accuracy", accuracy)
    show("precision", precision)


def show(title: str, table: Mapping[str, Mapping[str, float]]) -> None:
    """A row a language, a column a contestant, and their means."""
    print(f"\n{title:<12}" + "".join(f"{name:>20}" for name in table))
    for row in next(iter(table.values())):
        print(f"{row:<12}" + "".join(f"{column[row]:>20.3f}" for column in table.values()))
    print(f"{'macro':<12}" + "".join(f"{fmean(column.values()):>20.4f}" for column in table.values()))


def on_declaration(contestants: Mapping[str, Ask], archive: Path) -> None:
    """Paragraphs of the Declaration of Human Rights: of 40 characters or more, 15 where there are no spaces."""
    rows = []
    for language, whole in declarations(archive):
        for paragraph in re.split(r"\n\s*\n|\n(?=\s{3,})", whole):
            text = " ".join(paragraph.split())
            if len(text) >= (15 if language in SPACELESS else 40):
                rows.append((language, text))
    print(f"\nUDHR: {len(rows):,} paragraphs in {len(set(UDHR.values()))} languages")
    for name, ask in contestants.items():
        answers = ask([text for _, text in rows])
        wrong = Counter(language for (language, _), answer in zip(rows, answers, strict=True) if answer != language)
        told = ", ".join(f"{language} {count}" for language, count in sorted(wrong.items()))
        print(f"{name:<20}{1 - wrong.total() / len(rows):>8.4f}   wrong: {told}")


def declarations(archive: Path) -> Iterator[tuple[str, str]]:
    with zipfile.ZipFile(archive) as files:
        for code, language in UDHR.items():
            yield language, files.read(f"udhr2/{code}.txt").decode("utf-8")


def on_short_texts(contestants: Mapping[str, Ask], data: Path) -> None:
    """Every six words of the Declaration, and English sentences of 20 to 60 characters from old books."""
    sixes = []
    for language, whole in declarations(data / "udhr2.zip"):
        words = whole.split()[60:]
        if language not in SPACELESS:
            sixes += [(language, " ".join(words[at : at + 6])) for at in range(0, len(words) - 6, 6)]
    parts = (part for text in book_paragraphs(data / "books.tar.gz") for part in re.split(r"(?<=[.!?;:])\s+", text))
    english = [part for part in parts if 20 <= len(part) <= 60][:12000]
    all_of = Counter(language for language, _ in sixes)
    print(f"\n{len(sixes):,} times six words in {len(all_of)} languages, {len(english):,} English sentences")
    for name, ask in contestants.items():
        answers = ask([text for _, text in sixes])
        right = Counter(language for (language, _), answer in zip(sixes, answers, strict=True) if answer == language)
        shares = {language: right[language] / count for language, count in all_of.items()}
        told = ", ".join(
            f"{language} {share:.3f}" for language, share in sorted(shares.items(), key=lambda each: each[1])[:5]
        )
        is_english = fmean(answer == "en" for answer in ask(english))
        print(f"{name:<20}{fmean(shares.values()):>8.4f}   English {is_english:.4f}   worst: {told}")


def rejection(contestants: Mapping[str, Ask], data: Path) -> None:
    """The shares that are called no language: of what is none, and of real text, which is a loss."""
    draw = random.Random(3)
    prose = book_paragraphs(data / "books.tar.gz")
    kinds = {
        "ROT13 of books": [codecs.encode(text, "rot13") for text in prose[::7]],
        "base64": [base64.b64encode(draw.randbytes(draw.randint(60, 3000))).decode() for _ in range(500)],
        "tables of numbers": [number_table(draw) for _ in range(500)],
        "source code": code_files(data / "code.tar.gz"),
        "keyboard noise": [" ".join(keys(draw) for _ in range(draw.randint(5, 60))) for _ in range(500)],
        "books: lost": prose,
        "web sentences: lost": [text for _, text in read_gold(data / "language" / "web-gold.tsv.gz")],
    }
    shouted = "\n".join(prose).upper()[:40_000]
    long = ["\n".join(prose[start : start + 80]) for start in range(0, len(prose), 80)]
    for name, ask in contestants.items():
        if name != "py3langid":
            started = time.process_time()
            ask(long)
            speed = sum(map(len, long)) / 1e6 / (time.process_time() - started)
            print(f"{name:<20}{speed:>8.1f} MB of books a CPU second, {len(long)} texts")
    print(f"\n{'no language':<22}{'texts':>7}" + "".join(f"{name:>20}" for name in contestants))
    for kind, texts in kinds.items():
        shares = [fmean(answer in NO_LANGUAGE for answer in ask(texts)) for ask in contestants.values()]
        print(f"{kind:<22}{len(texts):>7,}" + "".join(f"{share:>20.4f}" for share in shares))
    print(f"{'English in capitals':<29}" + "".join(f"{ask([shouted])[0]:>20}" for ask in contestants.values()))


def book_paragraphs(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        texts = [
            tar.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
            for member in tar
            if member.name.endswith(".txt")
        ]
    paragraphs = [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text)]
    return [part for part in paragraphs if len(part) >= 200][:4000]


def number_table(draw: random.Random) -> str:
    columns, mark = draw.randint(2, 8), draw.choice(("\t", " ", ",", " | "))
    rows = (mark.join(f"{draw.gauss(0, 1000):.{draw.randint(0, 3)}f}" for _ in range(columns)) for _ in range(30))
    return "\n".join(rows)


def keys(draw: random.Random) -> str:
    return "".join(
        draw.choice(draw.choice(("asdfghjkl", "asdfghjkl", "qwertyuiop", "zxcvbnm"))) for _ in range(draw.randint(2, 9))
    )


def code_files(archive: Path) -> list[str]:
    """Source files without their comments."""
    bare = []
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.endswith((".py", ".js", ".ts", ".rs", ".go", ".php", ".rb", ".c")):
                text = tar.extractfile(member).read().decode("utf-8", "replace")  # type: ignore[union-attr]
                text = re.sub(r'(?s)""".*?"""|/\*.*?\*/', "", text)
                text = re.sub(r"(?m)^\s*(?:#(?!\s*(?:include|define|if|endif|else)\b)|//).*$", "", text)
                if len(text.strip()) >= 200 and "locale" not in member.name:
                    bare.append(text)
    return bare[::3]


if __name__ == "__main__":
    main()
