"""What only a person knows of a run's data: asked for by name in one TOML file, and who must give it.

ASKED ─▶ template (facts.toml, every question as a comment) ─▶ a person ─▶ Facts ─▶ the papers
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import UsageError, nearest
from curate.toml_text import NotToml, parse_toml

FACTS = "facts.toml"


@dataclass(frozen=True, slots=True)
class Question:
    """A question: its table and key in the file, what is asked, and who knows."""

    table: str
    key: str
    question: str
    who: str


PROVIDER, PUBLISHER, COLLECTOR, LAWYER = (
    "the provider of the model",
    "who publishes the data set",
    "who collected the data",
    "the provider's legal counsel",
)
ASKED: tuple[Question, ...] = (
    Question("summary", "version", "Version of the public summary, as 1.0", PROVIDER),
    Question("summary", "updated", "Date of its last update", PROVIDER),
    Question("summary", "comments", 'Additional comments on the summary, or "none"', PROVIDER),
    Question("provider", "name", "Name and contact details", PROVIDER),
    Question("provider", "representative", 'Authorized representative in the Union, or "none"', PROVIDER),
    Question("provider", "is_small", "true for a small or medium-sized firm, which lists fewer domains", PROVIDER),
    Question("model", "names", "Versioned names of the models that are trained on this data", PROVIDER),
    Question("model", "dependencies", "Models that these are made from, with links to their summaries", PROVIDER),
    Question("model", "placed_on_market", "Date on which they are placed on the Union market", PROVIDER),
    Question("model", "is_continuous", "true where training goes on with data that is newer than this", PROVIDER),
    Question("model", "first_used", "Date on which the data was first used in the development", PROVIDER),
    Question("dataset", "title", "Title of the data set", PUBLISHER),
    Question("dataset", "description", "What it is and what it is for, in a few sentences", PUBLISHER),
    Question("dataset", "license", "License of the data set, by its SPDX or Hugging Face name", PUBLISHER),
    Question("dataset", "url", "Address under which it is published", PUBLISHER),
    Question("dataset", "creators", "Its creators", PUBLISHER),
    Question("dataset", "version", "Its version, as 1.0.0", PUBLISHER),
    Question("dataset", "published", "Date of publication, as 2026-01-31", PUBLISHER),
    Question("dataset", "citation", "How it is to be cited", PUBLISHER),
    Question("dataset", "limits", "Biases, risks and uses that are out of scope", PUBLISHER),
    Question("crawl", "by_provider", "true where crawlers of the provider, or on its behalf, did it", COLLECTOR),
    Question("crawl", "names", "Names or identifiers of the crawlers", COLLECTOR),
    Question("crawl", "purposes", "Purposes of each crawler", COLLECTOR),
    Question("crawl", "behavior", "How they behave: robots.txt, captchas, paywalls, rates", COLLECTOR),
    Question("crawl", "is_ongoing", "true where the collection goes on", COLLECTOR),
    Question("user_data", "model_interactions", "Was data from interactions with models used, and which", PROVIDER),
    Question("user_data", "services", "Was data from users of other services used, and which", PROVIDER),
    Question("user_data", "description", "The services and products that collected it", PROVIDER),
    Question("synthetic", "was_used", "Was data made by AI for the training, and how", PROVIDER),
    Question("synthetic", "models", "Which general-purpose models that are on the market made it", PROVIDER),
    Question("synthetic", "other_models", "Which other models made it, and what these were trained on", PROVIDER),
    Question("rights", "code_of_practice", "Is the Code of Practice signed, with its copyright chapter", LAWYER),
    Question("rights", "measures", "Measures against use of reserved content besides those of the recipe", LAWYER),
    Question("rights", "copyright", "Is there data under copyright, trademark or patent, or none", LAWYER),
    Question("rights", "illegal_content", "Measures against illegal content besides those of the recipe", LAWYER),
    Question("privacy", "personal_information", "Is there personal information (Cal. Civ. Code 1798.140(v))", LAWYER),
    Question("privacy", "aggregate_consumer_information", "And aggregate consumer information (1798.140(b))", LAWYER),
)  # fmt: skip
CATEGORIES = ("public", "licensed", "private", "crawled", "user", "synthetic", "other")
OF_SOURCE: tuple[Question, ...] = (
    Question("source", "category", f"One of: {', '.join(CATEGORIES)}", COLLECTOR),
    Question("source", "title", "Name of the data, with a link where there is one", COLLECTOR),
    Question("source", "owner", "Who owns it", COLLECTOR),
    Question("source", "license", "Under which license or contract it is used", COLLECTOR),
    Question("source", "is_known", "Of a private data set: true where it is publicly known that it exists", COLLECTOR),
    Question("source", "acquired", "Was it purchased or licensed, or is it free", COLLECTOR),
    Question("source", "collected", "When it was collected, where its documents do not say so", COLLECTOR),
    Question("source", "purpose", "How it serves the purpose of the model", COLLECTOR),
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What was given, as text, by table and key; of a source by ("source.web", "license")."""

    given: Mapping[tuple[str, str], str]

    def get(self, table: str, key: str) -> str | None:
        return self.given.get((table, key))

    def say(self, table: str, key: str) -> str:
        """What was given, or who must give it."""
        return self.given.get((table, key)) or missing(table, key)

    def is_yes(self, table: str, key: str) -> bool:
        return self.given.get((table, key)) == "yes"

    def category(self, source: str, reader: str) -> str:
        """What a WARC holds was crawled unless somebody says otherwise."""
        return self.given.get((f"source.{source}", "category")) or ("crawled" if reader == "warc" else "")


