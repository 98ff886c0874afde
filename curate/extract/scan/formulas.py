"""Formulas as their TeX, once. Pages hold one as TeX, as MathML and as it is drawn.

    <math alttext=…>, <annotation encoding="application/x-tex"> ─▶ \\(…\\) in place of the text of the MathML
    <script type="math/tex; mode=display">                      ─▶ \\[…\\] (MathJax 2)
    katex-html, MathJax and other drawings of the same          ─▶ nothing

MathML without TeX is its text. Delimiters are those of LaTeX.
"""

from __future__ import annotations

from curate.extract.scan.attributes import begin_of, end_of, has
from curate.extract.scan.characters import write_character
from curate.extract.scan.columns import DROPPED
from curate.extract.scan.names import attribute_ids, tag_ids
from curate.extract.scan.references import read_reference
from curate.extract.scan.room import (
    AT_FLAGS,
    BREAKS_AHEAD,
    HAS_TEX_SCRIPT,
    IS_DISPLAY,
    LAST_FORMULA,
    MATH_BLOCK,
    MATH_SPACE,
    MATH_TEXT,
    N_BLOCKS,
    N_TEXT,
    RUN,
    SOURCE_END,
    SPACE,
    STACK_WIDTH,
    TEX_BEGIN,
    TEX_END,
    TOP,
    data_of,
    reference_codes_of,
    reference_keys_of,
    stack_of,
    state_of,
    text_of,
    windows_of,
)
from curate.extract.scan.search import find_byte, is_here, is_space, skip_space, word
from curate.extract.scan.text import AND, BLANK_BYTE, LESS, NEWLINE, count_bytes
from curate.text.compiled import inner, part

CLASS, ALTTEXT, DATA_LATEX, DISPLAY, ENCODING = attribute_ids("class alttext data-latex display encoding")
SPAN, DIV = tag_ids("span div")
BACKSLASH, OPEN, CLOSE, OPEN_SQUARE, CLOSE_SQUARE, CLOSE_CURLY, SLASH = b"\\()[]}/"
TEX, BLOCK_WORD, MATH_TEX, MODE = word("application/x-tex"), word("block"), word("math/tex"), word("mode=display")
DISPLAY_STYLE, CDATA, CDATA_END = word("{\\displaystyle"), word("<![cdata["), word("]]>")
KATEX, WIKI, MATHJAX, CHTML, MJXC = (
    word("katex-html"),
    word("mwe-math-mathml"),
    word("mathjax"),
    word("mjx-chtml"),
    word("mjxc-display"),
)
UNDERSCORE, PERCENT = 0x5F, 0x25
UNKNOWN, NO, YES = range(3)


@part
def begin_formula(room):
    """A math element was entered: its text may be replaced once it ends."""
    state = state_of(room)
    if state[BREAKS_AHEAD] and state[N_TEXT] > state[RUN]:
        text_of(room)[state[N_TEXT]] = NEWLINE
        state[N_TEXT] += 1
    state[BREAKS_AHEAD] = 0
    state[MATH_TEXT], state[MATH_BLOCK], state[MATH_SPACE] = state[N_TEXT], state[N_BLOCKS], state[SPACE]
    state[TEX_BEGIN] = state[TEX_END] = state[IS_DISPLAY] = 0
    for attribute in (ALTTEXT, DATA_LATEX):
        if has(room, attribute):
            state[TEX_BEGIN], state[TEX_END] = begin_of(room, attribute), end_of(room, attribute)
    if has(room, DISPLAY):
        state[IS_DISPLAY] = is_here(data_of(room), begin_of(room, DISPLAY), end_of(room, DISPLAY), BLOCK_WORD)


@part
def note_annotation(room, close):
    """An annotation begins; the formula's TeX, if it is that."""
    if has(room, ENCODING) and is_here(data_of(room), begin_of(room, ENCODING), end_of(room, ENCODING), TEX):
        end = find_byte(data_of(room), close, state_of(room)[SOURCE_END], LESS)
        if skip_space(data_of(room), close, end) < end:
            state_of(room)[TEX_BEGIN], state_of(room)[TEX_END] = close, end


@part
def end_formula(room):
    """A math element ends, and is the innermost: its TeX replaces what was written since it began."""
    state = state_of(room)
    if stack_of(room)[state[TOP] * STACK_WIDTH + AT_FLAGS] & DROPPED:
        return
    # A block in the formula, which is none of mathematics, has ended the run: then all stays as it is.
    if state[TEX_END] > state[TEX_BEGIN] and state[MATH_BLOCK] == state[N_BLOCKS] and state[RUN] <= state[MATH_TEXT]:
        state[N_TEXT], state[SPACE] = state[MATH_TEXT], state[MATH_SPACE]
        write_tex(room, state[TEX_BEGIN], state[TEX_END], state[IS_DISPLAY])
    state[LAST_FORMULA] = state[N_TEXT]
    state[TEX_BEGIN] = state[TEX_END] = 0


