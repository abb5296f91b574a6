"""Cleans the tool calls in a reply, so that they can be stored, made, and sent back to any provider."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson

from executor.models.dialogue import ToolRequest
from executor.models.strict_json import is_64_bit, strict_decoder

_SENDABLE = re.compile(r"[A-Za-z0-9_-]{1,40}")
"""Ids that OpenAI, Anthropic and Google all accept back."""
_NAME = 64
_DEEPEST = 60
_WIDEST = 100_000
_LARGEST = 256 * 1024
"""The most characters of one call's arguments; longer ones are a mistake."""
_TOGETHER = 512 * 1024
_SHOWN = 2_000
_MARKS = re.compile(r"<\|[^|<>]{0,60}\|>")
_ODD = re.compile(r"[^A-Za-z0-9_-]+")
_SIMPLE = re.compile(r"[^a-z0-9]+")
_AFFIXES = re.compile(r"[.:/= ]")

CUT = "your reply reached its length limit in the midst of this call, and it was not made"


class Cleaner:
    """Turns the calls in one reply into requests.

    `names` are the available tools and `taken` the ids of earlier calls in the dialogue. `cut` says
    that the reply ended at its length limit.
    """

    def __init__(self, names: Collection[str], taken: Iterable[str], *, cut: bool = False) -> None:
        self._names = names
        self._taken = set(taken)
        self._cut = cut
        self._left = _TOGETHER

    def request(self, call_id: str, name: str, arguments: object) -> ToolRequest:
        """Return one call; unusable arguments become its `broken`."""
        call_id, name = self._id(call_id), tool_name(name, self._names)
        value, fault = self._value(arguments)
        if value is not None:
            return ToolRequest(call_id, name, value)
        if self._cut and _unfinished(arguments):
            fault = CUT
        return ToolRequest(call_id, name, None, _excerpt(arguments), fault)

    def _id(self, given: str) -> str:
        made, number = given, len(self._taken)
        while not _SENDABLE.fullmatch(made) or made in self._taken:
            made, number = f"call_{number}", number + 1
        self._taken.add(made)
        return made

    def _value(self, arguments: object) -> tuple[dict[str, Any] | None, str]:
        if isinstance(arguments, str):
            self._left -= len(arguments)
            if len(arguments) > _LARGEST or self._left < 0:
                return None, f"the arguments are too long: at most {_LARGEST} characters are read"
        try:
            return usable(arguments), ""
        except UnusableArguments as fault:
            return None, str(fault)


class UnusableArguments(ValueError):  # noqa: N818 - it says what arguments are
    """Arguments that no tool can be called with; the message says why."""


_DECODER = strict_decoder(UnusableArguments)


def usable(arguments: object) -> dict[str, Any]:
    """Return a call's arguments as a JSON object. Raises `UnusableArguments`."""
    value = _decode(arguments) if isinstance(arguments, str) else arguments
    if isinstance(value, str) and value.strip():  # encoded twice
        value = _decode(value)
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping):
        raise UnusableArguments("the arguments are not one JSON object")
    _check(value)
    try:
        orjson.dumps(value)
    except TypeError:
        value = clean(value)
    return dict(value)


def _decode(text: str) -> Any:
    text = text.strip(" \t\r\n\ufeff")
    if not text:
        return {}
    try:
        return _DECODER.decode(text)
    except UnusableArguments:
        raise
    except RecursionError:
        raise UnusableArguments("the arguments are nested too deep") from None
    except ValueError as fault:
        raise UnusableArguments(f"the arguments are not JSON ({fault})") from None


def _check(value: Any) -> None:
    """Raise `UnusableArguments` if `value` is nested too deep or holds a number that JSON lacks."""
    level: list[Any] = [value]
    for _ in range(_DEEPEST):
        below: list[Any] = []
        for entry in level:
            below += entry.values() if isinstance(entry, Mapping) else entry
        if len(below) > _WIDEST:
            raise UnusableArguments(f"the arguments have more than {_WIDEST} values")
        for entry in below:
            if isinstance(entry, float) and not math.isfinite(entry):
                raise UnusableArguments(f"{entry} is not a number in JSON")
            if isinstance(entry, int) and not is_64_bit(entry):
                raise UnusableArguments("a number is out of range: write it as a text")
        level = [entry for entry in below if isinstance(entry, Mapping | list | tuple)]
        if not level:
            return
    raise UnusableArguments(f"the arguments are nested deeper than {_DEEPEST}")


def clean(value: Any) -> Any:
    """Return `value` with unpaired surrogates, which no request can hold, replaced by `?`."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {clean(str(name)): clean(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [clean(entry) for entry in value]
    return value


def tool_name(given: str, known: Collection[str]) -> str:
    """Return the tool in `known` that `given` means, or else `given` as a name that can be sent.

    Models add what they saw in training: `functions.calculator`, `calculator<|channel|>commentary`.
    """
    if given in known:
        return given
    parts = [part.strip("`'\" ()") for part in _MARKS.split(given[:1_000])]
    alike = {_simple(name): name for name in known}
    for guess in (guess for part in parts for guess in _guesses(part)):
        if guess in known:
            return guess
        if _simple(guess) in alike:
            return alike[_simple(guess)]
    bare = next((part for part in parts if part), "")
    return _ODD.sub("_", bare).strip("_")[:_NAME] or "unnamed"


def _guesses(part: str) -> Sequence[str]:
    return [part, *reversed(_AFFIXES.split(part))]


def _simple(name: str) -> str:
    return _SIMPLE.sub("_", name.casefold()).strip("_")


def _unfinished(arguments: object) -> bool:
    return isinstance(arguments, str) and not arguments.rstrip().endswith("}")


def _excerpt(arguments: object) -> str:
    text = arguments if isinstance(arguments, str) else repr(arguments)[: 10 * _SHOWN]
    text = text[:_SHOWN] + ("…" if len(text) > _SHOWN else "")
    return text.encode("utf-8", "replace").decode()
