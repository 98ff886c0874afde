"""One document's whole story, from the ledger: each rule with the measured value, what it repeats, where it ended.

id or URL ─▶ file of the ledger ─▶ row ─▶ rules of the run's own recipe, in order ─▶ Check each ─┐
             dedup/, documents/, tokens/*.docs.parquet ──────────────────────────────────────────┴─▶ Story
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any, Literal

import polars as pl

from curate.batch import Rule
from curate.dedup.find import KNOWN
from curate.dedup.method import DocumentMethod
from curate.dedup.methods import find_method
from curate.errors import UsageError
from curate.run_files import CONTAMINATION, CUTS, DOCUMENTS, DUPLICATES, LEDGER, shards
from curate.run_folder import RunFolder
from curate.steps.bind import bind
from curate.steps.columns import BEFORE_STEPS, empty_batch
from curate.steps.conform import as_measured
from curate.steps.reach import is_known_of_dropped
from curate.steps.schema import source_tables
from curate.steps.scrub import TOO_MANY
from curate.steps.signals_before import as_seen
from curate.tokenize.buckets import pools_of
from curate.tokenize.document_table import DOCUMENT_TABLE

Result = Literal["kept", "dropped", "quarantined", "would keep", "would drop", "not measured"]
MAX_STORIES = 20
MAX_HINTS = 5
MIN_HINT = 3
"""Letters of what hints must contain."""


@dataclass(frozen=True, slots=True)
class Check:
    """One rule and this document. What stands behind the step that took it is "would keep" or "would drop" where it was
    measured: text signals and what is cheap are, models and users' functions see those that reach them only."""

    step: str
    rule: str
    signal: str
    value: Any
    threshold: Any
    result: Result


