"""Secrets in code: keys of providers, private keys, assigned passwords; examples, names and hashes are none."""

from __future__ import annotations

import random
import re
import string
import tarfile
from pathlib import Path
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.scrub.pii import scrub_texts
from curate.scrub.secret_kinds import KINDS
from curate.scrub.secret_values import is_password, is_token
from curate.scrub.secrets import CAN_HOLD, find_secrets

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
LINE = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"
KEY = "-----BEGIN {0}PRIVATE KEY{1}-----\n" + f"{LINE}\n" * 4 + "AAAEB=\n-----END {0}PRIVATE KEY{1}-----"


def found(text: str) -> list[str]:
    """As it is found in a column: what the cheap test does not let through is not found."""
    if not pl.Series([text]).str.contains(CAN_HOLD)[0]:
        return []
    return [text[start:end] for start, end in find_secrets(text)]


def drawn(pattern: Any, chance: random.Random) -> str:
    """Some text that a pattern of `re` matches."""
    made = ""
    for kind, of in parser.parse(pattern) if isinstance(pattern, str) else pattern:
        if kind is codes.LITERAL:
            made += chr(of)
        elif kind is codes.IN:
            made += chance.choice(signs(of))
        elif kind is codes.MAX_REPEAT:
            made += "".join(drawn(of[2], chance) for _ in range(chance.randint(of[0], min(of[1], of[0] + 5))))
        elif kind is codes.SUBPATTERN:
            made += drawn(of[3], chance)
        elif kind is codes.BRANCH:
            made += drawn(chance.choice(of[1]), chance)
        else:
            raise NotImplementedError(kind)
    return made


def signs(of: Any) -> str:
    if of[0][0] is codes.NEGATE:
        return string.ascii_letters + string.digits + "!#%&*+-.:;=@^_~"
    classes = {
        codes.CATEGORY_DIGIT: string.digits,
        codes.CATEGORY_WORD: string.ascii_letters,
        codes.CATEGORY_SPACE: " ",
    }
    made = ""
    for kind, value in of:
        if kind is codes.RANGE:
            made += "".join(map(chr, range(value[0], value[1] + 1)))
        else:
            made += classes[value] if kind is codes.CATEGORY else chr(value)
    return made


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_providers_keys_are_found_whole(kind: Any) -> None:
    chance, missed = random.Random(kind.name), []
    for _ in range(40):
        key = drawn(kind.pattern, chance)
        text = f"s = '?{key}' # ü" if kind.name.startswith("Azure shared") else f"s = '{key}' # ü"
        value = re.search(kind.pattern, key)
        assert value is not None
        if not any(value[value.lastindex or 0].lstrip(".~") in secret for secret in found(text)):
            missed.append(text)
    assert len(missed) <= 1, missed


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("DB_PASSWORD=Zk8#pq2!vv\nDEBUG=true", "Zk8#pq2!vv"),
        ("  password: kT9$wq2!xB  # prod", "kT9$wq2!xB"),
        ('password = "S3cur3&Lock"', "S3cur3&Lock"),
        ("export API_TOKEN=8sK2jd93mXq0Lw7fZpT4", "8sK2jd93mXq0Lw7fZpT4"),
        ("{'client_secret': '48aaa5748ba571fb95cd2c85c09f6292'}", "48aaa5748ba571fb95cd2c85c09f6292"),
        ("$config['api_key'] = 'mXq0Lw7fZpT48sK2jd93';", "mXq0Lw7fZpT48sK2jd93"),
        ('apiKey: "mXq0Lw7fZpT48sK2jd93",', "mXq0Lw7fZpT48sK2jd93"),
        ("define('AUTH_KEY',  '70(F%2@T[|+ynSGHv#sFe60_Wa70K~C_9r*e!3B');", "70(F%2@T[|+ynSGHv#sFe60_Wa70K~C_9r*e!3B"),
        ('curl -H "Authorization: Bearer 8sK2jd93mXq0Lw7fZpT4"', "8sK2jd93mXq0Lw7fZpT4"),
        ("postgres://app:s9Kd_2lqPz@db.internal/x", "s9Kd_2lqPz"),
        (
            "//registry.npmjs.org/:_authToken=1f3a9bc2-77de-4f0a-9c11-1d2e3f4a5b6c",
            "1f3a9bc2-77de-4f0a-9c11-1d2e3f4a5b6c",
        ),
        (
            "aws_secret_access_key = wJalrXUtnFEMI8K7MDENGxbPxRfiCYzz1plmKEYq",
            "wJalrXUtnFEMI8K7MDENGxbPxRfiCYzz1plmKEYq",
        ),
        ('SECRET_KEY = "p2(x)9k#q!w7zr^v0b_m4&y8+t3=h5*j1@dfg6-ln"', "p2(x)9k#q!w7zr^v0b_m4&y8+t3=h5*j1@dfg6-ln"),
    ],
)
def test_what_is_assigned_to_the_name_of_a_secret_is_one(text: str, secret: str) -> None:
    assert found(text) == [secret]
    assert found(f"日本 ü\n{text}\nend") == [secret]


