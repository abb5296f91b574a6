"""Writes YAML for people: words without quotes where they are safe, and long texts in lines of their own.

Every reader of YAML 1.1 or 1.2 reads the same texts from it: what either could take for something else is quoted.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

WIDTH = 100
_SAFE = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_.,;/(){}%+*'-]|:(?=\S)| (?=[^ #\s]))*")
"""Texts that need no quotes: they begin with a letter, and have no `: ` and no ` #`."""
_ENDS_IN_LISTS = re.compile(r"[,{}:]")
_RESERVED = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
_IN_BLOCKS = re.compile(
    r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*"
)
_ESCAPED = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_FOLDABLE = re.compile(r"\S+(?: \S+)+")


class Remarked:
    """A value with a comment behind it."""

    def __init__(self, value: Any, remark: str) -> None:
        self.value = value
        self.remark = remark


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return `document`, an object of JSON values, as YAML."""
    return "".join(f"{line}\n" for line in _fields(document, 0))


def _fields(value: Mapping[str, Any], depth: int) -> Iterator[str]:
    for name, held in value.items():
        yield from _behind(f"{_indent(depth)}{_word(name)}:", held, depth)


def _behind(start: str, value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of a value that stands behind `start`: in its line, or below it."""
    remark = ""
    if isinstance(value, Remarked):
        value, remark = value.value, f"  # {value.remark}"
    if isinstance(value, Mapping) and value:
        yield f"{start}{remark}"
        yield from _fields(value, depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(_is_short(entry) for entry in value):
            inside = ", ".join(_word(entry, inside=True) for entry in value)
            if len(start) + len(inside) < WIDTH:
                yield f"{start} [{inside}]{remark}"
                return
        yield f"{start}{remark}"
        for entry in value:
            yield from _entry(entry, depth + 1)
    elif isinstance(value, str):
        yield from _text(start, value, depth, remark)
    else:
        yield f"{start} {_plain(value)}{remark}"


def _entry(value: Any, depth: int) -> Iterator[str]:
    """Yield the lines of an entry of a list: the first field of an object stands behind its dash."""
    lines = (
        list(_fields(value, depth + 1))
        if isinstance(value, Mapping) and value
        else list(_behind("-", value, depth))
    )
    if isinstance(value, Mapping) and value:
        yield f"{_indent(depth)}- {lines[0].lstrip(' ')}"
    else:
        yield f"{_indent(depth)}{lines[0]}"
    yield from lines[1:]


def _text(start: str, value: str, depth: int, remark: str) -> Iterator[str]:
    inner = _indent(depth + 1)
    short = f"{start} {_word(value)}{remark}"
    if (
        (len(short) <= WIDTH and "\n" not in value)
        or not _IN_BLOCKS.fullmatch(value)
        or value[:1] in {" ", "\n", ""}
    ):
        yield short
    elif "\n" in value:
        if value.endswith("\n") or value.splitlines()[-1].strip() == "":
            yield short
            return
        yield f"{start} |-{remark}"
        for line in value.split("\n"):
            yield f"{inner}{line}" if line else ""
    elif _FOLDABLE.fullmatch(value):
        yield f"{start} >-{remark}"
        for line in _fold(value, max(WIDTH - len(inner), 40)):
            yield f"{inner}{line}"
    else:
        yield short


def _fold(value: str, width: int) -> Iterator[str]:
    line = ""
    for word in value.split(" "):
        if line and len(line) + len(word) >= width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _is_short(value: Any) -> bool:
    return not isinstance(value, Mapping | list | tuple | Remarked) and len(str(value)) <= 40


def _word(value: Any, *, inside: bool = False) -> str:
    """Return a scalar for one line; `inside` brackets, a comma ends it."""
    if not isinstance(value, str):
        return _plain(value)
    if (
        _SAFE.fullmatch(value)
        and value.lower() not in _RESERVED
        and not (inside and _ENDS_IN_LISTS.search(value))
    ):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return "[]" if isinstance(value, list | tuple) else "{}"


def _indent(depth: int) -> str:
    return "  " * depth
