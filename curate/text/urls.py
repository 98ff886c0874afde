"""URLs and e-mail addresses, which stay whole: [scheme://][user[:password]@]host[:port][/path].

The grammar is that of spaCy 3.8 (after Diego Perini's regular expression), except that every dotted quadruple of
numbers is an address. Each character is looked at a fixed number of times.
"""

from __future__ import annotations

from curate.text.characters import ASCII_DIGIT, DIGIT, DOMAIN, HOST, LOWER, SCHEME
from curate.text.compiled import inner

DOT, COLON, SLASH, QUESTION, HASH, AT = (ord(character) for character in ".:/?#@")
LONGEST_LABEL = 64
LONGEST_TOP_LEVEL = 63


@inner
def is_url(codes, classes, low, high):
    """True if a host begins at `low`, after a scheme, or after any "@", and all up to `high` belongs to it."""
    at = low
    while at < high and codes[at] != DOT:
        at += 1
    if at == high:
        return False
    if _is_host(codes, classes, low, high):
        return True
    at = low
    while at < high and classes[at] & SCHEME:
        at += 1
    slashes = at + 2 < high and codes[at] == COLON and codes[at + 1] == SLASH and codes[at + 2] == SLASH
    if slashes and at - low > 1 and _is_host(codes, classes, at + 3, high):
        return True
    at = low + 1
    while at < high and not (codes[at] == AT and _is_host(codes, classes, at + 1, high)):
        at += 1
    return at < high


@inner
def _is_host(codes, classes, low, high):
    """Labels between periods, the last of them a top-level domain, or four numbers; then the rest of a URL."""
    labels, label, common = 0, low, ASCII_DIGIT
    at = low
    while at < high and classes[at] & DOMAIN:
        if codes[at] == DOT:
            if at == label or at - label > LONGEST_LABEL or not classes[label] & classes[at - 1] & HOST:
                return False
            labels += 1
            label = at + 1
        else:
            common &= classes[at]
        at += 1
    if labels == 0 or at == label:
        return False
    # Four labels of digits alone are an address, of which no top-level domain is asked.
    if not (common & ASCII_DIGIT and labels == 3):
        lower = LOWER
        for place in range(label, at):
            lower &= classes[place]
        if not lower or not 2 <= at - label <= LONGEST_TOP_LEVEL:
            return False
    return _is_rest_of_url(codes, classes, at, high)


@inner
def _is_rest_of_url(codes, classes, at, high):
    """Nothing, a port of two to five digits, or a path; or both."""
    if at < high and codes[at] == COLON:
        port = at + 1
        while port < high and classes[port] & DIGIT:
            port += 1
        if not 3 <= port - at <= 6:
            return False
        at = port
    return at == high or codes[at] == SLASH or codes[at] == QUESTION or codes[at] == HASH
