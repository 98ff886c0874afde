"""`curate signals` lists what `text_signals` measures, and nothing else."""

from __future__ import annotations

import json

import polars as pl
import pytest

from curate.cli import main
from curate.text.signals import text_signals


def test_the_list_is_what_is_measured_with_its_types(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["signals", "--json"])
    assert exit.value.code == 0
    listed = json.loads(capsys.readouterr().out)
    measured = text_signals(pl.Series(["Some text, 3 words.\nAnd a line {", ""]))
    assert [(row["name"], row["dtype"]) for row in listed] == [
        (name, str(dtype)) for name, dtype in measured.schema.items()
    ]
    for row in listed:
        values = measured[row["name"]]
        assert float(values.min()) >= row["minimum"]  # type: ignore[arg-type]
        assert row["maximum"] is None or float(values.max()) <= row["maximum"]  # type: ignore[arg-type]


def test_the_table_names_every_signal(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["signals"])
    printed = capsys.readouterr().out
    assert "word_count" in printed
    assert "Gopher" in printed
