"""Classifiers of one's own: the same bytes each time, asked by our kernels, described in a card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.filters.fasttext_model import load_model
from curate.filters.fasttext_train import Training, label_name, one_line
from curate.standalone.classifier import (
    DEFAULT_QUANTIZED_BYTES,
    DEFAULT_SHARE,
    apply_classifier,
    card_path,
    evaluate_classifier,
)

native = pytest.importorskip("fasttext", reason="needs the extra curate-corpus[classifier]")

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"
SMALL = Training(dim=10, epochs=5, bucket=4_000, learning_rate=0.5)


@pytest.fixture(scope="module")
def paragraphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paragraphs of two novels, labeled with the novel; a few have no label, no text, or odd words."""
    rows = [
        {"text": paragraph, "novel": book.stem.replace("abbey", " abbey")}
        for book in sorted(BOOKS.glob("*.txt"))
        for paragraph in book.read_text(encoding="utf-8").split("\n\n")
        if len(paragraph) > 300
    ]
    rows += [{"text": "no label", "novel": None}, {"text": "  ", "novel": "persuasion"}]
    rows += [{"text": "__label__persuasion a</s>b\x0bc Anne Elliot", "novel": "persuasion"}]
    path = tmp_path_factory.mktemp("novels") / "novels.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def texts_of(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("name", ["novel.bin", "novel.ftz"])
def test_our_kernels_give_the_answers_of_the_library_that_trained(paragraphs: Path, tmp_path: Path, name: str) -> None:
    made = curate.train_classifier([paragraphs], label="novel", out=tmp_path / name, training=SMALL)
    ours, theirs = load_model(str(made.model)), native.load_model(str(made.model))
    assert set(ours.labels) == {"__label__northanger_abbey", "__label__persuasion"}
    chances = ours.probabilities(pl.Series(texts_of(paragraphs)[:200]))
    for text, row in zip(texts_of(paragraphs), chances.tolist(), strict=False):
        found = {
            label: min(chance, 1.0) for chance, label in theirs.f.predict(one_line(text) + "\n", -1, 0.0, "strict")
        }
        assert row == pytest.approx([found.get(label, 0.0) for label in ours.labels], abs=3e-5)


def test_the_same_texts_and_options_give_the_same_bytes_and_card(paragraphs: Path, tmp_path: Path) -> None:
    made = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        out = tmp_path / folder / "novel.ftz"
        curate.train_classifier([paragraphs], label="novel", out=out, training=SMALL, max_bytes=60_000)
        made.append((out.read_bytes(), card_path(out).read_bytes()))
        assert sorted(path.name for path in (tmp_path / folder).iterdir()) == ["novel.ftz", "novel.ftz.json"]
    assert made[0] == made[1]
    assert len(made[0][0]) <= 60_000


def test_the_card_says_what_was_learned_from_and_how_well(paragraphs: Path, tmp_path: Path) -> None:
    made = curate.train_classifier([paragraphs], label="novel", out=tmp_path / "novel.bin", training=SMALL)
    card = json.loads(card_path(made.model).read_text(encoding="utf-8"))
    assert card == json.loads(json.dumps(made.card))
    assert card["sha256"] == hashlib.sha256(made.model.read_bytes()).hexdigest()
    assert card["data"][0]["sha256"] == hashlib.sha256(paragraphs.read_bytes()).hexdigest()
    labeled = len(texts_of(paragraphs)) - 2
    assert card["trained_on"]["rows"] + card["held_out"]["rows"] == labeled
    assert 0.05 < card["held_out"]["rows"] / labeled < 0.15
    assert card["held_out"]["accuracy"] > 0.7
    scores = card["held_out"]["labels"]["persuasion"]
    assert scores["f1"] == pytest.approx(
        2 * scores["precision"] * scores["recall"] / (scores["precision"] + scores["recall"]), abs=1e-3
    )


