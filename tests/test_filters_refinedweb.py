"""curate.filters.refinedweb: which lines are cut, and when a page has lost too much."""

from __future__ import annotations

import re

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.filters.refinedweb import refinedweb

PROSE = "It is a truth universally acknowledged, that a single man must be in want of a wife. " * 3
PIECES = [PROSE, "HOME", "ABOUT US all", "12345", "1 2", "1,024 likes", "3.5k Followers!", "12 likes and more", "one"]
PIECES += [
    "",
    " ",
    "Sign-in here please",
    "Read more...",
    "see it Read more...",
    "3 items in cart now",
    "ÄÖÜ ä",
    "漢字 です",
]
COUNTED = "likes|shares|comments|retweets|reposts|quotes|bookmarks|upvotes|downvotes|downloads|views|followers"
WORD = re.compile(r"\b\w+(?:['’.]\w+)*")


def corrected(text: str) -> tuple[str, float, bool]:
    """The text that is left, the share of words that were lost, and whether the page stays."""
    step = refinedweb()
    assert step.measure is not None
    batch = step.measure(pl.DataFrame({"text": [text]}, schema={"text": pl.String}))
    is_kept = batch.select(step.rules[0].keep).item()
    return batch["text"].item(), batch["refinedweb_removed_word_ratio"].item(), is_kept


def defined(text: str) -> str:
    kept = []
    for line in re.sub("\n{3,}", "\n\n", text).split("\n"):
        if line:
            size = len(line)
            if sum(map(str.isupper, line)) / size > 0.5 or len(re.findall("[0-9]", line)) / size > 0.999999:
                continue
            if re.search(rf"^\W*\d[,.\d]*[kmb]?\s+({COUNTED})\W*$", line, re.IGNORECASE) or len(WORD.findall(line)) < 2:
                continue
            if len(WORD.findall(line)) <= 10:
                line = re.sub(r"\s?items in cart\s?", " ", line)
                line = re.sub(r"^Sign-in\s?", "", re.sub(r"\s?Read more\.\.\.$", "", line))
                if not line.strip():
                    continue
        kept.append(line)
    return "\n".join(kept)


def test_lines_that_are_no_text_are_cut() -> None:
    text = f"HOME ABOUT US\n{PROSE}\n1,024 likes\n7\n\n{PROSE}\nSign-in or read on\nSo it goes. Read more..."
    text += "\n3.5k Followers"
    left, lost, _ = corrected(text)
    assert left == f"{PROSE}\n\n{PROSE}\nor read on\nSo it goes."
    assert lost == (len(WORD.findall(text)) - len(WORD.findall(left))) / len(WORD.findall(text))


def test_a_page_of_which_a_twentieth_is_lost_stays_and_of_which_more_is_lost_goes() -> None:
    assert corrected("two words\n" * 10 + "word")[1:] == (1 / 21, True)
    assert corrected("two words\n" * 9 + "word") == ("\n".join(["two words"] * 9), 1 / 19, False)


def test_an_empty_page_loses_nothing() -> None:
    assert corrected("") == ("", 0.0, True)
    assert corrected("HOME\nABOUT") == ("", 1.0, False)


# Python and Rust agree on what a word's character is in these categories
plain = st.text(st.characters(categories=("Lu", "Ll", "Lo", "Nd", "Po", "Zs")), max_size=5)


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), plain), max_size=12).map("\n".join))
def test_any_page_keeps_the_lines_that_the_rules_keep(text: str) -> None:
    assert corrected(text)[0] == defined(text)
