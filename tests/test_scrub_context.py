"""What looks like an address in code and manuals stays, and addresses in the same places are found."""

from __future__ import annotations

import io
import keyword
import re
import tarfile
import tokenize as python_tokens
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.scrub import emails
from curate.scrub.pii import scrub_texts

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BOTH = ("EMAIL_ADDRESS", "IP_ADDRESS")


def scrub(text: str) -> str:
    return scrub_texts(pl.Series([text]), entities=BOTH)["text"][0]


@pytest.mark.parametrize(
    "text",
    [
        "See image@2x.png, Shape@3x.png, logo@2x.ai and bg@1.5x.webp.",
        "attn = (q@k.transpose(-2, -1)) * scale",
        "y = x@w.to(device) + b@self.bias.to(x.dtype)",
        "A = A@sps.diags_array(C)",
        "out = q@k.T.dot(v)",
        "npm i lodash@4.17.21-beta.1 vue@next.js",
        "yarn add @vue/compiler-sfc@3.2.1 @types/node@14.14.3",
        "pip install numpy@1.0.dev foo@2.0.0.dev1, go get example.org/x@v1.2.3-0.2020.dev",
        "std@0.100.0/http/server.ts and bitflags@2.13.1",
        'open("a@b.py"); import "main@app.rs"',
        "x@y.sh z@w.md i@o.zip",
        "fun f() = this@MainActivity.name ?: return@forEach.id",
        "cells <- pbmc@meta.data; head(pbmc@raw.data)",
        '[NSString stringWithFormat:@"file%@.zip", %@.app]',
        "`(do ~@body.name)",
        "systemctl start wg-quick@wg0.service getty@tty1.service",
        "po/en@boldquot.header, po/ca@valencia.po",
        "KexAlgorithms curve25519-sha256@libssh.org,zlib@openssh.com,aes128-gcm@openssh.com",
        "\\pgf@x.to \\pgfutil@g.id",
        "git clone git@github.com:example/example.git",
        "ssh://git@gitlab.example.com/x/y and git+ssh://git@github.com/npm/cli#v6.0.0",
        "@app.route and @org.junit.Test and @scope/name",
        "me@localhost.localdomain, root@host.local, user@no.domain",
    ],
)
def test_code_that_has_an_at_sign_stays(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Author: Jane <jane@firma.rs>", "# Author: Jane <<EMAIL_ADDRESS>>"),
        ('"author": "Jane Doe <jane@tokio.rs>",', '"author": "Jane Doe <<EMAIL_ADDRESS>>",'),
        ('__author__ = "jane@example.sh"', '__author__ = "<EMAIL_ADDRESS>"'),
        ('MODULE_AUTHOR("J <jane@kernel.example.org>");', 'MODULE_AUTHOR("J <<EMAIL_ADDRESS>>");'),
        (" * @author Jane <git@example.net>", " * @author Jane <<EMAIL_ADDRESS>>"),
        ("Signed-off-by: Jane <jane@example.md>", "Signed-off-by: Jane <<EMAIL_ADDRESS>>"),
        ('print "mail jane\\@example.com";', 'print "mail <EMAIL_ADDRESS>";'),
        ("Jane Doe E<lt>jane@example.comE<gt>", "Jane Doe E<lt><EMAIL_ADDRESS>E<gt>"),
        ("jane@example.com.auE<gt>", "<EMAIL_ADDRESS>E<gt>"),
        ("Kontakt: biuro@firma.pl", "Kontakt: <EMAIL_ADDRESS>"),
        ("biuro@firma.pl | tel. (22) 123 45 67", "<EMAIL_ADDRESS> | tel. (22) 123 45 67"),
        ('{"email": "jan@wp.pl"}', '{"email": "<EMAIL_ADDRESS>"}'),
        ('{"user": "jan@wp.pl", "age": 5}', '{"user": "<EMAIL_ADDRESS>", "age": 5}'),
        ("// TODO(jan@firma.rs): free it;", "// TODO(<EMAIL_ADDRESS>): free it;"),
        ("f(x@uni.ac.rs)", "f(<EMAIL_ADDRESS>)"),
        ("https://user:secret@host.com/path", "https://user:<EMAIL_ADDRESS>/path"),
        ("scp jane@host.example.com:/home/jane .", "scp <EMAIL_ADDRESS>:/home/jane ."),
        ("jane@example.com.Then jane@example.org.It was", "<EMAIL_ADDRESS>.Then <EMAIL_ADDRESS>.It was"),
        ("jane@example.comTel: 5 jane@x.org-based", "<EMAIL_ADDRESS>Tel: 5 <EMAIL_ADDRESS>-based"),
        ("a@b.js@example.org", "a@<EMAIL_ADDRESS>"),
        ("用户@例子.中国谢谢", "<EMAIL_ADDRESS>谢谢"),
        ("почта@пример.РФ и mail@xn--e1afmkfd.xn--p1ai", "<EMAIL_ADDRESS> и <EMAIL_ADDRESS>"),
        ("BOB@EXAMPLE.COM, utvara@eunet.yu", "<EMAIL_ADDRESS>, <EMAIL_ADDRESS>"),
        ("zhang@pku.edu.cn(张三)", "<EMAIL_ADDRESS>(张三)"),
    ],
)
def test_addresses_in_code_and_glued_text_are_found(text: str, expected: str) -> None:
    assert scrub(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "version 4.10.2.1, v4.10.2.1, Upgrade V8 to 9.5.103.30 from 9.4.63.60",
        "Section 22.1.4.1, § 4.2.3.1, rfc5280#section-4.1.2.9, (6.3.4.2절. “자동”)",
        "\t11.1.2.1. Virtual Alias Domains",
        '[assembly: AssemblyVersion("1.0.0.0")] Version=4.0.0.0, Culture=neutral',
        "const EXTENSION_OID = '2.5.29.14';",
        "libfoo.so.1.2.3.4 foo-54.2.3.4.tar.gz zlib 1.2.13.1-motley",
        "Mozilla/5.0 Chrome/120.0.0.0 Safari/537.36",
        "d='18c0 1.52-.87 2.83-2.12 3.51.98.32 2.03.5'",
        "typing-extensions <5.0.0,>=3.7.4.1; x==54.3.4.1",
    ],
)
def test_versions_sections_and_identifiers_stay(text: str) -> None:
    assert scrub(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'74.125.79.104', '74.125.79.105'", "'<IP_ADDRESS>', '<IP_ADDRESS>'"),
        ("www IN A 212.94.201.11", "www IN A <IP_ADDRESS>"),
        ("server 5.9.1.2, 5.9.1.2:443, 5.9.1.0/24", "server <IP_ADDRESS>, <IP_ADDRESS>:443, <IP_ADDRESS>/24"),
        ("from dsl.206.191.151.102.example.net", "from dsl.<IP_ADDRESS>.example.net"),
        ("5.9.1.2 - - [10/Oct/2000:13:55:36]", "<IP_ADDRESS> - - [10/Oct/2000:13:55:36]"),
        ("http://54.12.3.4/path and 服务器4.3.2.1", "http://<IP_ADDRESS>/path and 服务器<IP_ADDRESS>"),
    ],
)
def test_public_ip_addresses_in_configurations_and_logs_are_found(text: str, expected: str) -> None:
    assert scrub(text) == expected


