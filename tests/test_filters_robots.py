"""robots.txt files that a crawl has stored, asked for the crawlers that collect for training: RFC 9309's own examples,
a run over real pages, and protego as another opinion where it is installed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.errors import CurateError
from curate.filters.robots_rules import parse_robots, refused_agents
from curate.readers.robots import site_of, stored_robots

SAMPLE = Path(curate.__file__).parent / "recipes" / "quickstart" / "web.warc.gz"
AI = ["ccbot", "gptbot", "google-extended"]
RECIPE = """\
name = "robots"
[[source]]
name = "web"
read = "warc"
extract = "resiliparse"
paths = ["web.warc.gz"]
steps = [{{ use = "rights", robots = {robots} }}]
[tokenize]
tokenizer = "bytes"
validation = 0
[limits]
max_drop = 1.0
"""


def stored(url: str, text: str, *, status: str = "200 OK", date: str = "2024-02-20T00:00:00Z") -> bytes:
    """A response of a crawl."""
    block = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\n\r\n{text}".encode()
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: {date}\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("text", "path", "refused"),
    [
        ("User-agent: *\nDisallow: /", "/a", AI),
        ("User-agent: *\nDisallow:", "/a", []),
        ("User-agent: GPTBot\nUser-agent: Google-Extended\nDisallow: /\n\nUser-agent: *\nAllow: /", "/a", AI[1:]),
        ("User-agent: gptbot/1.2\nDisallow: /x\nUser-agent: *\nDisallow: /", "/a", ["ccbot", "google-extended"]),
        ("User-agent: CCBot\nDisallow: /a\nUser-agent: ccbot\nDisallow: /b", "/b", ["ccbot"]),
        ("User-agent: CCBot\nDisallow: /a\nAllow: /a/b\n", "/a/b/c", []),
        ("User-agent: CCBot\nDisallow: /a\nAllow: /a\n", "/a", []),
        ("User-agent: CCBot\nDisallow: /*.pdf$\n", "/x/y.pdf", ["ccbot"]),
        ("User-agent: CCBot\nDisallow: /*.pdf$\n", "/x/y.pdf?a", []),
        ("User-agent: CCBot\nDisallow: /a*b*c\n", "/a--b--c--", ["ccbot"]),
        ("User-agent: CCBot\nDisallow: /caf%C3%A9\n", "/café/1", ["ccbot"]),
        ("User-agent: CCBot\nDisallow: /%7Ejoe # the home of Joe\n", "/~joe/", ["ccbot"]),
        ("\ufeffuser-AGENT : CCBot\r\ndisallow : /a\r\nSitemap: https://a.test/s.xml", "/a", ["ccbot"]),
        ("Disallow: /\nUser-agent: CCBot\nAllow: /", "/a", []),
        ("<!doctype html><p>User-agent: none</p>", "/a", []),
        ("", "/a", []),
    ],
)
def test_rules_are_read_as_the_standard_says(text: str, path: str, refused: list[str]) -> None:
    assert refused_agents(text, path, AI) == refused


def test_another_reader_of_robots_files_is_of_the_same_opinion() -> None:
    protego = pytest.importorskip("protego", reason="protego is not installed")
    drawn = random.Random(5)
    agents = ["GPTBot", "CCBot", "Google-Extended", "*", "someshop"]
    rules = ["/", "/a", "/a/b", "/a*", "/*b$", "/a$", "/*?q=", "/%7Ejoe", "/é", "/a/*/c", "*.pdf$", "", "/A", "/a%2fb"]
    paths = ["/", "/a", "/a/b", "/ab", "/x/b", "/a?q=1", "/~joe/x", "/é", "/%C3%A9", "/a/z/c", "/f.pdf", "/a%2Fb"]
    for _ in range(2000):
        groups = []
        for _ in range(drawn.randint(1, 3)):
            groups += [f"User-agent: {drawn.choice(agents)}" for _ in range(drawn.randint(1, 2))]
            groups += [f"{drawn.choice(['Allow', 'Disallow'])}: {drawn.choice(rules)}" for _ in range(3)]
        text = "\n".join(groups)
        theirs = protego.Protego.parse(text)
        for path in paths:
            refused = [agent for agent in AI if not theirs.can_fetch(f"http://a.test{path}", agent)]
            assert refused_agents(text, path, AI) == refused, (text, path)


@given(st.text(alphabet="User-agent:*\n Disallow/$%é#aA0", max_size=300), st.text(max_size=40))
def test_no_file_and_no_path_is_too_strange(text: str, path: str) -> None:
    assert {*refused_agents(text, f"/{path}", AI)} <= {*AI}


def test_hostile_files_are_read_to_their_end() -> None:
    stars = "User-agent: *\n" + "Disallow: /" + "*a" * 5_000 + "$\n"
    assert refused_agents(stars, "/" + "a" * 100_000, AI) == AI
    assert len(parse_robots("User-agent: *\n" + "Disallow: /a\n" * 200_000)["*"]) == 50_000


def test_of_each_site_the_last_answer_counts_and_errors_say_nothing(tmp_path: Path) -> None:
    path = tmp_path / "robots.warc"
    path.write_bytes(
        stored("https://A.test/robots.txt", "last", date="2024-02-21T00:00:00Z")
        + stored("https://a.test:443/robots.txt", "first")
        + stored("https://a.test/robots.txt", "no", status="404 Not Found", date="2024-02-22T00:00:00Z")
        + stored("https://a.test/sub/robots.txt", "deeper")
        + stored("http://a.test:8080/robots.txt", "other")
    )
    assert stored_robots([str(path)]) == {"https://a.test": "last", "http://a.test:8080": "other"}
    assert site_of("ftp://a.test/") is site_of("http://[broken/") is site_of(None) is None


def test_a_step_drops_what_crawlers_for_training_may_not_fetch(tmp_path: Path) -> None:
    (tmp_path / "web.warc.gz").write_bytes(SAMPLE.read_bytes())
    folder = tmp_path / "robotstxt"
    folder.mkdir()
    (folder / "one.warc").write_bytes(
        stored("http://debian-handbook.bookworm.test/robots.txt", "User-agent: GPTBot\nDisallow: /*/de-DE/")
        + stored("https://debian-policy.bookworm.test/robots.txt", "User-agent: *\nDisallow: /cgi-bin/")
    )
    (folder / "two.warc").write_bytes(
        stored("http://debian-faq.bookworm.test/robots.txt", "User-agent: someshop\nDisallow: /")
        + stored("http://debian-faq-de.bookworm.test/robots.txt", "User-agent: CCBot\nUser-agent: *\nDisallow: /")
    )
    (tmp_path / "r.toml").write_text(RECIPE.format(robots='["robotstxt/*.warc"]'))
    run = curate.run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)
    rows = run.ledger().collect().filter(reason="robots_txt")
    expected = [url for url in run.ledger().collect()["url"].drop_nulls() if _is_refused(url)]
    assert sorted(rows["url"]) == sorted(set(expected))
    assert {*rows["step"]} == {"rights"}
    told = dict(run.ledger().collect().select("url", "rights_robots_txt").drop_nulls("url").rows())
    assert {told[url] for url in expected if "/de-DE/" in url} == {"gptbot"}
    assert {value for url, value in told.items() if "//debian-policy.bookworm" in url and value is not None} == {""}
    assert {value for url, value in told.items() if "//installation-guide" in url} == {None}
    assert {file["name"] for file in run.manifest["models"]} >= {"one.warc", "two.warc"}
    (folder / "two.warc").write_bytes(b"")
    with pytest.raises(CurateError, match=r"begun with another two\.warc"):
        curate.run(tmp_path / "r.toml", out=tmp_path / "run", workers=0)


def _is_refused(url: str) -> bool:
    return ("//debian-handbook.bookworm" in url and "/de-DE/" in url) or "//debian-faq-de." in url


def test_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "web.warc.gz").write_bytes(SAMPLE.read_bytes()[:1000])
    (tmp_path / "r.toml").write_text(RECIPE.format(robots='["none/*.warc.gz"]'))
    with pytest.raises(CurateError, match=r"r\.toml:.*there is no .*none/\*\.warc\.gz; robots names"):
        curate.plan(tmp_path / "r.toml")
