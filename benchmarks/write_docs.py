"""Runs benchmarks, keeps what they print, and writes docs/benchmarks.md of it.

python benchmarks/write_docs.py end_to_end filters     measures these two, one after the other, and writes the page
python benchmarks/write_docs.py                        writes the page from the results that there are

    BENCHMARKS ─▶ its command ─▶ results/<name>.json: the lines, date, machine, load ─▶ docs/benchmarks.md
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "benchmarks.md"
BUSY = 0.3
"""Load before the start, in cores, from which a machine counts as one that does something else, too."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A script of this folder, what it is called with (DATA: the folder of test data), and what its table shows."""

    title: str
    script: str
    arguments: str
    shows: str


BENCHMARKS = {
    "end_to_end": Benchmark(
        "A WARC to training tokens",
        "end_to_end.py",
        "DATA/web/prose.warc.gz --extractors curate,resiliparse,trafilatura --scaling",
        "Whole processes with all their children, two workers each. `ratio` is datatrove's CPU time to this "
        "side's, `ms/page` what one page more costs (two sizes of input, so that the start cancels out), `speedup` the "
        "wall time of one worker to that of two, `peak MB` the largest sum of memory at one moment.",
    ),
    "extraction": Benchmark(
        "Text of web pages",
        "extraction.py",
        "DATA/extraction --models extraction-models",
        "How much of the hand-made text of real pages each extractor finds, and what a page costs.",
    ),
    "extraction_union": Benchmark(
        "The union of two extractors",
        "extraction_union.py",
        "DATA",
        "Documents and tokens that survive the same filters with each extractor's text, and with the first of both "
        "that passes; CPU seconds of the whole command, and of extraction in it.",
    ),
    "filters": Benchmark(
        "Filters",
        "filters.py",
        "DATA/web/prose.warc.gz --every 3 --documents 500 --timed 200 --repeats 5 --show 0",
        "The rules of Gopher, C4 and FineWeb here and in datatrove on the same English pages: agreement, and MB of "
        "text a CPU second of the whole chain.",
    ),
    "dedup": Benchmark(
        "Near-duplicates",
        "dedup.py",
        "DATA --peers datasketch,rensa,gaoya,text-dedup,datatrove",
        "Real pages in several releases, beside five libraries: time, memory, and what is found of the pairs with a "
        "known similarity.",
    ),
    "warc": Benchmark(
        "Reading WARC", "warc.py", "DATA/web/prose.warc.gz", "Records a CPU second, each with its whole payload."
    ),
    "language": Benchmark(
        "Language identification",
        "language.py",
        "DATA/web/prose.warc.gz",
        "The same model here and by the fastText library, on the same pages.",
    ),
    "language_gold": Benchmark(
        "Languages told right",
        "language_gold.py",
        "DATA",
        "lid.176 and the model of our own on sentences that people judged, on the Declaration of Human Rights, and on "
        "what is no language: accuracy, precision, what is rejected and what of real text is lost, and what it costs.",
    ),
    "scrub": Benchmark(
        "Personal data by patterns",
        "scrub.py",
        "DATA",
        "Labeled sentences, speed on code and books, and what Presidio finds otherwise.",
    ),
    "toxicity": Benchmark(
        "Toxic language",
        "toxicity.py",
        "DATA",
        "The shipped models and the word lists: held-out labels, false alarms on prose, HateCheck by functionality.",
    ),
    "ablate": Benchmark(
        "Runs judged by training on them",
        "ablate_selftest.py",
        "DATA --tier ngram",
        "`curate ablate` on data of which one knows the answer: damage has to lose at p < .01, equal data must not be "
        "told apart.",
    ),
    "ablate_peers": Benchmark(
        "Curated data beside datatrove's",
        "ablate_peers.py",
        "--data DATA",
        "The pages of the quickstart as they are extracted, curated, and by datatrove, each judged by training n-gram "
        "models on it: bits per byte of texts that one of them holds out, and of texts that people marked. Lower is "
        "better.",
    ),
    "plan_scale": Benchmark(
        "A plan of 700,000 splits",
        "plan_scale.py",
        "",
        "A snapshot of Common Crawl: what it costs a worker to find its own split, and a run to go on.",
    ),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What a benchmark printed, of which version of its script, when, where, and beside what load."""

    lines: list[str]
    script: str
    commit: str
    date: str
    minutes: float
    machine: str
    load: float


def main() -> None:
    options = parse_options()
    for name in options.names:
        result = measured(BENCHMARKS[name], options.data)
        RESULTS.mkdir(exist_ok=True)
        text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
        (RESULTS / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data", help="the test data")
    return parser.parse_args()


def measured(benchmark: Benchmark, data: Path) -> Result:
    """Run it, show its lines as they come, and keep them without this machine's paths."""
    arguments = [word.replace("DATA", str(data)) for word in shlex.split(benchmark.arguments)]
    load, started = os.getloadavg()[0], time.perf_counter()
    lines = list(shown([sys.executable, str(HERE / benchmark.script), *arguments]))
    return Result(
        lines=[line.replace(str(data), "DATA") for line in lines],
        script=digest_of(benchmark.script),
        commit=subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=HERE, capture_output=True, text=True
        ).stdout.strip(),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        minutes=round((time.perf_counter() - started) / 60, 1),
        machine=machine(),
        load=round(load, 1),
    )


