"""Canonical JSON (RFC 8785): one text for each value, so that its digest identifies it.

Numbers are written as ECMAScript writes them. Whole numbers beyond 2^53, which the RFC leaves to strings, keep
all their digits: rounding them would give two values one text.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

_EXACT = 21
"""Digits up to which ECMAScript writes a number without an exponent."""


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex. Raises as `canonical`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def canonical(value: Any) -> bytes:
    """Return `value` as canonical JSON. Raises `ValueError` for what JSON cannot hold."""
    return "".join(_parts(value)).encode("utf-8", "strict")


def _parts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield "{"
        for place, name in enumerate(sorted(value, key=_by_utf16)):
            yield f"{',' if place else ''}{_text(name)}:"
            yield from _parts(value[name])
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for place, entry in enumerate(value):
            if place:
                yield ","
            yield from _parts(entry)
        yield "]"
    else:
        yield _scalar(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number_text(value)
    raise ValueError(f"{type(value).__name__} is not JSON")


def _by_utf16(name: str) -> bytes:
    return name.encode("utf-16-be", "surrogatepass")


def _text(text: str) -> str:
    """Return `text` as a JSON string. Section 3.2.2.2 escapes what `json` escapes, and nothing else."""
    return json.dumps(text, ensure_ascii=False)


def number_text(value: float) -> str:
    """Return a number as ECMAScript writes it (ECMA-262, Number::toString). Raises `ValueError`."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not JSON")
    if value == 0:
        return "0"
    sign, shortest = ("-", repr(-value)) if value < 0 else ("", repr(value))
    mantissa, _, power = shortest.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    point = len(whole) + int(power or 0) - (len(whole + fraction) - len(digits))
    return sign + _layout(digits.rstrip("0"), point)


def _layout(digits: str, point: int) -> str:
    """Return the number 0.`digits` times ten to the power of `point`."""
    if len(digits) <= point <= _EXACT:
        return digits + "0" * (point - len(digits))
    if 0 < point <= _EXACT:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    power = point - 1
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'+' if power > 0 else '-'}{abs(power)}"
