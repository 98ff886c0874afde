"""What both sides of end_to_end.py start from, made before the clock starts.

WARC ─▶ record offsets ─▶ parts (files cut between records, pages labeled), a small head
     └▶ text of the first pages ─▶ tokenizer.json
"""

from __future__ import annotations

import bisect
import gzip
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from fastwarc.warc import ArchiveIterator, WarcRecordType
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

SAMPLE_CHARACTERS = 10_000_000
MAX_BYTES_PER_CHARACTER = 1.05
HTML = re.compile(rb"^content-type:\s*(?:text/html|application/xhtml\+xml)", re.MULTILINE)
PAYLOAD_TYPE = b"WARC-Identified-Payload-Type"


def record_offsets(warc: Path) -> list[int]:
    """Where each record's gzip member starts."""
    with warc.open("rb") as file:
        return [record.stream_pos for record in ArchiveIterator(file, parse_http=False)]


def cut_in_parts(warc: Path, offsets: list[int], count: int, folder: Path) -> Path:
    """`count` files of about equal size, cut between records, each HTML page labeled as such."""
    folder.mkdir(exist_ok=True)
    bounds = [bisect.bisect_left(offsets, offsets[-1] * number // count) for number in range(count + 1)]
    for number, (first, last) in enumerate(itertools.pairwise(bounds)):
        members = read_members(warc, offsets[first : last + 1])
        with (folder / f"{number:05}.warc.gz").open("wb") as part:
            part.writelines(map(with_payload_type, members))
    return folder


def read_members(warc: Path, offsets: list[int]) -> Iterator[bytes]:
    with warc.open("rb") as file:
        file.seek(offsets[0])
        for start, end in itertools.pairwise(offsets):
            yield file.read(end - start)


def with_payload_type(member: bytes) -> bytes:
    """The gzip member of a record with the header that Common Crawl writes.

    Without it datatrove asks libmagic for the type, and loses pages: XHTML with an XML declaration is "text/xml" there.
    """
    record = gzip.decompress(member)
    warc_head, _, payload = record.partition(b"\r\n\r\n")
    http_head = payload.partition(b"\r\n\r\n")[0].lower()
    is_page = b"WARC-Type: response" in warc_head and HTML.search(http_head) is not None
    if not is_page or PAYLOAD_TYPE in warc_head:
        return member
    labeled = record.replace(b"\r\n", b"\r\n" + PAYLOAD_TYPE + b": text/html\r\n", 1)
    return gzip.compress(labeled, compresslevel=6, mtime=0)


def cut_head(warc: Path, offsets: list[int], size: int, path: Path) -> Path:
    """The first records, `size` bytes of them or a little more."""
    end = offsets[min(bisect.bisect_left(offsets, size), len(offsets) - 1)]
    with warc.open("rb") as file:
        path.write_bytes(file.read(end))
    return path


def train_tokenizer(warc: Path, path: Path) -> Path:
    """A byte-level BPE of 32,768 tokens, on the text of the first pages in Latin letters."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=32_768,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sample_texts(warc, SAMPLE_CHARACTERS), trainer)
    tokenizer.save(str(path))
    return path


def sample_texts(warc: Path, size: int) -> Iterator[str]:
    """Text of HTML pages in the order of the file, until `size` characters of it; mostly English, as the runs keep."""
    with warc.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            if not (record.http_content_type or "").startswith("text/html"):
                continue
            html = record.reader.read()
            text = extract_plain_text(html.decode(detect_encoding(html) or "utf-8", "replace"), main_content=True)
            if len(text.encode()) > MAX_BYTES_PER_CHARACTER * len(text):
                continue
            size -= len(text)
            if size < 0:
                return
            yield text
