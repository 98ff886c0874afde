"""What letters that were scanned need before a model reads them."""

import re

import polars as pl

import curate

PAGE_MARK = re.compile(r"(?m)^\s*(?:- \d+ -|\[page \d+\]|LETTERS FROM THE COAST)\s*\n")


@curate.transform
def without_page_marks(document: curate.Document) -> str:
    """The text without page numbers and running heads, which stand in lines of their own."""
    return PAGE_MARK.sub("", document.text)


@curate.signal(dtype=pl.Float32)
def figures_per_line(batch: pl.DataFrame) -> pl.Series:
    """Numbers per line: a letter has few, a list of goods one or more in each line."""
    lines = batch["text"].str.count_matches("\n") + 1
    return batch["text"].str.count_matches(r"\d+") / lines
