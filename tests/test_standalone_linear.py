"""Linear classifiers trained from tables or two sides, and what the report says of them; no library is needed."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.filters.fasttext_train import Training
from curate.filters.linear_features import FeatureKinds
from curate.filters.linear_model import load_linear
from curate.filters.linear_train import LinearTraining
from curate.filters.quality import quality
from curate.standalone.classifier import apply_classifier, evaluate_classifier
from curate.standalone.model_files import card_path

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
SMALL = LinearTraining(features=FeatureKinds(bits=14), epochs=6)
HOSTS = 40


def paragraphs(book: str) -> list[str]:
    text = (BOOKS / book).read_text(encoding="utf-8")
    return [paragraph for paragraph in text.split("\n\n") if len(paragraph) > 300]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Paragraphs of two novels, each on many hosts."""
    folder = tmp_path_factory.mktemp("sides")
    paths = []
    for book in sorted(path.name for path in BOOKS.glob("*.txt")):
        path = folder / f"{book}.jsonl"
        rows = [
            {"text": text, "url": f"https://h{number % HOSTS}.{book[:4]}.example/{number}"}
            for number, text in enumerate(paragraphs(book)[:400])
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        paths.append(path)
    return paths[0], paths[1]


def test_two_sides_are_told_apart_and_the_report_says_how_sure(sides: tuple[Path, Path], tmp_path: Path) -> None:
    made = curate.train_classifier(
        positive=[sides[0]], negative=[sides[1]], kind="linear", training=SMALL, out=tmp_path / "novel.bin"
    )
    assert set(made.held_out.labels) == {"positive", "negative"}
    assert made.held_out.accuracy > 0.8
    assert sum(int(each["rows"] or 0) for each in made.held_out.calibration) == made.held_out.rows
    card = json.loads(card_path(made.model).read_text(encoding="utf-8"))
    assert [file["label"] for file in card["data"]] == ["positive", "negative"]
    assert {"tilney", "catherine", "isabella"} & set(card["strongest_words"]["positive"])
    assert {"anne", "elliot", "wentworth"} & set(card["strongest_words"]["negative"])
    assert load_linear(str(made.model)).labels == ("negative", "positive")
    assert card["held_out"]["leak"]["rows_of_new"] == 0  # each host has texts on both sides of the cut


def test_origins_that_are_held_out_are_never_learned_from(sides: tuple[Path, Path], tmp_path: Path) -> None:
    made = curate.train_classifier(
        positive=[sides[0]],
        negative=[sides[1]],
        kind="linear",
        training=SMALL,
        validation=0.3,
        hold_out="origin",
        out=tmp_path / "novel.bin",
    )
    held = made.card["held_out"]
    assert held["leak"]["rows_of_known"] == 0
    assert held["leak"]["rows_of_new"] == made.held_out.rows
    assert made.card["trained_on"]["origins"] < 2 * HOSTS
    assert all(str(each["origin"]).endswith(".example") for each in made.held_out.origins)
    wrong = sum(int(each["wrong"]) for each in made.held_out.origins)
    assert wrong <= round((1 - made.held_out.accuracy) * made.held_out.rows)


def test_the_same_files_and_options_give_the_same_bytes_and_card(sides: tuple[Path, Path], tmp_path: Path) -> None:
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / "m.bin"
        curate.train_classifier(positive=[sides[0]], negative=[sides[1]], kind="linear", training=SMALL, out=out)
        made.append((out.read_bytes(), card_path(out).read_bytes()))
    assert made[0] == made[1]


def test_documents_of_runs_are_a_side_and_the_step_asks_the_model(tmp_path: Path) -> None:
    for name, book in (("one", "northangerabbey"), ("other", "persuasion")):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\n[[source]]\nname = "books"\nread = "books"\npaths = ["{BOOKS}/{book}.txt"]\n'
            'split = "chapters"\nsteps = []\n[tokenize]\ntokenizer = "bytes"\nvalidation = 0.0\n'
        )
        curate.run(tmp_path / f"{name}.toml", out=tmp_path / name, workers=0)
    made = curate.train_classifier(
        positive=[tmp_path / "one"],
        negative=[tmp_path / "other"],
        kind="linear",
        training=SMALL,
        out=tmp_path / "novel.bin",
        validation=0.2,
    )
    assert made.card["trained_on"]["labels"]["positive"] > 5
    (tmp_path / "third.toml").write_text(
        f'name = "third"\n[[source]]\nname = "books"\nread = "books"\npaths = ["{BOOKS}/*.txt"]\nsplit = "chapters"\n'
        'steps = [{ use = "classifier", model = "novel.bin", min_score = 0.5 }]\n'
        '[tokenize]\ntokenizer = "bytes"\nvalidation = 0.0\n'
    )
    run = curate.run(tmp_path / "third.toml", out=tmp_path / "third", workers=0)
    kept = run.documents().collect()["text"]
    assert 20 < len(kept) < run.manifest["counts"]["books"]["read"]
    assert kept.str.contains("Catherine|Isabella|Tilney|Thorpe").mean() > 0.9  # type: ignore[operator]
    ledger = run.ledger().collect()
    assert ledger.filter(pl.col("classifier_score") < 0.5)["outcome"].unique().to_list() == ["dropped"]


