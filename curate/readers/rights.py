"""What a stored response says of its own use: reservations of rights and licenses, from its head and its mark-up.

HTTP head ─▶ X-Robots-Tag · TDM-Reservation · Content-Usage · Link ──────────┐
page ─▶ <meta name=robots …> · <meta name=tdm-reservation> · <link> · <a> ───┴▶ a string or None for each of RIGHTS

Read only for sources with the step `rights`. Statements of one kind are put together, one space between them, in lower
case. Sources: Google's robots meta tag and X-Robots-Tag documentation; DeviantArt's noai; W3C TDM Reservation Protocol
(TDMRep, 2024); draft-ietf-aipref-attach and draft-ietf-aipref-vocab; RSL 1.0; RFC 8288 (Link).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape

from curate.batch import PAGES, Media

RIGHTS = ("rights_robots", "rights_tdm", "rights_usage", "rights_rsl", "license_url", "license_by")
"""The columns, all text: `agent:directive …` ("*" is everybody); "0", "1", or both; `train-ai=n …`; the address of an
RSL license, or "inline"; that of a license, and how it was stated: "rel", "header", or "link" for a mere link to one of
Creative Commons."""
FIELDS = frozenset({b"x-robots-tag", b"tdm-reservation", b"content-usage", b"link"})
"""Of an HTTP head: all of one name count, one a line."""
MAX_STATEMENTS = 64
MAX_VALUE = 2048
"""Characters of an attribute or address that are looked at."""
RSL = "application/rsl+xml"
INLINE = "inline"
"""Where an RSL license stands in the page itself."""
EVERYBODY = "*"
ROBOTS_META = frozenset({"robots", "googlebot", "bingbot", "ccbot", "gptbot", "google-extended", "claudebot",
                         "anthropic-ai", "applebot-extended", "bytespider", "meta-externalagent"})  # fmt: skip
"""Names of meta elements that hold directives."""
WITH_VALUE = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})
"""Directives that have a colon, as only user agents have else."""
TAG = re.compile(
    rb"<(?:!--.*?(?:-->|\Z)|(script|style|textarea)\b([^>]*).*?(?:</\1|\Z)|(meta|link|a)\s([^>]*))",
    re.DOTALL,
)
ATTRIBUTE = re.compile(r"""([a-z][\w:-]*)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
CREATIVE_COMMONS = re.compile(
    r"^(?:https?:)?//(?:www\.)?creativecommons\.org/(?:licenses|publicdomain)/", re.IGNORECASE
)
STATING = (b"robots", b"bot", b"-extended", b"anthropic", b"spider", b"externalagent", b"tdm-res", b"content-usage",
           b"license", b"rsl+xml", b"creativecommons")  # fmt: skip
"""What a tag that says anything has one of, in lower case: looked for as they are, a tenth of what a pattern costs."""
LINK_VALUE = re.compile(r"<([^>]*)>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")


def stated_rights(fields: Mapping[bytes, bytes], payload: bytes, media: Media) -> dict[str, str | None]:
    """All of `RIGHTS`; None where nothing is said. `fields` are those of an HTTP head, those of `FIELDS` with a line
    for each; a payload that is no page of mark-up, or is not written in a superset of ASCII, states nothing itself."""
    found: dict[str, list[str]] = {name: [] for name in RIGHTS}
    licenses: list[tuple[str, str]] = []
    _read_fields(fields, found, licenses)
    if media in PAGES:
        for name, attributes in _tags(payload):
            _read_tag(name, attributes, found, licenses)
    stated = {name: " ".join(dict.fromkeys(values[:MAX_STATEMENTS])) or None for name, values in found.items()}
    stated["rights_rsl"] = found["rights_rsl"][0] if found["rights_rsl"] else None
    return stated | dict(zip(("license_url", "license_by"), _best(licenses), strict=True))


def robots_directives(value: str, agent: str = EVERYBODY) -> Iterator[str]:
    """Of one header or meta element: `googlebot: noindex, nofollow` is "googlebot:noindex" and "googlebot:nofollow"."""
    for part in value.lower().split(","):
        before, colon, rest = (text.strip() for text in part.partition(":"))
        if colon and before and before not in WITH_VALUE and " " not in before:
            agent, before = before, rest
        word = before.split(" ")[0]
        if word and word not in WITH_VALUE:
            yield f"{agent}:{word}"


