"""What takes a finding's place: names, pseudonyms, hashes or nothing; and documents with too much of it."""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from curate.cli import main
from curate.recipe import ScrubMode
from curate.report.funnel import funnel
from curate.report.plan import plan
from curate.report.verify import differences
from curate.report.why import stories
from curate.scrub.entity import Entity
from curate.scrub.findings import Findings, Hit
from curate.scrub.modes import MODES, rewrite
from curate.scrub.pii import scrub_texts
from curate.scrub.pseudonyms import is_pseudonym
from curate.scrub.spans import replaced

BOTH = ("EMAIL_ADDRESS", "IP_ADDRESS")
MAIL = "Write to jane@firma.de or bob@firma.de; JANE@firma.de logged in from 8.8.8.8 and 2001:4860:4860::8888."


def scrub(text: str, mode: ScrubMode, id: str = "a", seed: int = 17) -> str:
    return str(scrub_texts(pl.Series([text]), entities=BOTH, mode=mode, seed=seed, ids=pl.Series([id]))["text"][0])


def test_a_value_has_one_pseudonym_in_a_document_and_another_in_the_next() -> None:
    words = scrub(MAIL, "pseudonym").replace(";", " ").split()
    jane, bob, same = words[2], words[4], words[5]
    assert jane == same != bob
    assert all(is_pseudonym(word) and word.rpartition("@")[2].startswith("example.") for word in (jane, bob))
    assert scrub(MAIL, "pseudonym") == scrub(MAIL, "pseudonym")
    assert jane not in scrub(MAIL, "pseudonym", id="b")
    assert jane not in scrub(MAIL, "pseudonym", seed=18)


def test_pseudonyms_of_addresses_are_those_that_standards_keep_for_documentation() -> None:
    words = scrub(MAIL, "pseudonym").rstrip(".").split()
    four, six = ipaddress.ip_address(words[-3]), ipaddress.ip_address(words[-1])
    assert not four.is_global
    assert any(four in ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"))
    assert six in ipaddress.ip_network("2001:db8::/32")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 900), min_size=1, max_size=40), st.integers(0, 2**63 - 1))
def test_pseudonyms_tell_apart_what_was_apart_and_nothing_else(numbers: list[int], seed: int) -> None:
    text = " ".join(f"host 91.{number // 256}.{number % 256}.177" for number in numbers)
    made = scrub(text, "pseudonym", seed=seed).split()[1::2]
    assert len(made) == len(numbers)
    assert len(set(made)) == len(set(numbers))
    assert len(set(zip(numbers, made, strict=True))) == len(set(numbers))


def test_more_addresses_than_are_kept_for_documentation_are_numbered() -> None:
    text = " ".join(f"host 91.{number // 250}.{number % 250}.177" for number in range(1000))
    made = scrub(text, "pseudonym").split()[1::2]
    assert len(set(made)) == 1000
    assert sum(word.startswith("<IP_ADDRESS_") for word in made) > 200


@pytest.mark.parametrize(
    ("name", "value", "form"),
    [
        ("PHONE_NUMBER", "+1 (415) 867-2309", r"\+1 \(\d{3}\) 555-01\d\d"),
        ("PHONE_NUMBER", "415.867.2309", r"\d{3}\.555\.01\d\d"),
        ("PHONE_NUMBER", "+49 30 901820", r"<PHONE_NUMBER_1>"),
        ("PHONE_NUMBER", "030 90182055", r"<PHONE_NUMBER_1>"),
        ("MAC_ADDRESS", "3c:22:fb:1d:90:ab", r"00:00:5e:00:53:[0-9a-f]{2}"),
        ("MAC_ADDRESS", "3C-22-FB-1D-90-AB", r"00-00-5E-00-53-[0-9A-F]{2}"),
        ("PERSON", "Jane Doe", r"<PERSON_1>"),
    ],
)
def test_a_pseudonym_is_spelled_as_the_value_is(name: str, value: str, form: str) -> None:
    entity = Entity(name=name, about="", find=lambda text: [(0, len(value))])
    made = str(scrub_texts(pl.Series([value]), entities=[entity], mode="pseudonym")["text"][0])
    assert re.fullmatch(form, made), made
    assert is_pseudonym(made) or made.startswith("<")


