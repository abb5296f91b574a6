"""Decodes the escapes in a text: those of URLs, HTML, JSON and source code, in any mixture."""

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import unquote

_ESCAPE = re.compile(
    r"(?:%[0-9A-Fa-f]{2})+"
    r"|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,10});"
    r"|(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[\\/\"'bfnrt]"
)
_SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class _Escape(NamedTuple):
    """The decoded text from `at` to `until` was written from `begin` to `end`."""

    at: int
    until: int
    begin: int
    end: int


class Unfolded:
    """A text with one layer of escapes decoded; it knows where each part of it was written."""

    def __init__(self, written: str) -> None:
        self.escapes: list[_Escape] = []
        parts: list[str] = []
        at = done = 0
        for found in _ESCAPE.finditer(written):
            begin, end = found.span()
            read = _read(found[0])
            at += begin - done
            self.escapes.append(_Escape(at, at + len(read), begin, end))
            parts += (written[done:begin], read)
            at, done = at + len(read), end
        self.text = "".join((*parts, written[done:]))

    def source_of(self, begin: int, end: int) -> tuple[int, int]:
        """Return where the characters from `begin` to `end` were written, in whole escapes."""
        return self._source_of(begin)[0], self._source_of(end - 1)[1]

    def _source_of(self, at: int) -> tuple[int, int]:
        number = bisect_right(self.escapes, at, key=lambda escape: escape.at) - 1
        if number < 0:
            return at, at + 1
        escape = self.escapes[number]
        if at < escape.until:
            return escape.begin, escape.end
        place = escape.end + at - escape.until
        return place, place + 1


def source_span(layers: Sequence[Unfolded], begin: int, end: int) -> tuple[int, int]:
    """Return where a part of the last of `layers`, each decoded from the one before, was written."""
    for layer in reversed(layers):
        begin, end = layer.source_of(begin, end)
    return begin, end


def _read(escape: str) -> str:
    if escape[0] == "%":
        return unquote(escape)
    if escape[0] == "&":
        return html.unescape(escape)
    if escape[1] == "u":
        units = bytes.fromhex(escape.replace("\\u", ""))
        return units.decode("utf-16-be", "replace")
    if escape[1] == "x":
        return bytes.fromhex(escape[2:]).decode("latin-1")
    return _SHORT.get(escape[1], escape[1])
