"""Formulas as their TeX, once. Pages hold one as TeX, as MathML and as it is drawn; to a parser all three are text.

    <math>…<annotation encoding="application/x-tex">E=mc^2</annotation></math>─▶ \\(E=mc^2\\) KaTeX, Wikipedia, LaTeXML
    <script type="math/tex; mode=display">E=mc^2</script>                      ─▶ \\[E=mc^2\\] MathJax 2
    <span class="katex-html">…, <span class="MathJax">…: as it is drawn        ─▶ nothing

MathML without TeX is kept as its text, without annotations. Delimiters are those of LaTeX (and of trafilatura).
"""

from __future__ import annotations

import re
from html import escape, unescape

from curate.extract.elements import ATTRIBUTES, attribute, change_elements, start_of

MATH = start_of("math")
ANNOTATION = start_of("annotation(?:-xml)?")
TEX = re.compile(r"<annotation\b[^<>]*?encoding\s*=\s*[\"']?application/x-tex\b[^<>]*>([^<]*)<", re.IGNORECASE)
TEX_SCRIPT = re.compile(rf"<(?P<name>script)(?=\s)(?=[^<>]*?type\s*=\s*[\"']?math/tex\b){ATTRIBUTES}>", re.IGNORECASE)
CDATA = re.compile(r"\s*%\s*<!\[CDATA\[|%\s*\]\]>\s*$")
DISPLAY_STYLE = re.compile(r"\{\\displaystyle\s(.*)\}", re.DOTALL)
HIDDEN = re.compile(r"<span\s[^<>]*?class\s*=\s*[\"'](?:mwe-math-mathml-|katex-html)[^<>]*>", re.IGNORECASE)


def _drawn(names: str, classes: str) -> re.Pattern[str]:
    is_drawn = rf"(?=[^<>]*?class\s*=\s*[\"']?(?:{classes})[\s\"'>])"
    return re.compile(rf"<(?P<name>{names})(?=\s){is_drawn}{ATTRIBUTES}>", re.IGNORECASE)


BY_KATEX = _drawn("span", "katex-html")
BY_MATHJAX = _drawn("span|div", "MathJax(?:_Preview|_Display|_CHTML|_SVG(?:_Display)?)?|mjx-chtml|MJXc-display")
BY_MATHJAX_3 = start_of("mjx-math")
BESIDE_MATHML = re.compile(
    rf"<(?P<name>nobr|span)(?=\s)(?=[^<>]*?aria-hidden\s*=\s*[\"']?true){ATTRIBUTES}>", re.IGNORECASE
)
IN_ATTRIBUTES = re.compile(r"\s(?:alttext|data-latex|data-mathml)=\"[^\"]*\"")


def write_formulas_once(html: str) -> str:
    """The page with each formula as TeX where it has that, else as its MathML's text."""
    html = IN_ATTRIBUTES.sub(lambda found: found[0].replace("<", "&lt;").replace(">", "&gt;"), html)
    if "math/tex" in html:
        html = change_elements(html, BY_MATHJAX, lambda start, inside: "")
        html = change_elements(html, TEX_SCRIPT, _tex_of_script)
    if "katex-mathml" in html:
        html = change_elements(html, BY_KATEX, _unless_alone)
    if "mjx-assistive-mml" in html:
        html = change_elements(html, BY_MATHJAX_3, lambda start, inside: "")
    if "MJX_Assistive" in html:
        html = change_elements(html, BESIDE_MATHML, lambda start, inside: "")
    html = HIDDEN.sub("<span>", html)  # from the eye, as an image stands beside it, or from those who hear the page
    return change_elements(html, MATH, _tex_of_mathml)


def _unless_alone(start: re.Match[str], inside: str) -> str:
    """KaTeX draws a formula right behind its MathML, or, with `output: "html"`, without any."""
    before = start.string[max(start.start() - 100, 0) : start.start()]
    return "" if before.rstrip().endswith("</span>") else f"{start[0]}{inside}</span>"


def _tex_of_script(start: re.Match[str], inside: str) -> str:
    return _delimited(CDATA.sub("", inside), is_display="mode=display" in start["attributes"].replace(" ", ""))


def _tex_of_mathml(start: re.Match[str], inside: str) -> str:
    annotation = TEX.search(inside)
    tex = annotation[1] if annotation else attribute(start["attributes"], "(?:alttext|data-latex)")
    if not tex or tex.isspace():
        return f"<span>{change_elements(inside, ANNOTATION, lambda start, inside: '')}</span>"
    return _delimited(unescape(tex), is_display=attribute(start["attributes"], "display") == "block")


def _delimited(tex: str, *, is_display: bool) -> str:
    tex = " ".join(tex.split())
    if wrapped := DISPLAY_STYLE.fullmatch(tex):
        tex = wrapped[1].strip()
    tex = escape(tex, quote=False)
    return rf"\[{tex}\]" if is_display else rf"\({tex}\)"
