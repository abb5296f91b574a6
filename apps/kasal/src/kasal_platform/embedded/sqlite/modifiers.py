"""The operators of updates: each returns what a field becomes, without changing what it was.

A field that is not there is `MISSING`, and so is one that is to be removed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from bson import Int64

from kasal_platform.embedded.sqlite.conditions import conditions, element_test, is_expression
from kasal_platform.embedded.sqlite.failures import (
    BAD_VALUE,
    TYPE_MISMATCH,
    brief,
    refusal,
    unknown_here,
)
from kasal_platform.embedded.sqlite.paths import Test
from kasal_platform.embedded.sqlite.values import MISSING, compare, equal, plain, type_name

_NUMBERS = frozenset({int, Int64, float})
_INT32, _INT64 = 2**31, 2**63


class Modifier:
    """What an update does to the field at `path`: `change` takes its value and returns the new one.

    `creates`: a missing field, and the documents around it, are made. Otherwise a path that leads nowhere is
    left alone. `on_insert`: only where the update inserts the document.
    """

    __slots__ = ("change", "creates", "on_insert", "parts", "path")

    def __init__(
        self,
        path: str,
        change: Callable[[Any], Any],
        *,
        creates: bool = True,
        on_insert: bool = False,
    ) -> None:
        self.path = path
        self.parts = path.split(".")
        self.change = change
        self.creates = creates
        self.on_insert = on_insert


def setting(path: str, operand: Any) -> Modifier:
    """`$set`."""
    value = plain(operand)
    return Modifier(path, lambda _: value)


def setting_on_insert(path: str, operand: Any) -> Modifier:
    """`$setOnInsert`."""
    value = plain(operand)
    return Modifier(path, lambda _: value, on_insert=True)


def unsetting(path: str, _: Any) -> Modifier:
    """`$unset`."""
    return Modifier(path, lambda _: MISSING, creates=False)


def incrementing(path: str, operand: Any) -> Modifier:
    """`$inc`: of two 32-bit integers the sum has 32 bits if it fits, else 64; a double wins."""
    amount = plain(operand)
    if type(amount) not in _NUMBERS:
        raise refusal(
            TYPE_MISMATCH,
            f"Cannot increment with non-numeric argument: {{{path}: {brief(operand)}}}",
        )

    def change(value: Any) -> Any:
        if value is MISSING:
            return amount
        if type(value) not in _NUMBERS:
            raise refusal(
                TYPE_MISMATCH,
                "Cannot apply $inc to a value of non-numeric type. The document has the field"
                f" '{path.rpartition('.')[2]}' of non-numeric type {type_name(value)}",
            )
        return _sum(value, amount)

    return Modifier(path, change)


def _sum(value: float, amount: float) -> float:
    if type(value) is float or type(amount) is float:
        return float(value) + float(amount)
    total = int(value) + int(amount)
    if not -_INT64 <= total < _INT64:
        raise refusal(
            BAD_VALUE,
            f"Failed to apply $inc operations to current value ({value}): the sum has over 64 bits",
        )
    narrow = type(value) is int and type(amount) is int and -_INT32 <= total < _INT32
    return total if narrow else Int64(total)


def raising(path: str, operand: Any) -> Modifier:
    """`$max`, by the order of all types."""
    wanted = plain(operand)
    return Modifier(
        path, lambda value: wanted if value is MISSING or compare(wanted, value) > 0 else value
    )


def lowering(path: str, operand: Any) -> Modifier:
    """`$min`, by the order of all types."""
    wanted = plain(operand)
    return Modifier(
        path, lambda value: wanted if value is MISSING or compare(wanted, value) < 0 else value
    )


def pushing(path: str, operand: Any) -> Modifier:
    """`$push`, with `$each` and `$slice`."""
    added, cut = _pushed_elements(operand)

    def change(value: Any) -> Any:
        held = [] if value is MISSING else value
        if type(held) is not list:
            raise refusal(
                BAD_VALUE,
                f"The field '{path}' must be an array but is of type {type_name(value)}",
            )
        grown = [*held, *added]
        return grown if cut is None else grown[cut]

    return Modifier(path, change)


def _pushed_elements(operand: Any) -> tuple[list[Any], slice | None]:
    if not isinstance(operand, Mapping) or "$each" not in operand:
        return [plain(operand)], None
    each = operand["$each"]
    if not isinstance(each, list | tuple):
        raise refusal(
            BAD_VALUE,
            "The argument to $each in $push must be an array but it was of type:"
            f" {type_name(each)}",
        )
    cut: slice | None = None
    for clause in operand.keys() - {"$each"}:
        if clause in {"$position", "$sort"}:
            raise unknown_here(f"{clause} in $push")
        if clause != "$slice":
            raise refusal(BAD_VALUE, f"Unrecognized clause in $push: {clause}")
        cut = _slice(operand[clause])
    return plain(each), cut


def _slice(count: Any) -> slice:
    if type(count) not in _NUMBERS or count != int(count):
        raise refusal(
            BAD_VALUE,
            f"The value for $slice must be an integer value but was given type: {type_name(count)}",
        )
    return slice(None, int(count)) if count >= 0 else slice(int(count), None)


def pulling(path: str, operand: Any) -> Modifier:
    """`$pull`: of elements that are equal to a value, or that fulfil a condition."""
    is_pulled = _pull_test(operand)

    def change(value: Any) -> Any:
        if value is MISSING:
            return MISSING
        if type(value) is not list:
            raise refusal(BAD_VALUE, "Cannot apply $pull to a non-array value")
        return [element for element in value if not is_pulled(element)]

    return Modifier(path, change, creates=False)


def _pull_test(operand: Any) -> Test:
    if is_expression(operand):
        found = conditions("", operand)
        return lambda element: all(one.check({"": element}) for one in found)
    if isinstance(operand, Mapping):
        return element_test(operand)
    wanted = plain(operand)
    return lambda element: equal(element, wanted)


MODIFIERS: Mapping[str, Callable[[str, Any], Modifier]] = {
    "$set": setting,
    "$setOnInsert": setting_on_insert,
    "$unset": unsetting,
    "$inc": incrementing,
    "$max": raising,
    "$min": lowering,
    "$push": pushing,
    "$pull": pulling,
}
