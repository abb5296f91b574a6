"""Reads YAML that a stranger has written: within bounds, and without guessing what a word means.

A plain word stays the text that was written (`no`, `1e3`, `2024-01-15`): whoever knows the field it is for decides
whether it is a number. Aliases and merge keys are followed, but all that they repeat counts.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

MOST_NODES = 50_000
"""Values in a file, those that aliases repeat included."""
DEEPEST = 130
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TRUTH = {"true": True, "false": False}
_KNOWN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq")
)


class YamlFault(ValueError):  # noqa: N818 - it says what is wrong with a file
    """The text cannot be read; the message says where and why."""


class Word(str):
    """A plain scalar: a text that may also mean a number, a truth value or nothing."""

    __slots__ = ()

    @property
    def is_nothing(self) -> bool:
        return self in _NULLS

    @property
    def value(self) -> Any:
        """What it means by YAML 1.2's core schema, as far as JSON has it."""
        if self.is_nothing:
            return None
        if self.lower() in _TRUTH:
            return _TRUTH[self.lower()]
        if _INTEGER.fullmatch(self):
            return int(self)
        if _NUMBER.fullmatch(self) and len(self) < 40:
            number = float(self)
            return number if math.isfinite(number) else str(self)
        return str(self)


def read_yaml(text: str) -> Any:
    """Return the only document in `text`: dicts, lists, texts and `Word`s. Raises `YamlFault`."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        told = " ".join(str(part) for part in (fault.context, fault.problem) if part)
        raise YamlFault(f"{_place(mark)}{told}") from None
    except yaml.YAMLError as fault:
        raise YamlFault(f"It is no YAML: {str(fault)[:200]}") from None
    return builder.result


def json_value(read: Any) -> Any:
    """Return what was read with each plain word as the value that it means."""
    if isinstance(read, Word):
        return read.value
    if isinstance(read, dict):
        return {str(name): json_value(value) for name, value in read.items()}
    return [json_value(value) for value in read] if isinstance(read, list) else read


def _place(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "


@dataclass(slots=True)
class _Open:
    """A list or an object that is not at its end."""

    value: Any
    anchor: str | None
    size: int = 1
    height: int = 1
    """How many levels it has."""
    key: str | None = None
    merged: list[Any] = field(default_factory=list)


class _Builder:
    """Makes values of a parser's events, without recursion."""

    def __init__(self) -> None:
        self.result: Any = None
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int, int]] = {}
        self._documents = 0
        self._nodes = 0

    def take(self, event: Any) -> None:
        """Take the next event. Raises `YamlFault`."""
        kind = type(event).__name__
        if kind == "DocumentStartEvent":
            self._documents += 1
            if self._documents > 1:
                raise YamlFault(f"{_place(event.start_mark)}there is a second document (`---`)")
        elif kind == "ScalarEvent":
            self._check_tag(event)
            value = Word(event.value) if event.implicit[0] else event.value
            self._count(1, event)
            self._put(value, event, 1, 0, event.anchor)
        elif kind in {"SequenceStartEvent", "MappingStartEvent"}:
            self._check_tag(event)
            self._check_depth(1, event)
            self._count(1, event)
            self._open.append(_Open([] if kind[0] == "S" else {}, event.anchor))
        elif kind in {"SequenceEndEvent", "MappingEndEvent"}:
            done = self._open.pop()
            self._merge(done, event)
            self._put(done.value, event, done.size, done.height, done.anchor)
        elif kind == "AliasEvent":
            self._repeat(event)

    def _repeat(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise YamlFault(
                f"{_place(event.start_mark)}nothing before is called *{event.anchor[:80]}"
            )
        value, size, height = self._anchors[event.anchor]
        self._check_depth(height, event)
        self._count(size, event)
        self._put(value, event, size, height, None)

    def _check_depth(self, more: int, event: Any) -> None:
        if len(self._open) + more > DEEPEST:
            raise YamlFault(f"{_place(event.start_mark)}it is nested deeper than {DEEPEST} levels")

    def _count(self, many: int, event: Any) -> None:
        self._nodes += many
        if self._nodes > MOST_NODES:
            raise YamlFault(
                f"{_place(event.start_mark)}it has more than {MOST_NODES} values, with those that aliases repeat"
            )

    def _put(self, value: Any, event: Any, size: int, height: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size, height)
        if not self._open:
            self.result = value
            return
        place = self._open[-1]
        place.size += size
        place.height = max(place.height, height + 1)
        if isinstance(place.value, list):
            place.value.append(value)
        elif place.key is None:
            place.key = self._name(value, place.value, event)
        elif place.key == "<<" and isinstance(place.key, Word):
            place.merged += value if isinstance(value, list) else [value]
            place.key = None
        else:
            place.value[str(place.key)] = value
            place.key = None

    @staticmethod
    def _name(value: Any, there: dict[str, Any], event: Any) -> str:
        if not isinstance(value, str):
            raise YamlFault(f"{_place(event.start_mark)}the name of a field is a text")
        if value in there:
            raise YamlFault(f"{_place(event.start_mark)}{value[:80]} is given twice")
        return value

    def _merge(self, done: _Open, event: Any) -> None:
        for other in done.merged:
            if not isinstance(other, dict):
                raise YamlFault(
                    f"{_place(event.start_mark)}`<<` takes an object, or a list of them"
                )
            for name, value in other.items():
                done.value.setdefault(name, value)

    @staticmethod
    def _check_tag(event: Any) -> None:
        if event.tag not in {None, "!"} and event.tag not in _KNOWN_TAGS:
            raise YamlFault(f"{_place(event.start_mark)}the tag {event.tag[:80]} is not known here")
