"""Finds the JSON value in a model's answer: in prose, in code fences, or encoded as a string.

A model may say anything, so at most `LONGEST` characters are read, each only a few times.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from executor.models.calls import clean
from executor.models.strict_json import strict_decoder

LONGEST = 256 * 1024
DEEPEST = 100
_TRIES = 200
"""How many brackets in prose are tried as the beginning of a value."""
_FENCES = 20
_ENCODED_AGAIN = 3
_SPACE = " \t\r\n\ufeff"
_NO_JSON = "it is not one JSON value"
_OUT_OF_RANGE = "it holds a number that is out of range: at most 64 bits, or write it as a text"
_OPENING = re.compile(r"[\[{]")
_TAG = re.compile(r"[\w+.-]{0,30}")
_LONG_NUMBER = re.compile(r"(?<!\d)\d{19}")


class UnreadableValue(ValueError):  # noqa: N818 - it says what a text is
    """A text that holds no JSON value, or none that can be stored; the message says why."""


def find_value(text: str, complaint: Callable[[Any], str | None]) -> Any:
    """Return the value in `text` for which `complaint` returns None.

    It is the whole text (or what a JSON string holds), else the last such value in a code fence,
    else the longest in the prose. Raises `UnreadableValue` with what is wrong with the likeliest value.
    """
    if len(text) > LONGEST:
        raise UnreadableValue(f"it is too long: at most {LONGEST} characters are read")
    first = ""
    for read in (_whole, _in_fences, _in_prose):
        wrong: str | None = None
        try:
            for value in read(text):
                wrong = complaint(value)
                if wrong is None:
                    return value
                first = first or f"it does not meet the schema: {wrong}"
        except UnreadableValue as fault:  # the text may only begin like a number
            first = first or str(fault).removeprefix(_NO_JSON)
        if wrong is not None:
            break
    raise UnreadableValue(first or _NO_JSON)


def parse(text: str) -> Any:
    """Return `text` parsed as JSON. Raises `UnreadableValue`, also for what cannot be stored.

    That is a value nested deeper than `DEEPEST`, or a number that JSON does not have or that exceeds
    64 bits. Unpaired surrogates, which no store accepts, become `?`.
    """
    if not _LONG_NUMBER.search(text):  # orjson would turn it into a float
        try:
            return _storable(orjson.loads(text))
        except orjson.JSONDecodeError:
            pass  # the slower decoder says why, and accepts unpaired surrogates
    try:
        return _storable(_DECODER.decode(text))
    except UnreadableValue:
        raise
    except RecursionError:
        raise UnreadableValue(_too_deep()) from None
    except ValueError:
        raise UnreadableValue(_NO_JSON) from None


def _whole(text: str) -> Iterator[Any]:
    yield from _unpack(parse(text.strip(_SPACE)))


def _unpack(value: Any) -> Iterator[Any]:
    """Yield a value and, if it is a string that was encoded again, what it holds."""
    yield value
    for _ in range(_ENCODED_AGAIN):
        if not isinstance(value, str) or value.strip(_SPACE)[:1] not in tuple('{["'):
            return
        value = parse(value.strip(_SPACE))
        yield value


def _in_fences(text: str) -> Iterator[Any]:
    parts = text.split("```")
    inside = [part for place, part in enumerate(parts) if place % 2][-_FENCES:]
    for part in reversed(inside):
        tag = _TAG.match(part)
        body = part[tag.end() :].strip(_SPACE) if tag else part
        try:
            yield from _unpack(parse(body or part.strip(_SPACE)))
        except UnreadableValue as fault:
            if str(fault) != _NO_JSON:
                raise


def _in_prose(text: str) -> Iterator[Any]:
    """Yield the longest value that begins at a bracket. Raises `UnreadableValue` if one is broken.

    A part of a broken value is never taken for the whole.
    """
    found: tuple[int, Any] | None = None
    place = 0
    for _ in range(_TRIES):
        opening = _OPENING.search(text, place)
        if opening is None:
            break
        start = opening.start()
        try:
            value, place = _DECODER.raw_decode(text, start)
        except RecursionError:
            raise UnreadableValue(_too_deep()) from None
        except json.JSONDecodeError as fault:
            if fault.pos > start + 1:
                raise UnreadableValue(_NO_JSON) from None
            place = start + 1
            continue
        if found is None or place - start >= found[0]:
            found = (place - start, value)
    if found is not None:
        yield _storable(found[1])


def _too_deep() -> str:
    return f"it is nested deeper than {DEEPEST}"


_DECODER = strict_decoder(UnreadableValue, strict=False)
"""Not strict: it accepts line breaks in strings, which models forget to escape."""


def _storable(value: Any) -> Any:
    """Return `value` as it can be stored. Raises `UnreadableValue`."""
    nested = value
    for _ in range(_ENCODED - DEEPEST):
        nested = [nested]
    try:
        orjson.dumps(nested)
    except TypeError as fault:
        reason = str(fault)
    else:
        return value
    if "surrogates" in reason:
        try:
            return _storable(clean(value))
        except RecursionError:
            raise UnreadableValue(_too_deep()) from None
    raise UnreadableValue(_too_deep() if "ecursion" in reason else _OUT_OF_RANGE)


_ENCODED = 254
"""How deep a value orjson encodes. Wrapped in `_ENCODED - DEEPEST` lists, one may be `DEEPEST` deep."""
