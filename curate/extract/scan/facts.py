"""Facts of a page that are said in its head or beside its text, kept as spans of the source; decoded where asked for.

<title>, <html lang>, <meta name content>, <link rel=canonical>, <base>, <time datetime> ─▶ facts[fact] = [begin, end)
"""

from __future__ import annotations

from functools import cache

from curate.extract.scan.attributes import begin_of, end_of, has
from curate.extract.scan.columns import FACTS
from curate.extract.scan.names import START, NameTable, attribute_ids, extend_name, name_table, number_of
from curate.extract.scan.room import data_of, fact_keys_of, fact_numbers_of, facts_of
from curate.extract.scan.search import is_here, word
from curate.text.compiled import inner, part

NAME, PROPERTY, ITEMPROP, HTTP_EQUIV, CONTENT, REL, HREF, LANG, XML_LANG, DATETIME = attribute_ids(
    "name property itemprop http-equiv content rel href lang xml:lang datetime"
)
TITLE, LANGUAGE, CANONICAL, BASE, TIME, LICENSE = (
    FACTS.index(name) for name in ["title", "language", "canonical", "base", "time", "license"]
)
_META = {
    "description": "description og:description dc.description",
    "author": "author article:author dc.creator byl parsely-author sailthru.author",
    "published": """article:published_time datepublished date dc.date dc.date.issued pubdate publishdate
        parsely-pub-date sailthru.date og:published_time""",
    "modified": "article:modified_time datemodified og:updated_time last-modified",
    "robots": "robots googlebot",
    "og_type": "og:type",
    "og_title": "og:title twitter:title",
    "og_site_name": "og:site_name application-name",
    "generator": "generator",
    "language": "content-language og:locale",
    "keywords": "keywords news_keywords",
    "license": "license dc.rights dcterms.rights copyright",
    "tdm_reservation": "tdm-reservation",
}
LONGEST_NAME = 64
CANONICAL_WORD, LICENSE_WORD = word("canonical"), word("license")


@cache
def fact_table() -> NameTable:
    """Names of meta elements, each with one more than the number of its fact."""
    return name_table({name: FACTS.index(fact) + 1 for fact, names in _META.items() for name in names.split()})


@inner
def note(room, fact, begin, end):
    """The first that is not empty counts."""
    if end > begin and facts_of(room)[2 * fact] < 0:
        facts_of(room)[2 * fact], facts_of(room)[2 * fact + 1] = begin, end


@part
def note_meta(room):
    """`<meta name=… content=…>`, or property, itemprop, http-equiv instead of name."""
    if not has(room, CONTENT):
        return
    for attribute in (NAME, PROPERTY, ITEMPROP, HTTP_EQUIV):
        if has(room, attribute):
            begin, end = begin_of(room, attribute), end_of(room, attribute)
            value = START
            for at in range(begin, min(end, begin + LONGEST_NAME)):
                value = extend_name(value, data_of(room)[at])
            fact = number_of(fact_keys_of(room), fact_numbers_of(room), value) - 1
            if fact >= 0:
                note(room, fact, begin_of(room, CONTENT), end_of(room, CONTENT))


@part
def note_link(room, is_base):
    """`<link rel=canonical>` and `<base>`."""
    if not has(room, HREF):
        return
    begin, end = begin_of(room, HREF), end_of(room, HREF)
    if is_base:
        note(room, BASE, begin, end)
    elif has(room, REL):
        data, rel, close = data_of(room), begin_of(room, REL), end_of(room, REL)
        if is_here(data, rel, close, CANONICAL_WORD):
            note(room, CANONICAL, begin, end)
        elif is_here(data, rel, close, LICENSE_WORD):
            note(room, LICENSE, begin, end)


@inner
def note_language(room):
    """The language of the html element, which the tag read last is."""
    if has(room, LANG):
        note(room, LANGUAGE, begin_of(room, LANG), end_of(room, LANG))
    elif has(room, XML_LANG):
        note(room, LANGUAGE, begin_of(room, XML_LANG), end_of(room, XML_LANG))


@inner
def note_time(room):
    if has(room, DATETIME):
        note(room, TIME, begin_of(room, DATETIME), end_of(room, DATETIME))


@inner
def note_title(room, begin, end):
    note(room, TITLE, begin, end)