def test_a_hash_is_the_same_in_all_documents_and_another_with_another_seed() -> None:
    first, second = scrub(MAIL, "hash", id="a"), scrub("Or JANE@firma.de", "hash", id="b")
    mark = second.removeprefix("Or ")
    assert mark.startswith("<EMAIL_ADDRESS:")
    assert first.count(mark) == 2
    assert mark not in scrub(MAIL, "hash", seed=18)


def test_where_something_was_removed_one_of_two_spaces_goes_as_well() -> None:
    assert scrub("Call jane@firma.de now.\njane@firma.de says (bob@firma.de)", "remove") == "Call now.\nsays ()"
    assert scrub("jane@firma.de", "remove") == ""


@pytest.mark.parametrize("mode", MODES)
def test_what_is_found_does_not_depend_on_what_takes_its_place(mode: ScrubMode) -> None:
    texts = pl.Series([MAIL, None, "", "nothing here", "x@y.org, 91.2.3.4 x@y.org"])
    masked = scrub_texts(texts, entities=BOTH)
    found = scrub_texts(texts, entities=BOTH, mode=mode)
    assert found.select("^pii_.*$").equals(masked.select("^pii_.*$"))
    assert found["text"][1:4].to_list() == [None, "", "nothing here"]
    assert not any("firma" in (text or "") or "91.2" in (text or "") for text in found["text"])


def test_without_ids_the_text_stands_for_the_document() -> None:
    texts = pl.Series(["a@firma.de", "a@firma.de", "see a@firma.de"])
    made = [text.split()[-1] for text in scrub_texts(texts, entities=BOTH, mode="pseudonym")["text"]]
    assert made[0] == made[1] != made[2]


MARKS = [
    Entity(name=name, about="", find=lambda text: [], replacement=mark) for name, mark in (("A", "<A>"), ("B", "x"))
]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_places_in_a_masked_text_are_those_in_the_text_as_it_came(data: st.DataObject) -> None:
    text = data.draw(st.text("abc ", min_size=1, max_size=20))
    before = [Hit(*span, data.draw(st.sampled_from(MARKS))) for span in data.draw(disjoint(len(text)))]
    found = Findings(pl.Series([text]))
    found.add({0: before})
    masked = found.shown[0]
    assert masked == replaced(text, [(start, end, entity.mark) for start, end, entity in before])
    came = list(origins(len(text), before))  # of each character that is shown
    later = Entity(name="C", about="", find=lambda text: [])
    spans = data.draw(disjoint(len(masked)))
    found.add({0: [(*span, later) for span in spans]})
    assert found.count(later)[0] == len(spans)
    for start, end in spans:
        first, last = came[start][0], came[end - 1][1]
        assert any(hit.start <= first and last <= hit.end and hit.entity.name == "C" for hit in found.hits[0])
    assert (
        all(one.end <= other.start for one, other in zip(found.hits[0], found.hits[0][1:], strict=False))
        if spans
        else True
    )


@st.composite
def disjoint(draw: st.DrawFn, size: int) -> list[tuple[int, int]]:
    places = sorted(draw(st.sets(st.integers(0, size), max_size=6)))
    return list(zip(places[::2], places[1::2], strict=False))


def origins(size: int, hits: list[Hit]) -> list[tuple[int, int]]:
    came, last = [], 0
    for hit in hits:
        came += [(at, at + 1) for at in range(last, hit.start)] + [(hit.start, hit.end)] * len(hit.entity.mark)
        last = hit.end
    return came + [(at, at + 1) for at in range(last, size)]


def test_a_pattern_within_a_mark_is_no_finding_of_its_own() -> None:
    angle = Entity(name="ANGLE", about="", find=lambda text: [(text.index("<"), text.index(">") + 1)])
    made = scrub_texts(pl.Series(["to jane@firma.de."]), entities=["EMAIL_ADDRESS", angle], mode="hash")
    assert made["text"][0].startswith("to <ANGLE:")
    assert rewrite("ab", [], mode="mask", seed=1, id="") == "ab"


RECIPE = """\
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["rows.jsonl"]
[scrub]
{scrub}
[tokenize]
tokenizer = {tokenizer}
validation = 0
"""
ROWS = ["None at all.", "One: a@firma.de.", "Two: a@firma.de and 8.8.8.8.", "Three: a@firma.de b@firma.de c@firma.de."]


