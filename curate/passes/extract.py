"""One record's text, whatever it came as: bytes decoded, mark-up removed; failures become outcomes.

Record ─▶ charset ─▶ HTML ─▶ {"text": …} or {"outcome": "quarantined", "reason": …}
"""

from __future__ import annotations

from typing import Any, Literal

from curate.batch import Record
from curate.extract.charset import UndecodableText, decode
from curate.extract.html import Extraction, extract_html
from curate.readers.gutenberg import unframe

Row = dict[str, Any]


def extract_text(record: Record, engine: Literal["resiliparse", "trafilatura"]) -> Row:
    """The columns that extraction adds to a record's row; an exception of a parser costs this record only."""
    try:
        text, losses = _text(record, engine)
    except MemoryError:
        raise
    except Exception as error:
        return _lost("quarantined", _reason(error), f"{type(error).__name__}: {error}")
    if not text.strip():
        return _lost("dropped", "empty_text", "")
    return {"text": text, "losses": ",".join(sorted(losses)) or None}


def _text(record: Record, engine: Literal["resiliparse", "trafilatura"]) -> tuple[str, set[str]]:
    """The text, and the names of what a parser is known to have left out of it."""
    parts = record.payload if isinstance(record.payload, tuple) else (record.payload,)
    extracted = [_extract(_decoded(part, record), record.media, engine) for part in parts]
    losses = {loss for part in extracted for loss in part.losses}
    text = "\n\n".join(part.text for part in extracted if part.text)
    framed = unframe(text) if record.media == "book/html" else None
    return (framed.text if framed else text), losses


def _decoded(payload: str | bytes, record: Record) -> str:
    if isinstance(payload, str):
        return payload
    return decode(payload, declared=record.charset, html=record.media != "text/plain")[0]


def _extract(text: str, media: str, engine: Literal["resiliparse", "trafilatura"]) -> Extraction:
    if media == "text/plain":
        return Extraction(text, None, ())
    return extract_html(text, engine=engine, whole=media == "book/html")


def _reason(error: Exception) -> str:
    return "encoding" if isinstance(error, UndecodableText) else "exception"


def _lost(outcome: str, reason: str, detail: str) -> Row:
    return {"outcome": outcome, "step": "extract", "reason": reason, "value": detail}
