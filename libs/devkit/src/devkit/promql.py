"""Finds what a PromQL expression uses: metrics, and the labels it selects or groups by.

It understands enough for our own rules and dashboards; `promtool` checks the rest.
"""

import re
from dataclasses import dataclass

_STRING = r'"(?:[^"\\]|\\.)*"'
_SELECTOR = re.compile(rf"([a-zA-Z_:][\w:]*)?\s*\{{((?:{_STRING}|[^}}\"])*)\}}")
_MATCHER = re.compile(rf"(\w+)\s*(?:=~|!~|!=|=)\s*{_STRING}")
_GROUPING = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", re.IGNORECASE
)
_WINDOW = re.compile(r"\[[^\]]*\]")
_NAME = re.compile(r"(?<![\w.:$])([a-zA-Z_:][\w:]*+)(?!\s*\()")
_LABEL_VALUES = re.compile(r"label_values\(\s*(.+?)\s*,\s*(\w+)\s*\)")
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan", "by", "without", "on"})
_UNIT = re.compile(r"\b\d+(?:\.\d+)?(?:ms|[smhdwy])\b")


@dataclass(frozen=True, slots=True)
class Selection:
    """The metrics and labels of an expression; a label may belong to any of the metrics."""

    metrics: frozenset[str]
    labels: frozenset[str]


def selection_of(expression: str) -> Selection:
    """Return the metrics and labels of `expression` or of a Grafana `label_values(...)` query."""
    values = _LABEL_VALUES.fullmatch(expression.strip())
    if values is not None:
        inner = selection_of(values[1])
        return Selection(inner.metrics, inner.labels | {values[2]})
    metrics: set[str] = set()
    labels: set[str] = set()
    for name, matchers in _SELECTOR.findall(expression):
        metrics |= {name} - {""}
        labels |= set(_MATCHER.findall(matchers))
    rest = _SELECTOR.sub(" ", expression)
    for group in _GROUPING.findall(rest):
        labels |= {label.strip() for label in group.split(",") if label.strip()}
    rest = _UNIT.sub(" ", _WINDOW.sub(" ", _GROUPING.sub(" ", rest)))
    metrics |= {name for name in _NAME.findall(rest) if name.lower() not in _WORDS}
    return Selection(frozenset(metrics), frozenset(labels - {"__name__"}))
