"""`curate check` and `curate try` on real pages: mistakes that make rules useless are found before a run."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.cli import main
from curate.errors import RecipeError, UsageError
from curate.report.check import Checked, check
from curate.report.trial import try_step
from curate.steps.sample import spread

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart"
RECIPE = """\
name = "checked"
[[source]]
name = "web"
read = "warc"
paths = ["{sample}/web.warc.gz"]
steps = [{steps}]
[[source]]
name = "books"
read = "books"
paths = ["{sample}/books"]
[mix]
weights = {weights}
"""
ENGLISH = '{ use = "language", keep = ["en"] }, '


def write(folder: Path, steps: str, *, weights: str = "{ web = 0.5, books = 0.5 }") -> Path:
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(sample=SAMPLE, steps=steps, weights=weights))
    return recipe


def checked(folder: Path, steps: str, **arguments: Any) -> Checked:
    return check(str(write(folder, steps, **arguments)), documents=60)


def faults(result: Checked) -> list[str]:
    return [f"{finding.place}: {finding.sentence}" for finding in result.findings if finding.is_fault]


def test_a_good_recipe_has_no_fault_and_shows_what_its_rules_take(tmp_path: Path) -> None:
    result = checked(tmp_path, ENGLISH + '"gopher_quality", "fineweb"')
    assert faults(result) == []
    assert not result.has_fault
    language = next(rate for rate in result.rates if rate.step == "language" and rate.rule is None)
    assert 0 < language.dropped < language.reached <= 60
    quality = next(rate for rate in result.rates if rate.step == "gopher_quality" and rate.rule is None)
    assert quality.reached == language.reached - language.dropped
    published = {rate.rule: rate.published for rate in result.rates if rate.step == "fineweb"}
    assert published["max_short_line_ratio"] is not None
    assert published["max_short_line_ratio"].share == 0.0373


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        ('"gopher_quality", "gopher_quality"', "the same step with the same parameters stands twice"),
        ('{ use = "gopher_quality", max_bullet_line_ratio = 90 }', "found 90"),
        ('{ use = "gopher_quality", min_alphabetic_word_ratio = 80 }', "found 80"),
        ('{ use = "language", keep = ["en"], min_score = 65 }', "found 65"),
        ('{ where = "character_count < 0" }', "drops all"),
        ('{ use = "gopher_quality", min_words = 500, max_words = 400 }', "nothing lies between min_words = 500"),
    ],
)
def test_rules_that_never_or_always_fire_are_faults(tmp_path: Path, steps: str, sentence: str) -> None:
    try:
        found = faults(checked(tmp_path, steps))
    except RecipeError as error:  # some are refused before anything is tried
        found = [str(error)]
    assert any(sentence in fault for fault in found), found


def test_a_source_without_a_weight_is_a_fault_and_a_rounded_sum_is_worth_knowing(tmp_path: Path) -> None:
    result = checked(tmp_path, "", weights="{ web = 1.01 }")
    assert faults(result) == ['[mix] weights: the source "books" has none: nothing of it will be drawn']
    told = "they sum to 1.01, not to 1: each counts as its part of the sum"
    assert told in [finding.sentence for finding in result.findings]


def test_a_bloom_filter_over_its_capacity_or_memory_is_a_fault(tmp_path: Path) -> None:
    def found(dedup: str) -> list[str]:
        path = write(tmp_path, ENGLISH[:-2])
        path.write_text(f'{path.read_text()}[dedup]\nmethod = ["ngrams"]\n{dedup}\n')
        return faults(check(str(path), documents=5))

    assert found("") == []
    [memory] = found("max_memory = 65536")
    assert memory.startswith("[dedup] max_memory: the Bloom filter takes about ")
    assert memory.endswith(" bytes, and 65,536 are allowed")
    [capacity] = found("ngrams = { capacity = 1000 }")
    assert "n-grams will come to a filter for 1,000: 100.0% of new ones will look seen" in capacity


def test_deduplication_that_takes_more_memory_than_a_worker_may_is_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, ENGLISH[:-2])
    path.write_text(f'{path.read_text()}[dedup]\nmethod = "exact"\n[limits]\nworker_memory = 300_000_000\n')
    [found] = faults(check(str(path), documents=5))
    assert found.startswith("[dedup] method: 0.4 GB of memory in one process, for about ")
    assert "limits.worker_memory allows 300,000,000 bytes: raise it, or deduplicate crawl by crawl" in found


def test_items_that_nothing_can_find_are_counted(tmp_path: Path) -> None:
    path = write(tmp_path, ENGLISH[:-2])
    (tmp_path / "items.txt").write_text(
        "too short\n" + "one item of thirteen words or more is long enough to be found by anybody\n"
    )
    path.write_text(f'{path.read_text()}[decontaminate]\nagainst = ["items.txt"]\n')
    notes = [finding.sentence for finding in check(str(path), documents=5).findings if not finding.is_fault]
    assert "1 of 2 items have fewer than 13 words: nothing can find them" in notes


def test_a_threshold_at_the_end_of_its_range_is_a_note(tmp_path: Path) -> None:
    result = checked(tmp_path, '{ use = "gopher_quality", min_stop_words = 0 }')
    assert faults(result) == []
    assert any(
        "switched off" in finding.sentence and "min_stop_words" in finding.sentence for finding in result.findings
    )


def test_the_command_exits_with_one_on_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = write(tmp_path, '{ where = "character_count < 0" }')
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(recipe), "--documents", "40", "--json"])
    assert stopped.value.code == 1
    shown = json.loads(capsys.readouterr().out)
    assert [finding["place"] for finding in shown["findings"] if finding["is_fault"]] == ["web, where, where"]


def test_a_trial_shows_kept_and_dropped_with_the_values_that_decided(tmp_path: Path) -> None:
    recipe = write(tmp_path, ENGLISH + '{ use = "gopher_quality", min_words = 400 }')
    tried = try_step(str(recipe), "gopher_quality", sample=8)
    assert tried.source == "web"
    assert tried.kept + tried.dropped == tried.reached
    by_outcome = {name: [each for each in tried.examples if each.outcome == name] for name in ("kept", "dropped")}
    assert 0 < len(by_outcome["kept"]) <= 4
    assert 0 < len(by_outcome["dropped"]) <= 4
    for example in by_outcome["dropped"]:
        rule, value, threshold = example.values[0]
        assert (value < threshold) if rule.startswith("min_") else (value > threshold)


def test_a_trial_shows_where_ones_own_filter_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.py").write_text("def picky(document):\n    return document.columns['nothing'] > 0\n")
    recipe = write(tmp_path, '"mine:picky"')
    with pytest.raises(SystemExit) as stopped:
        main(["try", str(recipe), "mine:picky"])
    assert stopped.value.code == 0
    assert "KeyError: 'nothing' (mine.py:2" in capsys.readouterr().out


def test_a_step_or_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    recipe = str(write(tmp_path, '"gopher_quality"'))
    with pytest.raises(UsageError, match=r'step "gopher_qualty".*did you mean "gopher_quality"'):
        try_step(recipe, "gopher_qualty")
    with pytest.raises(UsageError, match='no source "wep"'):
        try_step(recipe, "gopher_quality", source="wep")


@pytest.mark.parametrize(("count", "size"), [(0, 3), (2, 3), (3, 3), (7, 3), (100, 3), (1000, 7), (64, 1)])
def test_a_sample_is_spread_over_all_there_is(count: int, size: int) -> None:
    found = spread(range(count), size)
    assert len(found) == min(count, size)
    assert found == sorted(set(found))
    gaps = [after - before for before, after in pairwise([*found, count])]
    assert not found or (found[0] == 0 and max(gaps) <= 4 * count / size)


OWN = """
def raises(document):
    raise ValueError("no such thing: " + document.id[:5])

