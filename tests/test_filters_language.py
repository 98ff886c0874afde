"""Language identification on the Universal Declaration of Human Rights, and on what is no text."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import polars as pl
import pytest

from curate.errors import UsageError
from curate.filters.fasttext_model import load_model
from curate.filters.language import LID_176, LID_176_SHA256, language, load_lid

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

ENGLISH = (
    "All human beings are born free and equal in dignity and rights.\nThey are endowed with reason and conscience."
)
GERMAN = "Alle Menschen sind frei und gleich an Würde und Rechten geboren.\nSie sind mit Vernunft und Gewissen begabt."


def measured(*texts: str | None, **parameters: int) -> pl.DataFrame:
    step = language(keep=("en",), **parameters)
    assert step.measure is not None
    return step.measure(pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)}))


def test_two_languages_are_told_apart_and_one_is_kept() -> None:
    step = language(keep=("de",))
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": [ENGLISH, GERMAN]}))
    assert batch["language"].to_list() == ["en", "de"]
    assert batch["language_score"].min() > 0.9  # type: ignore[operator]
    assert batch.select(pl.all_horizontal(rule.keep for rule in step.rules)).to_series().to_list() == [False, True]


def test_the_top_languages_are_listed_with_their_scores() -> None:
    top = measured(ENGLISH + " " + GERMAN, top=2)["language_top"].to_list()[0]
    assert sorted(entry["language"] for entry in top) == ["de", "en"]
    assert top[0]["score"] >= top[1]["score"] > 0.01


def test_text_that_is_none_has_no_language_and_is_dropped_by_its_score() -> None:
    batch = measured("", " \n\t ", None)
    assert batch["language"].to_list() == [None] * 3
    assert batch["language_score"].to_list() == [0.0] * 3
    keep, min_score = language(keep=("en",)).rules
    assert batch.select(keep.keep).to_series().null_count() == 3
    assert not batch.select(min_score.keep).to_series().any()


def test_the_whole_text_is_read_past_line_breaks_nul_and_the_end_mark_of_fasttext() -> None:
    batch = measured(*(f"The{mark}" + GERMAN * 3 for mark in ("\n", "\x00", " </s> ")))
    assert batch["language"].to_list() == ["de"] * 3
    assert batch["language_score"].n_unique() == 1


def test_scores_are_those_of_the_librarys_own_predict() -> None:
    fasttext = pytest.importorskip("fasttext")
    labels, scores = fasttext.load_model(str(LID_176)).predict(GERMAN.replace("\n", " "), k=1)
    batch = measured(GERMAN)
    assert batch["language"][0] == labels[0].removeprefix("__label__")
    assert batch["language_score"][0] == pytest.approx(min(float(scores[0]), 1.0))


def test_an_empty_batch_gets_the_columns() -> None:
    assert measured().schema == measured(ENGLISH).schema


def test_the_shipped_model_is_the_published_one_and_stands_in_the_files() -> None:
    file = load_lid().file
    assert (file.name, file.sha256, file.license) == ("lid.176.ftz", LID_176_SHA256, "CC-BY-SA-3.0")


def test_a_truncated_model_is_refused(tmp_path: Path) -> None:
    cut = tmp_path / "lid.176.ftz"
    shutil.copyfile(LID_176, cut)
    with cut.open("r+b") as file:
        file.truncate(900_000)
    with pytest.raises(UsageError, match="damaged"):
        load_model(str(cut), sha256=LID_176_SHA256)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"this is text")
    with pytest.raises(UsageError, match="not a fastText model"):
        language(keep=("en",), model=str(tmp_path / "model.bin"))
    with pytest.raises(UsageError, match="No such file"):
        language(keep=("en",), model=str(tmp_path / "none.bin"))


def test_wrong_languages_are_refused() -> None:
    with pytest.raises(UsageError, match="names no language"):
        language(keep=())
    with pytest.raises(UsageError, match='no "english"'):
        language(keep=("english",))


UDHR = {
    "eng": "en",
    "deu_1996": "de",
    "fra": "fr",
    "spa": "es",
    "rus": "ru",
    "jpn": "ja",
    "kor": "ko",
    "ell_monotonic": "el",
}


def test_the_declaration_of_human_rights_is_recognized() -> None:
    archive = SHARED / "udhr2.zip"
    if not archive.exists():
        pytest.skip("the shared data (udhr2.zip) is not here")
    with zipfile.ZipFile(archive) as files:
        paths = {re.sub(r"\.txt$", "", name.rpartition("/")[2]): name for name in files.namelist()}
        codes = [code for code in UDHR if code in paths]
        texts = [files.read(paths[code]).decode("utf-8")[1000:4000] for code in codes]
    assert len(codes) >= 6
    assert measured(*texts)["language"].to_list() == [UDHR[code] for code in codes]
