"""Secrets in code: the entity SECRET beside detect-secrets, on real code and on keys drawn by chance.

    python benchmarks/scrub_secrets.py DATA --peer PYTHON [--each 40] [--skip-code]

DATA/code.tar.gz ─▶ both sides ─▶ each finding with its line, to be looked at; MB/s
keys of 26 kinds, and what looks like one and is none ─▶ both sides ─▶ share of the lines that are found

PYTHON is the interpreter of an environment with detect-secrets. The drawn keys follow the providers' documentation, not
our table; each stands in a line of code or configuration as such keys do.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import string
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curate.scrub.secrets import CAN_HOLD, find_secrets

DIGITS, HEX = string.digits, "0123456789abcdef"
BASE62 = string.ascii_letters + DIGITS
BASE64, URL = BASE62 + "+/", BASE62 + "-_"
SIGNS = BASE62 + "!#$%&*+?^_~"
Draw = Callable[[str, int], str]

KINDS: Mapping[str, Callable[[Draw], str]] = {
    "AWS access key": lambda draw: f'key = "AKIA{draw("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)}"',
    "AWS secret key": lambda draw: f"aws_secret_access_key = {draw(BASE64, 40)}",
    "GitHub": lambda draw: f'headers = {{"X": "ghp_{draw(BASE62, 36)}"}}',
    "GitLab": lambda draw: f"git clone https://oauth2:glpat-{draw(URL, 20)}@gitlab.example.org/x.git",
    "Slack token": lambda draw: f"slack('xoxb-{draw(DIGITS, 12)}-{draw(DIGITS, 13)}-{draw(BASE62, 24)}')",
    "Slack webhook": lambda draw: (
        f"https://hooks.slack.com/services/T{draw(BASE62, 8)}/B{draw(BASE62, 8)}/{draw(BASE62, 24)}"
    ),
    "Stripe": lambda draw: f'stripe.api = "sk_live_{draw(BASE62, 24)}"',
    "Google": lambda draw: f'x = "AIza{draw(URL, 35)}"',
    "OpenAI": lambda draw: f'x = "sk-proj-{draw(URL, 74)}T3BlbkFJ{draw(URL, 74)}"',
    "Anthropic": lambda draw: f'x = "sk-ant-api03-{draw(URL, 93)}AA"',
    "Hugging Face": lambda draw: f'login("hf_{draw(string.ascii_letters, 34)}")',
    "npm": lambda draw: f"//registry.npmjs.org/:_authToken=npm_{draw(BASE62, 36)}",
    "PyPI": lambda draw: f"  x: pypi-AgEIcHlwaS5vcmc{draw(URL, 150)}",
    "JSON Web Token": lambda draw: (
        f'"{token({"alg": "HS256", "typ": "JWT"})}.{token({"sub": draw(DIGITS, 10)})}.{draw(URL, 43)}"'
    ),
    "Twilio": lambda draw: f'x = "AC{draw(HEX, 32)}"',
    "SendGrid": lambda draw: f"x = 'SG.{draw(URL, 22)}.{draw(URL, 43)}'",
    "Mailchimp": lambda draw: f"mc = '{draw(HEX, 32)}-us{draw('123456789', 1)}'",
    "Azure storage": lambda draw: f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={draw(BASE64, 86)}==",
    "Telegram": lambda draw: f"x = '{draw('123456789', 1)}{draw(DIGITS, 8)}:AA{draw(URL, 33)}'",
    "DigitalOcean": lambda draw: f"do = 'dop_v1_{draw(HEX, 64)}'",
    "private key": lambda draw: f"-----BEGIN RSA PRIVATE KEY-----\\n{draw(BASE64, 64)}\\n-----END RSA PRIVATE KEY-----",
    "password, quoted": lambda draw: f'password = "{draw(SIGNS, 12)}"',
    "password, .env": lambda draw: f"DB_PASSWORD={draw(SIGNS, 16)}",
    "password in a URL": lambda draw: f"postgres://app:{draw(BASE62, 14)}@db.internal:5432/app",
    "api_key": lambda draw: f'api_key: "{draw(BASE62, 32)}",',
    "token, hexadecimal": lambda draw: f"export SERVICE_TOKEN={draw(HEX, 40)}",
}
SUFFIXES = {"password, .env": ".env", "token, hexadecimal": ".sh", "npm": ".npmrc", "AWS secret key": ".ini"}
OTHERS: Mapping[str, Callable[[Draw], str]] = {
    "git hash": lambda draw: f'"sha1": "{draw(HEX, 40)}"',
    "checksum": lambda draw: f'integrity = "sha512-{draw(BASE64, 86)}=="',
    "UUID": lambda draw: f'token_id = "{draw(HEX, 8)}-{draw(HEX, 4)}-4{draw(HEX, 3)}-a{draw(HEX, 3)}-{draw(HEX, 12)}"',
    "test password": lambda draw: f'password = "test{draw(DIGITS, 4)}"',
    "placeholder": lambda draw: f'api_key = "<your-api-key-{draw(DIGITS, 1)}>"',
    "from the environment": lambda draw: f'secret = os.environ["SECRET_{draw(string.ascii_uppercase, 4)}"]',
    "name of a field": lambda draw: f'password_field = "user_password{draw(DIGITS, 1)}"',
    "embedded picture": lambda draw: f"background: url(data:image/png;base64,iVBORw0KGgo{draw(BASE64, 80)})",
}


class Side(NamedTuple):
    seconds: float
    found: set[tuple[str, int, str]]
    """File, line, value."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--peer", required=True, help="a Python with detect-secrets")
    parser.add_argument("--each", type=int, default=40, help="drawn lines of each kind")
    parser.add_argument("--skip-code", action="store_true", help="only drawn keys: detect-secrets takes three minutes")
    options = parser.parse_args()
    ours(Path(__file__).parent)  # what is compiled at first use
    with tempfile.TemporaryDirectory() as folder:
        drawn = Path(folder) / "drawn"
        print_recall(drawn, write_drawn(drawn, options.each), options.peer)
        if not options.skip_code:
            with tarfile.open(options.data / "code.tar.gz") as tar:
                tar.extractall(Path(folder) / "code", filter="data")
            print_code(Path(folder) / "code", options.peer)


