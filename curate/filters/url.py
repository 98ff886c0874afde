"""Decides by the address of a document: domains and URLs on blocklists, and words in the URL.

url ─▶ host and its parent domains, path prefixes ─▶ blocklist ─▶ url_blocked (the entry)
    ─▶ tokens between marks ─▶ words, soft words ─▶ url_word_count, url_soft_word_count
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.model_file import ModelFile
from curate.recipe_path import RecipePath
from curate.typed import Count

WORDS = (
    "bangbros",
    "blowjob",
    "bukkake",
    "camgirls",
    "camsex",
    "gangbang",
    "hentai",
    "livesex",
    "porn",
    "porno",
    "pornhub",
    "porntube",
    "redtube",
    "xhamster",
    "xnxx",
    "xvideos",
    "youporn",
)

LONGEST_HOST = 253
TOO_DEEP = r"^((?:[^/]*/){16}[^/]*)/.*"


class Blocklist(NamedTuple):
    """Entries sorted by their hash. hashes: uint64[n]; entries: String[n]."""

    hashes: npt.NDArray[np.uint64]
    entries: pl.Series


def url(
    *,
    blocklists: tuple[RecipePath, ...] = (),
    words: tuple[str, ...] = WORDS,
    soft_words: tuple[str, ...] = (),
    max_soft_words: Count = 1,
    strict_words: tuple[str, ...] = (),
) -> Filter:
    """Drop documents by their URL; a document without one stays.

    `blocklists` are files with a domain or a URL a line ("#" starts a comment; case does not count), or folders as UT1
    has them, one per category, whose files `domains` and `urls`, at any depth, are taken. A domain
    blocks its subdomains too, a URL what lies below it, up to 16 folders deep. One of the `words` in the URL is enough
    to drop it; of the `soft_words` `max_soft_words` are allowed. Words are compared whole, between characters that are
    neither letters nor digits: "middlesex" holds no "sex"; `strict_words` also within others. A list of domains and
    three of words are RefinedWeb's (arXiv:2306.01116, appendix G.1: strict, hard, soft). The default `words` are those
    of pornographic sites; a report about one is lost too.

    Signals: `url_blocked` (String, the entry that matched), `url_word_count`, `url_soft_word_count`,
    `url_strict_word_count` (UInt32).

    Raises:
        UsageError: a blocklist cannot be read.
    """
    files = tuple(file for path in blocklists for file in _blocklist_files(path))
    lists = tuple(load_blocklist(file.path, file.sha256) for file in files)
    rules = (
        Rule("blocklists", "url_blocked", pl.col("url_blocked").is_null()),
        Rule("words", "url_word_count", pl.col("url_word_count") == 0, threshold=0),
        Rule("strict_words", "url_strict_word_count", pl.col("url_strict_word_count") == 0, threshold=0),
        Rule(
            "max_soft_words",
            "url_soft_word_count",
            pl.col("url_soft_word_count") <= max_soft_words,
            threshold=max_soft_words,
        ),
    )
    measure = functools.partial(measure_url, lists=lists, words=words, soft_words=soft_words, strict_words=strict_words)
    return Filter(rules, measure=measure, files=files, is_cheap=True, ignores_signals=True, hope=pl.lit(0.0))


def measure_url(
    batch: pl.DataFrame,
    lists: tuple[Blocklist, ...],
    words: tuple[str, ...],
    soft_words: tuple[str, ...],
    strict_words: tuple[str, ...] = (),
) -> pl.DataFrame:
    """Add the four signals to a batch with a column `url`."""
    return batch.with_columns(
        find_blocked(batch["url"], lists).alias("url_blocked"),
        _count_tokens(words).alias("url_word_count"),
        _count_tokens(soft_words).alias("url_soft_word_count"),
        _count_substrings(strict_words).alias("url_strict_word_count"),
    )


def find_blocked(urls: pl.Series, lists: tuple[Blocklist, ...]) -> pl.Series:
    """The first entry of the lists that covers each URL, domains before paths; null where none does."""
    blocked = pl.Series("url_blocked", [None] * len(urls), dtype=pl.String)
    if not lists:
        return blocked
    for candidates in _candidates(urls):
        for blocklist in lists:
            blocked = blocked.zip_with(blocked.is_not_null(), _look_up(candidates, blocklist))
    return blocked


@functools.cache
def load_blocklist(path: str, sha256: str) -> Blocklist:
    """One file, read once a process; a file that changed is another one. About 60 bytes of memory an entry."""
    lines = pl.read_csv(
        path,
        has_header=False,
        schema={"entry": pl.String},
        separator="\x1f",
        quote_char=None,
        comment_prefix="#",
        encoding="utf8-lossy",
        raise_if_empty=False,
    )
    entries = lines.select(pl.col("entry").str.strip_chars().str.to_lowercase()).to_series()
    is_plain = ~entries.str.contains("[/?#@:]")
    entries = pl.concat([entries.filter(is_plain), _normal(entries.filter(~is_plain))])
    entries = entries.filter(entries != "")
    hashes = entries.hash()
    order = hashes.arg_sort()
    return Blocklist(hashes.gather(order).to_numpy(), entries.gather(order))


def _normal(entries: pl.Series) -> pl.Series:
    """Entries with a scheme, a port or a path, as `_candidates` names what they block."""
    entry = pl.col("entry")
    normal = pl.when(_place(entry).str.contains("/", literal=True)).then(_place(entry)).otherwise(_host(entry))
    return entries.to_frame("entry").select(normal.alias("entry")).to_series()


def _candidates(urls: pl.Series) -> Iterator[pl.Series]:
    """What may be listed: "a.b.org", "b.org", "org"; then the whole with its query, "a.b.org/x/y", "a.b.org/x"."""
    table = pl.DataFrame({"url": urls}).select(_host(pl.col("url")).alias("host"), _place(pl.col("url")).alias("place"))
    yield from _shortened(table["host"], r"^[^.]*\.?")
    yield table["place"]
    yield from _shortened(table["place"].str.replace(r"\?.*", "").str.replace(TOO_DEEP, "$1"), "/[^/]*$|^[^/]*$")


def _shortened(names: pl.Series, part: str) -> Iterator[pl.Series]:
    """Each name, then without its first or last part, and so on; null where nothing is left."""
    while names.null_count() < len(names):
        yield names
        names = names.str.replace(part, "")
        names = names.zip_with(names != "", pl.Series([None], dtype=pl.String))


def _host(url: pl.Expr) -> pl.Expr:
    """The host in small letters, without user, port and the final period; null where there is none."""
    authority = _bare(url).str.replace(r"[/?#].*", "").str.replace("^[^@]*@", "").str.replace(r":[0-9]*$", "")
    host = authority.str.strip_chars_end(".").str.tail(LONGEST_HOST)
    return pl.when(host != "").then(host)


def _place(url: pl.Expr) -> pl.Expr:
    """Host, path and query in small letters, without scheme, user, "www." and the final slash."""
    place = _bare(url).str.replace("#.*", "").str.replace("^[^/?]*@", "")
    return place.str.strip_prefix("www.").str.strip_suffix("/")


def _bare(url: pl.Expr) -> pl.Expr:
    return url.str.to_lowercase().str.replace("^[^/?#]*//", "")


def _look_up(candidates: pl.Series, blocklist: Blocklist) -> pl.Series:
    """Each candidate if it is an entry, else null; equal hashes are compared as strings."""
    looked_up = pl.Series([None] * len(candidates), dtype=pl.String)
    if not len(blocklist.entries):
        return looked_up
    known = candidates.drop_nulls()
    at = np.searchsorted(blocklist.hashes, known.hash().to_numpy())
    found = blocklist.entries.gather(np.minimum(at, len(blocklist.hashes) - 1))
    hits = known.zip_with(known == found, pl.Series([None], dtype=pl.String))
    return looked_up.scatter(candidates.is_not_null().arg_true(), hits)


def _count_tokens(words: tuple[str, ...]) -> pl.Expr:
    """How many of the URL's tokens are listed."""
    listed = [word.lower() for word in words]
    tokens = pl.col("url").str.to_lowercase().str.extract_all(r"[\p{L}\p{M}\p{N}]+")
    return tokens.list.eval(pl.element().is_in(listed)).list.sum().cast(pl.UInt32)


