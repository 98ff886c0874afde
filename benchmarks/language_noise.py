"""What is no language: `und` for letters that look like words, `zxx` for numbers, code and the like.

lines ─▶ ROT13, shuffled letters ─┐          packages ─▶ source code without comments ─┐
keyboard, random letters ─────────┼▶ und     base64, hex, tables, addresses ───────────┴▶ zxx
lorem ipsum ──────────────────────┘
"""

from __future__ import annotations

import base64
import codecs
import random
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from language_packages import members

ROT13_OF = ("en", "es", "fr", "de", "it", "pt", "nl", "pl", "sv", "tr", "id", "fi", "cs", "ro", "hu")
KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
LOREM_IPSUM = """
lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna
aliqua ut enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat duis
aute irure in reprehenderit voluptate velit esse cillum fugiat nulla pariatur excepteur sint occaecat cupidatat non
proident sunt culpa qui officia deserunt mollit anim id est laborum vestibulum pellentesque suspendisse curabitur
vivamus maecenas phasellus praesent aliquam vehicula tincidunt mauris faucibus sagittis lectus
"""
LOREM = LOREM_IPSUM.split()
CODE_OF = ("mediawiki", "phpmyadmin", "calibre", "gramps", "python3-django", "libglib2.0-dev", "perl-modules-5.36",
           "golang-golang-x-net-dev", "librust-syn-dev", "ruby-rack", "node-lodash", "libeigen3-dev")  # fmt: skip
CODE = re.compile(r"\.(?:php|js|ts|css|py|h|c|pm|go|rs|rb|sql)$|/Eigen/src/[^.]+\.h$")
MOST_FILES = 150
"""Of a package: as many, spread over all of them."""
COMMENTS = re.compile(r'(?s)""".*?"""|/\*.*?\*/|\'\'\'.*?\'\'\'|^=(?:head|pod).*?^=cut|^__END__.*', re.MULTILINE)
LINE_COMMENTS = re.compile(r"(?m)(?:#(?!\s*(?:include|define|if|endif|undef|else))|\s//).*$")


def code_of(packages: Sequence[Path]) -> list[list[str]]:
    """Source files as lines, what is written for people taken out."""
    files = []
    for package in packages:
        if package.name.split("_")[0] not in CODE_OF:
            continue
        texts = [data.decode("utf-8", "ignore") for path, data in members(package, CODE) if "/i18n/" not in path]
        for text in texts[:: len(texts) // MOST_FILES + 1]:
            bare = LINE_COMMENTS.sub("", COMMENTS.sub("", text))
            lines = [line.strip() for line in bare.split("\n") if line.strip()]
            if lines and max(map(len, lines)) < 1000:
                files.append(lines)
    return files


def undetermined(lines: Mapping[str, Sequence[str]], size: int, draw: random.Random) -> Iterator[str]:
    written = 0
    while written < size:
        text = _undetermined(lines, draw)
        written += len(text.encode())
        yield text


def _undetermined(lines: Mapping[str, Sequence[str]], draw: random.Random) -> str:
    kind = draw.random()
    line = draw.choice(lines[draw.choice(ROT13_OF) if draw.random() < 0.6 else "en"])
    if kind < 0.45:
        return codecs.encode(line, "rot13")
    if kind < 0.6:
        return " ".join(_keys(draw) for _ in range(draw.randint(2, 12)))
    if kind < 0.7:
        return " ".join(_letters(draw, string.ascii_lowercase) for _ in range(draw.randint(2, 15)))
    if kind < 0.8:
        return " ".join("".join(draw.sample(word, len(word))) for word in line.split())
    return " ".join(draw.choice(LOREM) for _ in range(draw.randint(4, 20))).capitalize() + "."


def _keys(draw: random.Random) -> str:
    """Neighbors on a keyboard, mostly of the middle row."""
    row = draw.choice(KEYBOARD) if draw.random() < 0.4 else KEYBOARD[1]
    return _letters(draw, row)


def _letters(draw: random.Random, letters: str) -> str:
    return "".join(draw.choice(letters) for _ in range(draw.randint(2, 13)))


def no_language(code: Sequence[Sequence[str]], size: int, draw: random.Random) -> Iterator[str]:
    written = 0
    while written < size:
        text = _no_language(code, draw)
        written += len(text.encode())
        yield text


def _no_language(code: Sequence[Sequence[str]], draw: random.Random) -> str:
    kind = draw.random()
    if kind < 0.2:
        blob = base64.b64encode(draw.randbytes(draw.randint(20, 150))).decode()
        return " ".join(re.findall(".{1,76}", blob))
    if kind < 0.3:
        return " ".join(draw.randbytes(draw.choice((1, 2, 4, 16))).hex() for _ in range(draw.randint(3, 16)))
    if kind < 0.5:
        return draw.choice((" ", "\t", " | ", ", ", ";")).join(_number(draw) for _ in range(draw.randint(4, 30)))
    if kind < 0.55:
        hosts = (_letters(draw, string.ascii_lowercase) for _ in range(draw.randint(1, 4)))
        return " ".join(f"https://{host}.com/{draw.randbytes(4).hex()}" for host in hosts)
    lines = draw.choice(code)
    many = draw.randint(2, 12)
    start = draw.randint(0, max(0, len(lines) - many))
    return " ".join(lines[start : start + many])


def _number(draw: random.Random) -> str:
    forms = (
        str(draw.randint(0, 10 ** draw.randint(1, 8))),
        f"{draw.random() * 10 ** draw.randint(0, 5):.{draw.randint(1, 4)}f}",
        f"{draw.randint(1, 28)}/{draw.randint(1, 12)}/{draw.randint(1980, 2030)}",
        f"{draw.randint(1980, 2030)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}",
        f"{draw.randint(0, 23)}:{draw.randint(0, 59):02}",
        f"{draw.randint(0, 100)}%",
        f"{draw.randint(1, 999)},{draw.randint(0, 999):03}",
    )
    return draw.choice(forms)
