"""The script that most letters of a text belong to, and whether most of those with two cases are capitals.

UTF-8 ─▶ code points ─▶ a number for each script ─▶ counts by script, capitals, small letters ─▶ Latn, Cyrl, Jpan, …
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.text.buffers import TextBuffers
from curate.text.characters import END_OF_LETTERS, LETTER, LOWER, UPPER, character_classes
from curate.text.compiled import inner, kernel, pointer

RANGES = """
Latn 41-5A 61-7A AA BA C0-D6 D8-F6 F8-2B8 1D00-1D25 1D2C-1D5C 1D6B-1D77 1D79-1DBE 1E00-1EFF 2C60-2C7F A722-A7FF
Latn AB30-AB64 FB00-FB06 FF21-FF3A FF41-FF5A
Grek 370-3E1 3F0-3FF 1F00-1FFF
Cyrl 400-52F 1C80-1C8A 2DE0-2DFF A640-A69F
Armn 531-58F FB13-FB17
Hebr 591-5F4 FB1D-FB4F
Arab 610-6FF 750-77F 870-8FF FB50-FDFF FE70-FEFC
Syrc 700-74F 860-86F
Thaa 780-7BF
Nkoo 7C0-7FF
Deva 900-97F A8E0-A8FF
Beng 980-9FF
Guru A00-A7F
Gujr A80-AFF
Orya B00-B7F
Taml B80-BFF
Telu C00-C7F
Knda C80-CFF
Mlym D00-D7F
Sinh D80-DFF
Thai E00-E7F
Laoo E80-EFF
Tibt F00-FFF
Mymr 1000-109F A9E0-A9FF AA60-AA7F
Geor 10A0-10FF 1C90-1CBF 2D00-2D2F
Hang 1100-11FF 3131-318E A960-A97F AC00-D7FF FFA0-FFDC
Ethi 1200-139F 2D80-2DDF AB01-AB2F
Cher 13A0-13FF AB70-ABBF
Cans 1400-167F 18B0-18FF
Khmr 1780-17FF
Mong 1800-18AF
Bali 1B00-1B7F
Sund 1B80-1BBF
Olck 1C50-1C7F
Copt 3E2-3EF 2C80-2CFF
Tfng 2D30-2D7F
Jpan 3041-30FF 31F0-31FF FF66-FF9F
Hani 2E80-2FDF 3005-3007 3021-3029 3400-4DBF 4E00-9FFF F900-FAFF 20000-323AF
Yiii A000-A4CF
Java A980-A9DF
Mtei AAE0-AAFF ABC0-ABFF
Cakm 11100-1114F
"""
"""Blocks of Unicode by the codes of ISO 15924; of what they hold only letters count. Kana alone tells Japanese."""

KINDS = 64
"""Of letters: 0 are those of other scripts."""
CAPITAL, SMALL = 64, 128
MIN_KANA = 0.1
"""Of Han and kana together: Chinese quotes a name in kana here and there, Japanese cannot do without."""


class Letters(NamedTuple):
    """`scripts` int64[texts, KINDS] counts letters; `capitals` and `smalls` int64[texts] those with
    another case."""

    scripts: npt.NDArray[np.int64]
    capitals: npt.NDArray[np.int64]
    smalls: npt.NDArray[np.int64]

    def mostly_capitals(self) -> npt.NDArray[np.bool_]:
        return self.capitals > self.smalls


def count_letters(buffers: TextBuffers) -> Letters:
    counts = np.zeros((buffers.documents, KINDS), dtype=np.int64)
    cases = np.zeros((2, buffers.documents), dtype=np.int64)
    if buffers.documents:
        _count(*buffers, _kinds(), counts, *cases)
    return Letters(counts, *cases)


def main_scripts(letters: Letters) -> pl.Series:
    """The script of most letters of each text, String; null where no letter is of a known one."""
    counts = letters.scripts.copy()
    kana, han = (list(script_numbers()).index(name) + 1 for name in ("Jpan", "Hani"))
    is_japanese = counts[:, kana] > MIN_KANA * (counts[:, kana] + counts[:, han])
    counts[is_japanese, kana] += counts[is_japanese, han]
    counts[is_japanese, han] = 0
    counts[:, 0] = 0
    names = pl.Series([None, *script_numbers()], dtype=pl.String)
    return names.gather(np.where(counts.any(axis=1), counts.argmax(axis=1), 0))


@cache
def script_numbers() -> dict[str, int]:
    """The scripts with their numbers, from 1 on, in order."""
    names = dict.fromkeys(line.split()[0] for line in RANGES.strip().splitlines())
    return {name: number for number, name in enumerate(names, start=1)}


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """uint8[END_OF_LETTERS]: the number of a letter's script, and a bit for its case where it has two."""
    kinds = np.zeros(END_OF_LETTERS, dtype=np.uint8)
    for line in RANGES.strip().splitlines():
        name, *ranges = line.split()
        for low, high in (part.split("-") if "-" in part else (part, part) for part in ranges):
            kinds[int(low, 16) : int(high, 16) + 1] = script_numbers()[name]
    classes = character_classes()[:END_OF_LETTERS]
    kinds[(classes & LETTER) == 0] = 0
    kinds[(classes & (LETTER | UPPER | LOWER)) == LETTER | UPPER] |= CAPITAL
    kinds[(classes & (LETTER | UPPER | LOWER)) == LETTER | LOWER] |= SMALL
    return kinds


BLOCK = 32
LATIN_A = 0x41


@kernel
def _count(data, offsets, kinds, counts, capitals, smalls):
    text, table, totals = pointer(data), pointer(kinds), pointer(counts)
    latin = table[LATIN_A] & (KINDS - 1)
    for document in range(len(offsets) - 1):
        row = document * KINDS
        at, end, upper, lower, ascii_upper, ascii_lower = offsets[document], offsets[document + 1], 0, 0, 0, 0
        while at < end:
            # Most text is ASCII: a loop of known length over it compiles to vector instructions.
            if at + BLOCK <= end and _is_ascii(text, at):
                for step in range(BLOCK):
                    byte = text[at + step]
                    ascii_upper += 0x41 <= byte <= 0x5A
                    ascii_lower += 0x61 <= byte <= 0x7A
                at += BLOCK
                continue
            code = np.int64(text[at])
            at += 1
            if code >= 0x80:
                tails = 1 if code < 0xE0 else 2 if code < 0xF0 else 3
                code &= 0x3F >> tails
                for _ in range(tails):
                    code = code << 6 | np.int64(text[at] & 0x3F)
                    at += 1
                if code >= END_OF_LETTERS:
                    continue
            kind = table[code]
            totals[row + (kind & (KINDS - 1))] += 1
            upper += (kind & CAPITAL) != 0
            lower += (kind & SMALL) != 0
        totals[row + latin] += ascii_upper + ascii_lower
        totals[row] = 0  # digits, signs and spaces came here, too
        capitals[document], smalls[document] = upper + ascii_upper, lower + ascii_lower


@inner
def _is_ascii(text, at):
    signs = text[at]
    for step in range(1, BLOCK):
        signs |= text[at + step]
    return signs < 0x80