def _count_substrings(words: tuple[str, ...]) -> pl.Expr:
    """How many of the listed words stand somewhere in the URL."""
    url = pl.col("url").str.to_lowercase()
    found = [url.str.contains(word.lower(), literal=True).cast(pl.UInt32) for word in words]
    return pl.when(url.is_not_null()).then(pl.sum_horizontal(pl.lit(0, pl.UInt32), *found))


def _blocklist_files(path: str) -> list[ModelFile]:
    """A file, or what a folder of categories holds."""
    if not Path(path).is_dir():
        return [_blocklist_file(path)]
    files = sorted(file for name in ("domains", "urls") for file in Path(path).rglob(name) if file.is_file())
    if not files:
        raise UsageError(f'the folder {path} holds no file "domains" or "urls", as UT1\'s categories do')
    return [replace(_blocklist_file(str(file)), name=str(file.relative_to(Path(path).parent))) for file in files]


def _blocklist_file(path: str) -> ModelFile:
    if not Path(path).is_file():
        raise UsageError(
            f"there is no blocklist {path}; lists of domains can be had from Université Toulouse Capitole "
            '("Blacklists UT1", dsi.ut-capitole.fr/blacklists, CC-BY-SA-4.0), one folder a category'
        )
    return ModelFile(Path(path).name, path, file_sha256(path, what="blocklist"))
