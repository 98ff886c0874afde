"""curate.text.words: cut as spaCy's English tokenizer cuts (its output, version 3.8, on the left-hand strings)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.text.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't stop", "Do n't stop"),
        ("(see below).", "( see below ) ."),
        ("it’s its cannot gonna", "it ’s its can not gon na"),
        ("John's R&D", "John 's R&D"),
        ("Mr. Smith, e.g. the U.S.", "Mr. Smith , e.g. the U.S."),
        ("well-known 10-20 and/or this/that", "well - known 10 - 20 and/or this / that"),
        ("5km 3.5% $5.00 10€ US$5", "5 km 3.5 % $ 5.00 10 € US$ 5"),
        ("wait...what? end... …", "wait ... what ? end ... …"),
        ("https://a.example/b-c, me@a.example.", "https://a.example/b-c , me@a.example ."),
        ("snake_case f(x) --option -x", "snake_case f(x ) --option -x"),
        ("one,two 1,000 end.Next", "one , two 1,000 end . Next"),
        (":-) fine :)", ":-) fine :)"),
        ("'quoted' \"too\"", "' quoted ' \" too \""),
        ("a🎉b ©2020", "a 🎉 b © 2020"),
        ("20 °C., or 70 °F.; °C.«{«", "20 ° C . , or 70 ° F . ; ° C . « { «"),
        ("Привет-мир, «да».", "Привет - мир , « да » ."),
    ],
)
def test_english_is_cut_as_spacy_cuts_it(text: str, words: str) -> None:
    assert words_of(text) == words.split()


def test_ideographs_and_hiragana_are_words_and_runs_of_katakana_are() -> None:
    assert words_of("「漢字とカタカナ」。") == ["「", "漢", "字", "と", "カタカナ", "」", "。"]
    assert words_of("ok漢字 漢字b, 東京2020、") == ["ok", "漢", "字", "漢", "字", "b", ",", "東", "京", "2020", "、"]


def test_an_english_text_with_some_ideographs_is_cut_as_english() -> None:
    assert words_of("the city is 東京。 (Tokyo)") == ["the", "city", "is", "東京", "。", "(", "Tokyo", ")"]
    assert words_of("abc 東京大") == ["abc", "東京大"]
    assert words_of("abc 東京大学") == ["abc", "東", "京", "大", "学"]


def test_scripts_without_spaces_that_need_a_dictionary_give_one_word_from_space_to_space() -> None:
    assert words_of("ภาษาไทย เขียน") == ["ภาษาไทย", "เขียน"]


@settings(deadline=None)
@given(st.text(max_size=200))
def test_no_character_is_lost_and_none_is_space(text: str) -> None:
    assert "".join(words_of(text)) == "".join(text.split())
