"""Our extractor beside others on pages with hand-made references, in one run: F1, precision, recall, cost.

    golds ─▶ five folds of sites ─▶ a model for each, of the other four (kept in FOLDER) ─▶ texts of others ┐
          ─▶ resiliparse, trafilatura, jusText, readability-lxml, chromerag ─▶ texts ──────────────────────┴▶ table

WCXB is scored by its own measure (bags of lower-cased words, mean over pages, and mean over its seven types), the
articles by theirs (runs of four words, F1 of mean precision and mean recall), Readability's pages as WCXB's. A page
without a reference is right where nothing is extracted. Cost is CPU time (user and system) a page on one thread.

    python benchmarks/extraction.py ../shared/data/extraction --models FOLDER [--every 4] [--only curate --only jusText]
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import fmean

from curate.extract.judge.folds import fold_of, site_of
from curate.extract.judge.golds import GoldPage, read_golds, text_in_lines
from curate.extract.judge.judge import judge_pages
from curate.extract.judge.model import JudgeModel, model_bytes, read_model
from curate.extract.judge.score import TextScores, f1_of_means, kept_text, shingle_scores, word_scores
from curate.extract.judge.train import make_example, train_judge
from curate.extract.judge.words import PAGE_TYPES
from curate.extract.scan.columns import BEGIN, END
from curate.extract.scan.pages import as_pages, scan_pages

FOLDS = 5
SALT = "outer"
Extractor = Callable[[GoldPage], str]


@dataclass(frozen=True, slots=True)
class Result:
    page: GoldPage
    words: TextScores
    shingles: TextScores
    milliseconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="with wcxb/, articles/ and readability.tar.gz")
    parser.add_argument("--models", type=Path, required=True, help="where the models of the folds are kept")
    parser.add_argument("--every", type=int, default=1, help="score only each so manieth page")
    parser.add_argument("--only", action="append", help="only these extractors")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    golds = (arguments.folder / name for name in ("wcxb", "articles", "readability.tar.gz"))
    pages = read_golds([path for path in golds if path.exists()])
    for name, make in EXTRACTORS.items():
        if arguments.only and name not in arguments.only:
            continue
        try:
            extractor = make() if name != "curate" else judged_by_others(pages, arguments.models)
        except (ImportError, metadata.PackageNotFoundError) as error:
            print(f"{name}: not installed ({error})")
            continue
        show(name, [measure(page, extractor) for page in pages[:: arguments.every]])


def judged_by_others(pages: list[GoldPage], folder: Path) -> Extractor:
    """Our extractor, which judges each page by what pages of other sites teach."""
    models = [fold_model(pages, fold, folder) for fold in range(FOLDS)]

    def extract(page: GoldPage) -> str:
        scanned = scan_pages(as_pages(page.html))
        judged = judge_pages(scanned, title=not page.body_only, model=models[fold_of(site_of(page), FOLDS, SALT)])
        text = scanned.text.tobytes()
        return kept_text([text[row[BEGIN] : row[END]].decode() for row in scanned.blocks], judged.keep)

    return extract


def fold_model(pages: list[GoldPage], fold: int, folder: Path) -> JudgeModel:
    path = folder / f"fold-{fold}.bin"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        others = [page for page in pages if fold_of(site_of(page), FOLDS, SALT) != fold]
        path.write_bytes(model_bytes(train_judge([make_example(page) for page in others], tell=print)))
    return read_model(path.read_bytes(), str(path))


def resiliparse() -> Extractor:
    from resiliparse.extract.html2text import extract_plain_text

    return lambda page: extract_plain_text(page.html, main_content=True, alt_texts=False, links=False)


def trafilatura(**options: bool) -> Extractor:
    from trafilatura import extract

    return lambda page: extract(page.html, include_comments=False, **options) or ""


def justext() -> Extractor:
    import justext

    words = justext.get_stoplist("English")

    def extract(page: GoldPage) -> str:
        paragraphs = justext.justext(page.html.encode(), words) if page.html.strip() else []
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    return extract


def readability() -> Extractor:
    from readability import Document

    return lambda page: text_in_lines(Document(page.html).summary())


def chromerag() -> Extractor:
    from chromerag import ChromeRAG

    extractor = ChromeRAG()
    return lambda page: extractor.extract(page.html, url=page.url).markdown


EXTRACTORS: Mapping[str, Callable[[], Extractor]] = {
    "curate": resiliparse,  # made in `judged_by_others`
    "resiliparse": resiliparse,
    "trafilatura": trafilatura,
    "trafilatura precision": lambda: trafilatura(favor_precision=True),
    "jusText": justext,
    "readability-lxml": readability,
    "chromerag": chromerag,
}


def measure(page: GoldPage, extractor: Extractor) -> Result:
    begin = time.process_time()
    try:
        text = extractor(page)
    except Exception as error:  # of whatever kind a library raises: it has extracted nothing
        print(f"{page.name}: {type(error).__name__}: {str(error)[:100]}")
        text = ""
    spent = 1000 * (time.process_time() - begin)
    return Result(page, word_scores(text, page.reference), shingle_scores(text, page.reference), spent)


def show(name: str, results: list[Result]) -> None:
    sets: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        sets[result.page.name.partition("/")[0]].append(result)
    for gold, rows in sets.items():
        milliseconds = f"{fmean(row.milliseconds for row in rows):7.2f} ms"
        if gold == "articles":
            mean = f1_of_means(row.shingles for row in rows)
            print(f"{name:22} {gold:12} F1 {mean.f1:.4f} P {mean.precision:.4f} R {mean.recall:.4f}  {milliseconds}")
            continue
        scores = [fmean(row.words[number] for row in rows) for number in (2, 0, 1)]
        line = "F1 {:.4f} P {:.4f} R {:.4f}".format(*scores)
        print(f"{name:22} {gold:12} {line}  {milliseconds}  {by_type(rows) if gold == 'wcxb' else ''}", flush=True)


def by_type(rows: list[Result]) -> str:
    types = {kind: [row.words.f1 for row in rows if row.page.type == kind] for kind in PAGE_TYPES}
    means = {kind: fmean(values) for kind, values in types.items() if values}
    with_reference = fmean(row.words.f1 for row in rows if row.page.reference.strip())
    told = " ".join(f"{kind} {value:.3f}" for kind, value in means.items())
    return f"macro {fmean(means.values()):.4f}  ({told}; {with_reference:.4f} on pages with a reference)"


if __name__ == "__main__":
    main()
