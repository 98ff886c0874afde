"""What curate's own extractor took for content on a page, and what for boilerplate: the page read again and judged.

id ─▶ its split ─▶ the record, read from the run's input ─▶ blocks with their scores
"""

from __future__ import annotations

from curate.batch import PAGES, Rejected
from curate.errors import UsageError
from curate.extract.extraction import JudgedBlock
from curate.extract.own import judged_blocks
from curate.report.records import read_again
from curate.run_folder import RunFolder
from curate.steps.chapters import read_split
from curate.steps.extract import markup_of


def page_blocks(run: RunFolder, id: str) -> list[JudgedBlock]:
    """Every block of a page that the run has read, by the record's id.

    Raises:
        UsageError: it is no web page, or another extractor made its text.
        RunConflict: the input is not the one of the run.
    """
    split = run.split_of(id)
    source = run.recipe.source(split.source)
    if "curate" not in source.extractors:
        named = ", ".join(source.extractors)
        raise UsageError(f'blocks are judged by extract = "curate"; the text of {source.name} was made by {named}')
    again = read_again([split], run.recipe, source, [id])  # quick, where one record can be read by itself
    record = next(again, None) or next(each for each in read_split(split, source, run.recipe) if each.id == id)
    page = markup_of(record)
    if page is None:
        media = "no document" if isinstance(record, Rejected) else record.media
        raise UsageError(f"{id} is {media}; only web pages ({', '.join(PAGES)}) have blocks")
    return judged_blocks(page, title=source.title)
