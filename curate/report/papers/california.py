"""The documentation that California's AB 2013 (Civil Code 3111) asks developers of generative AI to publish.

Holdings, Facts ─▶ blocks, one for each of the twelve points of section 3111(a)
"""

from __future__ import annotations

from collections.abc import Iterator

from curate.report.holdings import Holdings, SourceHolding
from curate.report.papers.blocks import Block, Grid, Heading, Listing, Paragraph
from curate.report.papers.facts import Facts


def california_blocks(held: Holdings, facts: Facts) -> Iterator[Block]:
    yield Heading("Training data documentation", 1)
    yield Paragraph(
        "As California Civil Code 3111(a) asks (AB 2013, in force since January 1, 2026). Counts and dates are "
        f"measured by curate {held.version} on the run {held.name}."
    )
    points = (
        ("(1) Sources and owners", _of_sources(held, facts, "owner")),
        ("(2) How the data sets serve the purpose of the system", _of_sources(held, facts, "purpose")),
        ("(3) Number of data points", [_counts(source) for source in held.sources]),
        ("(4) Types of data points", ["Unlabeled text: whole documents, in the sources that point 3 names."]),
        ("(5) Copyright, trademark, patent or public domain", [facts.say("rights", "copyright"), *_licenses(held)]),
        ("(6) Purchased or licensed", _of_sources(held, facts, "acquired")),
        ("(7) Personal information", [facts.say("privacy", "personal_information"), *_found(held)]),
        ("(8) Aggregate consumer information", [facts.say("privacy", "aggregate_consumer_information")]),
        ("(9) Cleaning, processing and modification", _steps(held)),
        ("(10) Period of collection", [_period(source, facts) for source in held.sources]),
        ("(11) Date of first use", [facts.say("model", "first_used")]),
        ("(12) Synthetic data", [facts.say("synthetic", "was_used")]),
    )
    for title, items in points:
        yield Heading(title)
        yield Listing(tuple(items))
    yield Heading("Steps in full")
    rows = tuple((each.source, each.step, each.parameters, each.documents, each.bytes) for each in held.steps)
    yield Grid(("source", "step", "parameters", "documents", "bytes of text"), rows)


def _of_sources(held: Holdings, facts: Facts, key: str) -> list[str]:
    titles = {source.name: facts.get(f"source.{source.name}", "title") or source.name for source in held.sources}
    return [f"{titles[source.name]}: {facts.say(f'source.{source.name}', key)}" for source in held.sources]


def _counts(source: SourceHolding) -> str:
    return f"{source.name}: {source.documents:,} documents, {source.tokens:,} tokens, {source.bytes:,} bytes of text"


def _licenses(held: Holdings) -> list[str]:
    """What documents themselves say."""
    return [
        f"{source.name}: {each.documents:,} documents say {each.name}"
        for source in held.sources
        for each in source.licenses[:20]
        if each.name
    ]


def _found(held: Holdings) -> list[str]:
    return [
        f"{source.name}: {count:,} findings of {entity} were replaced or removed"
        for source in held.sources
        for entity, count in source.personal_data.items()
        if count
    ]


def _steps(held: Holdings) -> list[str]:
    return [
        f"{each.source}, {each.step}: {each.documents:,} documents dropped or cut"
        for each in held.steps
        if each.documents
    ] or ["Nothing was dropped or changed."]


def _period(source: SourceHolding, facts: Facts) -> str:
    if source.began and source.ended:
        ongoing = ", and the collection goes on" if facts.is_yes("crawl", "is_ongoing") else ""
        return f"{source.name}: {source.began} to {source.ended}{ongoing}"
    return f"{source.name}: {facts.say(f'source.{source.name}', 'collected')}"