@part
def write_tex(room, begin, end, is_display):
    """Write a formula's TeX between delimiters; white space in it is one space, references are decoded."""
    state, text, data = state_of(room), text_of(room), data_of(room)
    begin, end = _without_wrapping(data, begin, end)
    if begin == end:
        return
    before = out = state[N_TEXT]
    if state[BREAKS_AHEAD] and out > state[RUN]:
        text[out] = NEWLINE
        out += 1
    elif state[SPACE] and out > state[RUN]:
        text[out] = BLANK_BYTE
        out += 1
    state[SPACE] = state[BREAKS_AHEAD] = 0
    text[out], text[out + 1] = BACKSLASH, OPEN_SQUARE if is_display else OPEN
    out = _copy_tex(room, begin, end, out + 2)
    text[out], text[out + 1] = BACKSLASH, CLOSE_SQUARE if is_display else CLOSE
    state[N_TEXT] = out + 2
    count_bytes(room, before, begin, end)


@inner
def _without_wrapping(data, begin, end):
    """Without white space around it, comments with CDATA, and `{\\displaystyle …}`."""
    begin, end = _strip(data, begin, end)
    at = begin
    if at < end and data[at] == PERCENT:
        at = skip_space(data, at + 1, end)
    if is_here(data, at, end, CDATA):
        begin = at + len(CDATA)
        if is_here(data, end - len(CDATA_END), end, CDATA_END):
            end -= len(CDATA_END)
            _, end = _strip(data, begin, end)
            end -= end > begin and data[end - 1] == PERCENT
        begin, end = _strip(data, begin, end)
    if is_here(data, begin, end, DISPLAY_STYLE) and data[end - 1] == CLOSE_CURLY:
        after = begin + len(DISPLAY_STYLE)
        if after < end and is_space(data[after]):
            begin, end = _strip(data, after, end - 1)
    return begin, end


@inner
def _strip(data, begin, end):
    begin = skip_space(data, begin, end)
    while end > begin and is_space(data[end - 1]):
        end -= 1
    return begin, end


@inner
def _copy_tex(room, at, end, out):
    data, text = data_of(room), text_of(room)
    while at < end:
        byte = data[at]
        at += 1
        if is_space(byte):
            at = skip_space(data, at, end)
            byte = BLANK_BYTE
        elif byte == AND:
            at, code, second = read_reference(
                data, at, end, reference_keys_of(room), reference_codes_of(room), windows_of(room)
            )
            byte = AND
            if code:
                out = write_character(text, out, code)
                if second:
                    out = write_character(text, out, second)
                continue
        text[out] = byte
        out += 1
    return out


@part
def shows_formula(room):
    """Whether the tag is a drawing of a formula that is hidden from screen readers only, or MathML from eyes only.

    KaTeX draws a formula right behind its MathML, or without any; an image stands beside Wikipedia's MathML.
    """
    if not has(room, CLASS):
        return False
    data, begin, end = data_of(room), begin_of(room, CLASS), end_of(room, CLASS)
    if is_here(data, begin, end, WIKI):
        return True
    return is_here(data, begin, end, KATEX) and state_of(room)[LAST_FORMULA] != state_of(room)[N_TEXT]


@part
def is_drawn_again(room, tag):
    """Whether the tag begins what MathJax has drawn of a formula whose TeX stands in a script."""
    if (tag != SPAN and tag != DIV) or not has(room, CLASS):
        return False
    data, begin, end = data_of(room), begin_of(room, CLASS), end_of(room, CLASS)
    if is_here(data, begin, end, MATHJAX):
        after = begin + len(MATHJAX)
        if after < end and data[after] != UNDERSCORE and not is_space(data[after]):
            return False
    elif not is_here(data, begin, end, CHTML) and not is_here(data, begin, end, MJXC):
        return False
    return _has_tex_script(room, begin)


@inner
def _has_tex_script(room, at):
    """Whether `math/tex` stands behind this place; looked for once in a page."""
    state, data = state_of(room), data_of(room)
    if state[HAS_TEX_SCRIPT] == UNKNOWN:
        end = state[SOURCE_END]
        at = find_byte(data, at, end, SLASH)
        while at < end and not is_here(data, at - 4, end, MATH_TEX):
            at = find_byte(data, at + 1, end, SLASH)
        state[HAS_TEX_SCRIPT] = YES if at < end else NO
    return state[HAS_TEX_SCRIPT] == YES