@pytest.mark.parametrize(
    "text",
    [
        "password = 'changeme'",
        "password = 'correct horse battery staple'",
        'password = "xxxxxxxxxxxx"',
        "password = get_password(user)",
        "password_field = 'new_password2'",
        "token = os.environ['TOKEN']",
        "token = 'csrf-token-value-of-form'",
        'api_key = "{{ api_key }}"',
        'api_key = "${API_KEY_2}"',
        'api_key = "<your-api-key-0>"',
        'api_key = "YOUR_API_KEY_123456"',
        'api_key = "settings.API_KEY2"',
        'secret_file = "/etc/ssl/private/Key1.pem"',
        'token_id = "123e4567-e89b-12d3-a456-426614174000"',
        "commit = '48aaa5748ba571fb95cd2c85c09f629215d3a6ec'",
        'next_token: "eyJOZXh0VG9rZW4iOiBudWxsLCAi"',
        '"PasswordLastUsed": "2016-09-08T21:47:36Z"',
        "key = AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_000000000000000000000000000000000000",
        "https://user:password@example.org/",
        "https://user:$PASS@host/",
        "see -----BEGIN PRIVATE KEY-----\nMII...\n-----END PRIVATE KEY-----",
        "-----BEGIN PUBLIC KEY-----\n" + f"{LINE}\n" * 4 + "-----END PUBLIC KEY-----",
        "The secret of a good password: it is long, and 1 of 2 is enough.",
        "parseTokenFromAuthorizationHeader, MarshalPKCS1PrivateKey",
    ],
)
def test_placeholders_names_and_public_things_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("kind", [("", ""), ("RSA ", ""), ("OPENSSH ", ""), ("ENCRYPTED ", ""), ("PGP ", " BLOCK")])
def test_a_private_key_is_found_from_its_first_line_to_its_last(kind: tuple[str, str]) -> None:
    key = KEY.format(*kind)
    assert found(f"the key:\n{key}\nis here") == [key]
    escaped = key.replace("\n", "\\n")
    assert found(f'"private_key": "{escaped}",') == [escaped]


def test_a_private_key_that_is_cut_off_goes_as_far_as_its_lines() -> None:
    key = KEY.format("RSA ", "").partition("AAAEB")[0].rstrip()
    assert found(f"{key}\n\ndef function():\n    pass") == [key]
    assert found(f"{key}\n{KEY.format('', '')}") == [key, KEY.format("", "")]


def test_a_secret_becomes_its_name_and_is_counted() -> None:
    texts = pl.Series(["token = '8sK2jd93mXq0Lw7fZpT4'", None, "nothing"])
    scrubbed = scrub_texts(texts, entities=["EMAIL_ADDRESS", "SECRET"])
    assert scrubbed["text"].to_list() == ["token = '<SECRET>'", None, "nothing"]
    assert scrubbed["pii_secret"].to_list() == [1, 0, 0]


ALPHABETS = {
    "base62": (string.ascii_letters + string.digits, 0.97),
    "small": (string.ascii_lowercase + string.digits, 0.93),
    "base32": ("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 0.85),
    "hex": ("0123456789abcdef", 0.97),
}


@pytest.mark.parametrize("name", ALPHABETS)
def test_what_chance_writes_is_a_token_and_names_of_code_are_none(name: str) -> None:
    letters, share = ALPHABETS[name]
    chance = random.Random(name)
    made = ["".join(chance.choices(letters, k=size)) for size in (24, 32, 40) for _ in range(200)]
    assert sum(map(is_token, made)) >= share * len(made)
    names = [word for word in dir(pl.Expr) + dir(pl.DataFrame) + dir(str) + dir(Path) + dir(parser) if len(word) > 7]
    assert sum(is_token(word) or is_password(word) for word in names) == 0


WORDS = [
    *" \n:=\"'@/-_.éx9A",
    "password",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    LINE,
    "AKIA",
    "://",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join))
def test_any_text_has_spans_within_it(text: str) -> None:
    spans = list(find_secrets(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert spans == sorted(spans)


PIECES = [
    "password=",
    "-----BEGIN PRIVATE KEY-----\n",
    "://a:",
    "eyJ",
    'token = "',
    "sl.",
    "pat",
    "a1" * 8 + ".",
    "AKIA",
]
PIECES += [
    "authorization: bearer ",
    "A" * 76 + "AZDO",
    "x" * 23 + ".",
    "-----END PRIVATE KEY-----",
    "secret: a\n",
    "0" * 32,
]
PIECES += [kind.prefix for kind in KINDS if kind.prefix.isascii() and not set("[(|?") & set(kind.prefix)]


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_repetition_is_searched_in_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))  # quadratic engines take minutes here
    assert list(find_secrets(text)) == []


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/data/code.tar.gz")
def test_there_are_no_secrets_in_the_shared_code() -> None:
    with tarfile.open(SHARED / "code.tar.gz") as tar:
        files = [tar.extractfile(each).read() for each in tar if each.isfile()]  # type: ignore[union-attr]
    texts = pl.Series([data.decode("utf-8", errors="ignore") for data in files])
    assert scrub_texts(texts, entities=["SECRET"])["pii_secret"].sum() == 0
