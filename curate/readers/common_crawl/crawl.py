"""One crawl of Common Crawl: where its files lie, and the lists of them.

"cc:CC-MAIN-2024-10/warc" ─▶ Crawl ─▶ BASE/crawl-data/CC-MAIN-2024-10/warc.paths.gz ─▶ crawl-data/…/….warc.gz, …

BASE is https://data.commoncrawl.org/, or what the environment says: a mirror, a bucket (s3://commoncrawl/), or a folder
with the same layout.
"""

from __future__ import annotations

import gzip
import os
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from curate.engine.files import open_file
from curate.engine.web import is_web
from curate.errors import UsageError, nearest
from curate.readers.common_crawl.ranges import present, read_range
from curate.recipe import COMMON_CRAWL

BASE = "CURATE_COMMON_CRAWL"
"""The environment variable."""
DEFAULT_BASE = "https://data.commoncrawl.org/"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
NAMES = "index.commoncrawl.org/collinfo.json has the names of all"
SUBSETS = ("warc", "wet", "robotstxt", "non200responses")
"""Lists of files that a reader of WARC can use."""


@dataclass(frozen=True, slots=True)
class Crawl:
    name: str
    subset: str
    base: str

    @property
    def path(self) -> str:
        """As a recipe has it."""
        return f"{COMMON_CRAWL}{self.name}" + (f"/{self.subset}" if self.subset != SUBSETS[0] else "")

    def uri(self, path: str) -> str:
        return self.base + path

    def name_of(self, path: str) -> str:
        """What a file is called: its path below the crawl's folder."""
        return path.removeprefix(f"crawl-data/{self.name}/")

    def files(self) -> list[str]:
        """The paths of all files of the subset."""
        return self.listed(f"crawl-data/{self.name}/{self.subset}.paths.gz")

    def listed(self, listing: str) -> list[str]:
        """The lines of a list of paths.

        Raises:
            UsageError: there is no such crawl, or the list is none.
        """
        uri = self.uri(listing)
        try:
            planned = present(uri)
            with open_file(planned) as file:
                lines = gzip.decompress(read_range(file, planned, 0, planned.size)).decode().split()
        except UsageError as error:
            raise UsageError(f'there is no crawl "{self.path}" ({NAMES}): {error}') from None
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise UsageError(f"{uri} is no list of paths: {error}") from None
        if not lines:
            raise UsageError(f"{uri} lists no file")
        return lines


def crawl_of(path: str) -> Crawl:
    """The crawl that a path of a recipe names.

    Raises:
        UsageError: it names none.
    """
    name, _, subset = path.removeprefix(COMMON_CRAWL).partition("/")
    if not NAME.fullmatch(name):
        raise UsageError(f'"{path}" names no crawl; one is written as "{COMMON_CRAWL}CC-MAIN-2024-10"')
    subset = subset or SUBSETS[0]
    if subset not in SUBSETS:
        raise UsageError(f'"{path}": a crawl has no "{subset}" that can be read{nearest(subset, SUBSETS)}')
    return Crawl(name, subset, base_address())


def base_address() -> str:
    base = os.environ.get(BASE) or DEFAULT_BASE
    if not is_web(base) and "://" not in base:
        base = str(Path(base).expanduser().resolve())
    return base.rstrip("/") + "/"
