"""The public summary of training content that Article 53(1)(d) of Regulation (EU) 2024/1689 asks of providers.

Holdings, Facts ─▶ blocks in the order and with the fields of the Commission's template (24 July 2025, C(2025) 8311)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from curate.report.holdings import Count, Holdings, SourceHolding, StepTaken, together
from curate.report.papers.blocks import Block, Grid, Heading, Paragraph
from curate.report.papers.facts import Facts, missing

BILLION, TEN_TRILLION = 10**9, 10**13
TOP_SHARE, SMALL_SHARE, SMALL_MOST = 0.10, 0.05, 1000
MAX_SHOWN = 1000
"""Domains in the paper itself; the file beside it has all that are to be listed."""
SAFETY_STEPS = ("url", "toxicity", "scrub")
MEANT = "No source of this run is of this kind."


def eu_blocks(held: Holdings, facts: Facts, domains_file: str) -> Iterator[Block]:
    """`domains_file` is the name of the file that has the whole list of domains."""
    yield Heading("Public summary of training content", 1)
    yield Paragraph(
        "By the template of the European Commission for Article 53(1)(d) of Regulation (EU) 2024/1689. Sizes, periods, "
        f"languages and domains are measured by curate {held.version} on the run {held.name}, which is the training "
        "data; what else there is to say was given by the provider."
    )
    yield _fields(
        ("Version of the summary", facts.say("summary", "version")),
        ("Last update", facts.say("summary", "updated")),
    )
    yield from _general(held, facts)
    yield from _sources(held, facts, domains_file)
    yield from _processing(held, facts)


def listed_domains(domains: Sequence[Count], facts: Facts) -> Sequence[Count]:
    """The top 10 % of all domains by the size of their content; of small firms 5 % or 1,000, whichever is lower."""
    if facts.is_yes("provider", "is_small"):
        return domains[: min(math.ceil(len(domains) * SMALL_SHARE), SMALL_MOST)]
    return domains[: math.ceil(len(domains) * TOP_SHARE)]


def crawled_domains(held: Holdings, facts: Facts) -> tuple[Count, ...]:
    """All domains of what was crawled, those with most bytes of kept text first."""
    return together(each.domains for each in held.sources if facts.category(each.name, each.reader) == "crawled")


def size_bin(tokens: int) -> str:
    """As the template has them for text."""
    if tokens < BILLION:
        return "Less than 1 billion tokens"
    return "1 billion to 10 trillion tokens" if tokens <= TEN_TRILLION else "More than 10 trillion tokens"


def _general(held: Holdings, facts: Facts) -> Iterator[Block]:
    yield Heading("1. General information")
    yield Heading("1.1 Provider", 3)
    yield _fields(
        ("Name and contact details", facts.say("provider", "name")),
        ("Authorized representative", facts.say("provider", "representative")),
    )
    yield Heading("1.2 Model", 3)
    yield _fields(
        ("Versioned model names", facts.say("model", "names")),
        ("Model dependencies", facts.say("model", "dependencies")),
        ("Date of placement on the Union market", facts.say("model", "placed_on_market")),
    )
    yield Heading("1.3 Modalities, overall size and other characteristics", 3)
    latest = max((source.ended for source in held.sources if source.ended), default=None)
    yield _fields(
        ("Modality", "Text. No image, audio, video or other modality."),
        ("Training data size", f"{size_bin(held.tokens)} ({held.tokens:,} tokens, {held.bytes:,} bytes of text)"),
        ("Types of content", "; ".join(f"{each.name}: {_content(each)}" for each in held.sources)),
        ("Latest date of data acquisition", latest or missing("source", "collected")),
        ("Training goes on with newer data", facts.say("model", "is_continuous")),
        ("Linguistic characteristics", _languages(held.languages)),
        ("Other characteristics", facts.say("dataset", "limits")),
        ("Additional comments", facts.say("summary", "comments")),
    )


def _sources(held: Holdings, facts: Facts, domains_file: str) -> Iterator[Block]:
    kinds = {source.name: facts.category(source.name, source.reader) for source in held.sources}

    def of_kind(kind: str) -> list[SourceHolding]:
        return [source for source in held.sources if kinds[source.name] == kind]

    def used(kind: str) -> Block:
        undecided = [] if of_kind(kind) else [each.name for each in of_kind("")]
        asked = f"; to be known once a category is given of: {', '.join(undecided)}" if undecided else ""
        return _fields(("Used", ("yes" if of_kind(kind) else "no") + asked))

    yield Heading("2. List of data sources")
    yield Heading("2.1 Publicly available data sets", 3)
    yield used("public")
    yield Paragraph("All of them are listed, with the share of each, and none is described summarily.")
    yield from _listed(of_kind("public"), facts)
    yield Heading("2.2 Private data sets obtained from third parties", 3)
    yield Heading("2.2.1 Licensed by rights holders or their representatives", 4)
    yield used("licensed")
    yield from _listed(of_kind("licensed"), facts)
    yield Heading("2.2.2 From other third parties", 4)
    yield used("private")
    yield from _listed(of_kind("private"), facts, is_private=True)
    yield Heading("2.3 Data crawled and scraped from online sources", 3)
    yield used("crawled")
    yield from _crawled(of_kind("crawled"), held, facts, domains_file)
    yield Heading("2.4 User data", 3)
    yield from _listed(of_kind("user"), facts)
    yield _fields(
        ("From interactions with models", facts.say("user_data", "model_interactions")),
        ("From other services", facts.say("user_data", "services")),
        ("Services and products that collected it", facts.say("user_data", "description")),
        ("Modality", "Text, as all of this run"),
    )
    yield Heading("2.5 Synthetic data", 3)
    yield from _listed(of_kind("synthetic"), facts)
    yield _fields(
        ("Made by AI for the training", facts.say("synthetic", "was_used")),
        ("Modality", "Text, as all of this run"),
        ("General-purpose models on the market that made it", facts.say("synthetic", "models")),
        ("Other models that made it", facts.say("synthetic", "other_models")),
    )
    yield Heading("2.6 Other sources of data", 3)
    yield used("other")
    yield from _listed(of_kind("other"), facts)
    if unknown := of_kind(""):
        yield Heading("Sources whose category is not given yet", 3)
        yield from _listed(unknown, facts)


def _listed(sources: Sequence[SourceHolding], facts: Facts, *, is_private: bool = False) -> Iterator[Block]:
    if not sources:
        yield Paragraph(MEANT)
        return
    total = sum(source.tokens for source in sources) or 1
    for source in sources:
        table = f"source.{source.name}"
        known = (("Publicly known", facts.say(table, "is_known")),) if is_private else ()
        yield _fields(
            ("Data", facts.get(table, "title") or f"{source.name}: {missing(table, 'title')}"),
            *((("Category", missing(table, "category")),) if not facts.category(source.name, source.reader) else ()),
            *known,
            ("Modality", "Text"),
            ("Size", _size(source)),
            ("Share of all of this kind", f"{source.tokens / total:.1%}"),
            ("Content", _content(source)),
            ("Owner", facts.say(table, "owner")),
            ("License", facts.get(table, "license") or _licenses(source) or missing(table, "license")),
            ("Period of collection", _period(source, facts)),
        )


def _crawled(sources: Sequence[SourceHolding], held: Holdings, facts: Facts, domains_file: str) -> Iterator[Block]:
    if not sources:
        yield Paragraph(MEANT)
        return
    yield _fields(
        ("Crawlers used by the provider or on its behalf", facts.say("crawl", "by_provider")),
        ("Crawler names or identifiers", facts.say("crawl", "names")),
        ("Purposes of the crawlers", facts.say("crawl", "purposes")),
        ("Behavior of the crawlers", facts.say("crawl", "behavior")),
        ("Period of collection", "; ".join(f"{each.name}: {_period(each, facts)}" for each in sources)),
        ("Content and online sources", "; ".join(f"{each.name}: {_content(each)}" for each in sources)),
        ("Modality", "Text"),
        ("Size", "; ".join(f"{each.name}: {_size(each)}" for each in sources)),
    )
    domains = crawled_domains(held, facts)
    listed = listed_domains(domains, facts)
    rule = "top 5 % or 1,000, whichever is lower" if facts.is_yes("provider", "is_small") else "top 10 %"
    yield Heading("Most relevant domain names", 4)
    yield Paragraph(
        f"{len(listed):,} of {len(domains):,} domains, the {rule} by the size of their content: "
        f"{domains_file} has all of them" + (f", here are the first {MAX_SHOWN:,}." if len(listed) > MAX_SHOWN else ".")
    )
    rows = tuple((each.name, each.documents, each.bytes) for each in listed[:MAX_SHOWN])
    yield Grid(("domain", "documents", "bytes of text"), rows)


def _processing(held: Holdings, facts: Facts) -> Iterator[Block]:
    yield Heading("3. Data processing aspects")
    yield Heading("3.1 Reservations of rights from text and data mining", 3)
    yield _fields(
        ("Code of Practice", facts.say("rights", "code_of_practice")),
        ("Opt-outs respected by the recipe", _took([step for step in held.steps if _use(step) == "rights"], "rights")),
        ("Further measures", facts.say("rights", "measures")),
    )
    yield Heading("3.2 Removal of illegal content", 3)
    safety = [step for step in held.steps if _use(step) in SAFETY_STEPS]
    yield _fields(
        ("Steps of the recipe", _took(safety, ", ".join(SAFETY_STEPS))),
        ("Further measures", facts.say("rights", "illegal_content")),
    )
    yield Heading("3.3 Other information", 3)
    yield Paragraph("Every step that decided on documents, with what it took out:")
    rows = tuple((each.source, each.step, each.parameters, each.documents, each.bytes) for each in held.steps)
    yield Grid(("source", "step", "parameters", "documents", "bytes of text"), rows)


def _use(step: StepTaken) -> str:
    return step.step.partition("#")[0]


def _took(steps: Sequence[StepTaken], names: str) -> str:
    if not steps:
        return f"The recipe has no step of these: {names}."
    return "; ".join(
        f"{each.source}, {each.step} ({each.parameters}): {each.documents:,} documents dropped or cut" for each in steps
    )


def _fields(*rows: tuple[str, str]) -> Grid:
    return Grid(("field", "answer"), rows)


def _content(source: SourceHolding) -> str:
    kinds = {"warc": "web pages", "books": "books", "code": "source files", "conversations": "conversations"}
    domains = f" from {len(source.domains):,} domains" if source.domains else ""
    return f"{source.documents:,} {kinds.get(source.reader, 'texts')}{domains}; {_languages(source.languages)}"


def _size(source: SourceHolding) -> str:
    return f"{size_bin(source.tokens)} ({source.tokens:,} tokens, {source.bytes:,} bytes of text)"


def _languages(counts: Sequence[Count]) -> str:
    total = max(sum(each.bytes for each in counts), 1)
    told = [f"{each.name or 'language not told'} {each.bytes / total:.1%}" for each in counts[:20]]
    rest = len(counts) - len(told)
    return "languages by size: " + ", ".join(told) + (f" and {rest} more" if rest else "") if told else "no text"


def _licenses(source: SourceHolding) -> str:
    told = [each for each in source.licenses if each.name]
    return ", ".join(f"{each.name} ({each.documents:,} documents)" for each in told[:20])


def _period(source: SourceHolding, facts: Facts) -> str:
    if source.began and source.ended:
        ongoing = ", ongoing" if facts.is_yes("crawl", "is_ongoing") and source.reader == "warc" else ""
        return f"{source.began} to {source.ended}{ongoing} (from the documents that are kept)"
    return facts.say(f"source.{source.name}", "collected")
