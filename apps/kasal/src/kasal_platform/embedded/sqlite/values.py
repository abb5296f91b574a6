"""The order of BSON values, as byte strings that compare as MongoDB compares the values.

A key is prefix-free: keys of several fields can be joined, and each can be reversed for a descending field.
The first byte is the value's type, in MongoDB's order (docs: "BSON Types, Comparison/Sort Order"), with the
numbers of its own KeyString. A document is a value as `bson` decodes it; other types are refused.
"""

import struct
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import bson
from bson import Binary, Int64, MaxKey, MinKey, ObjectId
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS

from kasal_platform.embedded.sqlite.failures import BAD_VALUE, refusal

Document = dict[str, Any]


class Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()
"""What a path leads to where a document has no such field."""

MISSING_KEY = NULL_KEY = b"\x14"
"""A missing field is ordered and indexed as null."""
EMPTY_ARRAY_KEY = b"\x0f"
"""How an index or a sort sees an empty array: below null, as MongoDB's `undefined`."""
LOWEST_KEY, HIGHEST_KEY = b"\x0a", b"\xf0"
"""The keys of MinKey and MaxKey: no key is outside of them."""
END = b"\xff"
"""Above each key, and above each key that begins with a given one when it is joined to that."""

_NUMBER, _STRING, _DOCUMENT, _ARRAY = b"\x1e", b"\x3c", b"\x46", b"\x50"
_BINARY, _OBJECT_ID, _BOOL, _DATETIME = b"\x5a", b"\x64", b"\x6e", b"\x78"
_CLOSE = b"\x00"

NAN_KEY = _NUMBER + bytes(8)
"""NaN is equal to itself and, in an order, below all numbers; no range but its own holds it."""

_SIGN = 1 << 63
_INT32 = 1 << 31
_AWARE: CodecOptions[Document] = CodecOptions(tz_aware=True)
_EXACT = 2.0**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what BSON decodes without a zone is UTC
_MILLISECOND = timedelta(milliseconds=1)
_INVERTED = bytes(255 - byte for byte in range(256))

_pack_double = struct.Struct(">d").pack
_pack_unsigned = struct.Struct(">Q").pack
_unpack_signed = struct.Struct(">q").unpack
_pack_rest = struct.Struct(">H").pack
_pack_length = struct.Struct(">I").pack


def sort_key(value: Any) -> bytes:
    """Return the key of `value`, a BSON value. Raises `OperationFailure` for a type that is not kept here."""
    make = _MAKERS.get(type(value))
    return make(value) if make is not None else _maker_of(value)(value)


def reversed_key(key: bytes) -> bytes:
    """Return the key for a descending field: of two keys, the other one is now the lower."""
    return key.translate(_INVERTED)


def type_bounds(value: Any) -> tuple[bytes, bytes]:
    """Return the keys of `value`'s type: from the first on, and below the second.

    `$gt` and `$lt` find nothing of other types. All numbers are one type, and NaN is none of them.
    """
    bracket = sort_key(value)[0]
    if bracket == _NUMBER[0]:
        return _INFINITE[0], bytes([bracket + 1])
    return bytes([bracket]), bytes([bracket + 1])


def compare(one: Any, other: Any) -> int:
    """Return -1, 0 or 1: the order of two values of any types."""
    left, right = sort_key(one), sort_key(other)
    return (left > right) - (left < right)


def equal(one: Any, other: Any) -> bool:
    """Say whether MongoDB takes the values for equal: 1 and 1.0 are, True and 1 are not.

    Documents are equal if their fields are, in the same order.
    """
    kind = type(one)
    if kind is type(other) and kind in _PLAIN:
        return bool(one == other)
    return sort_key(one) == sort_key(other)


def milliseconds(moment: datetime) -> int:
    """Return the milliseconds since 1970: what BSON keeps of a time. One without a zone is UTC."""
    return (moment - (_EPOCH if moment.tzinfo else _NAIVE_EPOCH)) // _MILLISECOND


