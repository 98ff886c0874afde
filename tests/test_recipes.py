"""The named recipes that ship: each extended by a toy source and run to the end; published numbers stand in them."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import curate
from curate.pipeline.run import run
from curate.recipe_dedup import Dedup
from curate.recipe_file import load, shipped_recipes
from curate.steps.bind import resolve
from curate.tokenize.rehydrate import times_by_size

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
WEB = ["fineweb", "fineweb-edu-ready", "fineweb2", "c4", "gopher", "refinedweb", "dclm", "redpajama-v2", "dolma3"]
END = '[tokenize]\ntokenizer = "bytes"\n'


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few pages of the sample, in several languages."""
    path = tmp_path_factory.mktemp("pages") / "few.warc.gz"
    left = (SAMPLE / "web.warc.gz").read_bytes()
    with path.open("wb") as file:
        for _ in range(40):
            inflater = zlib.decompressobj(31)
            inflater.decompress(left)
            file.write(left[: len(left) - len(inflater.unused_data)])
            left = inflater.unused_data
    return path


def extended(folder: Path, name: str, sources: dict[str, Any], rest: str = END) -> Path:
    tables = "".join(f'[[source]]\nname = "{source}"\n{lines}\n' for source, lines in sources.items())
    path = folder / "own.toml"
    path.write_text(f'extends = "{name}"\n{tables}{rest}')
    return path


@pytest.mark.parametrize("name", WEB)
def test_a_recipe_for_the_web_runs_on_a_few_pages(tmp_path: Path, pages: Path, name: str) -> None:
    recipe = extended(tmp_path, name, {"web": f'paths = ["{pages}"]'})
    result = run(recipe, out=tmp_path / "run", workers=0)
    counts = result.manifest["counts"]["web"]
    assert counts["read"] == counts["kept"] + counts["dropped"] + counts["quarantined"]
    assert counts["kept"] > 0
    assert counts["quarantined"] == 0
    ledger = result.ledger("web").collect()
    steps = {step.use for step in load(result.folder / "recipe.toml").source("web").steps}
    assert set(ledger["step"].drop_nulls()) <= steps | {"read", "extract", "dedup"}


def test_the_recipe_for_code_keeps_files_with_a_permissive_license(tmp_path: Path) -> None:
    recipe = extended(tmp_path, "starcoder", {"code": f'paths = ["{SAMPLE}/code.tar.gz"]'})
    result = run(recipe, out=tmp_path / "run", workers=0)
    documents = result.documents("code").collect()
    assert documents.height > 0
    assert documents["license_allowed"].all()


def test_gpt3s_mixture_is_drawn_by_its_weights(tmp_path: Path, pages: Path) -> None:
    books = sorted((SAMPLE / "books").iterdir())
    sources = {
        "common_crawl": f'paths = ["{pages}"]',
        "webtext2": f'read = "code"\npaths = ["{SAMPLE}/code.tar.gz"]',
        "books1": f'paths = ["{books[0]}"]',
        "books2": f'paths = ["{books[-1]}"]',
        "wikipedia": f'read = "books"\npaths = ["{books[0]}"]',
    }
    rest = "[dedup]\nmethod = []\n[mix]\ntokens = 100_000\nmax_epochs = 1_000\n" + END
    result = run(extended(tmp_path, "gpt3-mixture", sources, rest), out=tmp_path / "run", workers=0)
    shares = {share["name"]: share["drawn"] for share in result.mixture["mixture"]["shares"]}
    assert shares["common_crawl"] == pytest.approx(0.60 / 1.01, abs=1e-4)
    assert shares["wikipedia"] == pytest.approx(0.03 / 1.01, abs=1e-4)


def test_published_numbers_stand_in_the_recipes(tmp_path: Path) -> None:
    def parameters(name: str, use: str, source: str = "web") -> dict[str, Any]:
        recipe = resolve(load(extended(tmp_path, name, {source: 'paths = ["x"]'})))
        return dict(next(step for step in recipe.source(source).steps if step.use == use).parameters)

    assert parameters("fineweb", "c4")["min_sentences"] == 5
    assert not parameters("fineweb", "c4")["terminal_punctuation"]
    assert parameters("c4", "c4")["min_words_per_line"] == 5
    assert parameters("fineweb", "fineweb")["max_duplicate_full_line_character_ratio"] == 0.01
    assert parameters("fineweb2", "fineweb2")["max_duplicate_full_line_character_ratio"] == 0.1
    assert parameters("dclm", "refinedweb")["max_removed_word_ratio"] == 0.05
    assert parameters("starcoder", "code", "code")["max_line_length"] == 1000
    for name, bands, rows in (("fineweb", 14, 8), ("refinedweb", 450, 20), ("fineweb2", 14, 8), ("dolma3", 26, 11)):
        dedup = load(extended(tmp_path, name, {"web": 'paths = ["x"]'})).dedup
        assert dedup is not None
        assert (dedup.bands, dedup.rows) == (bands, rows)


def test_deduplication_is_that_of_the_publications(tmp_path: Path) -> None:
    def dedup(name: str) -> Dedup:
        found = load(extended(tmp_path, name, {"web": 'paths = ["x"]'})).dedup
        assert found is not None
        return found

    assert dedup("dclm").method == ("ngrams",)
    assert (dedup("dclm").ngrams.ngram, dedup("dclm").ngrams.max_seen) == (13, 0.8)
    assert dedup("refinedweb").substring.min_words == 50
    assert (dedup("c4").method, dedup("c4").lines.unit) == (("url", "lines"), "line")
    sizes = np.array([1, 2, 3, 4, 5, 99, 100, 999, 1000, 5000])
    assert times_by_size(sizes, dedup("fineweb2").rehydrate).tolist() == [1, 2, 3, 3, 5, 5, 8, 8, 1, 1]


def test_every_recipe_says_in_its_first_line_what_it_is_and_where_its_numbers_are_from() -> None:
    for name, path in shipped_recipes().items():
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {name}: "), name
        assert name == "quickstart" or "arXiv" in text or "allenai/datamap-rs" in text
