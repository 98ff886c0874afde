"""How many bytes of text a token stands for, by source and language: the run's tokenizer beside others.

RUN/documents ─▶ some of each source and language, by a keyed hash ─▶ each tokenizer ─▶ bytes per token
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from curate.errors import UsageError
from curate.pipeline.tokenizer import keyed_share
from curate.run_files import MIXTURE
from curate.run_folder import RunFolder
from curate.tokenize.encode import Tokenizer, load_tokenizer
from curate.tokenize.mix import read_mixture

SAMPLE_BYTES = 1_000_000
LANGUAGE = "language"
MANY = 20_000
"""Documents of a source that are looked at for a sample of each of its languages."""


@dataclass(frozen=True, slots=True)
class Fertility:
    """What a sample of one source in one language (None: the source names none) costs; `bytes_per_token` in the order
    of the tokenizers. More is better: a text is fewer tokens."""

    source: str
    language: str | None
    documents: int
    bytes: int
    bytes_per_token: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fertilities:
    """The tokenizers, the run's own first, with the sizes of their vocabularies, and a row for each kind of text."""

    tokenizers: tuple[str, ...]
    vocab_sizes: tuple[int, ...]
    rows: tuple[Fertility, ...]


def fertility(run: RunFolder, others: Sequence[str | Path] = (), *, sample_bytes: int = SAMPLE_BYTES) -> Fertilities:
    """Bytes of UTF-8 per token, end-of-text not counted, of up to `sample_bytes` of each source and language.

    Raises:
        UsageError: the run has no documents, or a tokenizer cannot be read.
    """
    if sample_bytes < 1:
        raise UsageError(f"a sample of {sample_bytes} bytes holds no text; take 1 or more")
    vocabulary = read_mixture(run.file(MIXTURE)).vocabulary
    own = vocabulary.tokenizer if vocabulary.tokenizer == "bytes" else run.file(vocabulary.tokenizer)
    tokenizers = [load_tokenizer(own, end_of_text=vocabulary.end_of_text_token)]
    tokenizers += [load_tokenizer(other) for other in others]
    rows = [
        _measured(source.name, language, texts, tokenizers)
        for source in run.recipe.sources
        for language, texts in _samples(run, source.name, sample_bytes)
    ]
    names = (vocabulary.tokenizer, *(str(other) for other in others))
    return Fertilities(names, tuple(each.vocab_size for each in tokenizers), tuple(rows))


def _samples(run: RunFolder, source: str, sample_bytes: int) -> Iterator[tuple[str | None, list[str]]]:
    """Texts of a source by language, the most frequent first: the first by a keyed hash, up to so many bytes."""
    documents = run.documents(source)
    has_language = LANGUAGE in documents.collect_schema().names()
    columns = ["id", "text", *([LANGUAGE] if has_language else [])]
    ids = documents.select("id").collect()["id"]
    if ids.is_empty():
        return
    share = keyed_share(ids, seed=run.recipe.seed, purpose="fertility")
    chosen = ids.gather(share.arg_sort()[:MANY])
    found = documents.select(columns).filter(pl.col("id").is_in(chosen.implode())).collect()
    found = chosen.to_frame().join(found, on="id", how="left", maintain_order="left")
    if not has_language:
        found = found.with_columns(pl.lit(None, pl.String).alias(LANGUAGE))
    sizes = found.group_by(LANGUAGE).agg(pl.col("text").str.len_bytes().sum().alias("bytes"))
    for language, _ in sizes.sort(["bytes", LANGUAGE], descending=[True, False]).iter_rows():
        texts = found.filter(pl.col(LANGUAGE).eq_missing(language))["text"]
        before = texts.str.len_bytes().cast(pl.Int64).cum_sum().shift(1, fill_value=0)
        yield language, texts.filter(before < sample_bytes).to_list()


def _measured(source: str, language: str | None, texts: list[str], tokenizers: Sequence[Tokenizer]) -> Fertility:
    size = sum(len(text.encode()) for text in texts)
    counts = [int(np.diff(tokenizer.encode_batch(texts)[1]).sum()) - len(texts) for tokenizer in tokenizers]
    return Fertility(source, language, len(texts), size, tuple(size / max(count, 1) for count in counts))
