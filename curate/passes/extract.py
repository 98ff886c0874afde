"""One record's text, whatever it came as: bytes decoded, mark-up removed; failures become outcomes.

Record ─▶ charset ─▶ HTML ─▶ {"text": …} or {"outcome": "quarantined", "reason": …}
"""

from __future__ import annotations

from typing import Any, Literal

from curate.batch import Record
from curate.extract.charset import decode
from curate.extract.html import extract_html

Row = dict[str, Any]


def extract_text(record: Record, engine: Literal["resiliparse", "trafilatura"]) -> Row:
    """The columns that extraction adds to a record's row; an exception of a parser costs this record only."""
    try:
        text = _text(record, engine)
    except MemoryError:
        raise
    except Exception as error:
        return _lost("quarantined", _reason(error), f"{type(error).__name__}: {error}")
    if not text.strip():
        return _lost("dropped", "empty_text", "")
    return {"text": text}


def _text(record: Record, engine: Literal["resiliparse", "trafilatura"]) -> str:
    payload = record.payload
    if isinstance(payload, str):
        return payload if record.media == "text/plain" else extract_html(payload, engine=engine, whole=True).text
    if isinstance(payload, bytes):
        return _decode_and_extract(payload, record, engine)
    return "\n\n".join(filter(None, (_decode_and_extract(part, record, engine) for part in payload)))


def _decode_and_extract(payload: bytes, record: Record, engine: Literal["resiliparse", "trafilatura"]) -> str:
    is_html = record.media != "text/plain"
    text, _ = decode(payload, declared=record.charset, html=is_html)
    return extract_html(text, engine=engine, whole=record.media == "book/html").text if is_html else text


def _reason(error: Exception) -> str:
    return "encoding" if "Undecodable" in type(error).__name__ else "exception"


def _lost(outcome: str, reason: str, detail: str) -> Row:
    return {"outcome": outcome, "step": "extract", "reason": reason, "value": detail}
