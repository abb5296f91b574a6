"""The JSON value in a model's answer, however it is wrapped: in prose, in fences, in a text of its own.

A model may say anything, so no more than `LONGEST` characters are looked at, each a few times at most.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from executor.models.calls import clean

LONGEST = 256 * 1024
DEEPEST = 100
_TRIES = 200
"""Brackets in prose at which a value is looked for."""
_FENCES = 20
_ENCODED_AGAIN = 3
_SPACE = " \t\r\n\ufeff"
_NO_JSON = "it is not one JSON value"
_OUT_OF_RANGE = "it holds a number that is out of range: at most 64 bits, or write it as a text"
_OPENING = re.compile(r"[\[{]")
_TAG = re.compile(r"[\w+.-]{0,30}")
_LONG_NUMBER = re.compile(r"(?<!\d)\d{19}")


class Unreadable(ValueError):  # noqa: N818 - it says what a text is
    """A text that is no JSON value, or none that can be kept; the text says why."""


def find_value(text: str, complaint: Callable[[Any], str | None]) -> Any:
    """Return the value in `text` that `complaint` has nothing against.

    It is the whole text, or what a text in JSON holds, or the last such value in a fence, or else the
    longest in the prose. Raises `Unreadable`, with what is wrong with the likeliest value.
    """
    if len(text) > LONGEST:
        raise Unreadable(f"it is too long: at most {LONGEST} characters are read")
    first = ""
    for read in (_whole, _in_fences, _in_prose):
        wrong: str | None = None
        try:
            for value in read(text):
                wrong = complaint(value)
                if wrong is None:
                    return value
                first = first or f"it does not meet the schema: {wrong}"
        except Unreadable as fault:  # of a text that only begins like a number, perhaps
            first = first or str(fault).removeprefix(_NO_JSON)
        if wrong is not None:
            break
    raise Unreadable(first or _NO_JSON)


def parse(text: str) -> Any:
    """Return the JSON value that `text` is. Raises `Unreadable`, also for what cannot be kept.

    That is what is nested deeper than `DEEPEST`, a number that is none in JSON, or beyond 64 bits.
    Halves of surrogate pairs, which no store holds, become `?`.
    """
    if not _LONG_NUMBER.search(text):  # orjson would make a float of it
        try:
            return _storable(orjson.loads(text))
        except orjson.JSONDecodeError:
            pass  # the slower one tells why, and takes half surrogates
    try:
        return _storable(_DECODER.decode(text))
    except Unreadable:
        raise
    except RecursionError:
        raise Unreadable(_too_deep()) from None
    except ValueError:
        raise Unreadable(_NO_JSON) from None


def _whole(text: str) -> Iterator[Any]:
    yield from _unpack(parse(text.strip(_SPACE)))


def _unpack(value: Any) -> Iterator[Any]:
    """Yield a value, and what it holds where it is a text that was encoded again."""
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
        except Unreadable as fault:
            if str(fault) != _NO_JSON:
                raise


def _in_prose(text: str) -> Iterator[Any]:
    """Yield the longest value that begins at a bracket, unless one there is broken.

    A part of a broken value is never taken for the whole of it.
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
            raise Unreadable(_too_deep()) from None
        except json.JSONDecodeError as fault:
            if fault.pos > start + 1:
                raise Unreadable(_NO_JSON) from None
            place = start + 1
            continue
        if found is None or place - start >= found[0]:
            found = (place - start, value)
    if found is not None:
        yield _storable(found[1])


def _too_deep() -> str:
    return f"it is nested deeper than {DEEPEST}"


def _constant(name: str) -> Any:
    raise Unreadable(f"{name} is no number in JSON")


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable(_OUT_OF_RANGE)
    return number


def _int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise Unreadable(_OUT_OF_RANGE)
    return int(text)


_DECODER = json.JSONDecoder(
    parse_constant=_constant, parse_float=_float, parse_int=_int, strict=False
)
"""Not strict: it takes line breaks within texts, which models forget to escape."""


def _storable(value: Any) -> Any:
    """Return `value` as the store will hold it. Raises `Unreadable`."""
    nested = value
    for _ in range(_ENCODED - DEEPEST):
        nested = [nested]
    try:
        orjson.dumps(nested)
    except TypeError as fault:
        told = str(fault)
    else:
        return value
    if "surrogates" in told:
        try:
            return _storable(clean(value))
        except RecursionError:
            raise Unreadable(_too_deep()) from None
    raise Unreadable(_too_deep() if "ecursion" in told else _OUT_OF_RANGE)


_ENCODED = 254
"""How deep orjson writes; what is put into that many lists less may be `DEEPEST` deep."""
