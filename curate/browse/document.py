"""One document as the browser shows it: its text with what was taken out of it, where it stood, and by whom.

row of the ledger ─▶ the record, read again ─▶ extracted ─▶ steps that change texts ─▶ cuts ─▶ personal data ─▶ parts
                                                    does it end with the text in documents/? else that one alone ◀┘
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.batch import Record
from curate.browse.parts import PartSpan, TextPart, byte_spans, standing, stripped, with_spans, with_step
from curate.engine.sizes import AFTER, BEFORE
from curate.errors import DocumentError
from curate.extract.extraction import JudgedBlock
from curate.pipeline.dedup import cuts_among
from curate.recipe import Recipe, Source
from curate.report.blocks import page_blocks
from curate.report.personal import add_always_masked, find_of_run, mask
from curate.report.records import read_again
from curate.run_files import documents
from curate.run_folder import RunFolder
from curate.scrub.findings import Findings
from curate.scrub.modes import rewrite
from curate.steps.bind import bind, step_names
from curate.steps.columns import BEFORE_STEPS
from curate.steps.decide import measure_step
from curate.steps.extract import page_extractors
from curate.steps.own_entities import entities_of
from curate.steps.rows import frame_rows, record_row
from curate.text.signals import text_signals

MAX_WHOLE_BYTES = 64 << 20
"""Of a file that has to be read to its end for one document."""
MAX_CHARACTERS = 300_000
"""Of a text that is shown."""
UNREADABLE = "Its input is gone, has changed, or gives no single record (a large archive, Parquet, one's own reader)"
ONLY_FINAL = f"{UNREADABLE}: this is the final text, and what was taken out of it cannot be shown."
NO_TEXT = f"A run keeps texts of kept documents only. {UNREADABLE}."
OTHERWISE = "This is the final text. Reading the record again gives another one, so what was taken out is not marked."
NEVER = "It was never a text: it left in reading or extraction."
BROKEN = "The text breaks an engine that looks for personal data, so it is not shown."
LONG = f"Only the first {MAX_CHARACTERS:,} characters are shown."


@dataclass(frozen=True, slots=True)
class DocumentText:
    """`parts` is empty where no text can be shown; `note` says why, or what is missing in it."""

    parts: tuple[TextPart, ...]
    note: str | None = None
    is_final: bool = False
    """The parts that stand are the text in RUN/documents."""


def document_text(run: RunFolder, row: pl.DataFrame, file_number: int, *, reveal: bool = False) -> DocumentText:
    """The text of one row of the ledger, which stands in the file of this number; personal data in it is masked unless
    it is to be revealed."""
    facts, recipe = row.row(0, named=True), run.recipe
    if facts["step"] in BEFORE_STEPS:
        return DocumentText((), NEVER)
    source = recipe.source(facts["source"])
    final = _final_text(run, facts, file_number)
    try:
        made = _on_its_way(run, row, source, recipe, file_number)
        if made is None:
            return _whole(final, recipe, reveal, ONLY_FINAL) if final is not None else DocumentText((), NO_TEXT)
        parts, found = made, find_of_run(pl.Series([standing(made)]), recipe)
        if final is not None and _scrubbed(found, recipe, facts["id"]) != final:
            return _whole(final, recipe, reveal, OTHERWISE)
        return _shown(with_spans(parts, _personal(found, recipe, reveal)), recipe, reveal, final is not None, None)
    except DocumentError:
        return DocumentText((), BROKEN)


def blocks_of(run: RunFolder, id: str) -> list[JudgedBlock]:
    """What curate's own extractor took for content on a page, and what for boilerplate, with personal data masked.

    Raises:
        UsageError: it is no web page, or another extractor made its text.
        RunConflict: the input is not the one of the run.
    """
    blocks = page_blocks(run, id)
    masked = mask([block.text for block in blocks], run.recipe)
    return [block._replace(text=text or "") for block, text in zip(blocks, masked, strict=True)]


def _final_text(run: RunFolder, facts: Mapping[str, Any], number: int) -> str | None:
    """As it stands in documents/."""
    path = run.file(documents(facts["source"], number))
    if facts["outcome"] != "kept" or not path.is_file():
        return None
    found = pl.scan_parquet(path, glob=False).filter(pl.col("id") == facts["id"]).select("text").collect()
    return str(found.item()) if found.height else None


def _on_its_way(
    run: RunFolder, row: pl.DataFrame, source: Source, recipe: Recipe, number: int
) -> list[TextPart] | None:
    """The parts of a text as it came to be scrubbed, or to the step that took it."""
    facts = row.row(0, named=True)
    split = run.plan.split(f"{source.name}-{number:05}")
    again = read_again([split], recipe, source, [facts["id"]], max_whole_bytes=MAX_WHOLE_BYTES)
    record = next(again, None)
    texts = list(_texts(record, row, source, recipe)) if record is not None else []
    if not texts:
        return None
    parts = [TextPart(texts[0][1])]
    for step, text in texts[1:]:
        parts = with_step(parts, text, step)
    if facts["step"] in step_names(source):
        return parts
    cuts = cuts_among(run.store, pl.Series("id", [facts["id"]])).sort("start")
    spans = [(start, end, _cut_by(method, holder)) for _, start, end, method, holder in cuts.iter_rows()]
    return stripped(with_spans(parts, byte_spans(standing(parts), spans))) if spans else parts


def _cut_by(method: str, holder: str | None) -> str:
    return f"{method}: {holder} keeps it" if holder else method


def _texts(record: Record, row: pl.DataFrame, source: Source, recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The text as it was extracted, and as each step left it that changes texts; nothing else is measured."""
    facts, extractors = row.row(0, named=True), page_extractors(source, recipe)
    extract = extractors.get(facts.get("extractor") or "") or next(iter(extractors.values()))
    made = record_row(record, extract, None)
    if not isinstance(made.get("text"), str):
        return
    yield "extract", made["text"]
    batch = frame_rows([made], source)
    batch = batch.hstack(text_signals(batch["text"]).drop("byte_count", strict=False))
    known = [name for name in row.columns if name not in batch.columns and not name.startswith((BEFORE, AFTER))]
    batch = batch.hstack(row.select(known))
    for step in bind(source, recipe):
        if step.filter.changes_text:
            batch = measure_step(batch, step, pl.lit(True))
            yield step.name, batch["text"].item() or ""
        if step.name == facts["step"]:
            return


