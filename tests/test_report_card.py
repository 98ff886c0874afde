"""`curate card`: the papers say what the run's tables say, and ask by name for what only a person knows."""

from __future__ import annotations

import json
import shutil
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

import curate
from curate.cli import main
from curate.errors import UsageError
from curate.report.holdings import Count, Holdings, holdings
from curate.report.papers.blocks import Grid, Heading, Listing, Paragraph, as_html, as_markdown
from curate.report.papers.data_card import size_category
from curate.report.papers.eu_summary import listed_domains, size_bin
from curate.report.papers.facts import ASKED, OF_SOURCE, Facts, facts_template, read_facts

PROSE = "It was the best of times, it was the worst of times, and we had everything before us. "
RECIPE = """
name = "papers"
[[source]]
name = "pages"
read = "tables"
paths = ["pages.jsonl"]
steps = [{ use = "gopher_quality", min_words = 10 }]
[[source]]
name = "letters"
read = "tables"
paths = ["letters.jsonl"]
[dedup]
method = "exact"
[scrub]
[tokenize]
tokenizer = "bytes"
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    """Two sources: pages of 30 domains in two languages, with dates, an address each; and letters without any."""
    folder = tmp_path_factory.mktemp("card")
    pages = [
        {
            "id": f"p{number}",
            "url": f"https://www.Site{number % 30:02}.test/{number}",
            "text": f"{PROSE * (2 + number % 30)} Page {number}. Write to someone{number}@mail.example.com.",
            "timestamp": f"2026-0{1 + number % 9}-1{number % 10}T00:00:00Z",
            "language": "de" if number % 4 == 0 else "en",
            "license": "CC-BY-4.0" if number % 2 else None,
        }
        for number in range(60)
    ]
    (folder / "pages.jsonl").write_text("".join(json.dumps(page) + "\n" for page in [*pages, {"text": "short"}]))
    (folder / "letters.jsonl").write_text("".join(json.dumps({"text": f"{PROSE} {n}"}) + "\n" for n in range(5)))
    (folder / "papers.toml").write_text(RECIPE)
    return curate.run(folder / "papers.toml", out=folder / "run", workers=0)


@pytest.fixture(scope="module")
def held(run: curate.Run) -> Holdings:
    return holdings(run)


@pytest.fixture(scope="module")
def papers(run: curate.Run) -> Path:
    out = run.folder.parent / "papers"
    run.card(out=out)
    return out


def test_sizes_are_those_of_the_final_documents(run: curate.Run, held: Holdings) -> None:
    totals = run.documents().select(pl.len(), pl.col("byte_count").sum()).collect().row(0)
    tokens = sum(sum(counts["tokens"].values()) for counts in run.manifest["counts"].values())
    assert (held.documents, held.bytes, held.tokens) == (*totals, tokens)
    assert [(source.name, source.documents, source.read) for source in held.sources] == [
        ("pages", 60, 61),
        ("letters", 5, 5),
    ]


def test_languages_licenses_domains_and_dates_are_counted_by_python_alike(run: curate.Run, held: Holdings) -> None:
    rows = run.documents("pages").collect().to_dicts()
    pages = held.sources[0]
    for counts, key in ((pages.languages, "language"), (pages.licenses, "license")):
        values = {row[key] for row in rows}
        assert {count.name: (count.documents, count.bytes) for count in counts} == {
            value: (sum(row[key] == value for row in rows), sum(row["byte_count"] for row in rows if row[key] == value))
            for value in values
        }
    hosts: dict[str, int] = {}
    for row in rows:
        host = row["url"].split("/")[2].lower().removeprefix("www.")
        hosts[host] = hosts.get(host, 0) + row["byte_count"]
    assert [count.name for count in pages.domains] == sorted(hosts, key=lambda host: (-hosts[host], host))
    assert (pages.began, pages.ended) == (
        min(r["timestamp"][:10] for r in rows),
        max(r["timestamp"][:10] for r in rows),
    )
    assert (held.sources[1].domains, held.sources[1].began) == ((), None)


def test_every_step_stands_with_what_it_took(held: Holdings) -> None:
    taken = {(step.source, step.step): step.documents for step in held.steps}
    assert taken["pages", "gopher_quality"] == 1
    assert taken["pages", "scrub"] == 60
    [quality] = [step for step in held.steps if step.step == "gopher_quality"]
    assert "min_words = 10" in quality.parameters
    assert held.sources[0].personal_data == {"EMAIL_ADDRESS": 60, "IP_ADDRESS": 0}


def test_a_tenth_of_the_domains_is_listed_and_of_small_firms_a_twentieth() -> None:
    domains = [Count(str(number), 1, 1) for number in range(30_001)]
    small = Facts({("provider", "is_small"): "yes"})
    assert len(listed_domains(domains, Facts({}))) == 3001
    assert len(listed_domains(domains, small)) == 1000
    assert len(listed_domains(domains[:101], small)) == 6
    assert listed_domains([], small) == []


def test_sizes_fall_into_the_bins_of_template_and_hub() -> None:
    assert [size_bin(tokens)[:9] for tokens in (10**9 - 1, 10**9, 10**13, 10**13 + 1)] == [
        "Less than",
        "1 billion",
        "1 billion",
        "More than",
    ]
    assert [size_category(count) for count in (999, 1000, 999_999, 10**12)] == ["n<1K", "1K<n<10K", "100K<n<1M", "n>1T"]


def test_the_summary_names_everything_that_nobody_has_answered(papers: Path) -> None:
    summary = (papers / "eu-summary.md").read_text(encoding="utf-8")
    for heading in ("1.1", "1.2", "1.3", "2.1", "2.2.1", "2.2.2", "2.3", "2.4", "2.5", "2.6", "3.1", "3.2"):
        assert any(line.lstrip("# ").startswith(heading) for line in summary.splitlines() if line.startswith("#")), (
            heading
        )
    both = summary + (papers / "california-ab2013.md").read_text() + (papers / "README.md").read_text()
    for asked in ASKED:
        if asked.key not in ("title", "license", "url", "is_small", "is_ongoing") and asked.table != "crawl":
            key = asked.key.replace("_", "\\_")
            table = asked.table.replace("_", "\\_")
            assert f"\\[{table}\\] {key}" in both, (asked.table, asked.key)
    assert all(f"({number})" in both for number in range(1, 13))


TEMPLATE = """Version of the summary; Last update; Name and contact details; Authorized representative
Versioned model names; Model dependencies; Date of placement on the Union market; Modality
Training data size; Types of content; Latest date of data acquisition; Training goes on with newer data
Linguistic characteristics; Other characteristics; Additional comments; Used; Share of all of this kind; Publicly known
Crawlers used by the provider or on its behalf
Crawler names or identifiers; Purposes of the crawlers; Behavior of the crawlers; Period of collection
Content and online sources; From interactions with models; From other services; Services and products that collected it
Made by AI for the training; General-purpose models on the market that made it; Other models that made it
Code of Practice; Opt-outs respected by the recipe; Further measures"""


def test_the_summary_has_every_field_of_the_commissions_template(run: curate.Run, tmp_path: Path) -> None:
    facts = tmp_path / "answers.toml"
    facts.write_text('[source.letters]\ncategory = "private"\n[source.pages]\ncategory = "crawled"\n')
    run.card(out=tmp_path / "out", facts=facts)
    lines = (tmp_path / "out" / "eu-summary.md").read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    fields = {row[0]: row[1] for row in rows if len(row) == 2}
    missing = [name for name in TEMPLATE.replace("\n", "; ").split("; ") if not fields.get(name, "").strip()]
    assert missing == []
    assert sum(row == ["Used", "yes"] for row in rows) == 2
    assert sum(row == ["Used", "no"] for row in rows) == 3


def test_answers_take_the_place_of_questions(run: curate.Run, tmp_path: Path) -> None:
    facts = tmp_path / "answers.toml"
    facts.write_text(
        '[provider]\nname = "Acme <b>|x"\nis_small = true\n[model]\nplaced_on_market = 2026-12-01\n'
        '[dataset]\nlicense = "cc-by-4.0"\n[source.pages]\ncategory = "crawled"\n'
        '[source.letters]\ncategory = "private"\n'
        "[crawl]\nnames = ['ABot', 'BBot']\n"
    )
    made = run.card(out=tmp_path / "out", facts=facts)
    summary = (tmp_path / "out" / "eu-summary.md").read_text()
    assert "Acme &lt;b&gt;\\|x" in summary
    assert "2026-12-01" in summary
    assert "ABot, BBot" in summary
    assert "2 of 30 domains" in summary
    assert "category is not given" not in summary
    assert "provider.name" not in made.unanswered
    assert "provider.representative" in made.unanswered
    assert (tmp_path / "out" / "domains.tsv").read_text().count("\n") == 3
    assert 'license: "cc-by-4.0"' in (tmp_path / "out" / "README.md").read_text()
    assert not (tmp_path / "out" / "facts.toml").exists()


def test_the_template_is_toml_that_asks_everything_and_is_never_written_over(run: curate.Run, tmp_path: Path) -> None:
    made = run.card(out=tmp_path)
    assert "facts.toml" in made.files
    text = (tmp_path / "facts.toml").read_text()
    assert {*tomllib.loads(text)} == {*(asked.table for asked in ASKED), "source"}
    filled = text.replace('# name = ""', 'name = "Acme"')
    answers = tomllib.loads(filled)
    assert answers["provider"] == {"name": "Acme"}
    (tmp_path / "facts.toml").write_text(filled)
    again = run.card(out=tmp_path)
    assert "facts.toml" not in again.files
    assert (tmp_path / "facts.toml").read_text() == filled
    assert "provider.name" not in again.unanswered
    every = [line for line in facts_template(["a"]).splitlines() if line.endswith('= ""')]
    assert len(every) == len(ASKED) + len(OF_SOURCE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[provder]\n", 'did you mean "provider"'),
        ("[provider]\nnam = 'x'\n", 'did you mean "name"'),
        ("[source.page]\n", 'did you mean "pages"'),
        ("[source.pages]\ncategory = 'scraped'\n", "expected one of public"),
        ("[provider]\nname = { a = 1 }\n", "expected text"),
        ("[provider\n", "facts.toml:1: not TOML"),
    ],
)
def test_mistakes_in_the_facts_are_refused_by_name(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "facts.toml").write_text(text)
    with pytest.raises(UsageError, match=said.replace(".", r"\.")):
        read_facts(tmp_path / "facts.toml", ["pages", "letters"])


def test_croissant_names_every_file_with_its_checksum(run: curate.Run, papers: Path) -> None:
    described = json.loads((papers / "croissant.json").read_text())
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    files = {each["@id"]: each["sha256"] for each in described["distribution"] if each["@type"] == "cr:FileObject"}
    outputs = run.manifest["outputs"]
    assert files == {name: entry["sha256"] for name, entry in outputs.items() if name.startswith("documents/")}
    [pages] = [each for each in described["recordSet"] if each["name"] == "pages"]
    types = {field["name"]: field["dataType"] for field in pages["field"]}
    assert (types["text"], types["token_count"]) == ("sc:Text", "sc:Integer")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what mlcroissant itself is built on
def test_croissant_is_valid_and_its_records_are_the_documents(run: curate.Run, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")
    run.card(out=tmp_path)
    shutil.copytree(run.folder / "documents", tmp_path / "documents")
    described = mlcroissant.Dataset(jsonld=str(tmp_path / "croissant.json"))
    assert not described.metadata.ctx.issues.errors
    texts = [record["letters/text"].decode() for record in described.records("letters")]
    assert sorted(texts) == sorted(run.documents("letters").collect()["text"])


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name in ("src", "href")]
        self.tags.append(tag)


def test_blocks_say_what_they_are_given_and_nothing_more() -> None:
    evil = "<script>alert('x')</script> | *a* [b](c) `d`"
    blocks = (Heading(evil), Paragraph(evil), Listing((evil,)), Grid(("a", "b"), ((evil, 1234), (None, 0.5))))
    page = Tags()
    page.feed(as_html(evil, blocks))
    assert "script" not in page.tags
    assert page.tags.count("tr") == 3
    lines = as_markdown(blocks).splitlines()
    assert "<script" not in "".join(lines)
    assert lines[-1] == "|  | 0.5 |"
    assert lines[-2].endswith("| 1,234 |")
    assert lines[-2].replace("\\|", "").count("|") == 3


def test_the_command_says_what_is_to_be_answered(
    run: curate.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["card", str(run.folder), "--out", str(tmp_path / "new" / "papers")])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert str(tmp_path / "new" / "papers" / "croissant.json") in shown
    assert "provider.name" in shown
    page = Tags()
    page.feed((tmp_path / "new" / "papers" / "eu-summary.html").read_text())
    assert page.tags.count("table") > 8
