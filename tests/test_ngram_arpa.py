"""Language models as files: ARPA there and back, KenLM's answers, and files that are not what they should be."""

from __future__ import annotations

import gzip
import hashlib
import struct
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import curate
from curate.errors import UsageError
from curate.filters.ngram.arpa import read_arpa, write_arpa
from curate.filters.ngram.counts import NgramCounts
from curate.filters.ngram.file import PREAMBLE, NgramTables, read_tables, write_tables
from curate.filters.ngram.kneser_ney import estimate
from curate.filters.ngram.table import NgramTable, build_table, score
from curate.filters.ngram.words import Units, word_stream
from curate.text.buffers import text_buffers

BOOKS = Path(curate.__file__).parent / "recipes" / "quickstart" / "books"

ARPA = """
\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.5
-0.75\t</s>
-0.5\tword\t-0.25

\\2-grams:
-0.125\t<s> word
-0.375\tword </s>
-1\tword word

\\end\\
"""
"""As other toolkits write it: without a back-off where it is 0."""


@pytest.fixture(scope="module")
def texts() -> pl.Series:
    return pl.Series((BOOKS / "persuasion.txt").read_text(encoding="utf-8").split("\n\n"))


@pytest.fixture(scope="module", params=["words", "spaces"])
def trained(
    request: pytest.FixtureRequest, texts: pl.Series, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Units, NgramTable, Path]:
    units: Units = request.param
    counts = NgramCounts(4, units=units)
    buffers = text_buffers(texts[::2])
    counts.add(word_stream(buffers, units, places=True), buffers)
    trie = counts.trie()
    estimates, path = estimate(trie), tmp_path_factory.mktemp("arpa") / "model.arpa"
    with path.open("wb") as file:
        write_arpa(file, trie, estimates, counts.words)
    return units, build_table(trie, estimates), path


def test_an_arpa_file_gives_the_model_that_it_was_written_from(trained: tuple[Units, NgramTable, Path]) -> None:
    _, table, path = trained
    again, counts = read_arpa(path)
    assert (again.slots == table.slots).all()
    assert (again.scales == table.scales).all()
    assert (again.unknown, again.order) == (table.unknown, table.order)
    assert sum(counts) == np.count_nonzero(table.slots)


def test_a_packed_arpa_file_is_read_too(trained: tuple[Units, NgramTable, Path], tmp_path: Path) -> None:
    (tmp_path / "model.arpa.gz").write_bytes(gzip.compress(trained[2].read_bytes(), 1))
    assert (read_arpa(tmp_path / "model.arpa.gz")[0].slots == trained[1].slots).all()


def test_scores_are_those_of_kenlm(trained: tuple[Units, NgramTable, Path], texts: pl.Series) -> None:
    kenlm = pytest.importorskip("kenlm", reason="kenlm is not installed")
    units, table, path = trained
    if units != "spaces":
        pytest.skip("KenLM cuts a text at its spaces")
    lines = texts[1::2].str.replace_all("\n", " ")
    ours = score(word_stream(text_buffers(lines), units), table)
    theirs = [kenlm.Model(str(path)).score(line) for line in lines if line.strip()]
    assert ours.logarithms[ours.words > 0] == pytest.approx(theirs, rel=1e-3)


def arpa(tmp_path: Path, text: str) -> Path:
    (tmp_path / "toy.arpa").write_text(text)
    return tmp_path / "toy.arpa"


def test_an_arpa_file_of_another_toolkit_answers_as_it_says(tmp_path: Path) -> None:
    table, counts = read_arpa(arpa(tmp_path, ARPA))
    assert counts == (4, 3)
    found = score(word_stream(text_buffers(pl.Series(["word", "word word", "other word", ""])), "spaces"), table)
    expected = [
        -0.125 - 0.375,
        -0.125 - 1 - 0.375,
        -0.5 - 1.5 - 0.5 - 0.375,  # backs off behind <s> to the unknown word, of which nothing is remembered
        0,
    ]
    assert found.logarithms == pytest.approx(expected, abs=1e-3)
    assert found.unknown.tolist() == [0, 0, 1, 0]
    closed, _ = read_arpa(arpa(tmp_path, ARPA.replace("-1.5\t<unk>\n", "").replace("1=4", "1=3")))
    assert closed.unknown == -100


PRUNED = """
\\data\\
ngram 1=6
ngram 2=4
ngram 3=2
ngram 4=1

\\1-grams:
-1.5\t<unk>
0\t<s>\t-0.5
-0.75\t</s>
-0.5\ta\t-0.25
-0.625\tb\t-0.375
-0.875\tc\t-0.125

\\2-grams:
-0.125\t<s> a\t-0.0625
-0.375\ta b\t-0.25
-0.25\tb a\t-0.5
-0.5\ta </s>

\\3-grams:
-0.25\t<s> a b\t-0.125
-0.0625\tb a c\t-0.75

\\4-grams:
-0.03125\tb a c </s>

\\end\\
"""
"""It has "b a c", not "a c"; "b a c </s>", not "a c </s>" or "c </s>"; and "<s> a b", but not all behind it."""


