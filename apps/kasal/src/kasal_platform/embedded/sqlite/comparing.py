"""Tests of single values: what `$eq`, `$in`, `$gt`, `$type` and `$regex` ask of one.

A test takes a value as `bson` decodes it, or `MISSING`.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from bson import Binary, Int64, MaxKey, MinKey, ObjectId, Regex

from kasal_platform.embedded.sqlite.failures import BAD_VALUE, refusal, unknown_here
from kasal_platform.embedded.sqlite.paths import Test
from kasal_platform.embedded.sqlite.ranges import Range, above, below, holds
from kasal_platform.embedded.sqlite.values import MISSING, milliseconds, sort_key

_NUMBERS = frozenset({int, Int64, float})
_LONGEST_PATTERN = 500
_MOST_STEPS = 5_000_000
"""Characters of a pattern times those of a text: some 50 ms."""
_INT32 = 2**31


def equality(wanted: Any) -> Test:
    """Return the test for values that are equal to `wanted`; null is equal to a missing field."""
    if wanted is None:
        return _is_null
    if isinstance(wanted, bool):
        return partial(operator.is_, wanted)
    if isinstance(wanted, str | ObjectId):
        return partial(operator.eq, wanted)
    if isinstance(wanted, int | float):
        return _number_test(operator.eq, wanted) if wanted == wanted else _is_nan
    if isinstance(wanted, datetime):
        return _datetime_test(operator.eq, wanted)
    key = sort_key(wanted)
    return lambda value: sort_key(value) == key


def membership(wanted: Sequence[Any]) -> Test:
    """Return the test for values that are equal to one of `wanted`."""
    if all(type(one) is str for one in wanted):
        texts = frozenset(wanted)
        return lambda value: type(value) is str and value in texts
    keys = frozenset(map(sort_key, wanted))
    return lambda value: sort_key(value) in keys


def greater(wanted: Any, *, inclusive: bool) -> Test:
    """Return the test for values of the same type that are greater than `wanted`, or equal to it."""
    return _order_test(
        operator.ge if inclusive else operator.gt, wanted, above(wanted, inclusive=inclusive)
    )


def less(wanted: Any, *, inclusive: bool) -> Test:
    """Return the test for values of the same type that are less than `wanted`, or equal to it."""
    return _order_test(
        operator.le if inclusive else operator.lt, wanted, below(wanted, inclusive=inclusive)
    )


def presence(value: Any) -> bool:
    """The test of `$exists`: whether there is a value."""
    return value is not MISSING


def type_test(wanted: Any) -> Test:
    """Return the test of `$type` for a type's name or number."""
    if isinstance(wanted, list | tuple):
        raise unknown_here("$type with an array")
    kind = _ALIASES.get(wanted) if isinstance(wanted, str) else _type_by_number(wanted)
    if kind is None:
        raise refusal(BAD_VALUE, f"Unknown type name alias: {wanted}")
    return kind


def pattern_test(pattern: Any, options: Any = "") -> Test:
    """Return the test of `$regex`: whether a text has the pattern somewhere.

    Refuses all patterns that repeat or choose, since they can take any time, and the test refuses long texts.
    """
    if isinstance(pattern, re.Pattern | Regex):
        raise unknown_here("compiled patterns; write {'$regex': '...', '$options': '...'}")
    if not isinstance(pattern, str):
        raise refusal(BAD_VALUE, "$regex has to be a string")
    if not isinstance(options, str):
        raise refusal(BAD_VALUE, "$options has to be a string")
    if len(pattern) > _LONGEST_PATTERN or not _BOUNDED.fullmatch(pattern):
        raise unknown_here(
            f"this pattern, or it could take long: {pattern[:100]!r}. Write at most"
            f" {_LONGEST_PATTERN} literal characters, classes, dots and anchors"
        )
    flags = re.NOFLAG
    for option in options:
        if option not in _FLAGS:
            raise unknown_here(f"the option {option!r} of $regex")
        flags |= _FLAGS[option]
    search = re.compile(pattern, flags).search
    longest = _MOST_STEPS // max(1, len(pattern))

    def test(value: Any) -> bool:
        if type(value) is not str:
            return False
        if len(value) > longest:
            raise unknown_here(
                f"this pattern for texts of over {longest:,} characters: {pattern!r}"
            )
        return search(value) is not None

    return test


_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL}
_ESCAPE = r"\\(?:[^A-Za-z0-9]|x[0-9A-Fa-f]{2})"
_BOUNDED = re.compile(
    rf"(?:{_ESCAPE}|\[\^?\]?(?:{_ESCAPE}|[^\]\\\[])*\]|[^\\\[\](){{}}*+?|])*", re.DOTALL
)


def _is_null(value: Any) -> bool:
    return value is None or value is MISSING


def _is_nan(value: Any) -> bool:
    return type(value) is float and value != value


def _number_test(compare: Callable[[Any, Any], bool], wanted: float) -> Test:
    return lambda value: type(value) in _NUMBERS and compare(value, wanted)


def _datetime_test(compare: Callable[[Any, Any], bool], wanted: datetime) -> Test:
    moment = milliseconds(wanted)
    return lambda value: type(value) is datetime and compare(milliseconds(value), moment)


def _order_test(compare: Callable[[Any, Any], bool], wanted: Any, ranges: Sequence[Range]) -> Test:
    if isinstance(wanted, int | float) and not isinstance(wanted, bool) and wanted == wanted:
        return _number_test(compare, wanted)
    if isinstance(wanted, str):
        return lambda value: type(value) is str and compare(value, wanted)
    if isinstance(wanted, datetime):
        return _datetime_test(compare, wanted)
    return lambda value: holds(ranges, sort_key(value))


def _of(*kinds: type) -> Test:
    return lambda value: type(value) in kinds


def _is_int(value: Any) -> bool:
    return type(value) is int and -_INT32 <= value < _INT32


def _is_long(value: Any) -> bool:
    return type(value) is Int64 or (type(value) is int and not _is_int(value))


_ALIASES: Mapping[str, Test] = {
    "double": _of(float),
    "string": _of(str),
    "object": _of(dict),
    "array": _of(list),
    "binData": _of(bytes, Binary),
    "objectId": _of(ObjectId),
    "bool": _of(bool),
    "date": _of(datetime),
    "null": _of(type(None)),
    "int": _is_int,
    "long": _is_long,
    "number": _of(*_NUMBERS),
    "minKey": _of(MinKey),
    "maxKey": _of(MaxKey),
}
_BY_NUMBER = {
    **dict(enumerate(("double", "string", "object", "array", "binData"), start=1)),
    7: "objectId",
    8: "bool",
    9: "date",
    10: "null",
    16: "int",
    18: "long",
    -1: "minKey",
    127: "maxKey",
}


def _type_by_number(wanted: Any) -> Test | None:
    if type(wanted) not in _NUMBERS or wanted not in _BY_NUMBER:
        raise refusal(BAD_VALUE, f"Invalid numerical type code: {wanted}")
    return _ALIASES[_BY_NUMBER[int(wanted)]]