@dataclass(frozen=True, slots=True)
class PageVersion:
    """What the steps made of one extractor's text of a page, with its size as it left them."""

    extractor: str
    outcome: str
    step: str | None
    reason: str | None
    value: str | None
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Parts of the text that a method took out since another document keeps them (None: it does not know which)."""

    method: str
    parts: int
    bytes: int
    held_by: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """`tokens` by part ("train", "validation"); None where the document is not among the tokens."""

    id: str
    source: str
    reader: str
    url: str | None
    bytes: int | None
    outcome: str
    step: str | None
    reason: str | None
    value: str | None
    losses: str | None
    extractor: str | None
    """Whose text of a page it is, where several extractors are asked; the checks are about this text."""
    versions: tuple[PageVersion, ...]
    """Of each extractor that was asked, in their order, where more than the first was."""
    checks: tuple[Check, ...]
    duplicate_of: str | None
    similarity: float | None
    containment: float | None
    novel_words: int | None
    method: str | None
    likeness: str | None
    """How alike the method says the two are, where it knows no similarity."""
    is_earlier: bool
    copies: int
    """Other documents that were dropped as copies of this one."""
    cuts: tuple[Cut, ...]
    items: tuple[str, ...]
    """Evaluation items that it holds, those first of which it holds most."""
    findings: dict[str, int]
    """Personal data in a document that was kept, by entity."""
    tokens: dict[str, int] | None


def stories(run: RunFolder, key: str) -> list[Story]:
    """The story of the record with this id; where there is none, of all with this id of a table's own or from this URL,
    at most `MAX_STORIES`.

    Raises:
        UsageError: no record of the run has it; the sentence names some that contain it.
    """
    places = _places(run, key)
    if places.is_empty():
        raise UsageError(f'{run.place} read no record with the id or URL "{key}"{_hint(run.ledger(), key)}')
    return [_story(run, id, Path(file)) for id, file in places.rows()]


def _places(run: RunFolder, key: str) -> pl.DataFrame:
    """Ids with the files of the ledger in which their rows stand. Of a million rows only the columns are read by which
    a document can be called, and only those of its own source where the key is an id."""
    ledger = run.ledger()
    source = key.partition("/")[0]
    if source in {each.name for each in run.recipe.sources} and any((run.room(LEDGER) / source).glob("*.parquet")):
        found = _having(run, source, pl.col("id") == key)
        if found.height:
            return found
    url = key.strip("<>")
    is_it = (pl.col("id") == key) | pl.col("url").is_in([url, f"<{url}>"])
    if "original_id" in ledger.collect_schema():
        is_it |= pl.col("original_id") == key
    return _having(run, None, is_it)


def _having(run: RunFolder, source: str | None, is_it: pl.Expr) -> pl.DataFrame:
    files = sorted(run.room(LEDGER).glob(f"{escape(source) if source else '*'}/*.parquet"))
    rows = pl.scan_parquet(files, glob=False, include_file_paths="file").filter(is_it).select("id", "file")
    return rows.collect().sort("id").head(MAX_STORIES)


def _hint(ledger: pl.LazyFrame, key: str) -> str:
    """Some ids and URLs that contain the key, or else its last part without the suffix, or else its host."""
    wanted = key.strip("<>").casefold()
    last, host = re.split(r"[./@?#]", wanted.rstrip("/").rpartition("/")[2])[0], re.match(r"\w+://[^/]+/", wanted)
    either = pl.concat([ledger.select(name=column) for column in ("id", "url")])
    for part, told in ((wanted, "it"), (last, f'"{last}"'), (host and host[0], "its host")):
        if part and len(part) >= MIN_HINT:
            holds = pl.col("name").str.to_lowercase().str.contains(part, literal=True)
            found = either.filter(holds).unique().sort("name").head(MAX_HINTS).collect()["name"]
            if len(found):
                return f"; these contain {told}: {', '.join(found)}"
    return "; an id looks like source/file@offset"


def _story(run: RunFolder, id: str, file: Path) -> Story:
    """Of a record whose row stands in this file of the ledger."""
    row = pl.scan_parquet(file, glob=False).filter(pl.col("id") == id).head(1).collect()
    return story_of(run, row, table=file.name)


def _tables(run: RunFolder, room: str, table: str) -> list[Path]:
    if "*" in table:
        return sorted(run.room(room).glob(table))
    return [path] if (path := run.file(f"{room}/{table}")).is_file() else []


def story_of(run: RunFolder, row: pl.DataFrame, *, table: str = "*.parquet") -> Story:
    """Of one row of the ledger with all of its columns; `table` is the file in which it stands, where that is known."""
    facts = row.row(0, named=True)
    documents = _tables(run, f"{DOCUMENTS}/{facts['source']}", table)  # a split's tables have one name
    duplicate, findings = _verdict_on(run, facts["id"]), _findings(run, facts, documents)
    return Story(
        id=facts["id"],
        source=facts["source"],
        reader=run.recipe.source(facts["source"]).read,
        url=facts["url"],
        bytes=facts["byte_count"],
        outcome=facts["outcome"],
        step=facts["step"],
        reason=facts["reason"],
        value=facts["value"],
        losses=facts["losses"],
        extractor=facts.get("extractor"),
        versions=tuple(PageVersion(**version) for version in facts.get("versions") or ()),
        checks=(*_checks(run, row, facts), *_scrub_check(run, facts, findings)),
        duplicate_of=duplicate.get("duplicate_of"),
        similarity=duplicate.get("similarity"),
        containment=duplicate.get("containment"),
        novel_words=duplicate.get("novel_words"),
        method=duplicate.get("method"),
        likeness=_likeness(run, duplicate.get("method")),
        is_earlier=bool(duplicate.get("earlier")),
        copies=_count_copies(run, facts["id"]),
        cuts=tuple(_cuts(run, facts["id"])),
        items=tuple(_items(run, facts["id"])),
        findings=findings,
        tokens=_tokens(run, facts["source"], facts["id"]) if facts["outcome"] == "kept" else None,
    )


def _checks(run: RunFolder, row: pl.DataFrame, facts: dict[str, Any]) -> Iterator[Check]:
    """Every rule of every step; a record without text was given to none."""
    if facts["step"] in BEFORE_STEPS:
        return
    recipe = run.recipe
    was_taken = False
    source = recipe.source(facts["source"])
    steps = bind(source, recipe)
    row = as_measured(row, source_tables(source, recipe).ledger)
    always = set(empty_batch(source).columns)
    for index, step in enumerate(steps):
        seen = as_seen(row, steps, index)
        is_known = not was_taken or is_known_of_dropped(row, steps, index)
        for rule in step.filter.rules:
            value = seen[rule.signal].to_list()[0] if is_known and rule.signal in seen.columns else None
            result = _result(rule, seen, was_taken) if is_known else "not measured"
            if was_taken and step.filter.measure is None and _lacks_a_value(rule, seen, always):
                result = "not measured"
            is_culprit = (step.name, rule.name) == (facts["step"], facts["reason"])
            if is_culprit:
                result, was_taken = facts["outcome"], True
            yield Check(step.name, rule.name, rule.signal, value, rule.threshold, result)
        was_taken = was_taken or step.name == facts["step"]


def _result(rule: Rule, row: pl.DataFrame, was_taken: bool) -> Result:
    try:
        keeps = row.select(rule.keep).item()
    except pl.exceptions.ColumnNotFoundError:
        keeps = None
    if keeps is None:
        return "not measured"
    if was_taken:
        return "would keep" if keeps else "would drop"
    return "kept" if keeps else "dropped"


def _lacks_a_value(rule: Rule, row: pl.DataFrame, always: set[str]) -> bool:
    """A `where` takes null for no, but null in a column that a step adds may mean that the step never saw this one."""
    added = [name for name in rule.keep.meta.root_names() if name not in always]
    return any(name not in row.columns or row[name].item() is None for name in added)


def _verdict_on(run: RunFolder, id: str) -> dict[str, Any]:
    """The row of dedup/duplicates.parquet with this id, or {}."""
    path = run.file(DUPLICATES)
    found = pl.scan_parquet(path).filter(pl.col("id") == id).head(1).collect() if path.is_file() else pl.DataFrame()
    return found.row(0, named=True) if found.height else {}


def _likeness(run: RunFolder, name: str | None) -> str | None:
    if name is None or name == KNOWN:
        return name and "the same document"
    dedup = run.recipe.dedup
    method = find_method(name, dedup.base) if dedup else None
    return method.likeness if isinstance(method, DocumentMethod) else "through another copy"


def _count_copies(run: RunFolder, id: str) -> int:
    path = run.file(DUPLICATES)
    copies = pl.scan_parquet(path).filter(pl.col("duplicate_of") == id).select(pl.len()) if path.is_file() else None
    return int(copies.collect().item()) if copies is not None else 0


def _cuts(run: RunFolder, id: str) -> Iterator[Cut]:
    """What `dedup` took out of its text, by method and by the document that keeps it."""
    if not run.file(CUTS).is_file():
        return
    from curate.pipeline.dedup import cuts_among  # a tenth of a call's time, for runs that have some

    cuts = cuts_among(run.store, pl.Series("id", [id]))
    size = (pl.col("end") - pl.col("start")).sum().alias("bytes")
    grouped = cuts.group_by("method", "held_by", maintain_order=True).agg(pl.len().alias("parts"), size)
    for row in grouped.sort("bytes", descending=True, maintain_order=True).iter_rows(named=True):
        yield Cut(row["method"], row["parts"], row["bytes"], row["held_by"])


def _items(run: RunFolder, id: str) -> Iterator[str]:
    if not run.file(CONTAMINATION).is_file():
        return
    from curate.decontaminate.judge import REPORT
    from curate.pipeline.dedup import rows_among

    for row in rows_among(run.store, CONTAMINATION, pl.Series("id", [id]), REPORT).iter_rows(named=True):
        yield f"{row['set']}: {row['item']} ({row['share']:.0%} of it)"


def _findings(run: RunFolder, facts: dict[str, Any], documents: Sequence[Path]) -> dict[str, int]:
    """None of these are known of a document that was not kept; `documents` are those of its split."""
    if run.recipe.scrub is None or facts["outcome"] != "kept":
        return {}
    table = pl.scan_parquet(list(documents), glob=False)
    counts = table.filter(pl.col("id") == facts["id"]).select("^pii_.*$").head(1).collect()
    return {
        name.removeprefix("pii_").upper(): int(count)
        for name, count in (counts.row(0, named=True) if counts.height else {}).items()
        if count
    }


def _scrub_check(run: RunFolder, facts: dict[str, Any], findings: dict[str, int]) -> Iterator[Check]:
    """The limit of findings, where there is one."""
    most = run.recipe.scrub.max_findings if run.recipe.scrub else None
    if most is None or facts["step"] in BEFORE_STEPS:
        return
    if facts["reason"] == TOO_MANY:
        yield Check("scrub", TOO_MANY, "findings", int(facts["value"]), most, facts["outcome"])
    elif facts["outcome"] == "kept":
        yield Check("scrub", TOO_MANY, "findings", sum(findings.values()), most, "kept")
    else:
        yield Check("scrub", TOO_MANY, "findings", None, most, "not measured")


def _tokens(run: RunFolder, source: str, id: str) -> dict[str, int] | None:
    """How many tokens it has, by the parts that it is in: the end of a document may be for validation."""
    counts: dict[str, int] = {}
    for part in ("train", "validation"):
        pools = (run.room(shards(part, pool)) for pool in pools_of(source, run.recipe.mix))
        files = [file for folder in pools for file in sorted(folder.glob(f"*{DOCUMENT_TABLE.suffix}"))]
        if files:
            found = pl.scan_parquet(files, glob=False).filter(pl.col("id") == id).select("tokens").collect()
            if found.height:
                counts[part] = int(found["tokens"].sum())
    return counts or None
