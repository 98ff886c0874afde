"""The URL filter: blocklists of domains and URLs, and words between marks."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.batch import Filter
from curate.errors import UsageError
from curate.filters.url import url

LIST = "# a comment\r\nbad.example\r\nHTTP://Ugly.org/\nhttps://www.mixed.net/Dir/\nx.com/a?id=3\n\n1.2.3.4\n"


def blocked(step: Filter, *urls: str | None) -> list[str | None]:
    assert step.measure is not None
    return step.measure(batch(*urls))["url_blocked"].to_list()


def batch(*urls: str | None) -> pl.DataFrame:
    return pl.DataFrame({"url": pl.Series(urls, dtype=pl.String)})


def kept(step: Filter, *urls: str | None) -> list[bool]:
    assert step.measure is not None
    keeps = [rule.keep.fill_null(True) for rule in step.rules]
    return step.measure(batch(*urls)).select(pl.all_horizontal(keeps)).to_series().to_list()


@pytest.fixture
def listed(tmp_path: Path) -> Filter:
    path = tmp_path / "domains"
    path.write_bytes(LIST.encode())
    return url(blocklists=(str(path),))


def test_a_listed_domain_blocks_itself_and_its_subdomains_only(listed: Filter) -> None:
    found = blocked(
        listed,
        "http://bad.example/",
        "https://a.b.bad.example:80/x",
        "http://user:p@www.ugly.org",
        "https://BAD.example./",
        "https://notbad.example/bad.example",
        "https://bad.example.org/",
        "http://1.2.3.4/page",
    )
    assert found == ["bad.example", "bad.example", "ugly.org", "bad.example", None, None, "1.2.3.4"]


def test_a_listed_url_blocks_what_lies_below_it(listed: Filter) -> None:
    found = blocked(
        listed,
        "https://mixed.net/Dir/page#part",
        "//www.mixed.net/Dir",
        "https://mixed.net/Directory",
        "https://mixed.net/",
        "https://x.com/a?id=3",
        "https://x.com/a?id=4",
        "https://mixed.net/dir/" + "deep/" * 40,
    )
    assert found == ["mixed.net/dir", "mixed.net/dir", None, None, "x.com/a?id=3", None, "mixed.net/dir"]


def test_documents_without_a_url_stay(listed: Filter) -> None:
    assert kept(listed, None, "", "no url at all") == [True, True, True]


def test_words_count_between_marks_and_not_inside_other_words() -> None:
    step = url(words=("porn",), soft_words=("sex", "free"))
    urls = (
        "https://x.org/Free-Porn/",
        "https://middlesex.ac.uk/free",
        "https://x.org/sex_education/free",
        "https://o.uk/",
    )
    assert kept(step, *urls) == [False, True, False, True]
    assert step.measure is not None
    assert step.measure(batch(*urls))["url_soft_word_count"].to_list() == [1, 1, 2, 0]


def test_several_lists_are_searched_and_an_empty_one_blocks_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing yet\n")
    (tmp_path / "one").write_text("one.org\n")
    (tmp_path / "two").write_text("two.org/a\n")
    step = url(blocklists=tuple(str(tmp_path / name) for name in ("empty", "one", "two")))
    assert blocked(step, "http://one.org", "http://two.org/a/b", "http://two.org/b") == ["one.org", "two.org/a", None]
    assert [file.name for file in step.files] == ["empty", "one", "two"]
    assert all(len(file.sha256) == 64 for file in step.files)


def test_a_list_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("one.org\n")
    assert blocked(url(blocklists=(str(path),)), "http://two.org/") == [None]
    path.write_text("two.org\n")
    assert blocked(url(blocklists=(str(path),)), "http://two.org/") == ["two.org"]


def test_a_missing_list_is_named_with_a_place_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Toulouse"):
        url(blocklists=(str(tmp_path / "none"),))


def test_an_empty_batch_gets_the_columns(listed: Filter) -> None:
    assert listed.measure is not None
    schema = listed.measure(batch()).schema
    assert schema == {
        "url": pl.String,
        "url_blocked": pl.String,
        "url_word_count": pl.UInt32,
        "url_soft_word_count": pl.UInt32,
        "url_strict_word_count": pl.UInt32,
    }


def test_strict_words_count_within_others_and_hard_ones_whole() -> None:
    urls = ["http://essex.example/", "http://middlesexpress.org/a", "http://sex.example/", "http://plain.example/"]
    assert kept(url(words=("sex",)), *urls) == [True, True, False, True]
    assert kept(url(words=(), strict_words=("sexp",)), *urls) == [True, False, True, True]


def test_a_folder_of_categories_is_read_as_ut1_has_it(tmp_path: Path) -> None:
    for category, name, line in (
        ("adult", "domains", "one.org"),
        ("ads", "urls", "two.org/banner"),
        ("ads", "usage", "x.org"),
    ):
        (tmp_path / category).mkdir(exist_ok=True)
        (tmp_path / category / name).write_text(f"{line}\n")
    step = url(blocklists=(str(tmp_path),))
    assert blocked(step, "http://a.one.org/", "http://two.org/banner/1", "http://x.org/") == [
        "one.org",
        "two.org/banner",
        None,
    ]
    assert [Path(file.name).parent.name for file in step.files] == ["ads", "adult"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no file"):
        url(blocklists=(str(tmp_path / "empty"),))


LABELS = st.lists(st.sampled_from(["a", "b", "xn--c", "d1"]), min_size=1, max_size=5).map(".".join)


@settings(deadline=None, max_examples=40)
@given(hosts=st.lists(LABELS, min_size=1, max_size=8), entries=st.sets(LABELS, max_size=6), where=st.data())
def test_domains_agree_with_a_set_of_strings(
    tmp_path_factory: pytest.TempPathFactory, hosts: list[str], entries: set[str], where: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("list") / "domains"
    path.write_text("".join(f"{entry}\n" for entry in sorted(entries)))
    tails = st.sampled_from(["", "/", "/a/b", ":80/a", "?a.b", "#a.b"])
    urls = [f"https://{host}{where.draw(tails)}" for host in hosts]
    assert blocked(url(blocklists=(str(path),)), *urls) == [expected_entry(each, entries) for each in urls]


def expected_entry(address: str, entries: set[str]) -> str | None:
    labels = (urlsplit(address).hostname or "").split(".")
    suffixes = [".".join(labels[start:]) for start in range(len(labels))]
    return next((suffix for suffix in suffixes if suffix in entries), None)
