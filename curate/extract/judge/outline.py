"""The outline of a page: for each element its kind and its place among others, and the running sums of its blocks.

    blocks ─▶ measures ─▶ running sums ─▶ sums of any element, as its blocks are FIRST_BLOCK to LAST_BLOCK
    elements, from the root on ─▶ kind, mask, signature, odds of words ─▶ the same of the way from the root

All of it is linear: what is asked of ancestors is handed down, never searched for.
"""

from __future__ import annotations

import numpy as np

from curate.extract.judge.kinds import ARTICLE, IN_CELL, IN_H1, IN_ITEM, IN_P
from curate.extract.judge.measures import UNITS, measure_text
from curate.extract.judge.words import CONTENT, FIRST_TYPE, IN_ARTICLES, ODDS_WIDTH, find_word
from curate.extract.scan.columns import (
    BEGIN,
    BLOCK_WIDTH,
    DEPTH,
    ELEMENT,
    ELEMENT_WIDTH,
    END,
    FIRST_BLOCK,
    FIRST_WORD,
    IMAGES,
    INPUTS,
    LAST,
    LAST_BLOCK,
    LAST_WORD,
    LEVEL,
    LINK_BYTES,
    PARENT,
    TAG,
)
from curate.text.compiled import inner, part

# Columns of `outline`, int32[elements, OUTLINE_WIDTH].
(KIND, UP, OWN_SUM, OWN_MIN, OWN_MAX, NEAREST, PATH_MIN, PATH_MAX, PATH_SUM) = range(9)
(ARTICLE_NEAREST, ARTICLE_MIN, ARTICLE_SUM, SHARED_60, SHARED_90) = range(9, 14)
OUTLINE_WIDTH = 14
# Columns of `measures`, int32[blocks + 1, MEASURES_WIDTH]: seven of `measure_text`, then sums of all blocks before.
(UNITS_BEFORE, BYTES_BEFORE, LINKED_BEFORE, MASS_BEFORE, TEXT_SLOT, GROUP_SLOT) = range(7, 13)
MEASURES_WIDTH = 13
# Columns of `page`, int64[PAGE_WIDTH].
(IN_P_UNITS, IN_ITEM_UNITS, IN_CELL_UNITS, HEADINGS, FIELDS, PICTURES, PARAGRAPHS, LONGEST, ARTICLES) = range(9)
(FIRST_H1, LAST_H1, FIRST_LONG, LAST_LONG, MIDDLE_60, MIDDLE_90, KNOWN_WORDS, TYPE_SUMS) = range(9, 17)
PAGE_WIDTH = TYPE_SUMS + ODDS_WIDTH - FIRST_TYPE

MIN_PARAGRAPH_UNITS = 80
MAX_PARAGRAPH_LINKS = 300
"""In per mille: a block of more units and less text in links is taken for a paragraph, whatever its tag is."""
KIND_PRIME, WORD_PRIME = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
LEVEL_PRIME = np.uint64(31)
ONE = np.uint64(1)


@part
def measure_blocks(blocks, text, first, last, measures, hashes):
    """Measure the text of each block, and sum up; row `last - first` has the sums of the page."""
    units = size = linked = mass = 0
    for block in range(first, last + 1):
        row = (block - first) * MEASURES_WIDTH
        measures[row + UNITS_BEFORE], measures[row + BYTES_BEFORE] = units, size
        measures[row + LINKED_BEFORE], measures[row + MASS_BEFORE] = linked, mass
        if block < last:
            at = block * BLOCK_WIDTH
            begin, end = blocks[at + BEGIN], blocks[at + END]
            hashes[block - first] = measure_text(text, begin, end, measures, row)
            units += measures[row + UNITS]
            size += end - begin
            linked += min(blocks[at + LINK_BYTES], end - begin)
            mass += measures[row + UNITS] if is_paragraph(blocks, at, measures[row + UNITS]) else 0


@part
def is_paragraph(blocks, at, units):
    size = max(blocks[at + END] - blocks[at + BEGIN], 1)
    return units >= MIN_PARAGRAPH_UNITS and 1000 * blocks[at + LINK_BYTES] < MAX_PARAGRAPH_LINKS * size


@part
def outline_elements(elements, words, first, last, kinds, keys, odds, slots, seen, outline, masks, signs, page):
    """Fill `outline`, `masks` and `signs` for the elements `first:last`; parents stand before their children.

    `seen` int32[slots] has `first + 1` for the words that this page had before, as no other page begins there.
    """
    for element in range(first, last):
        at, row = element * ELEMENT_WIDTH, (element - first) * OUTLINE_WIDTH
        kind = kinds[elements[at + TAG]]
        sign = np.uint64(kind + 1) * KIND_PRIME
        total = least = most = on_articles = least_on_articles = 0
        for number in range(elements[at + FIRST_WORD], elements[at + LAST_WORD]):
            word = words[number]
            sign += np.uint64(word) * WORD_PRIME  # a sum: the order of words in a class says nothing
            slot = find_word(keys, slots - 1, word)
            if keys[slot] != 0:
                value = odds[slot * ODDS_WIDTH + CONTENT]
                total, least, most = total + value, min(least, value), max(most, value)
                value = odds[slot * ODDS_WIDTH + IN_ARTICLES]
                on_articles, least_on_articles = on_articles + value, min(least_on_articles, value)
                page[KNOWN_WORDS] += 1
                if seen[slot] != first + 1:
                    seen[slot] = first + 1
                    for kind_of_page in range(ODDS_WIDTH - FIRST_TYPE):
                        page[TYPE_SUMS + kind_of_page] += odds[slot * ODDS_WIDTH + FIRST_TYPE + kind_of_page]
        outline[row + KIND], outline[row + OWN_SUM] = kind, total
        outline[row + OWN_MIN], outline[row + OWN_MAX] = least, most
        outline[row + ARTICLE_SUM], outline[row + ARTICLE_MIN] = on_articles, least_on_articles
        page[ARTICLES] += kind == ARTICLE
        _hand_down(elements, first, element, outline, masks, signs, sign)