def test_a_linear_model_is_judged_and_asked_by_the_commands(
    sides: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [pl.read_ndjson(path).with_columns(novel=pl.lit(path.name[:4])) for path in sides]
    pl.concat(rows).write_parquet("novels.parquet")
    for words in (
        ["train", "novels.parquet", "--label", "novel", "--kind", "linear", "--bits", "14", "--out", "n.bin"],
        ["evaluate", "n.bin", "novels.parquet", "--label", "novel"],
        ["apply", "n.bin", "novels.parquet", "--out", "s.parquet"],
    ):
        with pytest.raises(SystemExit) as ended:
            main(["classifier", *words])
        assert ended.value.code == 0
    told = capsys.readouterr().out
    assert 'use = "classifier", model = "n.bin", label = "' in told
    assert "mean score" in told
    labels = pl.read_parquet("s.parquet")["label"]
    assert evaluate_classifier("n.bin", ["novels.parquet"], label="novel").judged.accuracy > 0.9
    assert set(labels) == {"nort", "pers"}


def test_what_a_linear_model_cannot_be_trained_on_is_refused(sides: tuple[Path, Path], tmp_path: Path) -> None:
    three = tmp_path / "three.jsonl"
    three.write_text("".join(f'{{"text": "word {n}", "label": "{n % 3}"}}\n' for n in range(60)), encoding="utf-8")
    linear = {"kind": "linear", "out": tmp_path / "m.bin"}
    both = {"positive": [sides[0]], "negative": [sides[1]]}
    for given, sentence in (
        ({"files": [three], "label": "label"}, "two labels apart, and here are 3"),
        ({"positive": [three]}, "needs both sides"),
        (both | {"files": [three]}, "not both at once"),
        ({"files": [three]}, "say which column"),
        (both | {"target": "positve"}, 'no label "positve", did you mean "positive"|no label "positve"'),
        (both | {"out": tmp_path / "m.ftz"}, r"ends in \.bin"),
        (both | {"training": Training()}, "trained with LinearTraining"),
    ):
        with pytest.raises(UsageError, match=sentence):
            curate.train_classifier(**(linear | given))  # type: ignore[arg-type]
    assert not (tmp_path / "m.bin").exists()


def test_an_option_of_the_other_kind_is_refused(sides: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--positive", str(sides[0]), "--negative", str(sides[1]), "--out", "m.bin"]
    for kind, option in (("linear", "--dim"), ("fasttext", "--bits")):
        with pytest.raises(SystemExit) as ended:
            main(["classifier", "train", *words, "--kind", kind, option, "5"])
        assert ended.value.code == 2
        assert f"{option} is not for a model of the kind {kind}" in capsys.readouterr().err


def test_a_table_without_a_text_is_applied_to_nothing(sides: tuple[Path, Path], tmp_path: Path) -> None:
    made = curate.train_classifier(
        positive=[sides[0]], negative=[sides[1]], kind="linear", training=SMALL, out=tmp_path / "m.bin"
    )
    (tmp_path / "empty.jsonl").write_text('{"text": " "}\n{"text": null}\n')
    assert apply_classifier(made.model, [tmp_path / "empty.jsonl"], out=tmp_path / "s.jsonl").rows == 0


LISTING = "\n".join(
    f"file-{n:03}.tar.gz   {n % 28 + 1:02}-Mar-2024 10:{n % 60:02}   {n * 7919 % 90000}" for n in range(40)
)
MENU = "Home | Products | Services | About us | Contact\nLogin\nRegister\nMy cart (0)\n" + "Shoes\nBags\nHats\n" * 8
KEYWORDS = "cheap flights, cheap hotels, hotel deals, car rental, flights to rome, holiday deals, last minute, " * 6


def test_the_shipped_model_ranks_prose_above_listings_menus_and_keywords() -> None:
    step = quality()
    assert step.measure is not None
    prose = ["\n\n".join(paragraphs(book)[50:53]) for book in ("northangerabbey.txt", "persuasion.txt")]
    batch = pl.DataFrame({"id": list("abcdef"), "text": [*prose, LISTING, MENU, KEYWORDS, ""]})
    measured = step.measure(batch)
    assert measured.select(step.rules[0].keep).to_series().to_list() == [True, True, False, False, False, None]
    assert step.files[0].name == "quality.bin"
