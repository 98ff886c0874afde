"""The data card of a run as the Hugging Face Hub reads it: README.md, with YAML before the text.

Holdings, Facts ─▶ front matter (language, license, size, a configuration per source) ─▶ blocks
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.report.holdings import Count, Holdings, together
from curate.report.papers.blocks import Block, Grid, Heading, Paragraph
from curate.report.papers.facts import Facts
from curate.run_files import DOCUMENTS

SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
         (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B"),
         (10**12, "100B<n<1T"))  # fmt: skip
LANGUAGE = re.compile(r"[a-z]{2,3}$")
MAX_DOMAINS = 50


def front_matter(held: Holdings, facts: Facts) -> str:
    """YAML between its lines. Values are written as JSON, which is YAML, too, so that no text breaks it."""
    values: dict[str, Any] = {
        "pretty_name": facts.get("dataset", "title") or held.name,
        "license": facts.get("dataset", "license") or "unknown",
        "language": [each.name for each in held.languages if each.name and LANGUAGE.match(each.name)],
        "task_categories": ["text-generation"],
        "size_categories": [size_category(held.documents)],
        "tags": ["curate"],
        "configs": [
            {"config_name": name, "data_files": [{"split": "train", "path": f"{DOCUMENTS}/{folder}/*.parquet"}]}
            for name, folder in (("default", "*"), *((source.name, source.name) for source in held.sources))
        ],
    }
    lines = (f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in values.items() if value != [])
    return "\n".join(("---", *lines, "---\n"))


def size_category(documents: int) -> str:
    """The Hub's name for so many rows."""
    return next((name for bound, name in SIZES if documents < bound), "n>1T")


def data_card_blocks(held: Holdings, facts: Facts) -> Iterator[Block]:
    yield Heading(facts.get("dataset", "title") or held.name, 1)
    yield Paragraph(facts.say("dataset", "description"))
    yield Heading("Sizes")
    rows = tuple(
        (each.name, each.reader, each.read, each.documents, each.bytes, each.tokens, each.drawn)
        for each in held.sources
    )
    head = ("source", "reader", "records read", "documents", "bytes of text", "tokens", "tokens of the mixture")
    yield Grid(head, rows)
    yield Heading("Languages")
    total = max(held.bytes, 1)
    yield Grid(
        ("language", "documents", "bytes of text", "share"),
        tuple(
            (each.name or "not told", each.documents, each.bytes, f"{each.bytes / total:.2%}")
            for each in held.languages
        ),
    )
    yield Heading("Where it is from")
    yield Grid(
        ("source", "title", "owner", "license", "collected", "domains"),
        tuple(
            (
                each.name,
                facts.say(f"source.{each.name}", "title"),
                facts.say(f"source.{each.name}", "owner"),
                facts.get(f"source.{each.name}", "license") or _licenses(each.licenses) or "not told",
                f"{each.began} to {each.ended}" if each.began else facts.say(f"source.{each.name}", "collected"),
                len(each.domains),
            )
            for each in held.sources
        ),
    )
    if domains := together(source.domains for source in held.sources):
        yield Paragraph(f"The first {MAX_DOMAINS} of {len(domains):,} domains by the size of their content:")
        first = tuple((each.name, each.documents, each.bytes) for each in domains[:MAX_DOMAINS])
        yield Grid(("domain", "documents", "bytes of text"), first)
    yield Heading("How it was made")
    yield Paragraph(
        f"By curate {held.version} from the recipe with the digest {held.recipe}. Every record that was read is in the "
        "run's ledger, with what was measured on it and why it left."
    )
    steps = tuple((each.source, each.step, each.parameters, each.documents, each.bytes) for each in held.steps)
    yield Grid(("source", "step", "parameters", "documents out or cut", "bytes of text"), steps)
    if held.models:
        yield Paragraph("Models and lists that decided:")
        yield Grid(("name", "license", "SHA-256"), tuple(map(_model, held.models)))
    yield Heading("Personal data")
    found = [(each.name, kind, count) for each in held.sources for kind, count in each.personal_data.items()]
    yield Paragraph("Findings in what is kept that were replaced or removed:" if found else "Nothing was scrubbed.")
    if found:
        yield Grid(("source", "kind", "findings"), tuple(found))
    yield Heading("License, version and citation")
    questions = ("license", "creators", "version", "published", "citation")
    yield Grid(("field", "answer"), tuple((key, facts.say("dataset", key)) for key in questions))
    yield Heading("Limits")
    yield Paragraph(facts.say("dataset", "limits"))


def _licenses(counts: Sequence[Count]) -> str:
    return ", ".join(f"{each.name} ({each.documents:,})" for each in counts[:20] if each.name)


def _model(entry: Mapping[str, str]) -> tuple[str | None, ...]:
    return (entry.get("name"), entry.get("license"), entry.get("sha256"))