def test_copies_of_a_text_are_all_held_out_or_all_trained_on(tmp_path: Path) -> None:
    rows = [{"text": f"words of text {n % 50} in class {n % 2}", "label": n % 2} for n in range(1000)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    training = Training(dim=4, epochs=1, bucket=100, min_count=1)
    made = curate.train_classifier([tmp_path / "rows.jsonl"], label="label", out=tmp_path / "m.bin", training=training)
    assert made.card["held_out"]["rows"] % 20 == made.card["trained_on"]["rows"] % 20 == 0
    assert set(made.card["trained_on"]["labels"]) == {"0", "1"}


def test_files_of_their_own_can_be_held_out_and_a_model_judged_again(paragraphs: Path, tmp_path: Path) -> None:
    table = pl.read_ndjson(paragraphs).filter(pl.col("novel").is_not_null()).rename({"text": "body"})
    train, test = tmp_path / "train.parquet", tmp_path / "test.parquet"
    table.gather_every(2).write_parquet(train)
    table.gather_every(2, offset=1).write_parquet(test)
    made = curate.train_classifier(
        [train], label="novel", text="body", out=tmp_path / "n.bin", validation=[test], training=SMALL
    )
    again = evaluate_classifier(made.model, [test], label="novel", text="body").judged
    assert again == made.held_out
    assert again.rows == table.gather_every(2, offset=1).filter(pl.col("body").str.strip_chars() != "").height
    assert made.card["held_out"]["data"][0]["name"] == "test.parquet"


def test_applied_labels_are_those_by_which_it_is_judged(paragraphs: Path, tmp_path: Path) -> None:
    made = curate.train_classifier([paragraphs], label="novel", out=tmp_path / "n.bin", training=SMALL)
    rows = apply_classifier(made.model, [paragraphs], out=tmp_path / "scores.parquet").rows
    scores = pl.read_parquet(tmp_path / "scores.parquet")
    assert scores.columns == ["id", "label", "score"]
    assert scores.height == rows == len(texts_of(paragraphs)) - 1
    rows_read = map(json.loads, paragraphs.read_text(encoding="utf-8").splitlines())
    true = [row["novel"] for row in rows_read if row["text"].strip()]
    right = sum(found == label_name(name) for found, name in zip(scores["label"], true, strict=True) if name)
    judged = evaluate_classifier(made.model, [paragraphs], label="novel").judged
    assert right / judged.rows == pytest.approx(judged.accuracy, abs=1e-4)


def test_the_step_fasttext_asks_a_trained_model(paragraphs: Path, tmp_path: Path) -> None:
    curate.train_classifier([paragraphs], label="novel", out=tmp_path / "novel.bin", training=SMALL)
    (tmp_path / "recipe.toml").write_text(
        f"""name = "r"
[[source]]
name = "s"
read = "tables"
paths = ["{paragraphs}"]
steps = [{{ use = "fasttext", model = "novel.bin", label = "persuasion", min_score = 0.5 }}]
[tokenize]
tokenizer = "bytes"
validation = 0.0
""",
        encoding="utf-8",
    )
    run = curate.run(tmp_path / "recipe.toml", out=tmp_path / "run", workers=0)
    scores = apply_classifier(tmp_path / "novel.bin", [paragraphs], out=tmp_path / "scores.parquet").rows
    labels = pl.read_parquet(tmp_path / "scores.parquet")["label"]
    assert scores > 100
    assert run.manifest["counts"]["s"]["kept"] == (labels == "persuasion").sum()


def test_what_cannot_be_trained_is_refused_in_one_sentence(paragraphs: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.bin"
    taken.write_bytes(b"mine")
    (tmp_path / "copy.bin").symlink_to(paragraphs)
    (tmp_path / "own.ftz.json").write_bytes(b"mine")
    one = tmp_path / "one.jsonl"
    one.write_text("".join(f'{{"text": "a b {n}", "label": "x"}}\n' for n in range(20)), encoding="utf-8")
    good = {"label": "novel", "out": tmp_path / "m.bin", "training": SMALL}
    for files, changed, sentence in (
        ([paragraphs], {"out": taken}, "exists; --force writes over it"),
        ([paragraphs], {"out": tmp_path / "copy.bin", "force": True}, "one of the files that are read"),
        ([paragraphs], {"out": tmp_path / "own.ftz"}, r"own\.ftz\.json exists"),
        ([paragraphs], {"out": tmp_path / "m.zip"}, r"ends in \.bin or"),
        ([paragraphs], {"max_bytes": 10}, r"ends in \.ftz"),
        ([paragraphs], {"out": tmp_path / "m.ftz", "max_bytes": 100}, "no quantized model of these texts"),
        ([paragraphs], {"label": "novle"}, "no row has a text in 'text' and one in 'novle'"),
        ([paragraphs], {"validation": 1.5}, "lies between 0 and 1"),
        ([paragraphs], {"training": Training(min_count=10**6)}, "nothing can be learned"),
        ([one], {"label": "label"}, "there is only 'x'"),
        ([tmp_path / "none.jsonl"], {}, "no file matches"),
        ([], {}, "no file is given"),
    ):
        with pytest.raises(UsageError, match=sentence):
            curate.train_classifier(files, **(good | changed))  # type: ignore[arg-type]
    assert taken.read_bytes() == b"mine"
    assert {path.name for path in tmp_path.iterdir()} == {"taken.bin", "copy.bin", "own.ftz.json", "one.jsonl"}


def test_the_help_of_train_names_the_defaults_that_hold(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["classifier", "train", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    for name, value in asdict(Training()).items():
        about = told.rpartition(f"--{name.replace('_', '-')} ")[2].partition(" --")[0]
        assert f"default: {value if isinstance(value, str) else f'{value:,}'}" in about, name
    assert f"(default: {DEFAULT_QUANTIZED_BYTES:,})" in told
    assert f"(default: {DEFAULT_SHARE})" in told


def test_the_command_trains_judges_and_applies(
    paragraphs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ["--dim", "10", "--epochs", "5", "--bucket", "4000", "--learning-rate", "0.5"]
    for words in (
        ["train", str(paragraphs), "--label", "novel", "--out", "n.bin", "--validation", "0.2", *small],
        ["evaluate", "n.bin", str(paragraphs), "--label", "novel"],
        ["apply", "n.bin", str(paragraphs), "--out", "s.parquet"],
    ):
        with pytest.raises(SystemExit) as exit:
            main(["classifier", *words])
        assert exit.value.code == 0
    told = capsys.readouterr().out
    assert 'use = "classifier", model = "n.bin", label = "northanger_abbey"' in told
    assert told.count("precision") == 2
    assert "s.parquet: " in told


def test_rows_that_cannot_be_read_are_named_and_said_by_the_exit_code(
    paragraphs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "damaged.jsonl"
    damaged.write_bytes(paragraphs.read_bytes() + b'{"text": "cut o\n{"text": 7, "novel": "x"}\n')
    model, scores = tmp_path / "m.bin", tmp_path / "scores.jsonl"
    sizes = ("--dim", 8, "--epochs", 1, "--bucket", 1000)
    for words in (
        ("train", damaged, "--label", "novel", "--out", model, *sizes),
        ("evaluate", model, damaged, "--label", "novel"),
        ("apply", model, damaged, "--out", scores),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["classifier", *map(str, words)])
        assert ended.value.code == 3
        said = capsys.readouterr().err
        assert "damaged.jsonl@" in said
        assert "2 rows could not be read" in said
