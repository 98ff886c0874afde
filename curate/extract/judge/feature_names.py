"""The names of the features, in the order of their columns; the kernels write each group in this order."""

from __future__ import annotations

from curate.extract.judge.kinds import ASKED
from curate.extract.judge.words import PAGE_TYPES
from curate.text.compiled import inner

OWN = (
    *("units", "digits", "capitals", "marks", "stops", "is_ended", "begins"),  # as `measures` has them
    *("link", "links", "bold", "code", "images", "inputs", "breaks", "level", "lists", "quotes", "table", "flags"),
    *("repeats", "repeat", "group_blocks", "group_units", "group_link", "group_place"),
)
"""`link`, `bold` and `code` are per mille of the bytes; `repeat` counts the same text before, `group_place`
the blocks of the same signature (tags and words of the last three levels) before."""
PLACE = (
    *("kind", "parent_kind", "grand_kind", "depth"),
    *(f"in_{kind}" for kind in ASKED),
    *("from_start", "from_end", "relative", "share_before", "units_before", "units_after", "after_h1", "after_last_h1"),
    *("units_since_heading", "last_level", "blocks_since_heading", "blocks_to_heading", "after_first", "after_last"),
    *("below_60", "below_90", "beside_60", "beside_90", "inside_60"),
)
"""`after_…`: blocks since the first and last h1 and paragraph. `…_60`, `…_90`: where the block lies beside the
innermost element that holds 60 and 90 % of the paragraphs: levels apart, before or behind, levels within."""
AROUND = tuple(
    f"{place}_{what}"
    for place in ("first", "second", "third", "fourth")
    for what in ("share", "link", "blocks", "mean", "mass", "before", "behind")
)
"""Of the four innermost ancestors that hold more blocks than the one before."""
WORDS = (
    *("own_sum", "own_min", "own_max", "nearest", "path_min", "path_max", "path_sum"),
    *("article_nearest", "article_min", "article_sum"),
    *("words_1", "words_2", "words_3"),
)
"""Of the block's element, the nearest ancestor that has known words, and all of the way from the root; the same by what
words say on articles alone; and of the way to the first three of `AROUND`."""
OUTLINED = 10
"""So many of them stand in the outline in this order."""
NEIGHBORS = (-2, -1, 1, 2)
BESIDE = (
    *(f"at_{place:+}_{what}" for place in NEIGHBORS for what in ("units", "link", "kind", "words", "sort")),
    *("window_link", "window_units", "link_before", "link_behind"),
)
TITLE = ("of_title", "title_covered")
PAGE = (
    *("page_blocks", "page_units", "page_link", "page_p", "page_items", "page_cells", "page_headings", "page_inputs"),
    *("page_images", "page_mass", "page_paragraphs", "page_longest", "page_articles", "page_h1", "page_words"),
    *(f"like_{kind}" for kind in PAGE_TYPES),
    "og_type",
    "body_only",
)
FEATURES: tuple[str, ...] = (*OWN, *PLACE, *AROUND, *WORDS, *BESIDE, *TITLE, *PAGE)
WIDTH = len(FEATURES)
PLACE_AT = len(OWN)
IN_AT = PLACE_AT + 4
SINCE_AT = IN_AT + len(ASKED)
AROUND_AT = PLACE_AT + len(PLACE)
AROUND_EACH = 7
WORDS_AT = AROUND_AT + len(AROUND)
BESIDE_AT = WORDS_AT + len(WORDS)
TITLE_AT = BESIDE_AT + len(BESIDE)
PAGE_AT = TITLE_AT + len(TITLE)
TO_HEADING = SINCE_AT + 11
"""The column of `blocks_to_heading`, which is written from behind."""
LEVEL_AT = OWN.index("level")
MOST = 32767
NOWHERE = -MOST
"""What a distance is to something that the page has not."""


@inner
def clip(value):
    """A whole number as int16 holds it."""
    return min(max(value, -MOST), MOST)


@inner
def per_mille_of(part, whole):
    return min(1000 * part // max(whole, 1), 1000)
