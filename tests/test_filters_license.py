"""curate.filters.license: SPDX expressions against the list of permissive licenses."""

from __future__ import annotations

import polars as pl
import pytest

from curate.filters.license import PERMISSIVE, is_allowed, license


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("MIT OR GPL-2.0-only", True),
        ("MIT AND GPL-2.0-only", False),
        ("(MIT OR GPL-2.0-only) AND Apache-2.0", True),
        ("MIT OR Apache-2.0 AND GPL-2.0-only", True),
        ("GPL-2.0-only OR Apache-2.0 AND GPL-2.0-only", False),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", False),
        ("", False),
        ("MIT AND", False),
        ("(MIT", True),
    ],
)
def test_an_expression_is_allowed_if_listed_licenses_can_meet_it(expression: str, expected: bool) -> None:
    assert is_allowed(expression, frozenset(PERMISSIVE)) is expected


def test_files_without_a_known_license_go_unless_told_otherwise() -> None:
    batch = pl.DataFrame({"license": ["MIT", None, "GPL-3.0-only", "MIT"]})
    for keep_unknown, expected in ((False, [True, False, False, True]), (True, [True, True, False, True])):
        step = license(keep_unknown=keep_unknown)
        assert step.measure is not None
        assert step.measure(batch).select(step.rules[0].keep).to_series().to_list() == expected


def test_a_source_that_knows_no_licenses_has_unknown_ones() -> None:
    step = license()
    assert step.measure is not None
    assert step.measure(pl.DataFrame({"text": ["a"]}))["license_allowed"].to_list() == [None]


def test_no_copyleft_license_is_on_the_list() -> None:
    copyleft = ("GPL", "AGPL", "LGPL", "MPL", "EPL", "CDDL", "EUPL", "CC-BY-SA")
    assert not [name for name in PERMISSIVE if name.startswith(copyleft)]
