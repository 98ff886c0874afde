"""The table of code points, against Python's own answers for every one of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest

from curate.text.characters import (
    ALPHABETIC,
    CODE_POINTS,
    DIGIT,
    END_OF_LETTERS,
    ICON,
    PUNCTUATION,
    SPACE,
    UPPERCASE,
    character_classes,
)

CHARACTERS = [chr(code) for code in range(CODE_POINTS)]


@pytest.mark.parametrize(
    ("wanted", "is_member"),
    [(SPACE, str.isspace), (ALPHABETIC, str.isalpha), (UPPERCASE, str.isupper), (DIGIT, str.isdecimal)],
)
def test_a_class_has_the_members_that_python_names(wanted: int, is_member: Callable[[str], bool]) -> None:
    members = {code for code, character in enumerate(CHARACTERS) if is_member(character)}
    assert {*(character_classes() & wanted).nonzero()[0].tolist()} == members
    assert max(members) < END_OF_LETTERS


@pytest.mark.parametrize(("wanted", "category"), [(PUNCTUATION, "P"), (ICON, "So")])
def test_a_class_has_the_members_of_its_category(wanted: int, category: str) -> None:
    members = {code for code, sign in enumerate(CHARACTERS) if unicodedata.category(sign).startswith(category)}
    assert {*(character_classes() & wanted).nonzero()[0].tolist()} == members