def missing(table: str, key: str) -> str:
    asked = _question(table, key)
    return f"To be given by {asked.who}: [{table}] {key} in {FACTS} ({asked.question})"


def unanswered(facts: Facts, sources: Sequence[str]) -> tuple[str, ...]:
    """Names of what was not given, "provider.name"."""
    places = [(asked.table, asked.key) for asked in ASKED]
    places += [
        (f"source.{name}", asked.key) for name in sources for asked in OF_SOURCE if _concerns(asked, name, facts)
    ]
    return tuple(f"{table}.{key}" for table, key in places if not facts.get(table, key))


def _concerns(asked: Question, source: str, facts: Facts) -> bool:
    """One question is about private data sets alone."""
    return asked.key != "is_known" or facts.get(f"source.{source}", "category") == "private"


def facts_template(sources: Sequence[str]) -> str:
    """The file to be filled in."""
    return "\n".join(_template_lines(sources)) + "\n"


def read_facts(path: Path, sources: Sequence[str]) -> Facts:
    """
    Raises:
        UsageError: the file cannot be read or is no TOML; a table or key that nobody asks for; a value that is neither
            text, truth, date or number nor a list of these; an unknown category.
    """
    try:
        tables = parse_toml(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except NotToml as error:
        raise UsageError(f"{path}:{error.line}: {error}" if error.line else f"{path}: {error}") from None
    given = dict(_given(tables, sources, path))
    for (table, key), value in given.items():
        if table.startswith("source.") and key == "category" and value not in ("", *CATEGORIES):
            raise UsageError(f'{path}: [{table}] category = "{value}", expected one of {", ".join(CATEGORIES)}')
    return Facts(given)


def _given(tables: Mapping[str, Any], sources: Sequence[str], path: Path) -> Iterator[tuple[tuple[str, str], str]]:
    names = list(dict.fromkeys(asked.table for asked in ASKED))
    for table, values in tables.items():
        if table not in (*names, "source") or not isinstance(values, Mapping):
            raise UsageError(f'{path}: nobody asks for "{table}"{nearest(table, [*names, "source"])}')
        if table != "source":
            yield from _keys(table, values, [asked.key for asked in ASKED if asked.table == table], path)
            continue
        for source, answers in values.items():
            if source not in sources or not isinstance(answers, Mapping):
                raise UsageError(f'{path}: the run has no source "{source}"{nearest(source, sources)}')
            yield from _keys(f"source.{source}", answers, [asked.key for asked in OF_SOURCE], path)


def _keys(
    table: str, values: Mapping[str, Any], keys: Sequence[str], path: Path
) -> Iterator[tuple[tuple[str, str], str]]:
    for key, value in values.items():
        if key not in keys:
            raise UsageError(f'{path}: nobody asks for "{key}" in [{table}]{nearest(key, keys)}')
        yield (table, key), _as_text(value, f"{path}: [{table}] {key}")


def _as_text(value: Any, place: str) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case str():
            return value.strip()
        case int() | float() | datetime.date() | datetime.datetime():
            return str(value)
        case list():
            return ", ".join(_as_text(each, place) for each in value)
    raise UsageError(f"{place}: expected text, true or false, a date or a list of texts")


def _template_lines(sources: Sequence[str]) -> Iterator[str]:
    yield "# What only a person knows of this data. Take the # away and answer; what stays out is named in the papers"
    yield "# as missing, with who must give it. Text, true or false, dates and lists of texts are answers."
    table = ""
    for asked in ASKED:
        if asked.table != table:
            table = asked.table
            yield f"\n[{table}]"
        yield from _lines_of(asked)
    for source in sources:
        yield f"\n[source.{source}]"
        for asked in OF_SOURCE:
            yield from _lines_of(asked)


def _lines_of(asked: Question) -> Iterator[str]:
    yield f"# {asked.question} ({asked.who})"
    yield f'# {asked.key} = ""'


def _question(table: str, key: str) -> Question:
    name = table.partition(".")[0]
    return next(asked for asked in (*ASKED, *OF_SOURCE) if (asked.table, asked.key) == (name, key))
