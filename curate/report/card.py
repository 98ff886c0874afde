"""The papers of a run, written to one folder: what `curate card` does.

Run ─▶ Holdings ─┬▶ README.md, croissant.json, eu-summary.md, california-ab2013.md, each paper as HTML, too
facts.toml ──────┘   domains.tsv: the domains that the EU's summary lists
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from curate.engine.whole import json_bytes, write_file
from curate.errors import UsageError
from curate.report.holdings import Holdings, holdings
from curate.report.papers.blocks import Block, as_html, as_markdown
from curate.report.papers.california import california_blocks
from curate.report.papers.croissant import croissant
from curate.report.papers.data_card import data_card_blocks, front_matter
from curate.report.papers.eu_summary import crawled_domains, eu_blocks, listed_domains
from curate.report.papers.facts import FACTS, Facts, facts_template, read_facts, unanswered
from curate.run_folder import RunFolder

DOMAINS = "domains.tsv"


@dataclass(frozen=True, slots=True)
class Carded:
    """The files that were written, and what nobody has answered yet, as "provider.name"."""

    folder: Path
    files: tuple[str, ...]
    unanswered: tuple[str, ...]


def write_papers(run: RunFolder, *, out: Path, facts: Path | None = None) -> Carded:
    """Write all papers, over those of an earlier call. Without `facts`, the answers are those of `out`/facts.toml;
    where there is none, a template is written there.

    Raises:
        UsageError: the run is not complete, the folder cannot be written, or the facts are not what is asked for.
    """
    held = holdings(run)
    sources = [source.name for source in held.sources]
    _make(out)
    own = out / FACTS
    known = read_facts(facts or own, sources) if facts or own.is_file() else Facts({})
    files = dict(_papers(run, held, known))
    if not facts and not own.is_file():
        files[FACTS] = facts_template(sources).encode()
    for name, content in files.items():
        write_file(out / name, content)
    return Carded(out, tuple(files), unanswered(known, sources))


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{out} cannot be made a folder: {error.strerror}") from None


def _papers(run: RunFolder, held: Holdings, facts: Facts) -> Iterator[tuple[str, bytes]]:
    card = list(data_card_blocks(held, facts))
    yield "README.md", (front_matter(held, facts) + "\n" + as_markdown(card)).encode()
    yield "data-card.html", as_html(held.name, card).encode()
    yield "croissant.json", json_bytes(croissant(run, held, facts))
    yield from _paper("eu-summary", "Public summary of training content", list(eu_blocks(held, facts, DOMAINS)))
    yield from _paper("california-ab2013", "Training data documentation", list(california_blocks(held, facts)))
    rows = (
        f"{each.name}\t{each.documents}\t{each.bytes}\n" for each in listed_domains(crawled_domains(held, facts), facts)
    )
    yield DOMAINS, "".join(("domain\tdocuments\tbytes\n", *rows)).encode()


def _paper(name: str, title: str, blocks: Sequence[Block]) -> Iterator[tuple[str, bytes]]:
    yield f"{name}.md", as_markdown(blocks).encode()
    yield f"{name}.html", as_html(title, blocks).encode()
