"""For every rule that dropped something: how its signal is spread, where the threshold stands, who is nearest to it.

Decided ─▶ histogram or table of values ─▶ dropped │ went on, the most borderline first
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from curate.report.html.account import Account
from curate.report.html.charts import histogram
from curate.report.html.decided import Borderline, Decided
from curate.report.html.excerpts import Excerpt
from curate.report.html.markup import Content, Html, element
from curate.report.html.section import PageSection, note, part
from curate.report.html.tables import count, table

NOT_SHOWN = "its text is not kept, and its input gives no single record to read again"
LONG = 120
MAX_OPEN = 3
"""Steps whose rules are seen at once, those that dropped most; a click opens another one."""


def decisions(rules: Sequence[Decided], excerpts: Mapping[str, Excerpt], account: Account) -> PageSection:
    dropped: dict[tuple[str, str], int] = {}
    for each in rules:
        dropped[each.source, each.step] = dropped.get((each.source, each.step), 0) + each.dropped
    opened = {*sorted(dropped, key=lambda step: -dropped[step])[:MAX_OPEN]}
    parts = []
    for (source, name), documents in dropped.items():
        its_own = [_rule(each, excerpts) for each in rules if (each.source, each.step) == (source, name)]
        title: list[Content] = [f"{source} · {account.told(source, name)}", element("small", f" dropped {documents:,}")]
        parts.append(part(title, its_own, is_open=(source, name) in opened))
    told = (
        "A rule that dropped something is shown with what it dropped and with what went on from its step. "
        "Heights are by the square root of the number of documents; the outermost bars hold all beyond them. Examples "
        "are those nearest to the threshold, their personal data masked."
    )
    return PageSection("steps", "What each step decided", [note(told), parts] if rules else None)


def _rule(rule: Decided, excerpts: Mapping[str, Excerpt]) -> Html:
    head: list[Content] = [
        rule.rule,
        element("small", f" {_asked(rule)} · dropped {rule.dropped:,} of {rule.passed + rule.dropped:,}"),
    ]
    return element("article", [element("h4", head), _drawn(rule), _examples(rule, excerpts)], {"class": "rule"})


def _asked(rule: Decided) -> str:
    """The signal and its threshold."""
    if rule.threshold is None:
        return rule.signal
    told = ", ".join(map(str, rule.threshold)) if isinstance(rule.threshold, list | tuple) else str(rule.threshold)
    return f"{rule.signal}, threshold {told[:LONG]}{'…' * (len(told) > LONG)}"


def _drawn(rule: Decided) -> Content:
    if rule.bins:
        return histogram(rule.bins, about=f"{rule.signal} at {rule.rule}", unit=rule.signal)
    if rule.values:
        return table(
            (rule.signal, "went on", "dropped"), [(value, count(on), count(out)) for value, on, out in rule.values]
        )
    return None


def _examples(rule: Decided, excerpts: Mapping[str, Excerpt]) -> Html:
    sides = [_side(name, side, excerpts) for name, side in _sides(rule)]
    return element("div", sides, {"class": "sides"})


def _sides(rule: Decided) -> Iterator[tuple[str, list[Borderline]]]:
    yield "dropped", [each for each in rule.nearest if each.is_dropped]
    yield "kept", [each for each in rule.nearest if not each.is_dropped]


def _side(name: str, side: Sequence[Borderline], excerpts: Mapping[str, Excerpt]) -> Html:
    shown = [example(each.id, excerpts.get(each.id), told=_value(each.value)) for each in side]
    return element("div", [element("h5", name), shown or note("none")], {"class": f"side {name}"})


def example(id: str, excerpt: Excerpt | None, *, told: str = "") -> Html:
    """A document: what was measured, where it is from, how it begins."""
    text = excerpt.text if excerpt else None
    from_where = (excerpt.url if excerpt else None) or id
    body = element("pre", text) if text is not None else note(NOT_SHOWN)
    head = [element("b", told) if told else None, " ", element("span", from_where, {"title": id})]
    return element("div", [element("p", head, {"class": "where"}), body], {"class": "example"})


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "unknown" if value is None else str(value)[:LONG]
