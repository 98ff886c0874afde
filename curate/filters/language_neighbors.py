"""Languages that n-grams take for one another, told apart by words that only some of them have, and by their script.

chances of a text ─▶ the likeliest is one of a group? ─▶ its words that others of it lack ─▶ chances within the group
                  ─▶ most of its letters are Han? ─▶ what is written otherwise gets no chance

The words are those that grammars and dictionaries name: *tisuća* is Croatian where *hiljada* is Bosnian and Serbian,
*vreme* Serbian where *vrijeme* is none; *karena* Indonesian where *kerana* is Malay. What a model says of other
languages, and of a group as a whole, stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

Chances = npt.NDArray[np.float64]

NATS = 1.5
"""What a word costs each language that lacks it, in the natural logarithm of its chance."""
MAX_WORDS = 4
"""Of one row of words: the word that a text is about says no more in its tenth place."""
LEAST = 1e-4
"""The chance that each of a group has at least, before its words are looked at."""


class OwnWords(NamedTuple):
    """Words that these languages have alone; "+" is where more letters stand."""

    languages: tuple[str, ...]
    words: str


SERBO_CROATIAN = (
    OwnWords(
        ("hr",),
        "tisuć+ tjedan tjedn+ povijes+ sustav+ europ+ kazališ+ glazb+ izvješ+ zrakoplov+ siječ+ veljač+ ožuj+ travanj"
        " travnj+ svibanj svibnj+ lipanj lipnj+ srpanj srpnj+ kolovoz+ rujan rujn+ listopad+ studen+ prosin+ tijekom"
        " uporab+ tko netko nitko itko kemij+ kršćan+ suradnj+ surađ+ sveučiliš+ tvrtk+ nazoč+ kolodvor+ skladatelj+"
        " znanstven+ unatoč poglavit+ djelatni+ sudjel+ ravnatelj+ priopć+ obitelj+ tvornic+ uvjet+ točn+ točk+ također"
        " izravn+ osobit+ odvjetni+ ozljed+ ozlij+ financij+ milijun+ glede dionič+ dionic+ poduzeć+ poduzet+ proračun+"
        " natječaj+ nogometaš+ gospodarst+ gospodarsk+ zemljopis+ računal+ mirovin+ vlastit+ utjecaj+ kisik+ vodik+"
        " natrag poput čimbeni+ promidžb+ putovni+ skrb+ odgoj+",
    ),
    OwnWords(
        ("bs", "sr"),
        "hiljad+ sedmic+ evrop+ pozoriš+ muzik+ izveštaj+ izvještaj+ januar+ februar+ mart marta martu april+ maj maja"
        " juni juna jula juli avgust+ august+ septemb+ oktob+ novemb+ decemb+ tokom upotreb+ ko neko niko hemij+"
        " saradnj+ sarađ+ univerzitet+ kompanij+ prisut+ kompozitor+ naučni+ uprkos porodic+ fabrik+ uslov+ tačn+"
        " tačk+ direktn+ naročit+ advokat+ povred+ povrijed+ finansij+ milion+ budžet+ konkurs+ štamp+ privred+"
        " geografij+ kompjuter+ penzij+ sopstven+ ubijeđ+ ubeđ+ uticaj+ kiseonik+ korišt+ pasoš+ fudbal+ spisak voz"
        " voza ostrv+ hleb+ hljeb+ oficir+ učestv+ preduzeć+ organizuj+ organizova+ +isati +isana +isano +ovati +uje"
        " +uju",
    ),
    OwnWords(
        ("sr",),
        "uopšt+ opšt+ saopšt+ hrišćan+ istorij+ lako meko kafa kafu kafe uvo takođe obaveštenj+ železni+ srećan srećn+"
        " odbran+ sveštenik+ opštin+ bezbedn+ sused+ dešav+ staništ+ sledeć+ posle pre gde ovde uvek svet svetu deo"
        " delo dela dete deca decu dece reč reči mesto mesta vreme vera vere mera mere poslednj+ uspeš+ uspe+ cela"
        " celo celu bela belo lepo lepa pesm+ pevač+ nedelj+ ponedelj+ reš+ primer+ zahtev+ delov+ promen+ izmen+"
        " zamen+ namen+ menja+",
    ),
    OwnWords(("bs",), "historij+ lahk+ mehk+ kahv+ sabah+ akšam+ halal+"),
    OwnWords(
        ("bs", "hr"),
        "gdje ovdje nigdje prije poslije dvije lijep+ uvijek svijet+ dio djelo djela dijete djeca djecu djece riječ+"
        " mjesto mjesta vrijeme vjera vjere mjera mjere posljednj+ uspješ+ uspje+ cijel+ bijel+ pjesm+ pjevač+"
        " nedjelj+ ponedjelj+ rješ+ riješ+ primjer+ zahtjev+ djelov+ promjen+ izmjen+ zamjen+ namjen+ mijenja+ vijest+"
        " vijek+ dijel+ sljedeć+ vrijed+ općin+ opć+",
    ),
)
MALAY = (
    OwnWords(
        ("id",),
        "bahwa karena bisa kantor+ mobil perusahaan+ kualitas universitas+ aktivitas+ identitas+ komunitas+ televisi"
        " polisi kepolisian resmi pemerintah+ pengadilan+ istri pribadi kepribadian berbeda perbedaan khusus+ delapan"
        " maret juni juli agustus desember februari internasional nasional siksa+ disiksa penyiksaan perbudak+"
        " diperbudak serikat+ berserikat kewajiban+ kebijakan rusak ongkos pria senin kamis jumat uang silakan sepeda"
        " listrik dokter apotek kabupaten provinsi lowongan situs kebutuhan",
    ),
    OwnWords(
        ("ms",),
        "bahawa kerana ialah hendaklah sahaja daripada mahkamah kerajaan sebarang mana-mana berbeza perbezaan khas"
        " rasmi polis televisyen syarikat+ kereta pejabat+ isteri peribadi keperibadian kualiti universiti+ aktiviti+"
        " identiti komuniti+ antarabangsa kebangsaan lapan mac jun julai ogos disember seksa+ diseksa perhamba+"
        " kewajipan+ wang isnin khamis jumaat ahad basikal elektrik doktor bandar+ lelaki percuma perniagaan+ maklumat+"
        " laman tiap-tiap kesamarataan awak encik puan pelancong+ perkhidmatan+ belia sukan+",
    ),
)
GROUPS = (SERBO_CROATIAN, MALAY)
HAN = ("zh", "ja", "und", "zxx")
"""What a text may be of which most letters are Han."""


def without_other_scripts(chances: Chances, names: Sequence[str], scripts: pl.Series) -> Chances:
    """The chances of texts in these scripts of languages that are written so; as they are, where these have none."""
    rows = np.flatnonzero((scripts == "Hani").fill_null(False).to_numpy())
    is_other = np.array([name not in HAN for name in names])
    found = chances.copy()
    found[np.ix_(rows, np.flatnonzero(is_other))] = 0
    sums = found[rows].sum(axis=1, keepdims=True)
    scaled = found[rows] / np.where(sums > 0, sums, 1) * chances[rows].sum(axis=1, keepdims=True)
    found[rows] = np.where(sums > 0, scaled, chances[rows])
    return found


def tell_apart(texts: pl.Series, chances: Chances, names: Sequence[str]) -> Chances:
    """float64[texts, labels]: the chances by a model that has all groups among its names, weighed by their words."""
    found = chances.copy()
    for group in GROUPS:
        languages = languages_of(group)
        columns = np.array([names.index(language) for language in languages])
        rows = np.flatnonzero(np.isin(chances.argmax(axis=1), columns) & (chances.max(axis=1, initial=0) > 0))
        if len(rows):
            found[np.ix_(rows, columns)] = _weighed(texts.gather(rows), chances[np.ix_(rows, columns)], group)
    return found


def languages_of(group: Sequence[OwnWords]) -> list[str]:
    return sorted({language for telling in group for language in telling.languages})


def _weighed(texts: pl.Series, chances: Chances, group: Sequence[OwnWords]) -> Chances:
    """The same sum of chances for each text."""
    logs, languages = np.log(np.maximum(chances, LEAST)), languages_of(group)
    for telling, counts in zip(group, _counts(texts, group).T, strict=True):
        lacks = np.array([language not in telling.languages for language in languages])
        logs -= NATS * np.outer(np.minimum(counts, MAX_WORDS), lacks)
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    weighed: Chances = chances.sum(axis=1, keepdims=True) * shares / shares.sum(axis=1, keepdims=True)
    return weighed


def _counts(texts: pl.Series, group: Sequence[OwnWords]) -> npt.NDArray[np.int64]:
    """int64[texts, rows of words]: how many words of each row a text has, all sought at once."""
    rows = {_written(word): row for row, telling in enumerate(group) for word in telling.words.split()}
    spaced = pl.select(pl.format(" {} ", texts.str.to_lowercase().str.replace_all(r"\PL+", " "))).to_series()
    found = spaced.str.extract_many([*rows], overlapping=True)
    owners = np.repeat(np.arange(len(texts)), found.list.len().to_numpy())
    words = found.explode(empty_as_null=False).replace_strict(rows, return_dtype=pl.Int64).to_numpy()
    counts = np.zeros((len(texts), len(group)), dtype=np.int64)
    np.add.at(counts, (owners, words), 1)
    return counts


def _written(word: str) -> str:
    """As it stands between spaces: "+" is where it has none."""
    return (
        ("" if word.startswith("+") else " ") + word.strip("+").replace("-", " ") + ("" if word.endswith("+") else " ")
    )
