"""Refusals with MongoDB's codes and words, so that stores see the errors they would get from it."""

from typing import Any

from pymongo.errors import OperationFailure

BAD_VALUE = 2
FAILED_TO_PARSE = 9
TYPE_MISMATCH = 14
PATH_NOT_VIABLE = 28
CANNOT_BACKFILL = 34
CONFLICTING_UPDATE = 40
DOLLAR_PREFIXED_FIELD = 52
NOT_SINGLE_VALUE = 54
EMPTY_FIELD_NAME = 56
IMMUTABLE_FIELD = 66
NOT_SUPPORTED = 238

_NAMES = {
    BAD_VALUE: "BadValue",
    FAILED_TO_PARSE: "FailedToParse",
    TYPE_MISMATCH: "TypeMismatch",
    PATH_NOT_VIABLE: "PathNotViable",
    CANNOT_BACKFILL: "CannotBackfillArray",
    CONFLICTING_UPDATE: "ConflictingUpdateOperators",
    DOLLAR_PREFIXED_FIELD: "DollarPrefixedFieldName",
    NOT_SINGLE_VALUE: "NotSingleValueField",
    EMPTY_FIELD_NAME: "EmptyFieldName",
    IMMUTABLE_FIELD: "ImmutableField",
    NOT_SUPPORTED: "NotImplemented",
}


def refusal(code: int, message: str) -> OperationFailure:
    """Return the error that PyMongo raises when MongoDB answers a command with `code`."""
    name = _NAMES.get(code, f"Location{code}")
    details = {"ok": 0.0, "errmsg": message, "code": code, "codeName": name}
    return OperationFailure(message, code, details)


def unknown_here(what: str) -> OperationFailure:
    """Return the refusal of something that MongoDB knows and this store does not."""
    return refusal(NOT_SUPPORTED, f"The embedded store does not know {what}.")


_LONGEST_BRIEF = 100


def brief(value: Any) -> str:
    """Return `value` as a message shows it: not what is in it, and no long text."""
    if isinstance(value, str | bytes):
        return repr(value[:_LONGEST_BRIEF])
    return "..." if isinstance(value, dict | list | tuple) else repr(value)
