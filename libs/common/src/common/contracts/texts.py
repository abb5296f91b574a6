"""Texts on one line: names, and foreign text that gets into messages and logs."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import core_schema

_JOINERS = frozenset("\u200c\u200d")
"""Zero-width joiners, which Persian and emoji need."""
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LONGEST = 80
_TWINS = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u051d\u043a\u043c\u0442\u0432\u043d"
    "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u03c7",
    "aeopcyxijshdqwkmtbhaopvikux",
)
"""Cyrillic and Greek letters that look like Latin ones, in lower or upper case."""


def line_fault(text: str) -> str | None:
    """Return why `text` is not a name (line breaks, invisible characters), or None if it is."""
    for place, sign in enumerate(text):
        if unicodedata.category(sign) in _UNSEEN and sign not in _JOINERS:
            told = f"U+{ord(sign):04X} {unicodedata.name(sign, 'a control character')}"
            return f"It must be one line of visible characters; at {place} there is {told}"
    if text and not _looks(text):
        return "It must contain visible characters"
    return None


def line(text: str) -> str:
    """Return `text` if it is a name. Raises `ValueError`, as validators do."""
    fault = line_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


def look(text: str) -> str:
    """Return a form that is equal for names that look alike: case, width, spaces, other alphabets."""
    return _looks(text).translate(_TWINS)


def _looks(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(sign for sign in plain if sign not in _JOINERS).split())


def escape(text: str) -> str:
    """Return `text` on one line, with escapes for line breaks and invisible characters."""
    if text.isprintable():
        return text
    return "".join(
        sign
        if sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN
        else sign.encode("unicode_escape", "surrogatepass").decode()
        for sign in text
    )


def quote(text: str) -> str:
    """Return `text` shortened and in quotation marks, for use in a message."""
    shown = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return f'"{escape(shown)}"'


@dataclass(frozen=True)
class WrittenAs:
    """The rule for a text that fits `pattern`; whoever sends another one reads `words`."""

    pattern: str
    words: str

    def check(self, value: str) -> str:
        """Return `value` if it fits. Raises `ValueError`, as validators do."""
        if re.fullmatch(self.pattern, value) is None:
            raise ValueError(f"{quote(value)} is not {self.words}")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": self.pattern}