def rarely(document):
    if hash(document.text) % 1000 == 1000:
        raise ValueError
    return True

def nothing(document):
    return False
"""


def own(folder: Path, *, steps: str = "", content: str = "", limits: str = "") -> Checked:
    (folder / "own.py").write_text(OWN)
    rows = [json.dumps({"id": f"n{number}", "text": f"It was the best of times. {number}"}) for number in range(30)]
    (folder / "notes.jsonl").write_text(content or "\n".join(rows) + "\n")
    (folder / "recipe.toml").write_text(
        f'name = "own"\n{limits}\n[[source]]\nname = "notes"\nread = "tables"\npaths = ["*.jsonl"]\nsteps = [{steps}]\n'
    )
    return check(str(folder / "recipe.toml"))


def test_an_own_filter_that_raises_is_a_fault_with_its_error(tmp_path: Path) -> None:
    found = faults(own(tmp_path, steps='"own:raises"'))
    assert found[0].startswith("notes, own:raises: raised on 30 of the 30 documents of the sample")
    assert "ValueError: no such thing: notes" in found[0]
    assert faults(own(tmp_path, steps='"own:rarely"')) == []


def test_a_step_that_drops_all_is_a_fault_whoever_wrote_it(tmp_path: Path) -> None:
    found = faults(own(tmp_path, steps='"own:nothing"'))
    assert any("drops all 30 documents" in fault for fault in found)


def test_a_sample_too_small_for_always_of_which_nothing_is_left_is_a_fault_too(tmp_path: Path) -> None:
    content = json.dumps({"id": "n", "text": "It was the best of times."}) + "\n"
    found = faults(own(tmp_path, steps='"gopher_quality"', content=content))
    assert found == ["notes: its steps leave nothing of the sample, which has 1 document"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{\n[\nno JSON\n", "none of its first 3 records is a document: 3 quarantined"),
        ('{"body": "a text under another name"}\n' * 4, "none of its first 4 records is a document"),
        ("\n\n", "its files hold no record at all"),
    ],
)
def test_a_source_without_a_readable_record_is_a_fault(tmp_path: Path, content: str, told: str) -> None:
    try:
        [found] = faults(own(tmp_path, content=content))
    except RecipeError as error:  # the column is missed before anything is read
        found = str(error)
    assert told in found or "body" in found


def test_a_source_of_which_nothing_is_read_gives_exit_1(tmp_path: Path) -> None:
    own(tmp_path, content="{\n")
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "recipe.toml")])
    assert ended.value.code == 1


def test_languages_that_nothing_judges_are_counted(tmp_path: Path) -> None:
    rows = [("en", "What a lovely day it was."), ("la", "Gallia est omnis divisa."), ("es", "Hace buen tiempo.")]
    (tmp_path / "in.jsonl").write_text(
        "".join(json.dumps({"text": text, "language": code}) + "\n" for code, text in rows)
    )
    (tmp_path / "recipe.toml").write_text(
        'name = "x"\n[[source]]\nname = "web"\nread = "tables"\npaths = ["in.jsonl"]\n'
        'columns = { language = "language" }\nsteps = [{ use = "toxicity", by = "model" }]\n'
    )
    told = [finding.sentence for finding in check(tmp_path / "recipe.toml").findings]
    assert "judged by nothing, so they stay: la 1" in told
    assert "judged by model: en 1" in told
    assert "judged by words: es 1" in told