def test_no_matrix_product_of_real_python_is_an_address() -> None:
    names = sorted({word for word in dir(str) + dir(dict) + keyword.kwlist if not word.startswith("_")})
    code = "\n".join(f"y = q@k.{name}(v)[0]" for name in names)
    assert len(list(python_tokens.generate_tokens(io.StringIO(code).readline))) > len(names)
    assert scrub(code) == code


def test_every_top_level_domain_of_the_list_is_one_also_in_its_own_script() -> None:
    lines = emails.TOP_LEVEL_DOMAINS.read_text(encoding="ascii").splitlines()[1:]
    assert len(lines) > 1400
    own = [name.encode().decode("idna") if name.startswith("XN--") else name.lower() for name in lines]
    text = "\n".join(f"Mail: <jane@example.{name}>" for name in [*lines, *own])
    assert scrub(text) == "\n".join(["Mail: <<EMAIL_ADDRESS>>"] * 2 * len(lines))


@pytest.mark.parametrize("unit", ["a@b.js@", "a@b.c", "x@y.com-", "用@例.中国人", "a@b.py ", "1.2.3.4 ", "a.b@c.d."])
def test_many_candidates_that_are_none_are_judged_in_linear_time(unit: str) -> None:
    scrub(unit * 10_000)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from([*"ab@@..-_\\1/:'+é中คД\n (<>", "com", "py", "xn--", "1.2.3.4", "::", "Mail"]), max_size=30
    )
)
def test_nothing_but_addresses_changes_in_any_text(parts: list[str]) -> None:
    text = "".join(parts)
    pieces = re.split(r"<(?:EMAIL|IP)_ADDRESS>", scrub(text))
    assert re.fullmatch(r"[\s\S]+".join(map(re.escape, pieces)), text)
    assert all("@" in gone or "." in gone or ":" in gone for gone in _gone(text, pieces))


def _gone(text: str, pieces: list[str]) -> list[str]:
    found = re.fullmatch(r"([\s\S]+?)".join(map(re.escape, pieces)), text)
    return list(found.groups()) if found else ["nothing fits"]


def test_real_code_loses_only_its_authors_addresses() -> None:
    path = SHARED / "code.tar.gz"
    if not path.is_file():
        pytest.skip("needs ../shared/data/code.tar.gz")
    with tarfile.open(path) as archive:
        files = [archive.extractfile(member).read() for member in archive if member.isfile()]  # type: ignore[union-attr]
    texts = pl.Series([data.decode("utf-8", errors="replace") for data in files])
    found = scrub_texts(texts, entities=BOTH)
    assert found["pii_email_address"].sum() == 627
    assert found["pii_ip_address"].sum() == 4
