"""The operators of queries: one condition on one path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bson import Regex

from kasal_platform.embedded.sqlite import comparing
from kasal_platform.embedded.sqlite.failures import BAD_VALUE, refusal
from kasal_platform.embedded.sqlite.paths import Test, leads_to
from kasal_platform.embedded.sqlite.ranges import Range, above, below, points, without
from kasal_platform.embedded.sqlite.values import MISSING, Document

Check = Callable[[Document], bool]
_ARRAYS = (list, tuple)


class Condition:
    """What a query asks of `path`: that a value it leads to passes `test`, or `negated`, that none does.

    With `whole`, an array at the path's end is tested as one value, and not its elements.
    """

    __slots__ = ("check", "negated", "operand", "operator", "path", "test", "whole")

    def __init__(
        self,
        path: str,
        operator: str,
        operand: Any,
        test: Test,
        *,
        negated: bool = False,
        whole: bool = False,
    ) -> None:
        self.path = path
        self.operator = operator
        self.operand = operand
        self.test = test
        self.negated = negated
        self.whole = whole
        self.check = _check(path, test, negated, whole)

    def takes(self, value: Any) -> bool:
        """Say whether `value` alone fulfils the condition, as an element of an array has to."""
        return self.test(value) is not self.negated

    def ranges(self) -> list[Range] | None:
        """Return the keys that an index of the path has for what matches, None if that may be any."""
        find = _RANGES.get(self.operator)
        return None if find is None else find(self.operand)

    @property
    def is_exact(self) -> bool:
        """Say whether a single value matches exactly if its key is in `ranges`."""
        return self.operator in _RANGES and not _has_array(self.operator, self.operand)


def conditions(path: str, wanted: Any) -> list[Condition]:
    """Return what `{path: wanted}` asks. Raises `OperationFailure` for an operator that is not known."""
    if path.startswith("$"):
        raise refusal(
            BAD_VALUE,
            f"unknown top level operator: {path}. If you have a field name that starts with a '$'"
            " symbol, consider using $getField or $setField.",
        )
    if not is_expression(wanted):
        _refuse_pattern(wanted)
        return [Condition(path, "$eq", wanted, comparing.equality(wanted))]
    found = [
        _condition(path, name, operand, wanted)
        for name, operand in wanted.items()
        if name != "$options"
    ]
    if "$options" in wanted and "$regex" not in wanted:
        raise refusal(BAD_VALUE, "$options needs a $regex")
    return found if len(found) == 1 else _without_needless(found)


def is_expression(wanted: Any) -> bool:
    """Say whether this is a document of operators, and not a value."""
    return isinstance(wanted, Mapping) and next(iter(wanted), "").startswith("$")


def _without_needless(found: list[Condition]) -> list[Condition]:
    """Leave out `$exists` where an equality says it."""
    if any(one.operator == "$eq" and one.operand is not None for one in found):
        return [one for one in found if one.operator != "$exists" or one.negated]
    return found


def _condition(path: str, name: str, operand: Any, wanted: Mapping[str, Any]) -> Condition:
    make = _MAKERS.get(name)
    if make is None:
        raise refusal(BAD_VALUE, f"unknown operator: {name}")
    return make(path, operand, wanted)


def _check(path: str, test: Test, negated: bool, whole: bool) -> Check:
    check = _check_field(path, test, whole) if "." not in path else _check_path(path, test, whole)
    return (lambda document: not check(document)) if negated else check


def _check_field(name: str, test: Test, whole: bool) -> Check:
    def check(document: Document) -> bool:
        value = document.get(name, MISSING)
        if type(value) is list and not whole:
            return any(map(test, value)) or test(value)
        return test(value)

    return check


def _check_path(path: str, test: Test, whole: bool) -> Check:
    parts = tuple(path.split("."))
    return lambda document: leads_to(document, parts, test, whole=whole)


def _equal(path: str, operand: Any, _: object) -> Condition:
    _refuse_pattern(operand)
    return Condition(path, "$eq", operand, comparing.equality(operand))


def _unequal(path: str, operand: Any, _: object) -> Condition:
    if isinstance(operand, Regex):
        raise refusal(BAD_VALUE, "Can't have regex as arg to $ne.")
    _refuse_pattern(operand)
    return Condition(path, "$ne", operand, comparing.equality(operand), negated=True)


def _one_of(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$in", operand, comparing.membership(_list_of("$in", operand)))


def _none_of(path: str, operand: Any, _: object) -> Condition:
    test = comparing.membership(_list_of("$nin", operand))
    return Condition(path, "$nin", operand, test, negated=True)


def _list_of(name: str, operand: Any) -> Sequence[Any]:
    if not isinstance(operand, _ARRAYS):
        raise refusal(BAD_VALUE, f"{name} needs an array")
    for one in operand:
        if isinstance(one, Mapping) and is_expression(one):
            raise refusal(BAD_VALUE, f"cannot nest $ under {name}")
        _refuse_pattern(one)
    return operand


def _refuse_pattern(operand: Any) -> None:
    if isinstance(operand, Regex) or hasattr(operand, "pattern"):
        comparing.pattern_test(operand)


def _greater(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$gt", operand, comparing.greater(operand, inclusive=False))


def _at_least(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$gte", operand, comparing.greater(operand, inclusive=True))


def _less(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$lt", operand, comparing.less(operand, inclusive=False))


def _at_most(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$lte", operand, comparing.less(operand, inclusive=True))


def _exists(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$exists", operand, comparing.presence, negated=not operand)


def _type(path: str, operand: Any, _: object) -> Condition:
    return Condition(path, "$type", operand, comparing.type_test(operand))


def _pattern(path: str, operand: Any, wanted: Mapping[str, Any]) -> Condition:
    test = comparing.pattern_test(operand, wanted.get("$options", ""))
    return Condition(path, "$regex", operand, test)


def _element(path: str, operand: Any, _: object) -> Condition:
    if not isinstance(operand, Mapping):
        raise refusal(BAD_VALUE, "$elemMatch needs an Object")
    fits = element_test(operand)

    def test(value: Any) -> bool:
        return type(value) is list and any(map(fits, value))

    return Condition(path, "$elemMatch", operand, test, whole=True)


def element_test(wanted: Mapping[str, Any]) -> Test:
    """Return the test of an array's element: of its fields, or with operators, of the element itself."""
    if is_expression(wanted):
        found = conditions("", wanted)
        return lambda value: all(one.takes(value) for one in found)
    inner = [one for name, operand in wanted.items() for one in conditions(name, operand)]
    return lambda value: type(value) is dict and all(one.check(value) for one in inner)


