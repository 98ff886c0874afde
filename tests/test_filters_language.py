"""Language identification on the Universal Declaration of Human Rights, and on what is no text."""

from __future__ import annotations

import base64
import codecs
import inspect
import json
import re
import shutil
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.batch import Filter
from curate.errors import UsageError
from curate.filters.fasttext_model import load_model
from curate.filters.language import CURATE_SHA256, LID_176, LID_176_SHA256, language, load_lid
from curate.filters.language_codes import iso_639_3, labels_of
from curate.filters.language_lines import cut_blocks
from curate.filters.language_neighbors import without_other_scripts
from curate.pipeline.run import run
from curate.text.buffers import text_buffers

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


def test_shipped_models_are_named_as_files_are_wherever_the_recipe_lies(tmp_path: Path) -> None:
    assert load_lid(str(tmp_path / "lid.176")).file == load_lid().file
    assert load_lid(str(tmp_path / "curate")).file.sha256 == CURATE_SHA256
    shutil.copyfile(LID_176, tmp_path / "curate")
    assert load_lid(str(tmp_path / "curate")).file.sha256 == LID_176_SHA256  # a file of this name is meant


def own(*texts: str) -> list[str | None]:
    step = language(model="curate")
    assert step.measure is not None
    return step.measure(pl.DataFrame({"text": texts}))["language"].to_list()


PROSE = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light."
)


def test_what_is_no_language_is_told_from_text() -> None:
    none = {
        codecs.encode(PROSE, "rot13"): "und",
        codecs.encode(GERMAN, "rot13"): "und",
        "asdf jklö asdfj kljh sdfg hjkl asdkj fhskdjf hsdf lkjh asdfjkl dfgh jkhg fdsa": "und",
        base64.b64encode(PROSE.encode()).decode(): "zxx",
        "\n".join(f"{number}\t{number * 37 % 1009}\t{number / 7:.3f}" for number in range(40)): "zxx",
        inspect.getsource(pairwise_distances) * 2: "zxx",
    }
    assert [answer in ("und", "zxx") for answer in own(*none)] == [True] * len(none)
    assert own(PROSE, GERMAN, PROSE.upper()) == ["en", "de", "en"]


def pairwise_distances(rows: list[list[float]]) -> list[list[float]]:
    result = [[0.0] * len(rows) for _ in rows]
    for i, a in enumerate(rows):
        for j in range(i + 1, len(rows)):
            result[i][j] = result[j][i] = sum((x - y) ** 2 for x, y in zip(a, rows[j], strict=True)) ** 0.5
    return result


def test_close_languages_are_told_apart_by_our_own_model() -> None:
    texts = {
        "Eg veit ikkje kva dei gjer, men me skal sjå nokre bilete frå ei lita øy heime hjå oss.": "nn",
        "Jeg vet ikke hva de gjør, men vi skal se noen bilder fra en liten øy hjemme hos oss.": "no",
        "Jeg ved ikke, hvad de laver, men vi skal se nogle billeder fra en lille ø hjemme hos os.": "da",
        "Non sei o que fan, pero imos ver algunhas imaxes dunha illa pequena preto da nosa casa.": "gl",
        "No sé qué hacen, pero vamos a ver unas imágenes de una isla pequeña cerca de nuestra casa.": "es",
        "No sé què fan, però veurem algunes imatges d'una illa petita a prop de casa nostra.": "ca",
        "Neviem, čo robia, ale pozrieme sa na niekoľko obrázkov z malého ostrova pri našom dome.": "sk",
        "Ma nafx x'qed jagħmlu, imma se naraw xi ritratti ta' gżira żgħira ħdejn id-dar tagħna.": "mt",
        "Prošlog tjedna je tisuću ljudi u Europi vidjelo izvješće o povijesti kazališta i glazbe.": "hr",
        "Prošle nedelje je hiljadu ljudi u Evropi videlo izveštaj o istoriji pozorišta i muzike.": "sr",
    }
    assert own(*texts) == [*texts.values()]


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
    with pytest.raises(UsageError, match='no "english"'):
        language(keep=("english",))
    with pytest.raises(UsageError, match='no "tlh"'):
        language(min_scores={"tlh": 0.5})
    with pytest.raises(UsageError, match="min_line_share is a share"):
        language(min_line_share=0.5)


