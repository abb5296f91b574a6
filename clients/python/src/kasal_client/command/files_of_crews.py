"""Crew files: what applying one would change, and where in it the platform found a fault."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cleaning import json_text
from .faults import CommandError

if TYPE_CHECKING:
    from kasal_client import Kasal

_SHOWN = 20
_ADVICE = "Mend the file, and try again."
_LINE = re.compile(r"line (\d+)")


@contextmanager
def applying(path: Path) -> Iterator[None]:
    """Tell faults of the file with its name and the line where they are."""
    from kasal_client.errors import InvalidRequestError, UsageError

    try:
        yield
    except InvalidRequestError as fault:
        text = path.read_text("utf-8")
        told = [place_of(path, text, field, reason) for field, reason in _faults(fault)]
        first, *more = told
        raise CommandError(first, _ADVICE, places=more, request_id=fault.request_id) from fault
    except UnicodeDecodeError as fault:
        raise CommandError(f"{path} is no UTF-8 text ({fault}).", "Save it as UTF-8.") from fault
    except UsageError as fault:
        line = _LINE.search(str(fault))
        where = f"{path}:{line[1]}" if line else str(path)
        raise CommandError(f"{where}: {fault}", _ADVICE) from fault


def place_of(path: Path, text: str, field: str, reason: str) -> str:
    """Return a fault with its place: `crew.yaml:12: agents.0.role: …`."""
    line = line_of(text, field)
    where = f"{path}:{line}" if line else str(path)
    return f"{where}: {field}: {reason}" if field else f"{where}: {reason}"


def line_of(text: str, field: str) -> int | None:
    """Return the line of a file where `field`, a dotted path, is; or the part of it that is there."""
    import yaml

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line = None
    for part in re.findall(r"[^.\[\]]+", field):
        node, mark = _child(node, part)
        if node is None:
            break
        line = mark + 1
    return line


def _child(node: Any, part: str) -> tuple[Any, int]:
    """Return what `part` names in a node, with the line where it begins."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return value, key.start_mark.line
    elif isinstance(node, yaml.SequenceNode):
        if part.isdigit() and int(part) < len(node.value):
            found = node.value[int(part)]
            return found, found.start_mark.line
        for entry in node.value:
            name, _ = _child(entry, "name")
            if name is not None and name.value == part:
                return entry, entry.start_mark.line
    return None, 0


def _faults(fault: Any) -> list[tuple[str, str]]:
    several = fault.details.get("errors")
    if isinstance(several, list) and several:
        listed = [one for one in several if isinstance(one, dict)]
        return [(str(one.get("field") or ""), str(one.get("reason") or "")) for one in listed]
    return [(fault.field or "", str(fault.details.get("reason") or fault.message))]


def current_content(kasal: Kasal, crew_id: str | None, name: str) -> Any:
    """Return the crew as it is: what a patch's values take the place of."""
    from .output import as_json

    if crew_id is None:
        known = kasal.crews.find(name)
        if known is None:
            return {}
        crew_id = known.id
    newest = kasal.crews.get(crew_id).version
    return as_json(kasal.crews.version(crew_id, newest))


def change_lines(patch: list[dict[str, Any]], current: Any) -> Iterator[str]:
    """Yield the lines that show a JSON Patch beside what it changes."""
    for change in patch:
        path = str(change.get("path", ""))
        parts = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
        old = None if change.get("op") == "add" else _value_at(current, parts)
        new = None if change.get("op") == "remove" else change.get("value")
        yield f"  {_place(parts, current)}"
        yield from (f"    {line}" for line in _difference(old, new))


def _place(parts: list[str], current: Any) -> str:
    """Return a path with names in place of numbers, where there are names."""
    told = []
    node = current
    for part in parts:
        node = _value_at(node, [part])
        name = node.get("name") if isinstance(node, dict) else None
        told.append(str(name) if part.isdigit() and name else part)
    return ".".join(told)


def _value_at(node: Any, parts: list[str]) -> Any:
    for part in parts:
        if isinstance(node, dict):
            node = node.get(part)
        elif isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        else:
            return None
    return node


def _difference(old: Any, new: Any) -> Iterator[str]:
    before, after = _lines(old), _lines(new)
    if len(before) > 1 and len(after) > 1:
        compared = difflib.unified_diff(before, after, lineterm="", n=1)
        lines = [line for line in compared if not line.startswith(("---", "+++", "@@"))]
    else:
        lines = [*(f"- {line}" for line in before), *(f"+ {line}" for line in after)]
    yield from lines[:_SHOWN]
    if len(lines) > _SHOWN:
        yield f"… {len(lines) - _SHOWN} more lines"


def _lines(value: Any) -> list[str]:
    if value is None:
        return []
    text = value if isinstance(value, str) else json_text(value, indent=2)
    return text.splitlines()