def write(folder: Path, scrub: str, tokenizer: str = '"bytes"') -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ROWS))
    (folder / "toy.toml").write_text(RECIPE.format(scrub=scrub, tokenizer=tokenizer))
    return folder / "toy.toml"


@pytest.mark.parametrize("workers", [0, 2])
def test_a_document_with_too_many_findings_is_dropped_and_the_account_closes(tmp_path: Path, workers: int) -> None:
    run = curate.run(write(tmp_path, "max_findings = 1"), out=tmp_path / "run", workers=workers)
    ledger = run.ledger().sort("id").select("outcome", "step", "reason", "value").collect()
    gone = [("dropped", "scrub", "too_many_findings", count) for count in ("2", "3")]
    assert ledger.rows() == [("kept", None, None, None)] * 2 + gone
    assert run.documents().collect()["pii_email_address"].to_list() == [0, 1]
    rows = [(row.step, row.reason, row.outcome, row.documents, row.bytes) for row in funnel(run)]
    size = sum(len(text) for text in ROWS[2:])
    assert rows[1] == ("scrub", "too_many_findings", "dropped", 2, size)
    assert rows[-1][3] == 2
    assert list(differences(run)) == []
    assert run.manifest["counts"]["web"]["dropped"] == 2


def test_why_says_how_many_findings_a_document_has_and_may_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = curate.run(write(tmp_path, "max_findings = 2"), out=tmp_path / "run", workers=0)
    ids = run.ledger().sort("id").collect()["id"].to_list()
    asked = [stories(run, id)[0] for id in ids]
    checks = [(check.value, check.threshold, check.result) for story in asked for check in story.checks]
    assert checks == [(0, 2, "kept"), (1, 2, "kept"), (2, 2, "kept"), (3, 2, "dropped")]
    assert asked[2].findings == {"EMAIL_ADDRESS": 1, "IP_ADDRESS": 1}
    with pytest.raises(SystemExit):
        main(["why", str(run.folder), ids[2]])
    assert "scrubbed  1 × EMAIL_ADDRESS, 1 × IP_ADDRESS" in capsys.readouterr().out


def test_the_tokenizers_sample_has_what_the_tokens_have(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'mode = "hash"\nmax_findings = 2', "{ train = { vocab_size = 300 } }")
    run = curate.run(recipe, out=tmp_path / "run", workers=0, keep_intermediate=True)
    (sample,) = (run.folder / "work" / "sample").glob("*.parquet")
    assert sorted(pl.read_parquet(sample)["text"]) == sorted(run.documents().collect()["text"])


def test_a_plan_expects_what_is_left(tmp_path: Path) -> None:
    estimates = [
        plan(write(tmp_path / name, scrub)).sources[0].estimated
        for name, scrub in (("a", ""), ("b", "max_findings = 0"))
    ]
    assert [each.documents for each in estimates] == [4, 1]
    assert estimates[1].bytes == len(ROWS[0])


def test_a_run_writes_the_same_pseudonyms_however_many_workers_it_has(tmp_path: Path) -> None:
    recipe = write(tmp_path, 'mode = "pseudonym"')
    texts = [
        curate.run(recipe, out=tmp_path / f"run{n}", workers=n).documents().collect()["text"].to_list() for n in (0, 2)
    ]
    assert texts[0] == texts[1]
    assert len({text.rpartition("@")[0] for text in texts[0][1:3]}) == 2, "another document, another pseudonym"


@pytest.mark.parametrize(
    ("scrub", "words"),
    [
        ('mode = "msak"', 'did you mean "mask"'),
        ("max_findings = -1", "max_findings"),
        ("max_findings = 1.5", "expected a whole number"),
        ('model = "en_core_web_sm"', 'the engine "patterns" asks no model; "presidio" does'),
    ],
)
def test_what_scrub_cannot_do_is_refused(tmp_path: Path, scrub: str, words: str) -> None:
    with pytest.raises(curate.CurateError, match=words):
        curate.run(write(tmp_path, scrub), out=tmp_path / "run", workers=0)
    assert not (tmp_path / "run").exists()
