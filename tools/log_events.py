"""Make docs/reference/log-events.md out of the code: every event, its level, service and fields.

`python tools/log_events.py` writes it; with `--check` it only says whether it is up to date.
"""

import argparse
import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from log_meanings import MEANINGS
from openapi import ROOT, write_or_check

TARGET = ROOT / "docs/reference/log-events.md"

_LEVELS = {
    "debug": "debug",
    "info": "info",
    "warning": "warning",
    "error": "error",
    "exception": "error",
}
_LOUD = ("error", "warning")
_NOT_FIELDS = {"exc_info"}
_ROOMS = ("apps/*", "libs/common", "services/*")
_EVERYWHERE = {"common": "any", "kasal": "make run"}

_HEAD = """\
# Log events

Made by `tools/log_events.py` out of the code (`make docs`). `event` is constant text: search for it
as it stands here. Every line also has `timestamp`, `level`, `logger` and `service` and, where they are
known, `request_id`, `workspace_id`, `job_id`, `attempt`, `message_id`, `trace_id` and `span_id`
([observing](observing.md#lines)); a line of a caught exception has it as `exception`. The gateway's
access log is the event `request served` too.
"""


@dataclass
class Event:
    """One event as it is logged, in one or more places of one service."""

    text: str
    level: str
    service: str
    fields: set[str] = field(default_factory=set)


def _sources() -> Iterator[tuple[str, Path]]:
    for path in sorted(path for room in _ROOMS for path in ROOT.glob(f"{room}/src/**/*.py")):
        parts = path.relative_to(ROOT).parts
        if "local" not in parts:
            yield _EVERYWHERE.get(parts[1], parts[1]), path


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)) if (
                method in _LEVELS
            ):
                yield _LEVELS[method], node


def _text(path: Path, call: ast.Call) -> str:
    match call.args:
        case [ast.Constant(value=str(text))]:
            return text
    sys.exit(f"{path.relative_to(ROOT)}:{call.lineno}: a log event must be one constant text")


def events() -> list[Event]:
    """Return all events; one that several places of a service log is one, with all its fields."""
    found: dict[tuple[str, str, str], Event] = {}
    for service, path in _sources():
        for level, call in _calls(path):
            text = _text(path, call)
            event = found.setdefault((text, level, service), Event(text, level, service))
            event.fields |= {word.arg for word in call.keywords if word.arg} - _NOT_FIELDS
    return sorted(found.values(), key=lambda event: (event.text, event.service))


def _check_meanings(found: Iterable[Event]) -> None:
    loud = {event.text for event in found if event.level in _LOUD}
    if missing := sorted(loud - MEANINGS.keys()):
        sys.exit(f"tools/log_meanings.py does not say what these mean: {missing}")
    if gone := sorted(MEANINGS.keys() - loud):
        sys.exit(f"tools/log_meanings.py explains what nobody logs: {gone}")


def document() -> str:
    """Return the whole page."""
    found = events()
    _check_meanings(found)
    levels = ("error", "warning", "info", "debug")
    return _HEAD + "".join(f"\n## {lv.capitalize()}\n\n{_table(found, lv)}\n" for lv in levels)


def _table(found: Iterable[Event], level: str) -> str:
    loud = level in _LOUD
    lines = ["| event | service | fields |" + (" meaning |" if loud else "")]
    lines.append("|---|---|---|" + ("---|" if loud else ""))
    for event in found:
        if event.level == level:
            fields = ", ".join(f"`{name}`" for name in sorted(event.fields)) or "-"
            meaning = f" {MEANINGS[event.text]} |" if loud else ""
            lines.append(f"| {event.text} | {event.service} | {fields} |{meaning}")
    return "\n".join(lines)


def main() -> None:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    command = "python tools/log_events.py"
    write_or_check(TARGET, document(), check=arguments.check, command=command)


if __name__ == "__main__":
    main()