def _not(path: str, operand: Any, _: object) -> Condition:
    if not isinstance(operand, Mapping):
        _refuse_pattern(operand)
        raise refusal(BAD_VALUE, "$not needs a regex or a document")
    if not operand:
        raise refusal(BAD_VALUE, "$not cannot be empty")
    if not is_expression(operand):
        raise refusal(BAD_VALUE, f"unknown operator: {next(iter(operand))}")
    inner = conditions(path, operand)
    return _Negation(path, operand, inner)


class _Negation(Condition):
    """`$not`: the document does not match all of the conditions `inner`, each by a value of its own."""

    __slots__ = ()

    def __init__(self, path: str, operand: Any, inner: Sequence[Condition]) -> None:
        super().__init__(path, "$not", operand, lambda value: all(i.takes(value) for i in inner))
        self.negated = True
        self.check = lambda document: not all(one.check(document) for one in inner)


_MAKERS: Mapping[str, Callable[[str, Any, Mapping[str, Any]], Condition]] = {
    "$eq": _equal,
    "$ne": _unequal,
    "$in": _one_of,
    "$nin": _none_of,
    "$gt": _greater,
    "$gte": _at_least,
    "$lt": _less,
    "$lte": _at_most,
    "$exists": _exists,
    "$type": _type,
    "$regex": _pattern,
    "$elemMatch": _element,
    "$not": _not,
}


def _has_array(operator: str, operand: Any) -> bool:
    listed = operand if operator in {"$in", "$nin"} else (operand,)
    return any(isinstance(one, _ARRAYS) for one in listed)


def _unless_array(find: Callable[[Any], list[Range]]) -> Callable[[Any], list[Range] | None]:
    """Return nothing for an array: an index holds its elements, which say nothing of the whole."""
    return lambda operand: None if isinstance(operand, _ARRAYS) else find(operand)


def _other_points(operand: Sequence[Any]) -> list[Range] | None:
    return None if _has_array("$nin", operand) else without(points(operand))


_RANGES: Mapping[str, Callable[[Any], list[Range] | None]] = {
    "$eq": lambda operand: points((operand,)),
    "$in": points,
    "$ne": lambda operand: _other_points((operand,)),
    "$nin": _other_points,
    "$gt": _unless_array(lambda operand: above(operand, inclusive=False)),
    "$gte": _unless_array(lambda operand: above(operand, inclusive=True)),
    "$lt": _unless_array(lambda operand: below(operand, inclusive=False)),
    "$lte": _unless_array(lambda operand: below(operand, inclusive=True)),
}
