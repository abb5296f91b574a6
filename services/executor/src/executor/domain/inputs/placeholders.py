"""`{name}` in a crew's texts, filled in from a job's inputs.

`{{` and its closing `}}` are literal braces: `{{name}}` is the text `{name}`. All other braces (`{}`,
`{ x }`, `{1}`, JSON, a `}}` that closes no `{{`) stay as they are.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

_FILE = {"file", "name", "media_type", "size"}
"""What is known of a file that the job was given (`executor.domain.files.given`)."""
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_PLACEHOLDER = re.compile(r"\{(" + _NAME + r")\}")
_PART = re.compile(r"(?P<escape>\{\{)|\{(?P<name>" + _NAME + r")\}|(?P<brace>[{}])")


def as_text(value: Any) -> str:
    """Return an input as text: strings unchanged, a file as its name and id, everything else as JSON."""
    if isinstance(value, dict) and value.keys() == _FILE:
        return "{name} (the file {file}, {media_type}, {size:,} bytes)".format(**value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def fill_placeholders(text: str, inputs: Mapping[str, Any]) -> str:
    """Return `text` with each `{name}` found in `inputs` replaced, once, and escapes resolved."""
    if "{" not in text:
        return text
    known: dict[str, str] = {}

    def value(name: str) -> str:
        if name not in inputs:
            return f"{{{name}}}"
        if name not in known:
            known[name] = as_text(inputs[name])
        return known[name]

    if "{{" not in text:
        return _PLACEHOLDER.sub(lambda found: value(found[1]), text)
    return _substitute(text, value)


def names(text: str) -> list[str]:
    """Return the names of the placeholders in `text`, with repetitions."""
    if "{{" not in text:
        return _PLACEHOLDER.findall(text) if "{" in text else []
    found: list[str] = []

    def take(name: str) -> str:
        found.append(name)
        return ""

    _substitute(text, take)
    return found


def _substitute(text: str, value: Callable[[str], str]) -> str:
    pieces: list[str] = []
    opened: list[int] = []  # where an escape's brace stands in `pieces`; -1 is a single one
    place = 0
    for start, end, name, mark in _parts(text):
        if start < place:  # the second half of a closed escape
            continue
        pieces.append(text[place:start])
        place = end
        if name is not None:
            pieces.append(value(name))
        elif mark == "{":
            opened.append(-1)
            pieces.append("{")
        elif mark == "{{":
            opened.append(len(pieces))
            pieces.append("{{")
        elif not opened:
            pieces.append("}")
        elif opened[-1] < 0:
            opened.pop()
            pieces.append("}")
        elif text.startswith("}}", start):
            pieces[opened.pop()] = "{"
            pieces.append("}")
            place = start + 2
        else:
            pieces.append("}")
    pieces.append(text[place:])
    return "".join(pieces)


def _parts(text: str) -> Iterator[tuple[int, int, str | None, str]]:
    for found in _PART.finditer(text):
        yield found.start(), found.end(), found["name"], found[0]
