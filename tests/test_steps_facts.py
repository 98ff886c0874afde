"""What web pages say of themselves, as columns: asked for, used by a step, refused where nobody tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate import Run
from curate.errors import RecipeError
from curate.pipeline.run import run
from curate.recipe_file import load
from curate.steps.extract import page_extractors

WORDS = (Path(__file__).parent.parent / "LICENSE").read_text().split()
RECIPE = """\
name = "facts"
[[source]]
name = "web"
read = "warc"
paths = ["a.warc"]
{more}
[tokenize]
tokenizer = "bytes"
validation = 0
[limits]
max_drop = 1.0
"""


def record(name: str, head: str, text: str) -> bytes:
    page = f"<html><head>{head}</head><body><p>{text}</p><p><a href='/next'>more</a></p></body></html>"
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{page}".encode()
    head = f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{name}\r\n"
    head += f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def run_pages(folder: Path, more: str) -> Run:
    texts = [" ".join(WORDS[start : start + 80]) for start in (0, 100, 200)]
    heads = ['<meta name="author" content="Ann">', '<meta name="robots" content="noai">', "<title>x</title>"]
    named = zip("abc", heads, texts, strict=True)
    (folder / "a.warc").write_bytes(b"".join(record(*each) for each in named))
    (folder / "r.toml").write_text(RECIPE.format(more=more), encoding="utf-8")
    return run(folder / "r.toml", out=folder / "run", workers=0)


def test_documents_have_what_was_asked_for_and_a_step_may_decide_by_it(tmp_path: Path) -> None:
    asks = 'facts = ["author", "robots", "links"]\n'
    asks += "steps = [{ where = \"page_robots IS NULL OR page_robots NOT LIKE '%noai%'\" }]"
    done = run_pages(tmp_path, asks)
    kept = done.documents().collect().sort("url")
    assert kept["url"].to_list() == ["http://a.example/a", "http://a.example/c"]
    assert kept["page_author"].to_list() == ["Ann", None]
    assert [[link["url"] for link in links] for links in kept["page_links"].to_list()] == [["/next"], ["/next"]]
    ledger = done.ledger().collect().sort("url")
    assert ledger["page_robots"].to_list() == [None, "noai", None]
    assert not {"page_author", "page_links"} & {*ledger.columns}  # no step asks for them


def test_nothing_is_told_that_was_not_asked_for(tmp_path: Path) -> None:
    assert not [name for name in run_pages(tmp_path, "").documents().collect().columns if name.startswith("page_")]


def test_an_extractor_that_tells_no_facts_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(RECIPE.format(more='extract = "trafilatura"\nfacts = ["author"]'))
    made = load(tmp_path / "r.toml")
    with pytest.raises(RecipeError, match=r'r\.toml:2: .*facts are for extract = "curate"'):
        page_extractors(made.source("web"), made)


def test_a_fact_that_no_page_states_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(RECIPE.format(more='facts = ["autor"]'))
    with pytest.raises(RecipeError, match="author"):
        load(tmp_path / "r.toml")