def usage_preferences(value: str) -> Iterator[str]:
    """Of a Content-Usage field, a dictionary of structured fields: `train-ai=n;x=1, search` is "train-ai=n" and
    "search=y"."""
    for part in value.lower().split(","):
        key, equals, answer = (text.strip() for text in part.partition(";")[0].partition("="))
        if key and " " not in key:
            yield f"{key}={_answer(answer) if equals else 'y'}"


def _answer(value: str) -> str:
    """Tokens, booleans and words alike."""
    word = value.strip('"')
    return {"?0": "n", "?1": "y", "no": "n", "yes": "y"}.get(word, word.split(" ")[0])


def _read_fields(
    fields: Mapping[bytes, bytes], found: Mapping[str, list[str]], licenses: list[tuple[str, str]]
) -> None:
    def lines(name: bytes) -> list[str]:
        return fields[name].decode("latin-1").split("\n")[:MAX_STATEMENTS] if name in fields else []

    for line in lines(b"x-robots-tag"):
        found["rights_robots"].extend(robots_directives(line))
    for line in lines(b"content-usage"):
        found["rights_usage"].extend(usage_preferences(line))
    found["rights_tdm"].extend(line.strip() for line in lines(b"tdm-reservation") if line.strip() in ("0", "1"))
    for line in lines(b"link"):
        for target, parameters in LINK_VALUE.findall(line[:MAX_VALUE]):
            _read_link(target.strip(), _attributes(parameters.replace(";", " ")), found, licenses, by="header")


def _tags(payload: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Those that may say something, and not the many links to other pages."""
    lowered = payload.lower()  # of the same length, as only ASCII has capitals here
    if not _may_state(lowered):
        return
    for tag in TAG.finditer(lowered):
        group = 2 if tag[1] else 4
        if tag[group] and _may_state(tag[group]):
            begin, end = tag.span(group)
            written = payload[begin : min(end, begin + MAX_VALUE)].decode("utf-8", "replace")
            yield tag[group - 1].decode(), _attributes(written)


def _may_state(lowered: bytes) -> bool:
    return any(word in lowered for word in STATING)


def _attributes(text: str) -> dict[str, str]:
    """The first of each name, references decoded."""
    found: dict[str, str] = {}
    for name, *values in ATTRIBUTE.findall(text):
        found.setdefault(name.lower(), unescape("".join(values)).strip())
    return found


def _read_tag(
    name: str, attributes: Mapping[str, str], found: Mapping[str, list[str]], licenses: list[tuple[str, str]]
) -> None:
    if name == "script" and attributes.get("type", "").lower() == RSL:
        found["rights_rsl"].append(INLINE)
    elif name in ("a", "link"):
        _read_link(attributes.get("href", ""), attributes, found, licenses, by="rel")
    if name != "meta":
        return
    about, content = attributes.get("name", attributes.get("http-equiv", "")).lower(), attributes.get("content", "")
    if about in ("x-robots-tag", "robots"):
        found["rights_robots"].extend(robots_directives(content))
    elif about in ROBOTS_META:
        found["rights_robots"].extend(robots_directives(content, about))
    elif about == "tdm-reservation" and content in ("0", "1"):
        found["rights_tdm"].append(content)
    elif about == "content-usage":
        found["rights_usage"].extend(usage_preferences(content))


def _read_link(
    target: str, attributes: Mapping[str, str], found: Mapping[str, list[str]], licenses: list[tuple[str, str]], by: str
) -> None:
    """`rel=license`, and links to a license of Creative Commons without it."""
    if not target:
        return
    is_license = "license" in attributes.get("rel", "").lower().split()
    if is_license and attributes.get("type", "").lower() == RSL:
        found["rights_rsl"].append(target[:MAX_VALUE])
    elif is_license:
        licenses.append((target[:MAX_VALUE], by))
    elif CREATIVE_COMMONS.match(target):
        licenses.append((target[:MAX_VALUE], "link"))


def _best(licenses: list[tuple[str, str]]) -> tuple[str | None, str | None]:
    """A license of Creative Commons that is stated as the page's, else another one so stated, else the first link."""
    stated = [each for each in licenses if each[1] != "link"]
    known = [each for each in stated if CREATIVE_COMMONS.match(each[0])]
    return next(iter([*known, *stated, *licenses]), (None, None))
