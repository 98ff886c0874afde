"""Croatian, Bosnian and Serbian: which words tell one from the others, by what grammars and dictionaries say of them.

words of all three ─┬▶ vrijeme / vreme (jat): both there? ─▶ the first hr and bs, the second sr ─┐
                    └▶ tisuća / hiljada, Europa / Evropa … ─▶ hr, or bs and sr ──────────────────┴▶ weights by language

wordfreq counts the words of the three together; word lists from the web hold words of all three in each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

CONSONANT = "bcčćdđfghklmnprstvzžš"
LONG_JAT = re.compile(rf"(?<=[bcčćdđfghkmpstvzžšrln])ije(?=[{CONSONANT}])")
SHORT_JAT = re.compile(rf"(?<=[bpvmdtszg])je(?=[{CONSONANT}])")
IRREGULAR_JAT = {
    "gdje": "gde", "ovdje": "ovde", "nigdje": "nigde", "svugdje": "svuda", "prije": "pre", "poslije": "posle",
    "dvije": "dve", "lijep": "lep",
}  # fmt: skip
LOOKALIKES = """
posebno prema premijer prijem ispred preko pregled dovesti selo sela vremena napomena nametanje kiselost čega čijem
teme predmet sedam menu tek pete sveta
"""
NO_JAT = frozenset(LOOKALIKES.split())
"""Pairs that only look like one: prijem and prem…"""
MIN_LETTERS = 5

CROATIAN = re.compile(
    "^(?:tisuć|tjedan|tjedn|povijes|sustav|europ|kazališ|glazb|izvješ|zrakoplov|siječ|veljač|ožuj|travanj|travnj|svibanj"
    "|svibnj|lipanj|lipnj|srpanj|srpnj|kolovoz|rujan|rujn|listopad|studen|prosin|tijekom|uporab|tko$|netko$|nitko$"
    "|itko$|općenit|kemij|kršćan|suradnj|surađ|sveučiliš|tvrtk|zaklad|nazoč|kolodvor|skladatelj|znanstven|unatoč"
    "|poglavit|djelatni|sudjel|stožer|ravnatelj|priopć|obitelj|obnaš|rajčic|tvornic|uvjet|točn|točk|također|izravn"
    "|osobit|odvjetni|ozljed|ozlij|financij|milijun|bilijun|glede|pozornost|dionič|dionic|poduzeć|poduzet|proračun"
    "|natječaj|vrhnj|žarulj|nogometaš|tiskan|tiskov|gospodarst|gospodarsk|zemljopis|računal|mirovin|vlastit|predožb"
    "|izvanred|slijed|utjecaj|kisik|vodik|dušik|rabljen|rabi|natrag|poput|čimbeni|nedvojben|promidžb|promičb|putovni"
    "|skrb|odgoj|postrojb|redarst|čovječans|ozračj|pričuv|pučanst|stanovit|spolj)"
)
EASTERN = re.compile(
    "^(?:hiljad|sedmic|evrop|pozoriš|muzik|izveštaj|izvještaj|avion|januar|februar|mart$|marta$|martu$|april|maj$|maja$"
    "|juni|juna$|jula$|juli|avgust|august|septembar|septembr|oktobar|oktobr|novembar|novembr|decembar|decembr|tokom"
    "|upotreb|ko$|neko$|niko$|uopšt|opšt|hemij|hrišćan|saradnj|sarađ|univerzitet|kompanij|prisut|železnič|željeznič"
    "|kompozitor|naučni|uprkos|saopšt|porodic|paradajz|fabrik|uslov|tačn|tačk|takođe$|direktn|naročit|advokat|povred"
    "|povrijed|finansij|milion|bilion|budžet|konkurs|štamp|privred|geografij|kompjuter|penzij|sopstven|ubijeđ|ubeđ"
    "|uticaj|kiseonik|vodonik|azot|korišt|bezbedn|bezbjedn|pasoš|fudbal|spisak|voz$|voza$|vozovi|ostrv|hleb|hljeb"
    "|šargarep|kašik|oficir|sveštenik|učestv|obezb|jevrej|vaspitan|preduzeć|organizuj|organizova"
    "|[a-zčćžšđ]+(?:isati|isan[aeiou]?|ovati|uju|uje)$)"
)
SERBIAN = re.compile(
    "^(?:uopšt|opšt|saopšt|hrišćan|avgust|istorij|lak[ao]$|mek[ao]$|kafa|kafu|kafe|duva|uvo$|suv|takođe$|obaveštenj"
    "|železni|srećan|srećn|odbran|sveštenik|opštin|bezbedn|sused|dešav|staništ|sledeć|posle$|pre$|gde$|ovde$)"
)
BOSNIAN = re.compile(
    "^(?:historij|lahk|mehk|kahv|općin|opć|halal|sabah|akšam|duhan|uho$|suh|obavješt|saopć|komšij|august)"
)


def jat_pairs(words: Mapping[str, float]) -> dict[str, str]:
    """Words of western form and their eastern ones, where both are known: vrijeme ─▶ vreme."""
    pairs = dict(IRREGULAR_JAT)
    for word in words:
        if len(word) < MIN_LETTERS or word.startswith("nije"):
            continue
        long = LONG_JAT.sub("e", word)
        for other in (SHORT_JAT.sub("e", long), long, SHORT_JAT.sub("e", word)):
            if other != word and other in words:
                if not {word, other} & NO_JAT:
                    pairs[word] = other
                break
    return pairs


def by_language(words: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """The words with their weights in Croatian, Bosnian and Serbian (in Latin letters)."""
    pairs = jat_pairs(words)
    eastern = set(pairs.values())
    weights: dict[str, dict[str, float]] = {"hr": {}, "bs": {}, "sr": {}}
    for word, count in words.items():
        for language, factor in zip(weights, _factors(word, pairs, eastern), strict=True):
            if factor:
                weights[language][word] = factor * count
    return weights


def telling(words: Mapping[str, float]) -> dict[str, list[str]]:
    """Of each language the words that tell it from at least one of the others."""
    weights = by_language(dict.fromkeys(words, 1.0))
    return {language: [word for word, weight in known.items() if weight >= 1.5] for language, known in weights.items()}


def _factors(word: str, pairs: Mapping[str, str], eastern: set[str]) -> tuple[float, float, float]:
    """In Croatian, Bosnian, Serbian."""
    is_croatian, is_eastern = bool(CROATIAN.match(word)), bool(EASTERN.match(word))
    if word in pairs:
        return 0 if is_eastern else 2, 0.3 if is_croatian else 2, 0
    if word in eastern:
        return 0, 0, 2
    if is_croatian and not is_eastern:
        return 2, 0.3, 0.05
    if SERBIAN.match(word):
        return 0.05 if is_eastern else 0, 0.2, 2
    if is_eastern and not is_croatian:
        return 0.05, 1.5, 1.5
    return (0.5, 3, 0) if BOSNIAN.match(word) else (1, 1, 1)


CYRILLIC = "абвгдђежзијклмнопрстћуфхцчшАБВГДЂЕЖЗИЈКЛМНОПРСТЋУФХЦЧШ"
LATIN = "abvgdđežzijklmnoprstćufhcčšABVGDĐEŽZIJKLMNOPRSTĆUFHCČŠ"
PAIRS = {"љ": "lj", "њ": "nj", "џ": "dž", "Љ": "Lj", "Њ": "Nj", "Џ": "Dž"}
TO_LATIN = dict(zip(CYRILLIC, LATIN, strict=True)) | PAIRS
TO_CYRILLIC = {latin: cyrillic for cyrillic, latin in TO_LATIN.items()}


def in_latin(text: str) -> str:
    return "".join(TO_LATIN.get(character, character) for character in text)


def in_cyrillic(text: str) -> str:
    return re.sub(r"lj|nj|dž|Lj|Nj|Dž|.", lambda found: TO_CYRILLIC.get(found[0], found[0]), text)
