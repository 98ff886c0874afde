"""The report of a run as one page that needs nothing else: no network, no other file.

RUN ─▶ Account ─▶ rules decided, clusters ─▶ excerpts of all, masked ─▶ sections ─▶ report.html

All of it follows from the run, byte for byte, but its date and the section "Time", which `timing` can leave out.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

from curate.engine.whole import write_file
from curate.report.html.account import Account, open_account
from curate.report.html.card import card
from curate.report.html.copies import copies, greatest_clusters
from curate.report.html.corpus import corpus
from curate.report.html.cost import cost
from curate.report.html.decided import decided
from curate.report.html.decisions import decisions
from curate.report.html.excerpts import read_excerpts
from curate.report.html.fall import funnels
from curate.report.html.markup import Content, Html, document, element, script, style
from curate.report.html.section import PageSection, drawn
from curate.report.html.tokens import mixture, personal
from curate.report.html.training import training
from curate.run_files import REPORT
from curate.run_folder import RunFolder

CODE = ("uplot.min.js", "script.js")
STYLES = ("uplot.min.css", "palette.css", "style.css")


def write_report(run: RunFolder, out: Path | None = None, *, timing: bool = True) -> Path | str:
    """Write the page to `out` (default: RUN/report.html) and say where.

    Raises:
        UsageError: the run is not complete.
        CheckFailed: a file of it is damaged.
    """
    page = report_page(run, timing=timing).encode()
    if out is None:
        run.store.write(REPORT, page)
        return run.place / REPORT if isinstance(run.place, Path) else f"{run.place}/{REPORT}"
    write_file(out, page)
    return out


def report_page(run: RunFolder, *, timing: bool = True) -> str:
    """The page; raises as `write_report` does."""
    account = open_account(run)
    sections = [each for each in _sections(account, timing) if each.body is not None]
    return document(
        _head(account), [_top(account, sections), element("main", [drawn(each) for each in sections]), _code()]
    )


def _sections(account: Account, timing: bool) -> Iterator[PageSection]:
    rules = [rule for source in account.sources for rule in decided(account, source)]
    clusters = greatest_clusters(account)
    shown = [each.id for rule in rules for each in rule.nearest]
    for cluster in clusters:
        shown += [cluster.id, *(id for id, _ in cluster.copies)]
    excerpts = read_excerpts(account, shown)
    yield card(account, timing=timing)
    yield funnels(account)
    yield decisions(rules, excerpts, account)
    yield corpus(account)
    yield copies(account, clusters, excerpts)
    yield personal(account)
    yield mixture(account)
    yield training(account)
    if timing:
        yield cost(account)


def _head(account: Account) -> Content:
    """Nothing may be loaded, and no script runs but the two whose digests stand here."""
    digests = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" for code in map(_own, CODE)
    )
    policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src {digests}"
    return [
        element("meta", None, {"charset": "utf-8"}),
        element("meta", None, {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", None, {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", None, {"name": "color-scheme", "content": "light dark"}),
        element("title", f"{account.manifest['name']} · curate"),
        [style(_own(name)) for name in STYLES],
    ]


def _top(account: Account, sections: list[PageSection]) -> Html:
    links = [element("a", each.title, {"href": f"#{each.key}"}) for each in sections]
    return element("header", [element("h1", account.manifest["name"]), element("nav", links)])


def _code() -> Content:
    return [script(_own(name)) for name in CODE]


def _own(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
