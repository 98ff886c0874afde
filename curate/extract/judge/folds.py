"""Folds of gold pages that keep sites apart: what a site looks like is learned from others, or not at all.

URL ─▶ registrable domain ─▶ a hash ─▶ fold: the same whatever other pages there are
"""

from __future__ import annotations

import hashlib

from curate.extract.judge.golds import GoldPage


def site_of(page: GoldPage) -> str:
    """The registrable domain of a page's URL, by the public suffix list; its name, if it has none."""
    from courlan import extract_domain

    return (extract_domain(page.url, fast=False) if page.url else None) or page.name


def fold_of(site: str, folds: int, salt: str = "") -> int:
    """The number of a site's fold, 0 to `folds` - 1; with another salt, another division."""
    digest = hashlib.sha256(f"{salt}/{site}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % folds
