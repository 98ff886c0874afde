"""Decides by what a stored response says of its own use: reservations for AI, and licenses that nobody has read; and by
the robots.txt of its site, where the crawl has stored those.

rights_robots, rights_tdm, rights_usage, rights_rsl (readers/rights.py) ─▶ one rule a kind of statement
url + robots.txt (readers/robots.py) ─▶ rights_robots_txt ─▶ robots_txt
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from glob import glob
from pathlib import Path

import polars as pl

from curate.batch import Filter, Rule
from curate.errors import UsageError
from curate.filters.fasttext_model import file_sha256
from curate.filters.robots_rules import refused_agents
from curate.model_file import ModelFile
from curate.readers.robots import site_of, stored_robots
from curate.recipe_path import RecipePath

AGENTS = ("ai2bot", "amazonbot", "anthropic-ai", "applebot-extended", "bytespider", "ccbot", "claudebot", "cohere-ai",
          "diffbot", "google-extended", "gptbot", "meta-externalagent")  # fmt: skip
"""Crawlers that collect for training: who turns them away does not want to be trained on."""
NO_AI = ("noai", "noml")
NO_INDEX = ("noindex", "none")
USAGES = ("train-ai", "train-genai", "ai-train", "ai", "tdm")


def rights(
    *,
    noai: bool = True,
    noindex: bool = True,
    tdm_reservation: bool = True,
    usages: tuple[str, ...] = USAGES,
    rsl: bool = True,
    agents: tuple[str, ...] = AGENTS,
    robots: tuple[RecipePath, ...] = (),
) -> Filter:
    """Drop pages whose stored response reserves them: nothing is asked of the network, and who says nothing stays.

    `noai` and `noindex` are directives of `X-Robots-Tag` and of meta elements, for everybody or for one of the
    `agents` (`noimageai` is about pictures and drops no text; `noindex` is about search, and a page that is not to be
    found is hardly meant to be learned); `tdm_reservation` is 1 in a header or meta element of W3C's TDMRep; `usages`
    are labels of the IETF's `Content-Usage` (draft-ietf-aipref-vocab) that say n; `rsl` is a link to an RSL license,
    whose terms only its own text tells; `robots` are WARC files, or patterns of them, with robots.txt files as the
    crawl has stored them: what one of the `agents` may not fetch from its site is dropped. For sources with `read =
    "warc"`, which read the statements only where this step stands, or with tables whose `columns` name these.

    Columns, in the ledger and the documents: `rights_robots`, `rights_tdm`, `rights_usage`, `rights_rsl`, and as
    evidence of a license `license_url`, `license_by` (String).

    Signals: with `robots`, `rights_robots_txt` (String, the crawlers that the site turns away from the page; null where
    no robots.txt of it is known).

    Raises:
        UsageError: a file of `robots` is not there.
    """
    files = tuple(file for pattern in robots for file in _robots_files(pattern))
    asked = tuple(dict.fromkeys((*AGENTS, *map(str.lower, agents))))
    rules = [
        *([_robots("noai", NO_AI, agents)] if noai else []),
        *([_robots("noindex", NO_INDEX, agents)] if noindex else []),
        *([_holds("tdm_reservation", "rights_tdm", ["1"])] if tdm_reservation else []),
        *([_holds("content_usage", "rights_usage", [f"{label}=n" for label in usages])] if usages else []),
        *([Rule("rsl", "rights_rsl", pl.col("rights_rsl").is_null())] if rsl else []),
        *([_holds("robots_txt", "rights_robots_txt", [agent.lower() for agent in agents])] if files else []),
    ]
    measure = functools.partial(measure_robots, files=files, agents=asked) if files else None
    return Filter(tuple(rules), measure=measure, files=files, ignores_signals=True, hope=pl.lit(0.0))


def measure_robots(batch: pl.DataFrame, files: tuple[ModelFile, ...], agents: Sequence[str]) -> pl.DataFrame:
    """Add `rights_robots_txt` to a batch with a column `url`."""
    known = _known_robots(files)
    found = [_refused(url, known, agents) for url in batch["url"]]
    return batch.with_columns(pl.Series("rights_robots_txt", found, dtype=pl.String))


def _refused(url: str | None, known: Mapping[str, str], agents: Sequence[str]) -> str | None:
    """The agents; "" where all may come."""
    site = site_of(url)
    if url is None or site is None:
        return None
    scheme, _, host = site.partition("://")
    other = f"{'http' if scheme == 'https' else 'https'}://{host}"  # few sites have two, and crawlers ask for one
    text = known.get(site, known.get(other))
    return None if text is None else " ".join(refused_agents(text, _path(url), agents))


def _path(url: str) -> str:
    """Path and query."""
    rest = url.partition("#")[0].partition("://")[2]
    at = next((at for at, character in enumerate(rest) if character in "/?"), len(rest))
    return rest[at:] if rest[at : at + 1] == "/" else f"/{rest[at:]}"


@functools.cache
def _known_robots(files: tuple[ModelFile, ...]) -> Mapping[str, str]:
    """Read once a process; files that changed are others."""
    return stored_robots([file.path for file in files])


def _robots_files(pattern: str) -> Iterator[ModelFile]:
    found = [pattern] if Path(pattern).is_file() else glob(pattern, recursive=True)  # a name may hold a bracket
    paths = sorted(path for path in found if Path(path).is_file())
    if not paths:
        told = "what a crawl has of robots.txt: WARC files, of Common Crawl those of the subset robotstxt"
        raise UsageError(f"there is no {pattern}; robots names {told}")
    for path in paths:
        yield ModelFile(Path(path).name, path, file_sha256(path, what="robots.txt files"))


def _robots(name: str, directives: tuple[str, ...], agents: tuple[str, ...]) -> Rule:
    statements = [f"{agent.lower()}:{word}" for agent in ("*", *agents) for word in directives]
    return _holds(name, "rights_robots", statements)


def _holds(name: str, column: str, statements: list[str]) -> Rule:
    """Keep where none of the statements stands in the column."""
    pattern = rf"(?:^| )(?:{'|'.join(map(re.escape, statements))})(?: |$)"
    return Rule(
        name, column, pl.col(column).cast(pl.String).str.contains(pattern).not_(), threshold=", ".join(statements[:8])
    )
