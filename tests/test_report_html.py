"""The page that shows a run: what stands in it, that data stays data, and that a real browser draws and sorts it."""

from __future__ import annotations

import hashlib
import html
import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from curate.batch import Rule
from curate.cli import main
from curate.report.html.account import open_account
from curate.report.html.decided import MAX_VALUES, decided, limit_of
from curate.report.html.decisions import MAX_OPEN, NOT_SHOWN
from curate.report.html.histogram import bins_of
from curate.report.html.markup import Html, data, document, element
from curate.report.html.sankey import sankey

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=alert(1)> \u202e\" ' &amp; "
PROSE = "It was the best of times, and it was the worst of times, and we had all of it before us in that year. "
RECIPE = """
name = "toy"
[[source]]
name = "web"
read = "tables"
paths = ["web.jsonl"]
steps = [{ use = "gopher_quality", min_words = 40 }, { where = "word_count != 63" }, "c4"]
[[source]]
name = "few"
read = "tables"
paths = ["few.jsonl"]
[dedup]
method = ["exact", "minhash"]
[tokenize]
tokenizer = "bytes"
[limits]
max_quarantined = 1.0
"""


def rows() -> list[dict[str, str]]:
    """Texts of 21 to 219 words, each with an address of mail that is nobody's; the last ones repeat others."""
    found = []
    for number in range(1, 11):
        text = f"{PROSE * number}{HOSTILE}Write to person{number}@example.org with the number {number}."
        url = f"https://www.host{number % 3}.example/page?mail=reader{number}@example.org&q=<script>alert(1)</script>"
        found.append({"text": text, "url": url})
    return [*found, *found[-3:]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    (folder / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    few = [{"text": f"{PROSE * 4}Text {number} of few."} for number in range(3)]
    (folder / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in few) + "no JSON\n")
    (folder / "toy.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def run(folder: Path) -> curate.Run:
    made = curate.run(folder / "toy.toml", out=folder / "run", workers=0)
    (made.folder / "train" / "nano").mkdir(parents=True)
    lines = [
        {"step": step, "steps": 30, "loss": 5 - step / 10, "losses": {"web": 5.0, "few": None}, "validation": None}
        for step in (10, 20, 30)
    ]
    lines[-1]["validation"] = [{"source": "web", "bits_per_byte": 2.5}]
    (made.folder / "train" / "nano" / "log.jsonl").write_text("\n".join(map(json.dumps, lines)) + '\n{"half')
    return made


@pytest.fixture(scope="module")
def page(run: curate.Run) -> str:
    return run.report().read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Names of elements with their attributes, and all text that a reader sees."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def sections(page: str) -> dict[str, str]:
    return dict(re.findall(r'<section id="(\w+)">(.*?)</section>', page, re.DOTALL))


def test_text_is_escaped_and_mark_up_is_not() -> None:
    inner = element("b", 'a < b & "c"')
    assert document(None, element("p", [inner, "<i>"], {"title": 'x" onclick="y', "hidden": True, "id": None})) == (
        '<!doctype html>\n<html lang="en"><head></head>\n<body>'
        '<p title="x&quot; onclick=&quot;y" hidden><b>a &lt; b &amp; &quot;c&quot;</b>&lt;i&gt;</p></body></html>\n'
    )


@given(st.text())
def test_whatever_a_text_holds_a_parser_finds_one_element_and_no_other(text: str) -> None:
    parsed = Elements(document(None, element("p", text, {"title": text, "data-plot": data(text)})))
    assert [name for name, _ in parsed.found] == ["html", "head", "body", "p"]
    if text.isprintable():
        assert parsed.found[-1][1] == {"title": text, "data-plot": json.dumps(text, ensure_ascii=False)}


@given(
    st.lists(st.tuples(st.floats(0, 1e6) | st.integers(0, 50).map(float), st.booleans()), min_size=1),
    st.none() | st.floats(0, 100),
)
def test_every_value_is_in_one_bin_of_its_side(values: list[tuple[float, bool]], threshold: float | None) -> None:
    numbers, sides = pl.Series([value for value, _ in values]), pl.Series([side for _, side in values])
    bins = bins_of(numbers, sides, threshold)
    assert bins is not None
    assert [sum(side) for side in bins.sides] == [(~sides).sum(), sides.sum()]
    assert all(low < high for low, high in zip(bins.edges, bins.edges[1:], strict=False))
    first, last = bins.edges[0], bins.edges[-1]
    if threshold is not None:
        assert bins.position is not None
        assert bins.edges[int(bins.position)] <= threshold * (1 + 1e-9) + 1e-9
    inside = [(value, side) for value, side in values if first <= value <= last]
    if len(inside) == len(values):  # by hand, one value after the other
        last_bin = len(bins.edges) - 2
        expected: Counter[tuple[int, bool]] = Counter()
        for value, side in inside:
            place = next(at for at in range(last_bin + 1) if value < bins.edges[at + 1] or at == last_bin)
            expected[place, side] += 1
        assert [expected[at, False] for at in range(last_bin + 1)] == [*bins.sides[0]]


def test_values_that_are_no_numbers_are_in_no_bin() -> None:
    assert bins_of(pl.Series([None, np.nan], dtype=pl.Float64), pl.Series([True, False])) is None


def test_the_page_has_a_part_for_all_that_the_run_has(page: str) -> None:
    assert [*sections(page)] == ["card", "funnel", "steps", "corpus", "copies", "mixture", "training", "cost"]


def test_the_page_needs_nothing_else(page: str) -> None:
    found = Elements(page).found
    addresses = [value for _, given in found for key, value in given.items() if key in ("src", "href", "action")]
    assert addresses
    assert all(address and address.startswith("#") for address in addresses)
    assert not re.search(r"url\(|@import", page)
    assert len(page) < 5_000_000


def test_nothing_but_its_own_two_scripts_may_run(page: str) -> None:
    found = Elements(page).found
    policy = next(given["content"] for _, given in found if given.get("http-equiv") == "Content-Security-Policy")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert [name for name, _ in found].count("script") == len(scripts) == 2
    digests = {b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in scripts}
    assert set(re.findall(r"'sha256-([^']+)'", policy or "")) == digests
    assert "default-src 'none'" in (policy or "")
    assert not [name for name, given in found for key in given if key.startswith("on")]


def test_what_documents_hold_is_shown_as_text(page: str) -> None:
    parsed = Elements(page)
    assert "img" not in {name for name, _ in parsed.found}
    shown = "".join(parsed.texts)
    assert "<script>document.title='taken'</script>" in shown
    assert "\u202e" not in page
    assert r"\u202e" in shown


def test_personal_data_is_masked_though_the_run_masks_none(page: str, run: curate.Run) -> None:
    assert run.recipe.scrub is None
    assert run.documents("web").select(pl.col("text").str.contains("@example.org").all()).collect().item()
    assert "@example.org" not in html.unescape(page)
    assert "<EMAIL_ADDRESS>" in "".join(Elements(page).texts)


def test_the_funnel_shows_what_the_manifest_counts(page: str, run: curate.Run) -> None:
    part = sections(page)["funnel"]
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", part)
    for counts in run.manifest["counts"].values():
        assert f"{counts['read']:,}" in cells
        assert f"{sum(counts['tokens'].values()):,}" in cells
        for documents, _ in counts["steps"].values():
            assert f"{documents:,}" in cells


def test_the_documents_nearest_to_a_threshold_are_shown_first(run: curate.Run) -> None:
    rules = decided(open_account(run), "web")
    (rule,) = [each for each in rules if each.rule == "min_words"]
    ledger = run.ledger("web").collect().to_dicts()
    dropped = sorted((row for row in ledger if row["reason"] == "min_words"), key=lambda row: -row["word_count"])
    kept = sorted((row for row in ledger if row["outcome"] == "kept"), key=lambda row: row["word_count"])
    assert rule.dropped == len(dropped) > 0
    assert rule.threshold == 40
    found = [(each.id, each.is_dropped) for each in rule.nearest]
    assert found == [(row["id"], True) for row in dropped[:3]] + [(row["id"], False) for row in kept[:3]]
    assert rule.bins is not None
    assert rule.bins.position is not None
    assert 0 < rule.bins.position < len(rule.bins.edges) - 1


def test_a_dropped_text_is_read_again_and_told_where_it_cannot_be(
    folder: Path, run: curate.Run, tmp_path: Path
) -> None:
    shown = sections(run.report(tmp_path / "before.html").read_text())["steps"]
    assert html.escape(PROSE.strip()[:60]) in shown.partition("kept")[0]
    assert NOT_SHOWN not in shown
    source = folder / "web.jsonl"
    before = source.stat()
    source.write_text(source.read_text() + "\n")
    try:
        shown = sections(run.report(tmp_path / "after.html").read_text())["steps"]
    finally:
        source.write_text(source.read_text()[:-1])
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert NOT_SHOWN in shown


def test_any_number_of_workers_gives_the_same_page(folder: Path, run: curate.Run, tmp_path: Path) -> None:
    other = curate.run(folder / "toy.toml", out=tmp_path / "run", workers=2)
    (other.folder / "train").symlink_to(run.folder / "train")
    pages = [each.report(tmp_path / f"{at}.html", timing=False).read_bytes() for at, each in enumerate((run, other))]
    assert pages[0] == pages[1]
    assert b'id="cost"' not in pages[0]


def test_a_run_ends_with_its_page_and_is_the_same_without(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codes, manifests = set(), set()
    for name, word in (("with", "--workers"), ("without", "--no-report")):
        words = ["--workers", "0"] if word == "--workers" else [word, "--workers", "0"]
        codes.add(exit_code(["run", str(folder / "toy.toml"), "--out", str(tmp_path / name), *words]))
        manifests.add((tmp_path / name / "manifest.json").read_bytes())
    said = capsys.readouterr().out.replace("\n", "")
    assert f"Report: {tmp_path / 'with' / 'report.html'}" in said
    assert said.count("Report:") == 1
    assert not (tmp_path / "without" / "report.html").exists()
    assert len(codes) == len(manifests) == 1
    assert curate.verify(tmp_path / "with").is_sound


def test_a_run_that_is_complete_stays_as_it_is(run: curate.Run, folder: Path) -> None:
    page = run.report()
    page.write_text("mine")
    exit_code(["run", str(folder / "toy.toml"), "--out", str(run.folder)])
    assert page.read_text() == "mine"


def test_a_new_mixture_gets_a_new_page(folder: Path, tmp_path: Path) -> None:
    made = curate.run(folder / "toy.toml", out=tmp_path / "run", workers=0)
    page = made.report()
    before = page.read_text(encoding="utf-8")
    assert exit_code(["mix", str(made.folder), "--set", "weights={web=0.2,few=0.8}", "--apply", "--workers", "0"]) == 0
    after = page.read_text(encoding="utf-8")
    assert ">20.0%<" in sections(after)["mixture"]
    assert sections(after)["mixture"] != sections(before)["mixture"]
    assert curate.verify(made).is_sound


def exit_code(words: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_page_that_cannot_be_written_costs_the_run_nothing(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run" / "report.html").mkdir(parents=True)
    (tmp_path / "run" / ".lock").touch()
    assert exit_code(["run", str(folder / "toy.toml"), "--out", str(tmp_path / "run"), "--workers", "0"]) == 0
    assert "there is no report" in capsys.readouterr().err
    assert (tmp_path / "run" / "manifest.json").is_file()


def test_a_run_that_keeps_nothing_and_one_that_reads_nothing_have_pages(folder: Path, tmp_path: Path) -> None:
    source = (
        '[[source]]\nname = "web"\nread = "tables"\npaths = ["{}"]\nsteps = [{{ where = "word_count > 100000" }}]\n'
    )
    ends = '[tokenize]\ntokenizer = "bytes"\n'
    (folder / "empty.jsonl").write_text("")
    for name, path in (("strict", "web.jsonl"), ("none", "empty.jsonl")):
        (folder / f"{name}.toml").write_text(f'name = "{name}"\n{source.format(path)}{ends}')
        made = curate.run(folder / f"{name}.toml", out=tmp_path / name, workers=0)
        assert made.manifest["counts"]["web"]["kept"] == 0
        found = sections(made.report().read_text(encoding="utf-8"))
        assert {"card", "funnel", "mixture", "cost"} <= found.keys()
        assert ("steps" in found) == (name == "strict")


PROBE = """
const wrong = [];
const charts = [...document.querySelectorAll(".plot")];
const painted = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean);
if (!charts.length || !charts.every((each) => each.querySelector("canvas") && painted(each.querySelector("canvas"))))
  wrong.push("a chart is not drawn");
const field = document.querySelector(".table input");
const table = field.parentNode.querySelector("tbody");
const all = table.rows.length;
field.value = table.rows[0].cells[1].textContent.toUpperCase();
field.dispatchEvent(new Event("input"));
const seen = [...table.rows].filter((row) => row.offsetParent !== null);
if (!seen.length || seen.length === all) wrong.push(`search leaves ${seen.length} of ${all}`);
field.value = "";
field.dispatchEvent(new Event("input"));
if ([...table.rows].some((row) => row.offsetParent === null)) wrong.push("search does not give all back");
for (const head of field.parentNode.querySelectorAll("th")) {
  for (const order of [1, 2]) {
    head.querySelector("button").click();
    const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
    const values = [...table.rows].map((row) => row.cells[head.cellIndex]).map((cell) =>
      cell.dataset.v === undefined ? cell.textContent.toLowerCase() : Number(cell.dataset.v));
    if (values.some((value, place) => place && (sign > 0 ? value < values[place - 1] : value > values[place - 1])))
      wrong.push(`not sorted by ${head.textContent}: ${values}`);
  }
}
if (document.documentElement.scrollWidth > innerWidth) wrong.push("wider than the screen");
if (document.title.includes("taken")) wrong.push("data has run");
document.body.dataset.probed = wrong.join("; ") || `${charts.length} charts`;
"""


def browse(path: Path, *, width: int = 1280) -> tuple[str, str]:
    """What a browser makes of a page, and what it says on its console."""
    assert CHROMIUM is not None
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=5000"]
    flags += [f"--window-size={width},900", f"--user-data-dir={path.parent / 'profile'}", "--dump-dom"]
    shown = subprocess.run([CHROMIUM, *flags, path.as_uri()], capture_output=True, text=True, check=True, timeout=60)
    said = [line for line in shown.stderr.splitlines() if "CONSOLE" in line or "Content Security Policy" in line]
    return shown.stdout, "\n".join(said)


@needs_browser
def test_a_browser_draws_every_chart_and_has_nothing_to_complain_of(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    shown, said = browse(tmp_path / "page.html")
    assert said == ""
    wanted = page.count('class="plot"')
    assert wanted >= 5
    assert shown.count('data-drawn="yes"') == shown.count("<canvas") == wanted
    assert re.search(r'data-ready="\d+"', shown)


@needs_browser
@pytest.mark.parametrize("width", [1280, 500])
def test_tables_are_searched_and_sorted_in_a_browser(page: str, tmp_path: Path, width: int) -> None:
    free = re.sub(r"script-src [^\"]*", "script-src &#x27;unsafe-inline&#x27;", page, count=1)
    (tmp_path / "page.html").write_text(
        free.replace("</body>", f"<script>{{{PROBE}}}</script></body>"), encoding="utf-8"
    )
    shown, said = browse(tmp_path / "page.html", width=width)
    assert said == ""
    found = re.search(r'data-probed="([^"]*)"', shown)
    assert found is not None
    assert re.fullmatch(r"\d+ charts", found[1]), found[1]


def test_the_number_of_a_condition_is_its_threshold() -> None:
    rule = Rule("where", "word_count", pl.col("word_count") > 70, threshold="word_count > 70")
    assert limit_of(rule) == 70
    assert limit_of(replace(rule, threshold="word_count > 70 AND digit_ratio < 0.2")) is None
    assert limit_of(replace(rule, threshold="digit_ratio<0.25", signal="digit_ratio")) == 0.25


def test_what_was_dropped_most_is_among_the_values_shown(folder: Path, tmp_path: Path) -> None:
    """Also where many other values are more frequent."""
    frequent = [{"text": PROSE, "url": f"https://a.example/{kind}", "license": f"kind{kind}"} for kind in range(15)]
    rows = [*frequent * 3, {"text": PROSE, "url": "https://a.example/rare", "license": "rare"}]
    (tmp_path / "kinds.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = (
        RECIPE.partition("[[source]]")[0]
        + """
[[source]]
name = "web"
read = "tables"
paths = ["kinds.jsonl"]
steps = [{ where = "license != 'rare'" }]
[tokenize]
tokenizer = "bytes"
"""
    )
    (tmp_path / "kinds.toml").write_text(recipe)
    made = curate.run(tmp_path / "kinds.toml", out=tmp_path / "run", workers=0)
    (rule,) = decided(open_account(made), "web")
    assert rule.values[0] == ("rare", 0, 1)
    assert len(rule.values) == MAX_VALUES < 16
    assert {passed for _, passed, _ in rule.values[1:]} == {3}


@needs_browser
def test_of_many_steps_those_that_dropped_most_are_open_and_all_are_told_by_what_they_ask(
    folder: Path, tmp_path: Path
) -> None:
    steps = ", ".join(f'{{ where = "word_count > {25 * number}" }}' for number in range(1, 7))
    recipe = RECIPE.replace('{ use = "gopher_quality", min_words = 40 }, { where = "word_count != 63" }, "c4"', steps)
    (folder / "many.toml").write_text(recipe)
    made = curate.run(folder / "many.toml", out=tmp_path / "run", workers=0)
    page = made.report().read_text(encoding="utf-8")
    parts = re.findall(r"<details([^>]*)><summary>web · where", sections(page)["steps"])
    assert len(parts) > MAX_OPEN
    assert sum(" open" in each for each in parts) == MAX_OPEN
    named = html.unescape(sections(page)["funnel"].replace("<wbr>", ""))
    assert len(set(re.findall(r"where word_count > \d+", named))) == len(parts)
    assert "where#" not in page.partition('<section id="cost"')[0]
    free = re.sub(r"script-src [^\"]*", "script-src &#x27;unsafe-inline&#x27;", page, count=1)
    (tmp_path / "page.html").write_text(free.replace("</body>", f"<script>{UNFOLD}</script></body>"), encoding="utf-8")
    shown, said = browse(tmp_path / "page.html")
    assert said == ""
    found = re.search(r'data-probed="([^"]*)"', shown)
    assert found is not None
    assert found[1] == "none, then as many as before"


UNFOLD = """
const closed = () => document.querySelectorAll("details.part:not([open])").length;
const before = closed();
dispatchEvent(new Event("beforeprint"));
const fits = (each) => each.clientWidth === each.querySelector(".uplot").clientWidth;
const narrow = [...document.querySelectorAll(".plot")].filter((each) => !fits(each));
let told = closed() || narrow.length ? `${closed()} closed, ${narrow.length} narrow` : "none";
dispatchEvent(new Event("afterprint"));
document.body.dataset.probed = told + (before && closed() === before ? ", then as many as before" : ", then others");
"""


def test_the_bands_of_the_picture_are_as_wide_as_the_funnel_says(run: curate.Run) -> None:
    drawn = sankey(open_account(run).funnel)
    assert isinstance(drawn, Html)
    widths = [float(width) for width in re.findall(r'stroke-width="([\d.]+)"', drawn.code)]
    told = re.findall(r"(\w+) to ([^:;]+): ([\d,]+)", drawn.code)
    counts = run.manifest["counts"]
    for source, found in counts.items():
        kept = {int(number) for name, fate, number in told if (name, fate) == (source, "kept")}
        assert kept == {found["kept"]}
        assert sum(int(number) for name, _, number in told if name == source) == found["read"]
    whole = sum(found["read"] for found in counts.values())
    assert sorted(widths) == pytest.approx(sorted(260 * int(number) / whole for _, _, number in told), abs=0.06)
