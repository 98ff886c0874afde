"""`curate ablate` on data of which one knows the answer: damage has to lose, and equal data must not win.

English speeches ─┬▶ as they are ─────────────────────────────────────────────▶ baseline
                  ├▶ words shuffled · half of them twice · boilerplate · German ─▶ worse, p < .01
                  └▶ the same, in another order, under another name ──────────▶ not separable, 19 times of 20

    python benchmarks/ablate_selftest.py DATA --tier ngram
    python benchmarks/ablate_selftest.py DATA --tier t1 --tokens 400000 --skip-equal

DATA is the folder of test data: `books.tar.gz` has the speeches, and German books as EPUBs. Each arm is a run of its
own, made by `curate.run` with the baseline's tokenizer. The two halves of the equal data's trials are seeds of their
own: what differs is the order of documents and how a training begins.
"""

from __future__ import annotations

import argparse
import random
import shutil
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

import curate
from curate.ablation.ablate import ablate
from curate.ablation.answer import Ablation
from curate.settings import parse_settings
from curate.tokenize.encode import cut_text

DOCUMENT = 2000
"""Characters."""
VOCABULARY = 2048
ASKED_P = 0.01
MENU = "Home | News | Products | Support | Contact us | Log in | Sign up | Cart (0) | Search this site"
BOILERPLATE = (
    "We use cookies to improve your experience. By continuing to browse you agree to our use of cookies.",
    "Share this page: Facebook Twitter LinkedIn WhatsApp E-mail Print",
    "Subscribe to our newsletter and never miss an update! Enter your e-mail address here.",
    "Related articles: Ten things you did not know. What happened next will surprise you. Read more »",
    "© All rights reserved. Terms of use | Privacy policy | Imprint | Cookie settings | Accessibility",
    "This site requires JavaScript. Please enable it in your browser and reload the page.",
)
RECIPE = """
name = "{name}"
[[source]]
name = "speeches"
read = "{read}"
paths = ["{path}"]
[tokenize]
tokenizer = {tokenizer}
validation = 0
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tier", default="ngram")
    parser.add_argument("--tokens", type=int, help="training tokens of each arm (default: the tier's)")
    parser.add_argument("--documents", type=int, default=1000, help="training documents of each arm (default: 1000)")
    parser.add_argument("--held-out", type=int, default=80, help="documents that are asked about (default: 80)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20, help="of equal data (default: 20)")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the tier")
    parser.add_argument("--work", type=Path, help="keep runs and trainings here, and go on with them")
    parser.add_argument("--damages", default="shuffled,duplicated,boilerplate,german", help="which of them")
    parser.add_argument("--skip-damage", action="store_true")
    parser.add_argument("--skip-equal", action="store_true")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    runs = make_runs(options.data, work, options.documents, options.held_out)
    if not options.skip_damage:
        damage(options, work, runs)
    if not options.skip_equal:
        equal(options, work, runs)
    if options.work is None:
        shutil.rmtree(work)


def damage(options: argparse.Namespace, work: Path, runs: dict[str, Path]) -> None:
    start = time.perf_counter()
    arms = [runs[name] for name in ("clean", *options.damages.split(","))]
    found = compare(options, work / "damage", arms, work, seed=17)
    print(f"{options.tier}, {options.seeds} seeds, {found.arms[0].tokens:,} tokens each, {found.documents} documents")
    print(f"{'arm':<16}{'bits/byte':>10}{'difference':>12}{'95 % interval':>20}{'p':>9}   as it should be")
    baseline = found.arms[0]
    print(f"{baseline.name:<16}{baseline.bits_per_byte:>10.4f}   (epochs of the data: {baseline.epochs:.2f})")
    for one in found.overall.values():
        sound = "yes" if one.difference > 0 and one.p < ASKED_P else "NO"
        interval = f"{one.low:+.4f} … {one.high:+.4f}"
        print(f"{one.arm:<16}{one.bits_per_byte:>10.4f}{one.difference:>+12.4f}{interval:>20}{one.p:>9.4f}   {sound}")
    print(f"between seeds ± {found.spread:.4f}; {time.perf_counter() - start:.0f} s\n", flush=True)


def equal(options: argparse.Namespace, work: Path, runs: dict[str, Path]) -> None:
    start = time.perf_counter()
    arms, parted, smallest = [runs["clean"], runs["same"]], 0, 1.0
    for trial in range(options.trials):
        found = compare(options, work / f"equal-{trial}", arms, work, seed=1000 + 100 * trial)
        one = found.overall["same"]
        parted += one.verdict != "not separable"
        smallest = min(smallest, one.p)
    whole = options.trials
    print(f"equal data, {whole} trials: not separable in {whole - parted} of {whole} (least p {smallest:.4f})")
    print(f"{time.perf_counter() - start:.0f} s", flush=True)


def compare(options: argparse.Namespace, out: Path, arms: Sequence[Path], work: Path, *, seed: int) -> Ablation:
    return ablate(
        arms,
        tier=options.tier,
        out=out,
        seeds=options.seeds,
        tokens=options.tokens,
        held_out=[work / "held_out.parquet"],
        held_out_bytes=1 << 30,
        settings=parse_settings(options.set),
        threads=options.threads,
        seed=seed,
    )


def make_runs(data: Path, work: Path, documents: int, asked: int) -> dict[str, Path]:
    """One run for each arm; the held-out texts are of other speeches than the training texts."""
    if not (work / "books").exists():
        with tarfile.open(data / "books.tar.gz") as archive:
            archive.extractall(work, filter="data")
    speeches = [path.read_text(encoding="utf-8") for path in sorted((work / "books" / "sotu").glob("*.txt"))]
    held_out = pieces(speeches[::5])[:asked]
    train = pieces([text for number, text in enumerate(speeches) if number % 5])[:documents]
    pl.DataFrame({"text": held_out}).write_parquet(work / "held_out.parquet")
    german = pieces(read_books(work, ["*.de.epub", "developers-reference-de*.epub"]))
    other = [*train]
    random.Random(7).shuffle(other)
    texts = {
        "clean": train,
        "shuffled": [shuffled(text) for text in train],
        "duplicated": [train[number % (len(train) // 2)] for number in range(len(train))],
        "boilerplate": [with_boilerplate(text) for text in train],
        "german": [german[number % len(german)] for number in range(len(train))],
        "same": other,
    }
    return {name: make_run(work, name, each) for name, each in texts.items()}


def pieces(texts: Sequence[str]) -> list[str]:
    """Texts of like length, mixed; each document of one text, in an order that is always the same."""
    cut = [piece for text in texts for piece in cut_text(text, DOCUMENT) if len(piece) >= DOCUMENT // 2]
    random.Random(17).shuffle(cut)
    return cut


def read_books(work: Path, patterns: Sequence[str]) -> list[str]:
    """The texts of EPUBs, as a recipe reads them."""
    paths = '", "'.join(str(work / "books" / "epub" / pattern) for pattern in patterns)
    recipe = work / "german-books.toml"
    recipe.write_text(RECIPE.format(name="german-books", read="books", path=paths, tokenizer='"bytes"'))
    run = curate.run(recipe, out=work / "runs" / "german-books", workers=0)
    return [str(text) for text in run.documents().select("text").collect()["text"]]


def make_run(work: Path, name: str, texts: Sequence[str]) -> Path:
    table = work / f"{name}.parquet"
    if not table.exists():  # else a run that is there would take it for another input
        pl.DataFrame({"id": [f"{number:05}" for number in range(len(texts))], "text": texts}).write_parquet(table)
    learned = f"{{ train = {{ vocab_size = {VOCABULARY} }} }}"
    tokenizer = learned if name == "clean" else f'"{work / "runs" / "clean" / "tokenizer.json"}"'
    recipe = work / f"{name}.toml"
    recipe.write_text(RECIPE.format(name=name, read="tables", path=table, tokenizer=tokenizer))
    return curate.run(recipe, out=work / "runs" / name, workers=0).folder


def shuffled(text: str) -> str:
    words = text.split(" ")
    random.Random(text).shuffle(words)
    return " ".join(words)


def with_boilerplate(text: str) -> str:
    """A menu above, and some of what stands below pages: about a quarter of all."""
    below = random.Random(text).sample(BOILERPLATE, 4)
    return "\n".join([MENU, below[0], text, *below[1:]])


if __name__ == "__main__":
    main()
