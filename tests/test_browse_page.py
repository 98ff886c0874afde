"""The page of `curate browse` in a real browser: search, filter, pages, a document, a threshold, two runs; and that
data stays data.

The browser is spoken to through a pipe, by its own protocol, since the page's policy lets no test's script in.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import curate
from curate.browse.server import BrowseServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions")
MAX_SECONDS = 40

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")


class Chromium:
    """One page. `said` is what it wrote on its console, or would have to complain of."""

    def __init__(self, folder: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        assert CHROMIUM is not None
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def place_pipes() -> None:
            """Where the browser looks for them."""
            ends = [os.dup(to_browser), os.dup(from_browser)]
            for place, end in zip((3, 4), ends, strict=True):
                os.dup2(end, place)
                os.set_inheritable(place, True)

        words = [CHROMIUM, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder / 'profile'}"]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            words, stdin=quiet, stdout=quiet, stderr=quiet, close_fds=False, preexec_fn=place_pipes
        )
        os.close(to_browser)
        os.close(from_browser)
        self._number, self._held = 0, b""
        self._session: str | None = None
        self.said: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self._ask("Emulation.setDeviceMetricsOverride", **shape)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])

    def __enter__(self) -> Chromium:
        return self

    def __exit__(self, *_: object) -> None:
        """All of its processes are to be gone before somebody deletes the profile."""
        self._session = None
        self._ask("Browser.close")
        self._process.wait(timeout=MAX_SECONDS)
        os.close(self._write)
        os.close(self._read)

    def open(self, url: str) -> None:
        self._ask("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression, which may be awaited for."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + MAX_SECONDS
        while not (value := self.run(script)):
            assert time.monotonic() < end, f"still not: {script}"
            time.sleep(0.05)
        return value

    def shoot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"]))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            heard = self._hear()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard["error"]
                result: dict[str, Any] = heard["result"]
                return result
            self._note(heard)

    def _hear(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            assert select.select([self._read], [], [], MAX_SECONDS)[0], "the browser does not answer"
            data = os.read(self._read, 1 << 20)
            assert data, "the browser has ended"
            self._held += data
        line, _, self._held = self._held.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def _note(self, event: dict[str, Any]) -> None:
        told = event.get("params", {})
        if event.get("method") == "Runtime.consoleAPICalled":
            self.said.append(" ".join(str(each.get("value")) for each in told["args"]))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.said.append(str(told["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            self.said.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")


class Page:
    """The page of a server, with words for what a reader does."""

    def __init__(self, browser: Chromium, server: BrowseServer) -> None:
        self.browser, self._url = browser, server.url

    def open(self, hash: str = "") -> None:
        self.browser.open("about:blank")
        self.browser.open(f"{self._url}#{hash}")
        self.browser.wait('document.documentElement?.dataset.ready === "yes"')
        self.settle()

    def settle(self) -> None:
        """Until the list is that of the address."""
        time.sleep(0.05)
        self.browser.wait(SETTLED)

    def choose(self, id: str, value: str) -> None:
        self.browser.run(
            f"{{const f = document.getElementById({json.dumps(id)}); f.value = {json.dumps(value)};"
            "f.dispatchEvent(new Event('input')); f.dispatchEvent(new Event('change'))}"
        )
        self.settle()

    def click(self, selector: str) -> None:
        self.browser.run(f"document.querySelector({json.dumps(selector)}).click()")
        self.settle()

    def text(self, selector: str) -> str:
        return str(self.browser.run(f"document.querySelector({json.dumps(selector)}).textContent"))

    def texts(self, selector: str) -> list[str]:
        return list(
            self.browser.run(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent)")
        )

    @property
    def ids(self) -> list[str]:
        return list(self.browser.run("[...document.querySelectorAll('#rows button')].map((e) => e.dataset.id)"))


SETTLED = """(() => {
  const now = new URLSearchParams(location.hash.slice(1));
  const where = now.get("where");
  for (const name of ["doc", "where"]) now.delete(name);
  const list = document.getElementById("rows").dataset.key === now.toString() + where;
  return list && !document.querySelector("#document[aria-busy], #list.busy, #shifts.busy");
})()"""


@pytest.fixture(scope="module")
def server(browsed_runs: tuple[curate.Run, curate.Run]) -> Iterator[BrowseServer]:
    with browsed_runs[0].browse(browsed_runs[1]) as served:
        yield served


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


@pytest.fixture
def page(browser: Chromium, server: BrowseServer) -> Iterator[Page]:
    """Whatever a test does, nobody has anything to complain of, and no data has run."""
    shown = Page(browser, server)
    shown.open()
    yield shown
    assert browser.said == []
    assert browser.run("document.title") == "strict · curate browse"
    assert browser.run("document.querySelectorAll('#rows script, #document script, #document img').length") == 0
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")


def ledger_ids(run: curate.Run, **wanted: str) -> set[str]:
    return set(run.ledger().filter(**wanted).select("id").collect()["id"])


def test_a_choice_and_a_search_leave_what_they_say(page: Page, browsed_runs: tuple[curate.Run, curate.Run]) -> None:
    assert page.text("#found") == "1–50 of 173 documents"
    page.choose("choice-reason", "=min_words")
    assert set(page.ids) == ledger_ids(browsed_runs[0], reason="min_words")
    assert page.texts("#chips button") == ["Reason: min_words"]
    page.click("#chips button")
    assert page.text("#found") == "1–50 of 173 documents"
    page.choose("search", "PAGE1 host1")
    page.browser.wait("document.querySelectorAll('#rows button').length === 2")
    assert [title.split("?")[0] for title in page.texts("#rows .title")] == [
        "https://www.host1.example/page1",
        "https://www.host1.example/page10",
    ]
    page.choose("search", "nothing-is-called-so")
    page.browser.wait("document.getElementById('found').textContent === 'No document is like that.'")


def test_texts_are_searched(page: Page, browsed_runs: tuple[curate.Run, curate.Run]) -> None:
    page.choose("where", "text")
    page.choose("search", "worst person7@ of")
    page.browser.wait("document.getElementById('found').textContent.includes('No more documents')")  # it is masked
    page.choose("search", "worst EMAIL_ADDRESS")
    page.browser.wait("document.getElementById('found').textContent === '1–10 found in all kept texts'")
    assert set(page.ids) == ledger_ids(browsed_runs[0], source="rows", outcome="kept")


def test_pages_are_turned_and_the_list_is_sorted(page: Page, browsed_runs: tuple[curate.Run, curate.Run]) -> None:
    first = page.ids
    page.click('#pages [aria-label="Next page"]')
    second = page.ids
    assert page.text("#found") == "51–100 of 173 documents"
    page.click('#pages [aria-label="Last page"]')
    assert page.text("#found") == "151–173 of 173 documents"
    assert not {*first} & {*second} & {*page.ids}
    page.browser.run("history.back()")
    page.settle()
    page.browser.wait("document.getElementById('found').textContent.startsWith('51')")
    page.choose("sort", "word_count")
    page.browser.run("document.getElementById('descending').click()")
    page.browser.wait("location.hash.includes('sort=-word_count')")
    page.settle()
    counts = browsed_runs[0].ledger().filter(source="web").select("word_count").collect()["word_count"]
    assert f"{max(counts.drop_nulls().to_list()):,} words" in page.text("#rows .facts")


def test_a_range_of_a_signal(page: Page) -> None:
    page.choose("signal", "word_count")
    page.choose("least", "100")
    page.choose("most", "150")
    page.click("#bound")
    assert page.texts("#chips button") == ["≥ word_count 100", "≤ word_count 150"]
    counts = [
        int(text.rpartition(" words")[0].split()[-1]) for text in page.texts("#rows .facts span") if " words" in text
    ]
    assert counts
    assert all(100 <= count <= 150 for count in counts)


def test_a_document_opens_with_what_was_taken_out_beside_why(page: Page) -> None:
    page.open("source=rows&outcome=kept&search=page7")
    page.click("#rows button")
    page.browser.wait("document.querySelector('#document .text') !== null")
    assert page.text("#document .verdict") == "kept"
    assert page.text(".text mark.cut").startswith("This whole line stands in every second one")
    assert page.text(".text mark.personal") == "<EMAIL_ADDRESS>"
    assert "<script>document.title='taken'</script>" in page.text(".text")
    assert r"\u202e" in page.text(".text")
    assert page.texts(".checks summary") == ["gopher_quality kept", "where kept"]
    page.browser.run(
        "[...document.querySelectorAll('.tabs button')].find((e) => e.textContent.startsWith('Show')).click()"
    )
    page.browser.wait("document.querySelector('.text mark.personal').textContent === 'person7@example.org'")
    page.click("#close")
    assert page.browser.run("document.getElementById('document').hidden")


def test_a_dropped_page_shows_the_rule_that_decided_and_its_blocks(page: Page) -> None:
    page.open("reason=min_words")
    page.click("#rows button")
    page.browser.wait("document.querySelector('#document .text') !== null")
    assert page.text("#document .verdict").startswith("dropped by gopher_quality, min_words: ")
    assert page.text(".checks details[open] tr.decided").startswith("min_words")
    before = page.text("#document h2")
    page.click('#document [aria-label="Next document"]')
    page.browser.wait(f"document.querySelector('#document h2').textContent !== {json.dumps(before)}")
    page.browser.run(
        "[...document.querySelectorAll('.tabs button')].find((e) => e.textContent.startsWith('Blocks')).click()"
    )
    page.browser.wait("document.querySelectorAll('.block').length > 1")


def test_a_threshold_is_moved_by_its_slider_and_lists_who_moves(
    page: Page, browsed_runs: tuple[curate.Run, curate.Run]
) -> None:
    page.choose("rule", "gopher_quality.min_words")
    page.browser.wait("document.querySelector('#spread svg line.was') !== null")
    assert page.browser.run("document.getElementById('value').value") == "80"
    page.browser.run(
        "{const f = document.getElementById('slider'); f.value = 700; f.dispatchEvent(new Event('input'))}"
    )
    page.browser.wait("document.querySelector('#shifts button') !== null")
    value = page.browser.run("document.getElementById('value').value")
    retuned = browsed_runs[0].retune({"gopher_quality.min_words": int(value)}).documents
    falls = retuned.filter(old_outcome="kept", new_outcome="dropped")
    assert f"{falls.height} kept → dropped" in page.texts("#shifts li")
    page.browser.run(
        "[...document.querySelectorAll('#shifts button')].find((e) => e.dataset.move === 'kept>dropped').click()"
    )
    page.browser.wait(f"document.getElementById('found').textContent.endsWith('of {falls.height} documents')")
    assert set(page.ids) == set(falls["id"])
    assert all("→ dropped gopher_quality · min_words" in text for text in page.texts("#rows .facts"))


def test_two_runs_are_compared(page: Page, browsed_runs: tuple[curate.Run, curate.Run]) -> None:
    page.browser.wait("document.getElementById('moves').dataset.ready === 'yes'")
    moves = curate.compare(*browsed_runs, examples=1000).moves
    assert [text.split()[0] for text in page.texts("#moves li")] == [f"{move.documents:,}" for move in moves]
    page.click("#moves button")
    assert set(page.ids) == {each.id for each in moves[0].examples}
    assert all(f"→ {moves[0].side_then}" in text for text in page.texts("#rows .facts"))


def test_what_the_address_asks_wrongly_is_told(page: Page) -> None:
    page.browser.run("location.hash = 'sort=nonsense'")
    page.browser.wait("!document.getElementById('trouble').hidden")
    assert 'no column "nonsense"' in page.text("#trouble")
    page.browser.said = [each for each in page.browser.said if "400" not in each and "nonsense" not in each]
    page.open()


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_one_thing_after_the_other(server: BrowseServer, tmp_path: Path, dark: bool) -> None:
    with Chromium(tmp_path, width=390, height=844, dark=dark) as browser:
        page = Page(browser, server)
        for hash in ("", "set=gopher_quality.min_words%3D120&move=kept%3Edropped", "move=0"):
            page.open(hash)
            assert browser.run("document.documentElement.scrollWidth") == 390
        page.click("#rows button")
        browser.wait("document.querySelector('#document .text') !== null")
        assert browser.run("document.documentElement.scrollWidth") == 390
        assert browser.run("document.getElementById('list').offsetParent === null")
        paper = browser.run("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
        assert browser.said == []
