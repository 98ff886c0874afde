"""Language models as ARPA files, the text that all toolkits of n-gram models read and write.

trie, estimates, words ─▶ \\data\\ counts, then for each length: log10 p ⇥ words ⇥ log10 back-off ─▶ NgramTable
"""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.errors import UsageError
from curate.filters.ngram.counts import MAX_ORDER, PARENT, WORD, NgramTrie
from curate.filters.ngram.kneser_ney import Estimates
from curate.filters.ngram.suffixes import SpelledNgrams, keys_of, with_suffixes
from curate.filters.ngram.table import KeyedNgrams, NgramTable, joined_ngrams, table_of
from curate.filters.ngram.words import BEGIN, END, UNKNOWN, word_stream
from curate.text.buffers import text_buffers

ROWS = 1 << 20
UNKNOWN_MISSING = -100.0
"""The log10 probability of unknown words where a model has none for them; KenLM takes the same."""


def write_arpa(file: IO[bytes], trie: NgramTrie, estimates: Estimates, words: Sequence[str]) -> None:
    """Write a model before it is quantized; `words` are the spellings, by number."""
    counts = np.bincount(estimates.lengths, minlength=trie.order + 1)
    file.write(b"\\data\\\n")
    file.writelines(b"ngram %d=%d\n" % (length, counts[length]) for length in range(1, trie.order + 1))
    spelled = pl.Series(words, dtype=pl.String)
    for length in range(1, trie.order + 1):
        file.write(b"\n\\%d-grams:\n" % length)
        nodes = np.flatnonzero(estimates.lengths == length)
        for first in range(0, len(nodes), ROWS):
            frame = _lines(nodes[first : first + ROWS], length, trie, estimates, spelled)
            frame.write_csv(file, include_header=False, separator="\t", quote_style="never")
    file.write(b"\n\\end\\\n")


def _lines(
    nodes: npt.NDArray[np.int64], length: int, trie: NgramTrie, estimates: Estimates, spelled: pl.Series
) -> pl.DataFrame:
    columns: list[pl.Series] = []
    at = nodes
    for number in range(length):
        columns.insert(0, spelled.gather(trie.nodes[at, WORD]).alias(str(number)))
        at = trie.nodes[at, PARENT]
    ngrams = pl.DataFrame(columns).select(pl.concat_str(pl.all(), separator=" ").alias("ngram")).to_series()
    frame = pl.DataFrame({"probability": estimates.probabilities[nodes], "ngram": ngrams})
    return frame if length == trie.order else frame.with_columns(backoff=estimates.backoffs[nodes])


def read_arpa(path: str | Path) -> tuple[NgramTable, tuple[int, ...]]:
    """The model of an ARPA file (also `.gz`), its words as they are spelled there, and how many n-grams of each length.

    A model of words as `curate.filters.ngram.words` folds them knows no others: which units a text is cut into is the
    caller's to say.

    Raises:
        UsageError: it is none, ends too early, or lacks the contexts of an n-gram.
    """
    counts, sections = _sections(_read(Path(path)), path)
    order = len(counts)
    parts: list[SpelledNgrams] = []
    for length, (count, section) in enumerate(zip(counts, sections, strict=True), 1):
        part = _parse(section, length, length == order, path)
        keys = part.ngrams.keys
        if len(keys) != count:
            raise UsageError(f"{path} has {len(keys):,} {length}-grams where it says {count:,}: it is damaged")
        if len(np.unique(keys)) != count:
            raise UsageError(f"{path} has a {length}-gram twice")
        if length == 1:
            part = _with_unknown(part, path)
        else:
            _check_contexts(part, parts[-1], length, path)
        parts.append(part)
    whole = [part.ngrams for part in with_suffixes(parts)]
    return table_of(joined_ngrams(whole), order), tuple(len(ngrams.keys) for ngrams in whole)


def _read(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError) as error:
        raise UsageError(f"cannot read the ARPA file {path}: {error}") from error


def _sections(data: bytes, path: str | Path) -> tuple[list[int], list[bytes]]:
    """The numbers of n-grams that it says it has, and the lines of each length."""
    start, stop = data.find(b"\\data\\"), data.rfind(b"\\end\\")
    if start < 0:
        raise UsageError(f"{path} is no ARPA file: it has no \\data\\")
    head, *rest = re.split(rb"^\\\d+-grams:\s*\n", data[start : stop if stop > 0 else None], flags=re.MULTILINE)
    counts = [int(count) for count in re.findall(rb"^ngram\s+\d+\s*=\s*(\d+)", head, flags=re.MULTILINE)]
    if stop < 0 or len(counts) != len(rest):
        raise UsageError(f"{path} ends too early: it has {len(rest)} of {len(counts)} parts, or no \\end\\")
    if not 1 <= len(counts) <= MAX_ORDER:
        raise UsageError(f"{path} has n-grams of up to {len(counts)} words; 1 to {MAX_ORDER} can be read")
    return counts, rest


def _parse(section: bytes, length: int, is_last: bool, path: str | Path) -> SpelledNgrams:
    schema = {"probability": pl.Float32, "ngram": pl.String} | ({} if is_last else {"backoff": pl.Float32})
    header = "\t".join(schema).encode()  # says how many columns there are, of which any line may have fewer
    try:
        frame = pl.read_csv(
            io.BytesIO(header + b"\n" + section.strip(b"\n") + b"\n"),
            separator="\t",
            quote_char=None,
            schema=schema,
            truncate_ragged_lines=is_last,  # some write back-offs there, too
        )
    except pl.exceptions.PolarsError as error:
        raise UsageError(f"{path}: a {length}-gram cannot be read: {str(error).splitlines()[0]}") from error
    stream = word_stream(text_buffers(frame["ngram"]), "spaces", may_spell_special=True)
    if (np.diff(stream.offsets) != length + 1).any() or frame["probability"].is_null().any():
        raise UsageError(f"{path} has {length}-grams that do not have {length} words, with a tab before them")
    words = stream.hashes.reshape(-1, length + 1)[:, :length]
    backoffs = frame["backoff"].fill_null(0).to_numpy() if not is_last else np.zeros(len(frame), dtype=np.float32)
    lengths = np.full(len(frame), length, dtype=np.int8)
    probabilities = frame["probability"].to_numpy()
    if not (np.isfinite(probabilities).all() and np.isfinite(backoffs).all()):
        raise UsageError(f"{path} has {length}-grams whose logarithms are no numbers")
    return SpelledNgrams(KeyedNgrams(keys_of(words), lengths, probabilities, backoffs), words)


def _with_unknown(part: SpelledNgrams, path: str | Path) -> SpelledNgrams:
    if not np.isin([BEGIN, END], part.ngrams.keys).all():
        raise UsageError(f"{path} has no <s> or no </s>: it is no model of sentences")
    if UNKNOWN in part.ngrams.keys:
        return part
    nothing = np.zeros(1, dtype=np.float32)
    more = KeyedNgrams(np.array([UNKNOWN]), np.ones(1, dtype=np.int8), nothing + UNKNOWN_MISSING, nothing)
    return SpelledNgrams(joined_ngrams((part.ngrams, more)), np.append(part.words, [[UNKNOWN]], axis=0))


def _check_contexts(part: SpelledNgrams, shorter: SpelledNgrams, length: int, path: str | Path) -> None:
    missing = int((~np.isin(keys_of(part.words[:, :-1]), shorter.ngrams.keys)).sum())
    if missing:
        raise UsageError(
            f"{path} lacks the first {length - 1} words of {missing:,} {length}-grams, of which an ARPA file has the "
            "back-offs: it is damaged"
        )
