"""Texts of models, tools and pages, made fit for a terminal: no character of theirs is obeyed."""

from __future__ import annotations

import json
import re
from typing import Any

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters but tab and line feed
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # what turns the direction of text
    "\u2028\u2029\ufeff\ud800-\udfff\ufff9-\ufffb]"  # other ends of lines, halves of pairs, notes
    "|[\U000e0000-\U000e007f]"  # letters that nobody sees
)


def visible(text: str) -> str:
    """Return `text` with every character that a terminal would obey, or hide, as one that can be seen."""
    return _UNSAFE.sub(_picture, text.replace("\r\n", "\n"))


def one_line(text: str, width: int = 0) -> str:
    """Return `text` on one line, cut to `width` characters if that is not 0."""
    if width:
        text = text[: 8 * width + 200]  # what is cut need not be cleaned
    line = " ".join(visible(text).split())
    return line if not width or len(line) <= width else line[: max(1, width - 1)] + "…"


def compact(value: Any) -> str:
    """Return a value as one line of text: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def json_text(value: Any, *, indent: int | None = None) -> str:
    """Return `value` as JSON that no terminal obeys; it reads as the same value."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return _UNSAFE.sub(_escape, text)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code > 0xFFFF:
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{code:04x}"
