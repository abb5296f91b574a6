"""Converts HTML to Markdown-like text: one pass over lxml's tree, in linear time.

Existing converters build a second tree in Python and recurse; a hostile page of half a megabyte
kept them busy for minutes. This one keeps what helps an agent read: headings, lists, links, table
cells.
"""

import re
from collections.abc import Callable
from typing import Any

_NOISE = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "nav", "footer", "form", "head"}
)
_BLOCKS = frozenset(
    {
        "p",
        "div",
        "section",
        "article",
        "main",
        "ul",
        "ol",
        "table",
        "blockquote",
        "pre",
        "dl",
        "figure",
    }
)
_HEADINGS = {f"h{level}": f"\n\n{'#' * level} " for level in range(1, 7)}
_SPACE = re.compile(r"\s+")
_BLANKS = re.compile(r"\n{3,}")


def markdown(html: str) -> str:
    """Return the readable text of a page; empty for one that has none."""
    from lxml import etree  # type: ignore[import-untyped]

    parser = etree.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    tree = etree.fromstring(html.encode("utf-8", "replace"), parser)
    if tree is None:
        return ""
    title = tree.findtext(".//title")
    heading = f"# {_flat(title).strip()}\n\n" if title and tree.find(".//h1") is None else ""
    return _tidy(heading + _Writer().text(etree.iterwalk(tree, events=("start", "end"))))


class _Writer:
    def __init__(self) -> None:
        self._pieces: list[str] = []

    def text(self, walk: Any) -> str:
        put = self._pieces.append
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                self._end(tag, element, put)
            elif tag in _NOISE:
                walk.skip_subtree()
            else:
                put(_opening(tag))
                put(_flat(element.text))
        return "".join(self._pieces)

    def _end(self, tag: str, element: Any, put: Callable[[str], None]) -> None:
        if tag == "a":
            target = _target(element)
            put(f"]({target})" if target else "]")
        elif tag in _BLOCKS or tag in _HEADINGS:
            put("\n\n")
        put(_flat(element.tail))


def _opening(tag: str) -> str:
    if tag in _HEADINGS:
        return _HEADINGS[tag]
    if tag in _BLOCKS:
        return "\n\n"
    return {"li": "\n- ", "br": "\n", "tr": "\n", "td": " | ", "th": " | ", "a": "["}.get(tag, "")


def _target(element: Any) -> str:
    target = (element.get("href") or "").strip()
    return target[:500] if target.startswith(("http://", "https://", "/")) else ""


def _flat(text: str | None) -> str:
    return _SPACE.sub(" ", text) if text else ""


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()
