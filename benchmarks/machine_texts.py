"""What programs write: directory listings, logs, tables of numbers, encoded data, price lists, menus, all made up.

seed ─▶ a kind after the other ─▶ lines of it ─▶ (kind, text)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ENDS = ("txt", "tar.gz", "zip", "html", "pdf", "jpg", "py", "deb", "iso", "log", "conf", "tar.xz", "mp3", "csv")
HEADS = ("Name  Last modified  Size  Description", "Name\tSize\tDate", "../", "Filename | Size | Modified")
# fmt: off
NAMES = (
    "file", "data", "image", "report", "kernel", "readme", "index", "backup", "photo", "video", "music", "letter",
    "invoice", "manual", "guide", "notes", "draft", "final", "archive", "release", "source", "project", "test", "old",
    "new", "summer", "holiday", "budget", "plan", "model", "table", "chapter", "paper", "user", "home", "local",
    "linux", "debian", "windows", "driver", "font", "icon", "logo", "screen", "page", "site", "server", "client",
    "network", "system", "package", "library", "config",
)
# fmt: on
MENU = ("Home", "About", "Contact", "Login", "Products", "Services", "Blog", "News", "Help", "FAQ", "Terms", "Search")


def machine_texts(dice: random.Random, count: int) -> Iterator[tuple[str, str]]:
    """`count` texts, one kind after the other: (kind, text)."""
    for number in range(count):
        kind, make = MACHINES[number % len(MACHINES)]
        lines = [make(dice) for _ in range(dice.randrange(3, 80))]
        if kind in ("files", "folders") and dice.random() < 0.4:
            lines = [f"Index of /{_stem(dice)}/{_stem(dice)}", dice.choice(HEADS), "Parent Directory", *lines]
        yield kind, "\n".join(lines)


def _stem(dice: random.Random) -> str:
    if dice.random() < 0.6:
        return dice.choice(NAMES)
    return "".join(dice.choice("bcdfghklmnprstvw") + dice.choice("aeiou") for _ in range(dice.randrange(1, 4)))


def _file(dice: random.Random) -> str:
    return f"{_stem(dice)}{dice.choice('-_.')}{_stem(dice)}{dice.randrange(100)}.{dice.choice(ENDS)}"


def _folder(dice: random.Random) -> str:
    """One format after another: what stands in them is the same."""
    name = dice.choice((_file(dice), f"{_stem(dice)}/", f"{_stem(dice)}-{dice.randrange(100):03}.{dice.choice(ENDS)}"))
    size = dice.choice((f"{dice.randrange(10**6)}", f"{dice.randrange(900)}K", f"{dice.randrange(90) / 10}M", "-"))
    year, month, day = dice.randrange(1998, 2026), dice.randrange(1, 13), dice.randrange(1, 29)
    date = dice.choice(
        (f"{year}-{month:02}-{day:02}", f"{day:02}-{dice.choice(MONTHS)}-{year}", f"{month}/{day}/{year}")
    )
    return dice.choice(("  ", "\t", " | ", "   ")).join(
        dice.choice(((name, date, size), (date, size, name), (name, size)))
    )


def _date(dice: random.Random) -> str:
    month, clock = dice.choice(MONTHS), f"{dice.randrange(24):02}:{dice.randrange(60):02}"
    return f"{dice.randrange(1, 29):02}-{month}-{dice.randrange(1998, 2026)} {clock}"


def _listed(dice: random.Random) -> str:
    size = dice.choice((f"{dice.randrange(10**7)}", f"{dice.randrange(900)}K", f"{dice.randrange(90) / 10}M"))
    if dice.random() < 0.5:
        return f"{_file(dice):<40} {_date(dice)} {size:>10}"
    return f"-rw-r--r--  1 {_stem(dice)} {_stem(dice)} {size:>9} {_date(dice)[3:]} {_file(dice)}"


def _logged(dice: random.Random) -> str:
    level = dice.choice(("INFO", "WARN", "ERROR", "DEBUG"))
    code = dice.randrange(16**8)
    at = f"{_date(dice)}:{dice.randrange(60):02} [{level}]"
    return f"{at} {_stem(dice)}.{_stem(dice)}: {_stem(dice)} {_file(dice)} id=0x{code:08x}"


def _counted(dice: random.Random) -> str:
    sign = dice.choice(("\t", " ", ",", ";", " | "))
    return sign.join(f"{dice.gauss(0, 1000):.{dice.randrange(4)}f}" for _ in range(dice.randrange(4, 12)))


def _encoded(dice: random.Random) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return "".join(dice.choices(letters, k=dice.choice((64, 76))))


def _priced(dice: random.Random) -> str:
    product = f"{_stem(dice).title()} {_stem(dice).upper()}-{dice.randrange(9999)}"
    return dice.choice(
        (f"{product} ${dice.randrange(999)}.99 Add to cart", f"{product} ({dice.randrange(99)} reviews)")
    )


def _linked(dice: random.Random) -> str:
    return dice.choice((" | ", " » ", "\n", "  •  ")).join(dice.sample(MENU, k=dice.randrange(3, 9)))


MACHINES: tuple[tuple[str, Callable[[random.Random], str]], ...] = (
    ("files", _listed),
    ("folders", _folder),
    ("log", _logged),
    ("numbers", _counted),
    ("encoded", _encoded),
    ("prices", _priced),
    ("links", _linked),
)
