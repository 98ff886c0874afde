"""The beginnings of documents that a page may show: of kept ones from documents/, of others from the run's inputs,
where one record can be read by itself; with personal data masked, whatever the run does with it.

ids ─▶ documents/*.parquet │ the input's record at the id's offset ─▶ masked by one scan ─▶ Excerpt each
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from curate.batch import Rejected
from curate.engine.plan import FileRange, InputFile
from curate.engine.web import is_at_hand, is_web
from curate.errors import CurateError, DocumentError
from curate.readers.inputs import reader_of
from curate.readers.parquet import is_parquet
from curate.recipe import Source
from curate.report.html.account import Account
from curate.scrub.entities import find_entities
from curate.scrub.pii import scrub_texts
from curate.steps.chapters import read_piece
from curate.steps.extract import Extract, extract_text, page_extractor
from curate.steps.own_entities import entities_of
from curate.steps.scrub import model_folder
from curate.steps.source_reader import has_own_reader

ALWAYS = ("EMAIL_ADDRESS", "IP_ADDRESS", "PHONE_NUMBER")
"""What is masked of a run that masks nothing."""
READ = "read"
SHOWN_CHARACTERS = 400
READ_CHARACTERS = 2_000
"""Of a text, masked before it is cut: so that no half of an address is left."""
MAX_READ_AGAIN = 90
"""Records of a source that are read from its inputs once more."""
MAX_WHOLE_BYTES = 1 << 20
"""Of a file that gives no single record; a greater one is not read again."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`text` is None where the document was not kept and its input does not give one record by itself."""

    url: str | None
    text: str | None


def read_excerpts(account: Account, ids: Iterable[str]) -> dict[str, Excerpt]:
    """What may be shown of some documents, by id."""
    wanted: dict[str, list[str]] = {}
    for id in dict.fromkeys(ids):
        wanted.setdefault(id.partition("/")[0], []).append(id)
    rows = [row for source, some in wanted.items() for row in _rows(account, source, some)]
    urls = masked(account, [url for _, url, _ in rows])
    texts = masked(account, [text for _, _, text in rows])
    return {
        id: Excerpt(url, _cut(text) if text is not None else None)
        for (id, _, _), url, text in zip(rows, urls, texts, strict=True)
    }


def _rows(account: Account, source: str, ids: list[str]) -> Iterator[tuple[str, str | None, str | None]]:
    """Id, URL and the beginning of the text, as they are."""
    known = account.run.ledger(source).filter(pl.col("id").is_in(ids)).select("id", "url", "outcome", "step").collect()
    is_page = pl.col("step").is_null() | (pl.col("step") != READ)  # of what the reader turned away nobody made a text
    outcomes = dict(known.filter(is_page).select("id", "outcome").iter_rows())
    texts = _kept_texts(account, source, [id for id in ids if outcomes.get(id) == "kept"])
    texts |= _texts_again(account, source, [id for id in ids if outcomes.get(id) == "dropped"][:MAX_READ_AGAIN])
    urls = dict(known.select("id", "url").iter_rows())
    return ((id, urls.get(id), texts.get(id)) for id in ids)


def _kept_texts(account: Account, source: str, ids: list[str]) -> dict[str, str]:
    if not ids or "text" not in account.documents:
        return {}
    found = account.run.documents(source).filter(pl.col("id").is_in(ids))
    return dict(found.select("id", pl.col("text").str.head(READ_CHARACTERS)).collect().iter_rows())


def _texts_again(account: Account, source: str, ids: list[str]) -> dict[str, str]:
    """Of records that were not kept; of an input that is gone or changed, or far away without a network, nothing. A
    user's own reader is not called: to make a page must run nobody's code."""
    asked = account.recipe.source(source)
    if not ids or has_own_reader(asked):
        return {}
    extract = page_extractor(asked, account.recipe)
    files = {f"{source}/{file.name}": (file, is_whole) for file, is_whole in _files(account, source)}
    texts: dict[str, str] = {}
    pieces = [*_pieces(files, ids)]
    far = next((piece.file.uri for piece, _ in pieces if is_web(piece.file.uri)), None)
    if far is not None and not is_at_hand(far):
        return {}
    for piece, some in pieces:
        with contextlib.suppress(CurateError, OSError, ValueError):
            texts |= _read(account, asked, extract, piece, some)
    return texts


def _files(account: Account, source: str) -> Iterator[tuple[InputFile, bool]]:
    """Each with whether it can only be read whole."""
    for split in account.plan.of(source):
        for piece in split.ranges:
            yield piece.file, piece.is_whole or is_parquet(piece.file.name)


def _pieces(files: Mapping[str, tuple[InputFile, bool]], ids: list[str]) -> Iterator[tuple[FileRange, set[str]]]:
    """What to read for which ids: the record at an offset, or a small file."""
    whole: dict[str, set[str]] = {}
    for id in ids:
        name, _, place = id.rpartition("@")
        file, is_whole = files.get(name, (None, True))
        offset = place.partition("+")[0].partition("#")[0]
        if file is not None and not is_whole and offset.isdecimal():
            yield FileRange(file, int(offset), int(offset) + 1), {id}
            continue
        name = next((each for each in (id, name, id.partition("#")[0]) if each in files), "")
        if name and files[name][0].size <= MAX_WHOLE_BYTES and not is_parquet(name):
            whole.setdefault(name, set()).add(id)
    for name, some in whole.items():
        yield FileRange(files[name][0], 0, 1), some


def _read(account: Account, source: Source, extract: Extract, piece: FileRange, ids: set[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for record in read_piece(reader_of(source, account.recipe), piece, source, account.recipe):
        if record.id in ids and not isinstance(record, Rejected):
            text = extract_text(record, extract).get("text")
            texts |= {record.id: text[:READ_CHARACTERS]} if isinstance(text, str) else {}
        if len(texts) == len(ids):
            break
    return texts


def masked(account: Account, texts: Sequence[str | None]) -> list[str | None]:
    """By the entities of the run's own scrub and those that are always masked; whatever they break is not shown."""
    scrub = account.recipe.scrub
    names = {entity.name for entity in entities_of(account.recipe)}
    always = find_entities([name for name in ALWAYS if name not in names], "patterns")
    series = pl.Series("text", texts, pl.String)
    try:
        series = scrub_texts(series, entities=always)["text"]
        if scrub is not None:
            entities, model = entities_of(account.recipe), model_folder(account.recipe)
            series = scrub_texts(series, entities=entities, engine=scrub.engine, model=model)["text"]
    except DocumentError:
        return [None] * len(texts)
    return series.to_list()


def _cut(text: str) -> str:
    shown = text[:SHOWN_CHARACTERS].rstrip()
    return f"{shown} …" if len(text) > len(shown) else shown