def test_what_a_toolkit_pruned_between_is_answered_by_backing_off(tmp_path: Path) -> None:
    table, counts = read_arpa(arpa(tmp_path, PRUNED))
    assert counts == (6, 6, 3, 1)
    model = {}
    for line in PRUNED.splitlines():
        probability, *rest = line.split("\t")
        if rest:
            model[tuple(rest[0].split())] = float(probability), float(rest[1]) if len(rest) > 1 else 0.0

    def asked(word: str, context: tuple[str, ...]) -> float:
        if (*context, word) in model:
            return model[*context, word][0]
        return model.get(context, (0, 0))[1] + asked(word, context[1:]) if context else model[("<unk>",)][0]

    lines = [" ".join(words) for size in range(1, 5) for words in product("abcz", repeat=size)]
    found = score(word_stream(text_buffers(pl.Series(lines)), "spaces"), table).logarithms
    for line, logarithm in zip(lines, found, strict=True):
        whole = ("<s>", *line.split(), "</s>")
        slow = sum(asked(whole[at], whole[max(0, at - 3) : at]) for at in range(1, len(whole)))
        assert logarithm == pytest.approx(slow, abs=2e-3)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("\\end\\", "", "ends too early"),
        ("\\data\\", "", "no ARPA file"),
        ("1=4", "1=5", "has 4 1-grams where it says 5"),
        ("ngram 2=3\n", "", "2 of 1 parts"),
        ("-1\tword word", "-1\tword word word", "do not have 2 words"),
        ("-1\tword word", "-1 word word", "cannot be read"),
        ("-1\tword word", "-1\tother word", "lacks the first 1 words of 1 2-grams"),
        ("-1\tword word", "-1\t<s> word", "has a 2-gram twice"),
        ("-1\tword word", "nan\tword word", "logarithms are no numbers"),
        ("0\t<s>", "0\t<t>", "no <s> or no </s>"),
    ],
)
def test_a_damaged_arpa_file_is_refused_in_one_sentence(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        read_arpa(arpa(tmp_path, ARPA.replace(old, new)))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    table, counts = read_arpa(arpa(tmp_path, ARPA))
    path = tmp_path / "model.clm"
    with path.open("wb") as file:
        write_tables(file, NgramTables(table, "spaces", counts, {"": (2.0, 3.5)}))
    return path


def test_a_model_is_read_as_it_was_written(model: Path) -> None:
    tables = read_tables(str(model))
    assert (tables.units, tables.counts, tables.borders) == ("spaces", (4, 3), {"": (2.0, 3.5)})
    table, _ = read_arpa(model.with_name("toy.arpa"))
    assert (tables.table.slots == table.slots).all()
    assert (tables.table.scales == table.scales).all()


def test_a_cut_or_changed_model_is_refused_wherever_it_is_hit(model: Path) -> None:
    whole = model.read_bytes()
    for size in (0, 5, 30, 60, 200, len(whole) - 65, len(whole) - 1):
        model.write_bytes(whole[:size])
        with pytest.raises(UsageError, match=r"damaged|does not begin|cannot read"):
            read_tables(str(model))
    for place in range(0, len(whole), 7):
        model.write_bytes(whole[:place] + bytes([whole[place] ^ 0x40]) + whole[place + 1 :])
        with pytest.raises(UsageError, match=r"damaged|does not begin|version"):
            read_tables(str(model))


def test_a_header_that_lies_is_refused_before_a_kernel_sees_the_table(model: Path) -> None:
    whole = model.read_bytes()
    size = PREAMBLE.unpack_from(whole)[2]
    header = whole[PREAMBLE.size : PREAMBLE.size + size]
    for old, new in ((b'"order": 2', b'"order": 8'), (b'"order": 2', b'"order": 0'), (b'"spaces"', b'"plaices"')):
        changed = header.replace(old, new)
        head = PREAMBLE.pack(b"CURATELM", 1, len(changed), hashlib.sha256(changed).digest()) + changed
        model.write_bytes(head + bytes(-len(head) % 64) + whole[-8 * 16 :])
        with pytest.raises(UsageError, match="damaged: its order is"):
            read_tables(str(model))


def test_a_table_without_a_free_slot_is_refused(tmp_path: Path) -> None:
    table = NgramTable(np.ones(16, dtype=np.uint64), np.zeros((2, 4)), -1.0, 1)
    with (tmp_path / "full.clm").open("wb") as file:
        write_tables(file, NgramTables(table, "words", (16,), {}))
    with pytest.raises(UsageError, match="no free slot"):
        read_tables(str(tmp_path / "full.clm"))


def test_files_of_other_kinds_are_named(tmp_path: Path) -> None:
    for content, sentence in (
        (b"mmap lm http://kheafield.com/code format version 5\n\0" + bytes(100), "binary file of KenLM"),
        (ARPA.encode(), "makes one of an ARPA file"),
        (b"this is text", "does not begin with CURATELM"),
        (struct.pack("<8sIQ32s", b"CURATELM", 9, 4, b""), "has version 9"),
    ):
        (tmp_path / "file").write_bytes(content)
        with pytest.raises(UsageError, match=sentence):
            read_tables(str(tmp_path / "file"))
