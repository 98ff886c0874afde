"""Code: languages and licenses of real source trees, archives and folders alike; what is no code is accounted for."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tokenize
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from curate.batch import Record, Rejected
from curate.engine.files import find_inputs
from curate.engine.plan import FileRange
from curate.extract.charset import decode
from curate.readers import code
from curate.readers.declared import declared_charset
from curate.readers.languages import language_of, language_table, may_be_code
from curate.readers.licenses import combine, license_in, recognize
from curate.recipe import Source

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
SAMPLE = Path(code.__file__).parents[1] / "recipes" / "quickstart" / "code.tar.gz"
MIT = (
    "Copyright (c) 2024 Someone\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof "
    'this software and associated documentation files (the "Software"), to deal\nin the Software without restriction.\n'
    "The above copyright notice and this permission notice shall be included in all copies.\n"
)


def read(path: Path, *, max_record_bytes: int = 1 << 20) -> list[Record | Rejected]:
    source = Source(name="code", read="code", paths=(str(path),))
    found: list[Record | Rejected] = []
    for file in find_inputs([str(path)], base=path.parent):
        for start, end in code.split_file(file, target_bytes=1):
            found += code.read(FileRange(file, start, end), source=source, max_record_bytes=max_record_bytes)
    return found


def known(found: list[Record | Rejected]) -> dict[str, tuple[str, str | None]]:
    return {
        item.id.removeprefix("code/"): (item.columns["programming_language"], item.columns["license"])
        for item in found
        if isinstance(item, Record)
    }


def lost(found: list[Record | Rejected]) -> dict[str, str]:
    return {item.id.removeprefix("code/"): item.reason for item in found if isinstance(item, Rejected)}


def unpack_sample(folder: Path) -> Path:
    with tarfile.open(SAMPLE) as archive:
        for member in archive:
            target = folder / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            stream = archive.extractfile(member)
            assert stream is not None
            target.write_bytes(stream.read())
    return folder


def test_a_tree_reads_the_same_from_tar_zip_and_folder(tmp_path: Path) -> None:
    from_tar = read(SAMPLE)
    folder = unpack_sample(tmp_path / "tree")
    with zipfile.ZipFile(tmp_path / "tree.zip", "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    from_zip, from_folder = read(tmp_path / "tree.zip"), read(folder)
    as_tar = {name.removeprefix("code.tar.gz@"): columns for name, columns in known(from_tar).items()}
    assert as_tar == {name.removeprefix("tree.zip@"): columns for name, columns in known(from_zip).items()}
    assert as_tar == known(from_folder)
    assert as_tar["networkx/classes/graph.py"] == ("Python", "BSD-3-Clause")
    assert as_tar["lodash/core.min.js"] == ("JavaScript", "MIT")
    assert as_tar["lodash/README.md"] == ("Markdown", "MIT")
    assert lost(from_tar) == {
        "code.tar.gz@lodash/LICENSE": "file_type",
        "code.tar.gz@networkx/LICENSE.txt": "file_type",
    }


def test_the_license_is_that_of_the_nearest_folder_also_where_it_stands_last(tmp_path: Path) -> None:
    files = {
        "a/main.py": b"x = 1\n",
        "a/inner/main.c": b"int x;\n",
        "a/odd/main.c": b"int x;\n",
        "a/own.c": b"/* SPDX-License-Identifier: GPL-2.0+ */\nint x;\n",
        "b/main.go": b"package main\n",
        "a/inner/COPYING": b"GNU LESSER GENERAL PUBLIC LICENSE\n  Version 2.1, February 1999\n",
        "a/odd/LICENSE": b"All rights reserved.",
        "a/LICENSE": MIT.encode(),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            archive.addfile(header, io.BytesIO(data))
    path = tmp_path / "x.tgz"
    path.write_bytes(gzip.compress(packed.getvalue()))
    assert {name.partition("@")[2]: license for name, (_, license) in known(read(path)).items()} == {
        "a/main.py": "MIT",
        "a/inner/main.c": "LGPL-2.1-only",
        "a/odd/main.c": None,
        "a/own.c": "GPL-2.0-or-later",
        "b/main.go": None,
    }


@pytest.mark.parametrize("held_bytes", [0, 3000, 60_000])
def test_an_archive_that_is_too_much_to_hold_is_read_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_bytes: int
) -> None:
    tree = unpack_sample(tmp_path / "tree")
    for number in range(30):
        (tree / f"{number}.py").write_text(f"x = {number}\n" * 200)
    (tree / "zoo").mkdir()
    (tree / "zoo" / "LICENSE.py").write_text("# SPDX-License-Identifier: MIT\n")  # a license and a document, too
    (tree / "zoo" / "COPYING").touch()
    (tree / "notes.bin").write_bytes(bytes(9000))
    for name in ("tree.tar.gz", "tree.zip"):
        path = Path(shutil.make_archive(str(tmp_path / "tree"), {"gz": "gztar", "ip": "zip"}[name[-2:]], tree))
        monkeypatch.undo()
        whole = read(path)
        monkeypatch.setattr(code, "HELD_BYTES", held_bytes)
        assert read(path) == whole
        assert len(known(whole)) > 30


def test_what_is_no_code_is_dropped_with_its_reason(tmp_path: Path) -> None:
    files = {
        "logo.png": b"\x89PNG\r\n",
        "nul.py": b"x = 1\0",
        "noise.c": bytes(range(1, 256)) * 4,
        "empty/__init__.py": b"",
        "README": b"no language is named here\n",
        ".git/hooks/update.py": b"x = 1\n",
        "big.py": b"#" * 5000,
        "latin.py": "# café\n".encode("latin-1") * 40,
        "wide.ps1": "# café\n".encode("utf-16"),
        "run": b"#!/usr/bin/env -S python3.11 -u\nprint()\n",
        "marked.js": b"\xef\xbb\xbfvar x;\n",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = read(tmp_path, max_record_bytes=4000)
    assert lost(found) == {
        "logo.png": "file_type",
        "nul.py": "binary",
        "noise.c": "binary",
        "empty/__init__.py": "empty",
        "README": "file_type",
        ".git/hooks/update.py": "file_type",
        "big.py": "too_big",
    }
    payloads = {item.id: item.payload for item in found if isinstance(item, Record)}
    assert payloads == {
        "code/latin.py": files["latin.py"],
        "code/wide.ps1": "# café\n",
        "code/run": files["run"].decode(),
        "code/marked.js": "var x;\n",
    }
    assert known(found)["run"] == ("Python", None)


@pytest.mark.parametrize(
    ("path", "head", "expected"),
    [
        ("a/x.h", b"struct point { int x; };\n", "C"),
        ("a/x.h", b"#include <vector>\nnamespace a {\n", "C++"),
        ("a/x.h", b"#import <UIKit/UIKit.h>\n@interface A\n", "Objective-C"),
        ("x.m", b"function y = f(x)\n", "MATLAB"),
        ("x.m", b"@implementation A\n", "Objective-C"),
        ("x.pl", b"use strict;\nmy $x = 1;\n", "Perl"),
        ("x.pl", b"mortal(X) :- human(X).\n", "Prolog"),
        ("x.ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>', "XML"),
        ("x.ts", b"export const x: number = 1;\n", "TypeScript"),
        ("x.R", b"x <- 1\n", "R"),
        ("CMakeLists.txt", b"project(x)\n", "CMake"),
        ("notes.txt", b"project(x)\n", None),
        ("bin/tool", b"#!/bin/sh\n", "Shell"),
        ("bin/tool", b"#! /usr/local/bin/perl5.36 -w\n", "Perl"),
        ("bin/tool", b"plain\n", None),
        (".gitignore", b"*.o\n", None),
    ],
)
def test_languages_are_told_by_name_and_content(path: str, head: bytes, expected: str | None) -> None:
    assert language_of(path, head) == expected
    assert may_be_code(path) or expected is None


def test_every_pattern_of_the_table_belongs_to_a_suffix_that_a_language_lists() -> None:
    table = language_table()
    assert len(set(table.suffixes.values())) >= 60
    assert set(table.content) <= set(table.suffixes)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MIT, "MIT"),
        ("Apache License\n                           Version 2.0, January 2004\n" + MIT, "Apache-2.0"),
        ("GNU AFFERO GENERAL PUBLIC LICENSE\nVersion 3, 19 November 2007", "AGPL-3.0-only"),
        (
            "GNU GENERAL PUBLIC LICENSE\nVersion 3, 29 June 2007\n the GNU Affero General Public License",
            "GPL-3.0-only",
        ),
        ("This is free and unencumbered software released into the public domain.", "Unlicense"),
        ("Mozilla Public License Version 2.0\n==========", "MPL-2.0"),
        ("SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note\n", "GPL-2.0-only WITH Linux-syscall-note"),
        ("You may not do anything with this.", None),
    ],
)
def test_licenses_are_told_by_their_opening(text: str, expected: str | None) -> None:
    assert recognize(text) == expected


def test_several_license_files_are_a_choice_or_apply_together() -> None:
    apache = b"Apache License\nVersion 2.0, January 2004"
    lesser, general = b"GNU Lesser General Public License\nVersion 3", b"GNU General Public License\nVersion 3"
    assert combine([("LICENSE-MIT", MIT.encode()), ("LICENSE-APACHE", apache)]) == "Apache-2.0 OR MIT"
    assert combine([("COPYING", general), ("COPYING.LESSER", lesser)]) == "LGPL-3.0-only"
    assert combine([("LICENSE", apache), ("COPYING", MIT.encode())]) == "Apache-2.0 AND MIT"
    assert license_in(b"// SPDX-License-Identifier: (MIT OR Apache-2.0)\n") == "(MIT OR Apache-2.0)"


def test_a_cut_archive_keeps_what_stands_before_the_cut(tmp_path: Path) -> None:
    path = tmp_path / "code.tar.gz"
    path.write_bytes(SAMPLE.read_bytes()[:50_000])
    *kept, last = read(path)
    whole = read(SAMPLE)
    assert 10 < len(kept) < len(whole)
    assert [item.id for item in kept] == [item.id for item in whole[: len(kept)]]
    assert isinstance(last, Rejected)
    assert (last.outcome, last.reason) == ("quarantined", "truncated")


def test_real_trees_in_nine_languages_are_recognized() -> None:
    path = SHARED / "code.tar.gz"
    if not path.exists():
        pytest.skip(f"needs {path.name} of the shared data")
    found = read(path)
    with tarfile.open(path) as archive:
        assert len(found) == sum(not member.isdir() for member in archive)
    languages = Counter(language for language, _ in known(found).values())
    for language in ("Python", "Rust", "Go", "PHP", "Ruby", "R", "TypeScript", "JavaScript", "C"):
        assert languages[language] > 50
    licenses = {name.partition("@")[2]: license for name, (_, license) in known(found).items()}
    assert licenses["code/lodash/chunk.js"] == "MIT"
    assert {license for name, license in licenses.items() if name.startswith("code/django/contrib/gis/gdal/")} == {
        "BSD-3-Clause"
    }
    kernel = [license for name, license in licenses.items() if name.startswith("code/linux/")]
    assert sum(license is not None and "GPL" in license for license in kernel) > len(kernel) * 0.6


SENTENCES = {
    "iso-8859-2": "żółw w Łodzi",
    "cp1250": "žluťoučký kůň",
    "cp1251": "съешь ещё этих мягких булок",
    "koi8-r": "съешь ещё этих мягких булок",
    "shift_jis": "こんにちは世界、テストです",
    "euc-jp": "こんにちは世界、テストです",
    "iso-2022-jp": "こんにちは世界、テストです",
    "gbk": "你好，世界。这是一个测试",
    "big5": "你好，世界。這是一個測試",
    "euc-kr": "안녕하세요 세계",
    "iso-8859-15": "10 € für Œuvres",
    "iso-8859-7": "Καλημέρα κόσμε",
}


@pytest.mark.parametrize("charset", sorted(SENTENCES))
@pytest.mark.parametrize(
    "head", ["# -*- coding: {} -*-\n", "#!/usr/bin/python\n# vim: set fileencoding={} :\n", "\n# encoding: {}\n"]
)
def test_a_python_file_is_read_as_python_reads_it(tmp_path: Path, charset: str, head: str) -> None:
    path = tmp_path / "a.py"
    path.write_bytes((head.format(charset) + f"s = '{SENTENCES[charset]}'\n").encode(charset))
    [record] = read(path)
    assert isinstance(record, Record)
    assert not isinstance(record.payload, tuple)
    payload = record.payload.encode() if isinstance(record.payload, str) else record.payload
    with tokenize.open(path) as file:
        assert decode(payload, declared=record.charset, html=False)[0] == file.read()


@pytest.mark.parametrize(
    ("content", "label"),
    [
        ("/* -*- mode: C; coding: latin-2-unix; tab-width: 8 -*- */\nint a;\n", "latin-2"),
        (";; -*-coding: euc-japan-*-\n(defun a ())\n", "euc-jp"),
        ("int a;\n" * 30 + "// vim: ts=4 fenc=cp1251\n", "cp1251"),
        ("int a;\n" * 30 + "/* Local Variables:\n   mode: C\n   coding: koi8-r\n   End: */\n", "koi8-r"),
        ("\n" * 3 + "// ex: fileencoding=8bit-cp1250:\n", "cp1250"),
        ('@charset "windows-1252";\nbody { }\n', "windows-1252"),
        ("<?xml version='1.0' encoding='iso-8859-1'?>\n<a/>\n", "iso-8859-1"),
        ('<html><head>\n<meta charset="euc-kr">\n', "euc-kr"),
        ('{% load x %}\n<META http-equiv="Content-Type" content="text/html; charset=gb2312">\n', "gb2312"),
        ('<%@ page language="java" pageEncoding="EUC-JP" %>\n', "euc-jp"),
        ("<?php\ndeclare(encoding='ISO-8859-1');\n", "iso-8859-1"),
        ("\\documentclass{a}\n\\usepackage[latin1]{inputenc}\n", "latin1"),
        ("# coding: no-such-thing\n# vim: fenc=cp1250\n", "cp1250"),
        ("int a; // the encoding of a page\n", None),
        ("", None),
    ],
)
def test_what_editors_and_formats_declare_is_found(content: str, label: str | None) -> None:
    assert declared_charset(content.encode()) == label


def test_utf_8_stays_utf_8_whatever_its_head_says(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("# -*- coding: latin-1 -*-\ns = 'żółw'\n", encoding="utf-8")
    [record] = read(path)
    assert isinstance(record, Record)
    assert record.payload == path.read_text(encoding="utf-8")
