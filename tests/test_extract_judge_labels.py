"""Labels from a reference text, weights, scores, and folds that keep sites apart."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from curate.errors import UsageError
from curate.extract.judge.folds import fold_of, site_of
from curate.extract.judge.golds import GoldPage, read_golds
from curate.extract.judge.labels import label_blocks, weigh_blocks
from curate.extract.judge.score import f1_of_means, shingle_scores, word_scores

ARTICLE = "The river rose in the night.\nBy dawn the lower streets were under water.\nHelp\nBoats came from the coast."


def test_paragraphs_are_covered_and_menus_are_not() -> None:
    blocks = ["Home News Help About", "The river rose in the night.", "By dawn the lower streets were under water."]
    labels, counts = label_blocks(blocks, ARTICLE)
    assert labels.tolist() == [0, 1, 1]
    assert counts.tolist() == [4, 6, 8]


def test_a_heading_of_one_word_is_covered_where_it_heads_its_paragraph() -> None:
    inside = ["By dawn the lower streets were under water.", "Help", "Boats came from the coast."]
    assert label_blocks(inside, ARTICLE)[0].tolist() == [1, 1, 1]
    menu = ["About", "Help", "Imprint", *inside]
    labels = label_blocks(menu, ARTICLE)[0]
    assert labels[0] == labels[2] == 0
    assert 0 < labels[1] < 1  # it is a line of the reference, but not here


def test_a_paragraph_with_a_foreign_sentence_is_covered_in_part() -> None:
    labels, _ = label_blocks(["The river rose in the night. Share this story with friends"], ARTICLE)
    assert labels[0] == pytest.approx(6 / 11)


def test_a_page_without_reference_has_no_content() -> None:
    assert label_blocks(["Please enable scripts", ""], "")[0].tolist() == [0, 0]


def test_a_block_weighs_its_words_in_proportion_to_the_page() -> None:
    _, counts = label_blocks(["one two three", "four"], "")
    weights = weigh_blocks(counts, "word " * 300)
    assert weights[0] == pytest.approx(3 * weights[1])
    assert weights.sum() == pytest.approx(4 / 300, rel=0.01)


def test_words_are_compared_as_bags_and_shingles_in_order() -> None:
    assert word_scores("b a C", "a b c d").f1 == pytest.approx(2 * 3 / 7)
    assert word_scores("", "") == (1, 1, 1)
    assert word_scores("a", "").f1 == word_scores("", "a").f1 == 0
    assert shingle_scores("a b c d e", "a b c d").precision == 0.5
    assert shingle_scores("d c b a", "a b c d").f1 == 0
    mean = f1_of_means([shingle_scores("a b", "a b"), shingle_scores("x", "a b c d")])
    assert (mean.precision, mean.recall, mean.f1) == (0.5, 0.5, 0.5)


def page(url: str, name: str = "x") -> GoldPage:
    return GoldPage(name, url, "<p>x", "x", body_only=False)


def test_a_site_is_a_registrable_domain() -> None:
    assert site_of(page("https://news.example.co.uk/a")) == site_of(page("http://www.example.co.uk/b?c"))
    assert site_of(page("https://one.blogspot.com/")) != site_of(page("https://two.blogspot.com/"))
    assert site_of(page("", "wcxb/0551")) == "wcxb/0551"


def test_folds_keep_sites_apart_and_do_not_depend_on_other_pages() -> None:
    hosts = [f"https://{host}.site{number}.org/" for number in range(200) for host in ("a", "b")]
    folds = [fold_of(site_of(page(host)), 5) for host in hosts]
    assert folds[::2] == folds[1::2]
    assert set(folds) == {0, 1, 2, 3, 4}
    assert max(folds.count(fold) for fold in range(5)) < 2 * len(folds) / 5
    assert folds != [fold_of(site_of(page(host)), 5, "salt") for host in hosts]


def test_golds_of_ones_own_are_lines_of_json(tmp_path: Path) -> None:
    row = {"html": "<p>x", "text": "x", "url": "http://a.org/", "type": "forum", "body_only": True}
    with gzip.open(tmp_path / "own.jsonl.gz", "wt") as file:
        file.write(json.dumps(row) + "\n" + json.dumps({"html": "", "text": ""}) + "\n")
    first, second = read_golds([tmp_path / "own.jsonl.gz"])
    assert first == GoldPage("own.jsonl.gz/1", "http://a.org/", "<p>x", "x", True, "forum")
    assert (second.type, second.body_only) == (None, False)


def test_what_is_no_gold_is_refused_with_what_would_be(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"html": "x"}\n')
    with pytest.raises(UsageError, match="line 1"):
        read_golds([tmp_path / "bad.jsonl"])
    with pytest.raises(UsageError, match="WCXB"):
        read_golds([tmp_path])