def _scrubbed(found: Findings, recipe: Recipe, id: str) -> str:
    """The text as the run has scrubbed it."""
    mode = recipe.scrub.mode if recipe.scrub else "mask"
    return rewrite(found.texts[0], found.hits.get(0, ()), mode=mode, seed=recipe.seed, id=id)


def _personal(found: Findings, recipe: Recipe, reveal: bool) -> list[PartSpan]:
    """What the run finds; and what it leaves, and nobody is shown."""
    of_run = {(hit.start, hit.end) for hit in found.hits.get(0, ())}
    add_always_masked(found, recipe)
    return [
        PartSpan(
            hit.start,
            hit.end,
            "personal" if (hit.start, hit.end) in of_run else "masked",
            hit.entity.name,
            None if reveal else hit.entity.mark,
        )
        for hit in found.hits.get(0, ())
    ]


def _whole(text: str, recipe: Recipe, reveal: bool, note: str) -> DocumentText:
    """A final text of which nothing else is known but the marks that the run has left in it."""
    left = _personal(Findings(pl.Series([text])), recipe, reveal)
    spans = sorted([*left, *_marks(text, recipe)])
    return _shown(with_spans([TextPart(text)], spans), recipe, reveal, True, note)


def _marks(text: str, recipe: Recipe) -> Iterator[PartSpan]:
    entities = {entity.mark: entity.name for entity in entities_of(recipe)}
    if entities:
        for match in re.finditer("|".join(map(re.escape, entities)), text):
            yield PartSpan(*match.span(), "personal", entities[match[0]])


def _shown(parts: list[TextPart], recipe: Recipe, reveal: bool, is_final: bool, note: str | None) -> DocumentText:
    """Of what was taken out personal data is masked, too; a long text is cut."""
    if not reveal:
        gone = [number for number, part in enumerate(parts) if part.kind in ("removed", "cut")]
        masked = mask([parts[number].text for number in gone], recipe)
        for number, text in zip(gone, masked, strict=True):
            parts[number] = parts[number]._replace(text=text or "")
    is_long = sum(len(part.text) for part in parts) > MAX_CHARACTERS
    return DocumentText(tuple(_beginning(parts)), LONG if is_long else note, is_final)


def _beginning(parts: Sequence[TextPart]) -> list[TextPart]:
    found, left = [], MAX_CHARACTERS
    for part in parts:
        if left <= 0:
            break
        found.append(part._replace(text=part.text[:left]))
        left -= len(part.text)
    return found
