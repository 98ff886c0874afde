"""What a stored response says of its own use is read where the step `rights` stands, decided on, and kept."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.filters.rights import rights
from curate.readers.rights import RIGHTS, robots_directives, stated_rights, usage_preferences

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = """\
name = "rights"
[[source]]
name = "web"
read = "warc"
paths = ["a.warc"]
steps = [{steps}]
[tokenize]
tokenizer = "bytes"
validation = 0
[limits]
max_drop = 1.0
"""
CC = "https://creativecommons.org/licenses/by-sa/4.0/"

PAGES: dict[str, tuple[str, str, str | None]] = {
    "silent": ("", "", None),
    "header-noai": ("X-Robots-Tag: noai, noimageai\r\n", "", "noai"),
    "header-noimageai": ("X-Robots-Tag: noimageai\r\n", "", None),
    "header-noindex": ("X-Robots-Tag: noindex\r\n", "", "noindex"),
    "header-agent": ("X-Robots-Tag: GPTBot: noindex, nofollow\r\n", "", "noindex"),
    "header-other-agent": ("X-Robots-Tag: someshop: noindex\r\n", "", None),
    "two-headers": ("X-Robots-Tag: someshop: noindex\r\nX-Robots-Tag: noai\r\n", "", "noai"),
    "header-until": ("X-Robots-Tag: unavailable_after: 25 Jun 2030 15:00:00 PST\r\n", "", None),
    "meta-noai": ("", '<META content="index, NoAI" NAME=Robots>', "noai"),
    "meta-agent": ("", "<meta name='ccbot' content='none'>", "noindex"),
    "meta-in-comment": ("", '<!-- <meta name="robots" content="noai"> -->', None),
    "meta-in-script": ("", "<script>x = '<meta name=robots content=noai>' + '</style>'</script>", None),
    "tdm-header": ("tdm-reservation: 1\r\n", "", "tdm_reservation"),
    "tdm-none": ("TDM-Reservation: 0\r\n", "", None),
    "tdm-meta": ("", '<meta name="tdm-reservation" content="1">', "tdm_reservation"),
    "usage-no": ("Content-Usage: search=y, train-ai=n\r\n", "", "content_usage"),
    "usage-yes": ("Content-Usage: train-ai=y\r\n", "", None),
    "rsl-link": ("", '<link type="application/rsl+xml" rel="license" href="/license.xml">', "rsl"),
    "rsl-header": ('Link: </l.xml>; rel="license"; type="application/rsl+xml"\r\n', "", "rsl"),
    "rsl-inline": ("", "<script type='application/rsl+xml'><rsl></rsl></script>", "rsl"),
    "licensed": ("", f'<a href="{CC}" rel="nofollow license">CC</a>', None),
}
"""By name: lines of the HTTP head, of the page's head, and the rule that drops it."""


def record(name: str, lines: str, head: str) -> bytes:
    start = 40 * list(PAGES).index(name)
    text = " ".join(WORDS[start : start + 80])
    page = f"<html><head>{head}</head><body><p>{text}</p></body></html>"
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{lines}\r\n{page}".encode()
    warc = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{name}\r\n"
    warc += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return warc.encode() + block + b"\r\n\r\n"


