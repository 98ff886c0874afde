"""The head of the page: what the run is, how much came in and out, and what looks wrong in it.

manifest, recipe ─▶ figures ─▶ a table of facts ─▶ concerns
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl

from curate.report.concerns import concerns
from curate.report.holdings import bytes_read
from curate.report.html.account import Account, told_step
from curate.report.html.markup import Content, Html, element
from curate.report.html.section import PageSection
from curate.report.html.tables import bytes_of, short
from curate.run_files import MANIFEST


def card(account: Account, *, timing: bool) -> PageSection:
    """With `timing` also when the run was finished, which another one of the same recipe was not."""
    figures = [element("div", [element("b", shown), element("span", name)]) for name, shown in _figures(account)]
    facts = [_fact(name, told) for name, told in _facts(account)]
    worries = [element("li", each.sentence) for each in concerns(account.run)]
    if timing:
        facts.insert(1, _fact("finished", finished(account)))
    body: list[Content] = [
        element("div", figures, {"class": "figures"}),
        element("table", element("tbody", facts), {"class": "facts"}),
        element("ul", worries, {"class": "concerns"}) if worries else None,
    ]
    return PageSection("card", "Data card", body)


def finished(account: Account) -> str:
    """By the date of the manifest, the last file of a run."""
    date = datetime.fromtimestamp(account.run.file(MANIFEST).stat().st_mtime, tz=UTC)
    return f"{date:%Y-%m-%d %H:%M} UTC"


def _fact(name: str, told: Content) -> Html:
    return element("tr", [element("th", name, {"scope": "row"}), element("td", told)])


def _figures(account: Account) -> Iterator[tuple[str, str]]:
    read, kept = account.total("read"), account.total("kept")
    yield "records read", short(read)
    yield "documents kept", short(kept)
    yield "of the bytes kept", _share(account.total("kept_bytes"), account.total("read_bytes"))
    yield "text", bytes_of(account.total("kept_bytes"))
    yield "tokens kept", short(account.tokens)
    yield "tokens in the mixture", short(account.run.mixture["mixture"]["tokens"])


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "–"


def _facts(account: Account) -> Iterator[tuple[str, Content]]:
    manifest, recipe = account.manifest, account.recipe
    yield "run", manifest["name"]
    yield "recipe", _code(f"sha256 {manifest['recipe']}")
    yield "made by", f"curate {manifest['curate']}, seed {recipe.seed}"
    for source in recipe.sources:
        files = manifest["inputs"].get(source.name, [])
        size = bytes_of(sum(bytes_read(file) for file in files))
        steps = ", ".join(map(told_step, source.steps)) or "no step"
        yield f"source {source.name}", f"{source.read}, {len(files):,} file{'s' * (len(files) != 1)}, {size}; {steps}"
    dates = _dates(account)
    if dates:
        yield "dates of documents", dates
    if recipe.dedup:
        yield "deduplication", ", ".join(recipe.dedup.method)
    if recipe.decontaminate:
        yield "decontamination", f"{len(manifest['contamination'].get('sets', {})):,} evaluation sets"
    scrub = recipe.scrub
    yield "personal data", f"{scrub.mode}: {', '.join(scrub.entities)}" if scrub else "not looked for"
    vocabulary = account.run.mixture["vocabulary"]
    yield "tokenizer", f"{vocabulary['size']:,} tokens, fingerprint {str(vocabulary['fingerprint'])[:16]}"
    models = manifest.get("models", [])
    if models:
        licenses = sorted({str(model["license"]) for model in models if model.get("license")})
        yield "models, lists", f"{len(models):,}; their licenses: {' · '.join(licenses) or 'not known'}"


def _dates(account: Account) -> str | None:
    """The first and the last that a kept document has."""
    if "timestamp" not in account.documents:
        return None
    date = pl.col("timestamp").str.extract(r"^(\d{4}-\d{2}-\d{2})")
    first, last = account.run.documents().select(date.min().alias("first"), date.max().alias("last")).collect().row(0)
    return f"{first} to {last}" if first else None


def _code(text: str) -> Html:
    return element("code", text)