@inner
def _hand_down(elements, first, element, outline, masks, signs, sign):
    """What the way from the root says: its kinds, its words, and the signature of the last three levels."""
    row, here = (element - first) * OUTLINE_WIDTH, element - first
    parent = elements[element * ELEMENT_WIDTH + PARENT]
    masks[here] = ONE << np.uint64(outline[row + KIND])
    signs[2 * here] = signs[2 * here + 1] = sign
    outline[row + PATH_MIN], outline[row + PATH_MAX] = outline[row + OWN_MIN], outline[row + OWN_MAX]
    outline[row + PATH_SUM] = outline[row + NEAREST] = outline[row + OWN_SUM]
    outline[row + ARTICLE_NEAREST] = outline[row + ARTICLE_SUM]
    outline[row + UP] = -1
    if parent < first:  # the root
        return
    above, up = (parent - first) * OUTLINE_WIDTH, parent - first
    masks[here] |= masks[up]
    grandparent = elements[parent * ELEMENT_WIDTH + PARENT]
    further = signs[2 * (grandparent - first)] if grandparent >= first else sign
    signs[2 * here + 1] = max(sign + LEVEL_PRIME * (signs[2 * up] + LEVEL_PRIME * further), ONE)  # 0 is a free slot
    outline[row + PATH_MIN] = min(outline[row + PATH_MIN], outline[above + PATH_MIN])
    outline[row + PATH_MAX] = max(outline[row + PATH_MAX], outline[above + PATH_MAX])
    outline[row + PATH_SUM] += outline[above + PATH_SUM]
    outline[row + ARTICLE_MIN] = min(outline[row + ARTICLE_MIN], outline[above + ARTICLE_MIN])
    outline[row + ARTICLE_SUM] += outline[above + ARTICLE_SUM]
    if outline[row + ARTICLE_NEAREST] == 0:
        outline[row + ARTICLE_NEAREST] = outline[above + ARTICLE_NEAREST]
    if outline[row + OWN_SUM] == 0:
        outline[row + NEAREST] = outline[above + NEAREST]
    has_more = blocks_in(elements, parent) > blocks_in(elements, element)
    outline[row + UP] = up if has_more else outline[above + UP]


@inner
def blocks_in(elements, element):
    return elements[element * ELEMENT_WIDTH + LAST_BLOCK] - elements[element * ELEMENT_WIDTH + FIRST_BLOCK]


@inner
def sum_in(elements, element, first_block, measures, column):
    """The sum of a running column over the blocks inside an element."""
    at = element * ELEMENT_WIDTH
    last, begin = elements[at + LAST_BLOCK] - first_block, elements[at + FIRST_BLOCK] - first_block
    return measures[last * MEASURES_WIDTH + column] - measures[begin * MEASURES_WIDTH + column]


@part
def find_middle(elements, first, last, first_block, blocks, measures, tenths):
    """The innermost element that holds so many tenths of the page's paragraphs; the root where there are none.

    More than half of something lies in at most one child, so such elements are a chain, its end the last in order.
    """
    middle, whole = first, measures[blocks * MEASURES_WIDTH + MASS_BEFORE]
    if whole > 0:
        for element in range(first, last):
            if 10 * sum_in(elements, element, first_block, measures, MASS_BEFORE) >= tenths * whole:
                middle = element
    return middle


@part
def share_ways(elements, first, last, middle, outline, column):
    """For each element the depth at which its way from the root leaves the way to `middle`."""
    end = elements[middle * ELEMENT_WIDTH + LAST]
    for element in range(first, last):
        at, row = element * ELEMENT_WIDTH, (element - first) * OUTLINE_WIDTH
        is_on_way = element <= middle and elements[at + LAST] >= end
        parent = elements[at + PARENT]
        outline[row + column] = (
            elements[at + DEPTH] if is_on_way or parent < first else outline[(parent - first) * OUTLINE_WIDTH + column]
        )


@part
def sum_up(blocks, elements, first_block, count, first_element, measures, masks, page):
    """How much of the page stands in which elements, and where its paragraphs and its title begin and end."""
    page[FIRST_H1] = page[LAST_H1] = page[FIRST_LONG] = page[LAST_LONG] = -1
    for block in range(count):
        at, row = (first_block + block) * BLOCK_WIDTH, block * MEASURES_WIDTH
        units, mask = measures[row + UNITS], masks[blocks[at + ELEMENT] - first_element]
        page[IN_P_UNITS] += units if mask & IN_P else 0
        page[IN_ITEM_UNITS] += units if mask & IN_ITEM else 0
        page[IN_CELL_UNITS] += units if mask & IN_CELL else 0
        page[HEADINGS] += blocks[at + LEVEL] > 0
        page[FIELDS] += blocks[at + INPUTS]
        page[PICTURES] += blocks[at + IMAGES]
        page[LONGEST] = max(page[LONGEST], units)
        if mask & IN_H1:
            page[FIRST_H1] = block if page[FIRST_H1] < 0 else page[FIRST_H1]
            page[LAST_H1] = block
        if is_paragraph(blocks, at, units):
            page[PARAGRAPHS] += 1
            page[FIRST_LONG] = block if page[FIRST_LONG] < 0 else page[FIRST_LONG]
            page[LAST_LONG] = block