def ran(folder: Path, steps: str) -> curate.Run:
    (folder / "a.warc").write_bytes(b"".join(record(name, *said[:2]) for name, said in PAGES.items()))
    (folder / "r.toml").write_text(RECIPE.format(steps=steps))
    return curate.run(folder / "r.toml", out=folder / "run", workers=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> curate.Run:
    return ran(tmp_path_factory.mktemp("rights"), '"rights"')


def test_each_statement_drops_its_page_under_its_own_rule(run: curate.Run) -> None:
    rows = run.ledger().select("url", "outcome", "step", "reason").collect()
    found = {
        url.rpartition("/")[2]: reason if outcome == "dropped" else None for url, outcome, _, reason in rows.rows()
    }
    assert found == {name: said[2] for name, said in PAGES.items()}
    assert {*rows.filter(outcome="dropped")["step"]} == {"rights"}


def test_the_ledger_has_the_statements_and_the_documents_the_license(run: curate.Run) -> None:
    ledger = {row["url"].rpartition("/")[2]: row for row in run.ledger().collect().to_dicts()}
    assert ledger["two-headers"]["rights_robots"] == "someshop:noindex *:noai"
    assert ledger["usage-no"]["rights_usage"] == "search=y train-ai=n"
    assert ledger["rsl-header"]["rights_rsl"] == "/l.xml"
    assert {ledger["silent"][name] for name in RIGHTS} == {None}
    kept = run.documents().filter(pl.col("url").str.ends_with("licensed")).select("license_url", "license_by").collect()
    assert kept.rows() == [(CC, "rel")]


def test_a_looser_step_is_foretold_and_is_what_a_new_run_does(run: curate.Run, tmp_path: Path) -> None:
    looser = "{ use = 'rights', noindex = false, rsl = false, agents = [] }"
    expected = {name for name, said in PAGES.items() if said[2] not in (None, "noindex", "rsl")}
    dropped = ran(tmp_path, looser).ledger().filter(outcome="dropped").collect()
    assert {url.rpartition("/")[2] for url in dropped["url"]} == expected
    foretold = {row.step: row.documents_then for row in run.retune({"rights.noindex": False}).steps}
    assert foretold["kept"] == sum(said[2] in (None, "noindex") for said in PAGES.values())
    [story] = run.why("http://a.example/header-agent")
    assert (story.step, story.reason, story.value) == ("rights", "noindex", "gptbot:noindex gptbot:nofollow")


def test_nothing_is_read_where_no_step_asks(tmp_path: Path) -> None:
    run = ran(tmp_path, "")
    assert not {*RIGHTS} & {*run.ledger().collect_schema(), *run.documents().collect_schema()}
    assert run.manifest["counts"]["web"]["kept"] == len(PAGES)


def test_tables_bring_statements_of_their_own(tmp_path: Path) -> None:
    rows = [{"text": " ".join(WORDS[n : n + 60]), "rights_tdm": tdm} for n, tdm in ((0, 1), (90, 0), (180, None))]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = RECIPE.format(steps='"rights"').replace('"warc"', '"tables"').replace("a.warc", "a.jsonl")
    (tmp_path / "r.toml").write_text(text.replace("steps =", 'columns = { rights_tdm = "rights_tdm" }\nsteps ='))
    run = curate.run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    assert run.ledger().select("outcome", "rights_tdm").collect().rows() == [
        ("dropped", 1),
        ("kept", 0),
        ("kept", None),
    ]


def test_the_summary_of_training_content_counts_them(run: curate.Run, tmp_path: Path) -> None:
    run.card(out=tmp_path)
    summary = (tmp_path / "eu-summary.md").read_text()
    dropped = sum(said[2] is not None for said in PAGES.values())
    assert f"{dropped} documents dropped or cut" in next(line for line in summary.splitlines() if "Opt-outs" in line)


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (f'<a href="{CC}">CC</a>', (CC, "link")),
        (f'<a href="{CC}">CC</a><link rel=license href=/terms>', ("/terms", "rel")),
        (f'<link rel=license href=/terms><a rel=license href="{CC}">', (CC, "rel")),
        (
            '<a href="//creativecommons.org/publicdomain/zero/1.0/">',
            ("//creativecommons.org/publicdomain/zero/1.0/", "link"),
        ),
        ('<a href="https://creativecommons.org/">', (None, None)),
        ('<a href="https://evil.test/?creativecommons.org/licenses/by/4.0">', (None, None)),
        ('<a rel="license" href="/a?b=1&amp;c=2">', ("/a?b=1&c=2", "rel")),
    ],
)
def test_a_license_that_is_stated_comes_before_a_link(page: str, found: tuple[str | None, str | None]) -> None:
    stated = stated_rights({}, page.encode(), "text/html")
    assert (stated["license_url"], stated["license_by"]) == found
    assert {*stated} == {*RIGHTS}


def test_plain_text_states_nothing_but_its_head_does() -> None:
    page = b'<meta name="robots" content="noai">'
    assert stated_rights({b"x-robots-tag": b"noai"}, page, "text/plain")["rights_robots"] == "*:noai"
    assert stated_rights({}, page, "text/plain")["rights_robots"] is None


def test_directives_and_preferences_are_read_as_their_papers_say() -> None:
    assert [*robots_directives("otherbot: noindex, nofollow")] == ["otherbot:noindex", "otherbot:nofollow"]
    assert [*robots_directives("max-snippet:-1, NOAI,, all")] == ["*:noai", "*:all"]
    assert [*usage_preferences("train-ai=n;ex=1, search, bots=?0")] == ["train-ai=n", "search=y", "bots=n"]
    assert rights(usages=(), rsl=False, noai=False, noindex=False).rules[0].name == "tdm_reservation"


@given(st.binary(max_size=400), st.binary(max_size=60))
def test_no_page_and_no_header_is_too_strange(page: bytes, value: bytes) -> None:
    fields = dict.fromkeys((b"x-robots-tag", b"tdm-reservation", b"content-usage", b"link"), value)
    stated = stated_rights(fields, b"<meta robots" + page, "text/html")
    assert all(text is None or text for text in stated.values())


@pytest.mark.parametrize(
    "piece", [b"<!--", b"<script>", b"<meta ", b"<a href='", b"<link rel=license ", b"<meta name=robots a"]
)
def test_hostile_pages_are_read_to_their_end(piece: bytes) -> None:
    """What takes quadratic time on these would not come back."""
    page = b"robots" + piece * (2_000_000 // len(piece))
    stated = stated_rights({b"link": b"<" * 60_000, b"x-robots-tag": b"a:" * 30_000}, page, "text/html")
    assert stated["rights_tdm"] is None