def kept(step: Filter, *texts: str) -> list[bool]:
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": texts}))
    decided = [batch.select(rule.keep.fill_null(True)).to_series() for rule in step.rules]
    return [all(row) for row in zip(*decided, strict=True)] if decided else [True] * batch.height


def test_without_keep_it_only_measures() -> None:
    step = language()
    assert not step.rules
    assert step.hope is None
    assert kept(step, ENGLISH, "") == [True, True]


def test_codes_of_two_and_three_letters_name_the_same_language() -> None:
    for code in ("de", "deu"):
        assert kept(language(keep=(code,)), ENGLISH, GERMAN) == [False, True]


def test_each_language_has_its_own_threshold() -> None:
    score = measured(GERMAN)["language_score"][0]
    assert kept(language(keep=("en", "de"), min_scores={"deu": min(score * 1.0001, 1.0)}), ENGLISH, GERMAN)[0]
    above, below = {"de": 1.0}, {"de": score - 0.01}
    assert kept(language(keep=("en", "de"), min_score=0.2, min_scores=above), ENGLISH, GERMAN + " tlhIngan Hol") == [
        True,
        False,
    ]
    assert kept(language(keep=("en", "de"), min_score=1.0, min_scores=below), "x " + ENGLISH, GERMAN) == [False, True]
    assert kept(language(min_scores=above), "blah", GERMAN + " tlhIngan Hol") == [True, False]


def test_capitals_are_asked_in_lower_case_too_and_that_is_recorded() -> None:
    shouted = measured(ENGLISH.upper(), ENGLISH, "В начале сотворил Бог небо и землю.".upper())
    assert shouted["language"].to_list() == ["en", "en", "ru"]
    assert shouted["language_lowered"].to_list()[:2] == [True, False]
    assert not measured(ENGLISH.upper(), lower_capitals=False)["language_lowered"].any()


def test_the_script_is_that_of_most_letters() -> None:
    texts = {
        ENGLISH: "Latn",
        "В начале сотворил Бог небо и землю.": "Cyrl",
        "はじめに神は天と地とを創造された。": "Jpan",
        "起初，神創造天地。": "Hani",
        "태초에 하나님이 천지를 창조하시니라": "Hang",
        "ในปฐมกาล พระเจ้าทรงเนรมิตสร้างฟ้าและแผ่นดิน": "Thai",
        "आदि में परमेश्वर ने आकाश और पृथ्वी की सृष्टि की।": "Deva",
        "12345 + 67890 = 80235": None,
    }
    assert measured(*texts)["language_script"].to_list() == [*texts.values()]


def test_lines_in_other_languages_are_counted_by_their_bytes() -> None:
    text = "\n".join([ENGLISH] * 3 + [GERMAN])
    step = language(keep=("en",), line_shares=True)
    assert step.measure is not None
    (shares,) = step.measure(pl.DataFrame({"text": [text]}))["language_line_shares"].to_list()
    assert [share["language"] for share in shares] == ["en", "de"]
    assert shares[1]["share"] == pytest.approx(len(GERMAN.encode()) / len(text.encode()), abs=0.01)
    for least, result in ((0.7, True), (0.9, False)):
        assert kept(language(keep=("en",), min_score=0, min_line_share=least), text) == [result]
    assert kept(language(keep=("en", "de"), min_score=0, min_line_share=0.99), text) == [True]
    assert kept(language(keep=("en",), min_score=0, min_line_share=0.9), (ENGLISH + "\n").upper() * 4) == [True]


