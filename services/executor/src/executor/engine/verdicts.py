"""Reads what a guardrail's judge says, so that only a plain pass counts as one."""

import re
from dataclasses import dataclass
from typing import Any

from executor.engine import values
from executor.engine.trace import shorten

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["pass", "fail"]},
        "reason": {"type": "string", "description": "What is wrong; empty for a pass"},
    },
    "required": ["verdict", "reason"],
    "additionalProperties": False,
}
_READ = 20_000
_REASON = 1_000
_WORD = re.compile(r"\b(pass|fail)\b", re.IGNORECASE)
_LABEL = re.compile(
    r"(?:(?:final|my|the)\s+)?(?:verdict|result|answer|decision)\s*(?:is\b)?", re.IGNORECASE
)
_FENCE = re.compile(r"```(?:text|txt|plaintext|markdown|md)?")
_MARKS = " \t\r\n\ufeff`*_#>\"'“”\u2018\u2019«»()[]<>{}.:-\u2013\u2014=|✅✔"  # no sign of a no: ! ~ a cross
_UNTICKED = re.compile(r"\[\s*\]")
_AFTER_FAIL = " \t\r\n`*_~#\"'”\u2019»)]>}.:!,;-\u2013\u2014=|"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an answer passed, and what is wrong with it if not."""

    passed: bool
    reason: str = ""


def verdict_of(text: str) -> Verdict | None:
    """Return the verdict in `text`, or None if it is not clear.

    A pass is that one word, with nothing but punctuation and a label around it, or just
    `{"verdict": "pass"}`. A fail begins with its word, or is `{"verdict": "fail"}`.
    """
    if len(text) > _READ or _UNTICKED.search(text):
        return None
    return _verdict_in_json(text) if '"verdict"' in text else _verdict_in_words(text)


def _verdict_in_json(text: str) -> Verdict | None:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or _WORD.search(_FENCE.sub("", text[:start] + text[end + 1 :])):
        return None
    try:
        value = values.parse(text[start : end + 1])
    except values.UnreadableValue:
        return None
    word = value.get("verdict") if isinstance(value, dict) else None
    if not isinstance(word, str) or text.count('"verdict"') > 1:
        return None
    reason = str(value.get("reason") or "")
    if word.strip().casefold() == "pass":
        return None if _WORD.search(reason) else Verdict(True)
    return _fail(reason) if word.strip().casefold() == "fail" else None


def _verdict_in_words(text: str) -> Verdict | None:
    bare = _FENCE.sub("", text).strip(_MARKS)
    label = _LABEL.match(bare)
    if label is not None:
        bare = bare[label.end() :].strip(_MARKS)
    word = _WORD.match(bare)
    if word is None:
        return None
    rest = bare[word.end() :]
    if word[0].casefold() == "pass":
        return None if rest.strip(_MARKS + "!") else Verdict(True)
    if rest and (rest[0] not in _AFTER_FAIL or (rest[0] == " " and _WORD.search(rest))):
        return None
    return _fail(rest)


def _fail(reason: str) -> Verdict:
    return Verdict(False, shorten(reason.strip(_AFTER_FAIL) or "no reason given", _REASON))
