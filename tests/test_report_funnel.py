"""The funnel closes in documents and in bytes, whatever changes texts on the way, and says what was cut."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import curate
from curate.engine.ledger import check_account, count_outcomes
from curate.errors import CheckFailed
from curate.pipeline.run import run
from curate.report.funnel import FunnelRow, by_step, documents_read, funnel, totals
from curate.report.terminal.funnel import funnel_table

LINES = [
    "The first line of this page says something that nobody else has ever said about it.",
    "A second line follows, and it is also a whole sentence with a mark at the end.",
    "home | about | contact",
    "Write to someone.somewhere@example.com when you want to know more about these pages.",
    "This line stands in every single one of the pages, so that all but one copy is cut.",
    "Nothing of this is of any use, but it is long enough to be counted as five words.",
]
OWN = """\
import curate

@curate.transform
def signed(document: curate.Document) -> str:
    return document.text + "\\nA line that was added by a transform of one's own, and counts."
"""
RECIPE = """\
name = "toy"
[[source]]
name = "pages"
read = "tables"
paths = ["pages.jsonl"]
steps = [
  { where = "word_count > 10" },
  { use = "c4", min_sentences = 1 },
  "mine:signed",
  { where = "digit_ratio < 0.2" },
  { use = "refinedweb", max_removed_word_ratio = 0.9 },
]
[[source]]
name = "others"
read = "tables"
paths = ["others.jsonl"]
[dedup]
method = ["exact", "lines"]
min_words_left = 3
[decontaminate]
against = ["items.txt"]
[scrub]
[tokenize]
tokenizer = "bytes"
[limits]
max_quarantined = 1.0
"""


def text_of(number: int) -> str:
    if number == 3:
        return "Too short."
    if number == 4:
        return "1234567890 " * 20 + "and some words that make a sentence of it, more or less."
    return "\n".join(f"{line} {'Again.' if at != 4 else ''}" * (1 + number % 3) for at, line in enumerate(LINES))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    folder = tmp_path_factory.mktemp("funnel")
    rows = [
        json.dumps({"text": f"{text_of(number)}\nPage {number} ends here, with {number} words."})
        for number in range(12)
    ]
    (folder / "pages.jsonl").write_text("\n".join([*rows, rows[0], "no JSON", '{"text": 3}']) + "\n")
    (folder / "others.jsonl").write_text(json.dumps({"text": "One other text, for company."}) + "\n")
    (folder / "items.txt").write_text(
        "it is also a whole sentence with a mark at the end of it, by the way\n" + LINES[0] + "\n"
    )
    (folder / "mine.py").write_text(OWN)
    (folder / "toy.toml").write_text(RECIPE)
    return run(folder / "toy.toml", out=folder / "run", workers=0)


def test_bytes_are_those_of_the_text_at_that_moment(finished: curate.Run) -> None:
    rows = {(row.source, row.step, row.outcome): row for row in by_step(funnel(finished))}
    ledger = finished.ledger("pages").collect()
    [short] = ledger.filter(step="where")["value"].to_list()
    text = f"{text_of(3)}\nPage 3 ends here, with 3 words."
    assert rows["pages", "where", "dropped"].documents == 1
    assert rows["pages", "where", "dropped"].bytes == len(text.encode())
    assert int(short) <= 10
    assert rows["pages", "c4", "cut"].bytes > 0
    assert rows["pages", "mine:signed", "cut"].bytes < 0
    assert rows["pages", "dedup", "cut"].bytes > 0
    kept = finished.documents("pages").collect()
    assert rows["pages", "kept", "kept"].bytes == kept["text"].str.len_bytes().sum()


def test_an_own_step_in_another_folder_stands_in_its_place_under_its_name(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "mine.py").write_text("def keeps(document):\n    return 'no' not in document.text\n")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("yes", "no", "no more")))
    steps = 'steps = [{ use = "lists/mine.py:keeps" }, { where = "character_count > 9" }]'
    source = f'[[source]]\nname = "a"\nread = "tables"\npaths = ["a.jsonl"]\n{steps}\n'
    (tmp_path / "toy.toml").write_text(f'name = "toy"\n{source}[tokenize]\ntokenizer = "bytes"\n')
    done = run(tmp_path / "toy.toml", out=tmp_path / "run", workers=0)
    taken = [(row.step, row.reason, row.documents) for row in funnel(done) if row.outcome == "dropped"]
    assert taken == [("lists/mine.py:keeps", "keeps", 2), ("where", "where", 1)]


def test_what_is_left_runs_down_to_what_is_kept(finished: curate.Run) -> None:
    for source in ("pages", "others"):
        rows = [row for row in funnel(finished) if row.source == source]
        assert (rows[-1].left, rows[-1].left_bytes) == (rows[-1].documents, rows[-1].bytes)
    everything = totals(funnel(finished))
    assert (everything[-1].left, everything[-1].left_bytes) == (everything[-1].documents, everything[-1].bytes)
    assert everything[0].documents == sum(row.documents for row in funnel(finished) if row.outcome == "read")
    table = funnel_table([*by_step(funnel(finished)), *everything])
    assert table.row_count == len(by_step(funnel(finished))) + len(everything)


def test_requests_and_pictures_stand_apart_from_the_shares() -> None:
    rows = [
        FunnelRow("web", "read", "", "read", 10, 900, 10, 900),
        FunnelRow("web", "read", "record_type", "apart", 6, 0, 4, 900),
        FunnelRow("web", "url", "words", "dropped", 1, 100, 3, 800),
        FunnelRow("web", "kept", "", "kept", 3, 800, 3, 800),
    ]
    assert documents_read(rows) == 4
    shares = list(funnel_table(rows).columns[3].cells)
    assert shares == ["", "", "25.0%", "75.0%"]


Row = tuple[str, tuple[int | None, int | None], int]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["kept", "read", "a", "cut1", "b", "cut2", "c", "dedup", "scrub"]),
            st.tuples(st.none() | st.integers(0, 99), st.none() | st.integers(0, 99)),
            st.integers(0, 99),
            st.none() | st.integers(0, 99),
            st.none() | st.integers(0, 99),
        ),
        max_size=20,
    )
)
def test_the_account_of_bytes_closes_for_every_ledger(
    drawn: list[tuple[str, Row, int, int | None, int | None]],
) -> None:
    ledger = pl.DataFrame(
        {
            "outcome": ["kept" if step == "kept" else "dropped" for step, *_ in drawn],
            "step": [None if step == "kept" else step for step, *_ in drawn],
            "reason": [None if step == "kept" else "why" for step, *_ in drawn],
            "before_cut1": [{"byte_count": before[0]} for _, before, *_ in drawn],
            "before_cut2": [{"byte_count": before[1]} for _, before, *_ in drawn],
            "byte_count": [None if step == "read" else size for step, _, size, *_ in drawn],
            "after_dedup": [after for *_, after, _ in drawn],
            "after_scrub": [after for *_, after in drawn],
        },
        schema={
            **dict.fromkeys(("outcome", "step", "reason"), pl.String),
            **dict.fromkeys(("before_cut1", "before_cut2"), pl.Struct({"byte_count": pl.Int64})),
            **dict.fromkeys(("byte_count", "after_dedup", "after_scrub"), pl.Int64),
        },
    )
    lost = pl.col("step").eq("read").fill_null(False)
    struct = [
        pl.when(~lost & pl.col(name).struct.field("byte_count").is_not_null()).then(name).alias(name)
        for name in ("before_cut1", "before_cut2")
    ]
    counts = count_outcomes(ledger.with_columns(struct), ["a", "cut1", "b", "cut2", "c"])
    check_account(counts, "here")
    if counts["read_bytes"]:
        with pytest.raises(CheckFailed, match="bytes of here does not close"):
            check_account(counts | {"kept_bytes": counts["kept_bytes"] + 1}, "here")