def shown(command: list[str]) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            yield line.rstrip()
    if process.returncode:
        sys.exit(f"{shlex.join(command)} ended with exit code {process.returncode}")


def machine() -> str:
    """Processor, cores, memory, system and Python, in a line."""
    memory = f"{psutil.virtual_memory().total / 2**30:.0f} GiB"
    return f"{processor()}, {os.cpu_count()} cores, {memory}, {platform.system()}, Python {platform.python_version()}"


def processor() -> str:
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def digest_of(script: str) -> str:
    path = HERE / script
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.exists() else ""


def page() -> str:
    """docs/benchmarks.md, of the results alone: the same ones give the same page."""
    sections = "\n".join(section(name, benchmark) for name, benchmark in BENCHMARKS.items())
    return f"{INTRODUCTION}\n{sections}"


def section(name: str, benchmark: Benchmark) -> str:
    file = RESULTS / f"{name}.json"
    command = f"python benchmarks/{benchmark.script} {benchmark.arguments}".strip()
    head = f"## {benchmark.title}\n\n{benchmark.shows}\n\n```bash\n{command}\n```\n"
    if not file.exists():
        return f"{head}\nNot measured yet: `python benchmarks/write_docs.py {name}` does it.\n"
    result = Result(**json.loads(file.read_text(encoding="utf-8")))
    lines = "\n".join(result.lines)
    return f"{head}\n{circumstances(name, benchmark, result)}\n\n```text\n{lines}\n```\n"


def circumstances(name: str, benchmark: Benchmark, result: Result) -> str:
    told = f"{result.date}, commit {result.commit}, {result.minutes:g} minutes on {result.machine}"
    if result.load >= BUSY:
        told += f"; **the machine did something else, too** (load {result.load:g} before the start)"
    if result.script != digest_of(benchmark.script):
        told += f". **Not fresh**: the script has changed since; `python benchmarks/write_docs.py {name}` measures anew"
    return f"{told}."


INTRODUCTION = """\
# Benchmarks

Written by `python benchmarks/write_docs.py`, which runs the commands below and keeps what they print. DATA is a folder
of test data; each command takes your own files as well. Figures differ between machines: compare sides within one
table, as ratios. A peer that does not install says so in its line. [benchmarks/README.md](../benchmarks/README.md) says
what is compared, what the clock counts, and what is not the same on both sides.
"""


if __name__ == "__main__":
    main()