def plain(value: Any) -> Any:
    """Return `value` as it is after being stored and read: nothing in it is shared with the caller.

    Times have milliseconds and are in UTC, integers beyond 32 bits are `Int64`, and subclasses are gone.
    Raises what `bson` raises for what is no BSON value, `OperationFailure` for a type that is not kept here.
    """
    kind = type(value)
    if kind in _UNCHANGED:
        return value
    if kind is dict:
        return {name: plain(inner) for name, inner in value.items()}
    if kind is list or kind is tuple:
        return [plain(inner) for inner in value]
    if kind is int:
        return value if -_INT32 <= value < _INT32 else Int64(value)
    if kind is datetime and value.tzinfo is UTC:
        return value.replace(microsecond=value.microsecond // 1_000 * 1_000)
    sort_key(value)  # refuses other types
    return bson.decode(bson.encode({"": value}), _AWARE)[""]


def type_name(value: Any) -> str:
    """Return MongoDB's name of the value's type, as it is in messages."""
    kind = type(value)
    if kind is int and not -_INT32 <= value < _INT32:
        kind = Int64
    return _TYPE_NAMES.get(kind, kind.__name__)


def _number(value: float) -> bytes:
    rest = b""
    if value != value:
        return NAN_KEY
    double = value + 0.0  # which turns -0.0 into 0.0
    if not -_EXACT < double < _EXACT:
        double, rest = _wide(value)
    (bits,) = _unpack_signed(_pack_double(double))
    return _NUMBER + _pack_unsigned(~bits if bits < 0 else bits + _SIGN) + rest


def _wide(value: float) -> tuple[float, bytes]:
    """Return the next double that is not above `value`, and what is left of an integer beyond it."""
    if isinstance(value, int) and not -_SIGN <= value < _SIGN:
        raise OverflowError("MongoDB can only handle up to 8-byte ints")  # as `bson` says it
    double = float(value)
    if abs(double) > 2.0**63:
        return double, b""
    if double > value:
        double = _next_lower(double)
    return double, _pack_rest(int(value) - int(double))


def _next_lower(double: float) -> float:
    (bits,) = _unpack_signed(_pack_double(double))
    lower: tuple[float] = struct.unpack(">d", struct.pack(">q", bits + (-1 if bits > 0 else 1)))
    return lower[0]


def _string(value: str) -> bytes:
    return _STRING + _text(value)


def _text(value: str) -> bytes:
    raw = value.encode()
    if b"\x00" in raw or b"\x01" in raw:
        raw = raw.replace(b"\x01", b"\x01\x02").replace(b"\x00", b"\x01\x01")
    return raw + _CLOSE


def _document(value: Mapping[str, Any]) -> bytes:
    parts = [_DOCUMENT]
    for name, inner in value.items():
        key = sort_key(inner)
        parts += (key[:1], _text(name), key)
    parts.append(_CLOSE)
    return b"".join(parts)


def _array(value: list[Any]) -> bytes:
    return b"".join([_ARRAY, *map(sort_key, value), _CLOSE])


def _binary(value: bytes) -> bytes:
    subtype = getattr(value, "subtype", 0)
    return _BINARY + _pack_length(len(value)) + bytes([subtype]) + value


def _object_id(value: ObjectId) -> bytes:
    return _OBJECT_ID + value.binary


def _bool(value: bool) -> bytes:
    return _TRUE if value else _FALSE


def _datetime(value: datetime) -> bytes:
    return _DATETIME + _pack_unsigned(milliseconds(value) + _SIGN)


def _datetime_ms(value: DatetimeMS) -> bytes:
    return _DATETIME + _pack_unsigned(int(value) + _SIGN)


def _null(_: object) -> bytes:
    return NULL_KEY


def _lowest(_: object) -> bytes:
    return LOWEST_KEY


def _highest(_: object) -> bytes:
    return HIGHEST_KEY


_TRUE, _FALSE = _BOOL + b"\x01", _BOOL + b"\x00"
_MAKERS: Mapping[type, Callable[[Any], bytes]] = {
    str: _string,
    int: _number,
    Int64: _number,
    float: _number,
    bool: _bool,
    type(None): _null,
    Missing: _null,
    datetime: _datetime,
    DatetimeMS: _datetime_ms,
    bytes: _binary,
    Binary: _binary,
    ObjectId: _object_id,
    dict: _document,
    list: _array,
    MinKey: _lowest,
    MaxKey: _highest,
}
_TYPE_NAMES: Mapping[type, str] = {
    str: "string",
    int: "int",
    Int64: "long",
    float: "double",
    bool: "bool",
    type(None): "null",
    datetime: "date",
    bytes: "binData",
    Binary: "binData",
    ObjectId: "objectId",
    dict: "object",
    list: "array",
    MinKey: "minKey",
    MaxKey: "maxKey",
}
_PLAIN = frozenset({str, int, bool, bytes, ObjectId, type(None)})
"""Types whose values Python compares as MongoDB does, among themselves."""
_UNCHANGED = frozenset({*_PLAIN, float, Int64, MinKey, MaxKey} - {int})
_INFINITE = (_number(float("-inf")), _number(float("inf")))


def _maker_of(value: object) -> Callable[[Any], bytes]:
    """Return what makes the key of an instance of a subclass, such as a `StrEnum`'s."""
    for kind in type(value).__mro__:
        make = _MAKERS.get(kind)
        if make is not None:
            return make
    if isinstance(value, Mapping):
        return _document
    if isinstance(value, tuple):
        return _array
    bson.encode({"": value})  # raises what PyMongo does for what is no BSON value at all
    raise refusal(BAD_VALUE, f"The embedded store keeps no values of type {type(value).__name__}.")
