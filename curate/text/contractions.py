"""Words that are cut by list and not by rule: English contractions, abbreviations with their period, emoticons.

The lists state which strings the English tokenizer of spaCy 3.8 (MIT) treats so: datatrove counts the words of its
Gopher rules with it. "don't" ─▶ "do|n't", "cannot" ─▶ "can|not", "e.g." ─▶ "e.g.", ":-)" ─▶ ":-)".
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import numpy.typing as npt

from curate.text.bits import LAST, NO_BITS, ONE, SIX
from curate.text.compiled import inner, kernel
from curate.text.hashes import BASE, find_slot, hash_range, mix, place_words

PRONOUNS = {
    "i": "'m 'm|a 'll 'll|'ve 'd 'd|'ve 've",
    "you": "'ll 'll|'ve 'd 'd|'ve 've 're",
    "he": "'ll 'll|'ve 'd 'd|'ve 's",
    "she": "'ll 'll|'ve 'd 'd|'ve 's",
    "it": "'ll 'll|'ve 'd 'd|'ve 's",
    "we": "'ll 'll|'ve 'd 'd|'ve 've 're",
    "they": "'ll 'll|'ve 'd 'd|'ve 've 're",
    "who what when where why how there": "'s 'll 'll|'ve 're 've 'd 'd|'ve",
    "that this": "'s 'll 'll|'ve 'd 'd|'ve",
    "these those": "'ll 'll|'ve 're 've 'd 'd|'ve",
    "could might must should would": "n't n't|'ve 've",
    "ca do does did had may need ought sha wo": "n't n't|'ve",
    "ai are is was were have has dare": "n't",
}
"""Word -> what may hang on it; every form also without its apostrophe ("dont"), and with a capital."""

NOT_CUT = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"
"""Words of their own that look like a contraction without its apostrophe."""

CUT = """
y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta Got|ta let|'s Let|'s
c'm|on C'm|on °|c|. °|f|. °|k|. °|C|. °|F|. °|K|.
"""

KEPT = """
' '' \\") \\t \\n — <space> C++ 'S 's ‘S ‘s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout 'd
ma'am Ma'am o'clock O'clock lovin' Lovin' havin' Havin' doin' Doin' goin' Goin' nothin' Nothin' nuthin' Nuthin' ol' Ol'
somethin' Somethin' 'em 'll 'nuff
a. b. c. d. e. f. g. h. i. j. k. l. m. n. o. p. q. r. s. t. u. v. w. x. y. z. ä. ö. ü.
Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun. Kan. Kans.
Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep.
Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd.
Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s.
"""

EMOTICONS = r"""
:) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :((
:-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0 :() >:o
:* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.< ._. ;_; -_- -__-
v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3 (^_^) (-_-) (._.) (>_<)
(*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>
"""

UNITS = """
km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa mbar mb
MB kb KB gb GB tb TB T G M K % км км² км³ м м² м³ дм дм² дм³ см см² см³ мм мм² мм³ нм кг г мг м/с км/ч кПа Па мбар Кб
КБ кб Мб МБ мб Гб ГБ гб Тб ТБ كم كم² كم³ م م² م³ سم سم² سم³ مم مم² مم³ غرام جرام جم كغ ملغ كوب اكواب
US$ C$ A$ $ £ € ¥ ฿ ₽ ﷼ ₴ ₠ ₡ ₢ ₣ ₤ ₥ ₦ ₧ ₨ ₩ ₪ ₫ ₭ ₮ ₯ ₰ ₱ ₲ ₳ ₵ ₶ ₷ ₸ ₹ ₺ ₻ ₼ ₾ ₿
"""
"""Cut off a digit: "5km" ─▶ "5", "km"; currencies too."""

LONGEST = 12
TABLE_SIZE = 4096
PIECE_BITS = 8
UNIT = 1 << 32
FILTER_BITS = 1 << 15
FILTER_SHIFT = np.uint64(64 - 15)
TWO, SEVEN = np.uint64(2), np.uint64(7)
FILTER, PIECES_FILTER = np.uint64(2 * TABLE_SIZE), np.uint64(2 * TABLE_SIZE + FILTER_BITS // 64)


@cache
def special_words() -> npt.NDArray[np.uint64]:
    """The lists as the kernels look them up, uint64[2 * 4096 + 2 * 512].

    4096 slots of an open-addressing table: hashes of words; 4096 values: the lengths of the word's pieces, 8 bits
    each, the first lowest, or UNIT; 32,768 bits of a filter that turns most other words away unhashed, and as many
    of one for the words with pieces alone.
    """
    words = dict.fromkeys(UNITS.split(), ()) | all_words()
    codes = np.array([ord(character) for word in words for character in word], dtype=np.int32)
    ends = np.cumsum([len(word) for word in words], dtype=np.int64)
    values = [_pack(pieces) or UNIT for pieces in words.values()]
    table = np.zeros(int(PIECES_FILTER) + FILTER_BITS // 64, dtype=np.uint64)
    offsets = np.concatenate([[0], ends])
    slots = place_words(codes, offsets, table[:TABLE_SIZE])
    table[TABLE_SIZE + slots] = values
    _fill_filters(codes, offsets, np.array(values, dtype=np.uint64), table)
    return table


def _pack(pieces: tuple[str, ...]) -> int:
    return sum(len(piece) << PIECE_BITS * at for at, piece in enumerate(pieces))


@kernel
def _fill_filters(codes, offsets, values, table):
    for at in range(len(values)):
        bit = _filter_bit(codes, np.uint64(offsets[at]), np.uint64(offsets[at + 1]))
        # Twice the same, as both tuples must have one type in a kernel.
        for first in (FILTER, PIECES_FILTER) if values[at] != UNIT else (FILTER, FILTER):
            table[first + (bit >> SIX)] |= ONE << (bit & LAST)


@inner
def listed(codes, low, high, table):
    """The value of `codes[low:high]` in the table of special words, or 0."""
    if high - low > LONGEST or may_be_listed(codes, np.uint64(low), np.uint64(high), table) == NO_BITS:
        return 0
    key = mix(hash_range(codes, low, high))
    slot = find_slot(table, TABLE_SIZE - 1, key)
    return np.int64(table[TABLE_SIZE + slot]) if table[slot] == key else 0


@inner
def may_be_listed(codes, low, high, table):
    """1 for every word in the table and few others, or 0; `low` and `high` are uint64."""
    bit = _filter_bit(codes, low, high)
    return table[FILTER + (bit >> SIX)] >> (bit & LAST) & ONE


@inner
def may_have_pieces(codes, low, high, table):
    """The same for the words that are listed with their pieces."""
    bit = _filter_bit(codes, low, high)
    return table[PIECES_FILTER + (bit >> SIX)] >> (bit & LAST) & ONE


@inner
def _filter_bit(codes, low, high):
    """A number below FILTER_BITS from a word's length, its first letter and its last two: "ve" and "re" tell most."""
    # Letters beyond ASCII overlap: a few more words pass the filter, and none that is listed is turned away.
    ends = np.uint64(codes[low]) << SEVEN | np.uint64(codes[high - ONE])
    ends = (ends << SEVEN | np.uint64(codes[max(high - TWO, low)])) << SEVEN | (high - low)
    return ends * BASE >> FILTER_SHIFT


@cache
def all_words() -> dict[str, tuple[str, ...]]:
    """Every listed word -> its pieces; each with the typewriter's apostrophe and with the typographer's."""
    forms = [*_contractions(), *_times(), *(tuple(word.split("|")) for word in CUT.split())]
    forms += [(word,) for word in (KEPT + EMOTICONS).split()]
    curled = [tuple(piece.replace("'", "’") for piece in pieces) for pieces in forms]
    words = {"".join(pieces): pieces for pieces in forms + curled}
    return {word: pieces for word, pieces in words.items() if word not in NOT_CUT.split() and len(word) <= LONGEST}


def _contractions() -> Iterator[tuple[str, ...]]:
    for words, endings in PRONOUNS.items():
        for word in words.split():
            for ending in endings.split():
                pieces = (word, *ending.split("|"))
                bare = tuple(piece.replace("'", "") for piece in pieces)
                yield from (pieces, bare, (word.title(), *pieces[1:]), (word.title(), *bare[1:]))


def _times() -> Iterator[tuple[str, ...]]:
    for hour in range(1, 13):
        for half in ("a.m.", "am", "p.m.", "pm"):
            yield str(hour), half