def print_code(folder: Path, peer: str) -> None:
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
    for name, side in {"curate": ours(folder), "detect-secrets": theirs(folder, peer)}.items():
        print(f"\n{name}: {len(side.found)} findings in {size:.0f} MB of code, {size / side.seconds:.1f} MB/s")
        for file, line, value in sorted(side.found):
            print(f"  {file}:{line} {value[:60]!r}")


def print_recall(folder: Path, lines: Mapping[str, int], peer: str) -> None:
    sides = [{(file, line) for file, line, _ in side.found} for side in (ours(folder), theirs(folder, peer))]
    print(f"{'of the lines, found':28} {'curate':>7} {'detect-secrets':>15}")
    for name, count in lines.items():
        shares = [len({file for file, _ in side if file.startswith(f"{name}/")}) / count for side in sides]
        print(f"{name:28} {shares[0]:>7.0%} {shares[1]:>15.0%}")


def write_drawn(folder: Path, each: int) -> dict[str, int]:
    """A folder a kind, and how many files it has; each has one line, as detect-secrets tells a value of a file once."""
    chance, written = random.Random(17), {}

    def draw(signs: str, count: int) -> str:
        return "".join(chance.choices(signs, k=count))

    for name, make in {**KINDS, **OTHERS}.items():
        (folder / name).mkdir(parents=True)
        for number in range(each):
            path = folder / name / f"{number}{SUFFIXES.get(name, '.py')}"
            path.write_text(f"{make(draw)}\n", encoding="utf-8")
        written[name] = each
    return written


def token(table: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(table).encode()).decode().rstrip("=")


def ours(folder: Path) -> Side:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    texts = [path.read_bytes().decode("utf-8", errors="replace") for path in paths]
    started = time.process_time()
    held = pl.Series(texts, dtype=pl.String).str.contains(CAN_HOLD).arg_true()
    spans = {place: list(find_secrets(texts[place])) for place in held}
    seconds = time.process_time() - started
    return Side(seconds, set(rows(folder, paths, texts, spans)))


def rows(
    folder: Path, paths: Sequence[Path], texts: Sequence[str], spans: Mapping[int, list[tuple[int, int]]]
) -> list[tuple[str, int, str]]:
    return [
        (str(paths[place].relative_to(folder)), texts[place].count("\n", 0, start) + 1, texts[place][start:end])
        for place, found in spans.items()
        for start, end in found
    ]


def theirs(folder: Path, peer: str) -> Side:
    script = str(Path(__file__).with_name("peer_secrets.py"))
    done = subprocess.run([peer, script, str(folder)], capture_output=True, text=True, check=True)
    table = json.loads(done.stdout)
    return Side(table["seconds"], {(file, line, value) for file, line, _, value in table["found"]})


if __name__ == "__main__":
    main()