def test_a_run_tells_the_shares_by_which_a_document_went(tmp_path: Path) -> None:
    rows = [{"text": "\n".join([ENGLISH] * 6 + [GERMAN] * 2)}, {"text": ENGLISH * 3}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "r.toml").write_text(
        'name = "lines"\n[[source]]\nname = "x"\nread = "tables"\npaths = ["in.jsonl"]\n'
        'steps = [{ use = "language", keep = ["eng"], min_score = 0.1, min_line_share = 0.9 }]\n',
        encoding="utf-8",
    )
    run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    ledger = pl.read_parquet(tmp_path / "run" / "ledger" / "**" / "*.parquet").sort("id")
    assert sorted(ledger["outcome"]) == ["dropped", "kept"]
    value = ledger.filter(outcome="dropped")["value"].item()
    assert re.fullmatch(r"en 0\.\d+, de 0\.\d+", value)


def test_blocks_tile_the_texts_and_only_the_last_is_short() -> None:
    texts = ["a\n" * 120 + "b" * 150 + "\nc", "", "d"]
    blocks, owners = cut_blocks(text_buffers(pl.Series(texts)))
    cut = [bytes(blocks.data[a:b]).decode() for a, b in pairwise(blocks.offsets)]
    assert "".join(cut) == "".join(texts)
    assert owners.tolist() == [0, 0, 0, 0, 2]
    assert min(len(block) for block in cut[:3]) >= 100


def test_answers_do_not_depend_on_the_cut_of_batches() -> None:
    texts = [ENGLISH, "", GERMAN.upper(), "\n".join([ENGLISH, GERMAN]), "12 34", "はじめに"]
    step = language(line_shares=True)
    assert step.measure is not None
    together = step.measure(pl.DataFrame({"text": texts}))
    alone = pl.concat([step.measure(pl.DataFrame({"text": [text]})) for text in texts])
    assert together.equals(alone)


def test_labels_are_found_by_language_in_any_scheme() -> None:
    glot = ("eng_Latn", "srp_Cyrl", "srp_Latn", "zho_Hans", "arb_Arab", "als_Latn")
    assert labels_of("sr", glot) == ("srp_Cyrl", "srp_Latn")
    assert labels_of("srp_Latn", glot) == ("srp_Latn",)
    assert labels_of("ar", glot) == ("arb_Arab",)
    assert labels_of("sq", glot) == ("als_Latn",)
    assert labels_of("nb", ("no", "nn", "als")) == ("no",)
    assert labels_of("sqi", ("sq", "als")) == ("sq",)
    assert [iso_639_3(label) for label in ("en", "eng_Latn", "zxx_Zxxx", "positive")] == ["eng", "eng", "zxx", None]


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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Prije tisuću godina ovdje je bilo sveučilište, a netko je tijekom tjedna čitao o povijesti Europe.", "hr"),
        ("Pre hiljadu godina ovde je bio univerzitet, a neko je tokom sedmice uvek čitao o istoriji Evrope.", "sr"),
        (
            "Prije hiljadu godina ovdje je bio univerzitet, a neko je tokom sedmice uvijek čitao o historiji Evrope.",
            "bs",
        ),
        ("Mobil itu rusak karena tabrakan, bahwa polisi datang pada bulan Agustus.", "id"),
        ("Kereta itu rosak kerana pelanggaran, bahawa polis datang pada bulan Ogos.", "ms"),
        ("Пре хиљаду година овде је био универзитет, а неко је током седмице читао о историји Европе.", "sr"),
    ],
)
def test_close_languages_are_told_apart_by_their_words(text: str, expected: str) -> None:
    measure = language(model="curate").measure
    assert measure is not None
    assert measure(pl.DataFrame({"text": [text]}))["language"].to_list() == [expected]


def test_what_is_written_in_han_is_in_no_language_that_is_not() -> None:
    names, scripts = ["zh", "ms", "und"], pl.Series(["Hani", "Latn", "Hani", None])
    chances = np.array([[0.2, 0.7, 0.1], [0.2, 0.7, 0.1], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    found = without_other_scripts(chances, names, scripts)
    assert found[0] == pytest.approx([2 / 3, 0, 1 / 3])
    assert np.array_equal(found[1:], chances[1:])
