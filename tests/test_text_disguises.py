"""Words that hide from a list are found without their disguise, and plain texts are left as they are."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.disguises import undo_disguises


def undone(text: str) -> str | None:
    """The text without its disguise, or None if there was none."""
    found = undo_disguises(pl.Series([text]))
    return found.texts[0] if len(found.rows) else None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("You sh1t!!", "You shit!!"),
        ("a$$ and b1tch3s", "ass and bitches"),
        ("fu\u0441k", "fuck"),  # a Cyrillic letter
        ("s h i t happens, s.h.i.t. too", "shit happens, shit. too"),
        ("s-h-1-t", "shit"),
        ("f\u200bu\u200bc\u200bk", "fuck"),
        ("𝓯𝓾𝓬𝓴 ｓｈｉｔ", "fuck shit"),
        ("s\u0336h\u0336i\u0336t\u0336", "shit"),
    ],
)
def test_letters_that_hide_are_found(text: str, plain: str) -> None:
    assert undone(text) == plain


@pytest.mark.parametrize(
    "text",
    [
        "",
        "It was a truth!",
        "Это русский текст",
        "Der Größte ist 1999 geboren",
        "2 3 4 5",
        "a b",
        "(1) (2) (3)",
        "これ",
    ],
)
def test_plain_texts_are_left_alone(text: str) -> None:
    assert undone(text) is None


def test_only_the_rows_that_change_come_back() -> None:
    found = undo_disguises(pl.Series(["plain", "sh1t", None, "", "d4mn it"]))
    assert found.rows.tolist() == [1, 4]
    assert found.texts.to_list() == ["shit", "damn it"]


@settings(deadline=None, max_examples=80)
@given(st.lists(st.text(max_size=30), max_size=6))
def test_a_text_is_undone_by_itself_whatever_stands_beside_it(texts: list[str]) -> None:
    together = undo_disguises(pl.Series(texts, dtype=pl.String))
    alone = {row: undone(text) for row, text in enumerate(texts)}
    assert {row: text for row, text in alone.items() if text is not None} == dict(
        zip(together.rows.tolist(), together.texts.to_list(), strict=True)
    )
