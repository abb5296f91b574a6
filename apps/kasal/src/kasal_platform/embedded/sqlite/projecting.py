"""Projections: which fields of a document a read returns, as MongoDB chooses them."""

from collections.abc import Callable, Mapping
from typing import Any

from kasal_platform.embedded.sqlite.conditions import Condition
from kasal_platform.embedded.sqlite.failures import refusal, unknown_here
from kasal_platform.embedded.sqlite.matching import Query, compile_query
from kasal_platform.embedded.sqlite.paths import leads_to
from kasal_platform.embedded.sqlite.values import Document, type_name

Pick = Callable[[Any, Query], Any]
"""What is shown of a field's value, of a document that the query has found."""

_NUMBERS = (int, float)  # Int64 is an int, and so is a bool
_COLLISION_INSIDE, _COLLISION = 31_249, 31_250
_INCLUDED_IN_EXCLUSION, _EXCLUDED_IN_INCLUSION = 31_253, 31_254
_POSITIONAL_EXCLUSION, _NO_POSITION = 31_395, 51_246
_NO_QUERY = compile_query({})


class _Tree:
    """The fields of one level: `None` for one that is named itself, or its own level, or a pick."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: dict[str, _Tree | Pick | None] = {}

    def add(self, path: str, leaf: Pick | None) -> None:
        *outer, last = path.split(".")
        level = self
        for place, part in enumerate(outer):
            inner = level.fields.setdefault(part, _Tree())
            if not isinstance(inner, _Tree):
                rest = ".".join([*outer, last][place + 1 :])
                raise refusal(
                    _COLLISION_INSIDE, f"Path collision at {path} remaining portion {rest}"
                )
            level = inner
        if last in level.fields:
            raise refusal(_COLLISION, f"Path collision at {path}")
        level.fields[last] = leaf


class Projection:
    """A compiled projection."""

    __slots__ = ("_inclusive", "_positional", "_tree")

    def __init__(self, tree: _Tree | None, *, inclusive: bool, positional: bool) -> None:
        self._tree = tree
        self._inclusive = inclusive
        self._positional = positional

    def apply(self, document: Document, query: Mapping[str, Any] | None = None) -> Document:
        """Return what is shown of `document`, which `query` has found. It shares the values.

        Raises `OperationFailure` if the query does not say which element of an array is meant.
        """
        if self._tree is None:
            return document
        compiled = compile_query(query or {}) if self._positional else _NO_QUERY
        show = _included_part if self._inclusive else _remaining_part
        return show(document, self._tree, compiled)


def compile_projection(projection: Mapping[str, Any] | None) -> Projection:
    """Return `projection` compiled; None shows everything.

    Known are fields shown (1) or left out (0), `$slice` with a number, and `array.$`: the first element by
    which the query finds the document. Raises `OperationFailure` for what MongoDB refuses or is not known
    here.
    """
    if not projection:
        return Projection(None, inclusive=False, positional=False)
    inclusive = _is_inclusive(projection)
    tree = _Tree()
    for path, wanted in projection.items():
        if path != "_id":
            _add(tree, path, wanted, inclusive)
    if bool(projection.get("_id", True)) is inclusive:
        tree.fields["_id"] = None
    positional = any(path.endswith(".$") for path in projection)
    return Projection(tree, inclusive=inclusive, positional=positional)


def _add(
    tree: _Tree,
    path: str,
    wanted: Any,
    inclusive: bool,
) -> None:
    if path.startswith("$") or not all(path.split(".")):
        raise unknown_here(f"the projection of {path!r}")
    if isinstance(wanted, Mapping):
        tree.add(path, _slice(path, wanted))
    elif not isinstance(wanted, _NUMBERS):
        raise unknown_here(f"a projection of {path!r} to a value of type {type_name(wanted)}")
    elif path.endswith(".$"):
        if not inclusive or not wanted:
            raise refusal(
                _POSITIONAL_EXCLUSION,
                f"positional projection cannot be used with exclusion: {path}",
            )
        tree.add(path.removesuffix(".$"), _found_element(path.removesuffix(".$")))
    elif bool(wanted) is inclusive:
        tree.add(path, None)
    elif inclusive:
        raise refusal(
            _EXCLUDED_IN_INCLUSION, f"Cannot do exclusion on field {path} in inclusion projection"
        )
    else:
        raise refusal(
            _INCLUDED_IN_EXCLUSION, f"Cannot do inclusion on field {path} in exclusion projection"
        )


def _is_inclusive(projection: Mapping[str, Any]) -> bool:
    """Say whether it names what is shown: the first field decides, else `_id`."""
    for path, wanted in projection.items():
        if path != "_id" and isinstance(wanted, _NUMBERS):
            return bool(wanted)
    return bool(projection.get("_id", False))


def _slice(path: str, wanted: Mapping[str, Any]) -> Pick:
    count = wanted.get("$slice")
    if len(wanted) != 1 or not isinstance(count, int) or isinstance(count, bool):
        raise unknown_here(f"this projection of {path!r}: {sorted(wanted)}")
    part = slice(None, count) if count >= 0 else slice(count, None)
    return lambda value, _: value[part] if type(value) is list else value


def _found_element(path: str) -> Pick:
    """Return what picks the first element of an array by which the query finds the document."""
    if "." in path:
        raise unknown_here(f"the positional projection of {path!r}")

    def pick(value: Any, query: Query) -> Any:
        condition = _condition_on(path, query)
        if type(value) is not list:
            return value
        if condition is not None:
            parts = ["", *condition.path.split(".")[1:]]
            for element in value:
                if leads_to({"": element}, parts, condition.test):
                    return [element]
        raise refusal(
            _NO_POSITION,
            "Executor error during find command :: caused by :: positional operator '.$' couldn't"
            " find a matching element in the array",
        )

    return pick


def _condition_on(path: str, query: Query) -> Condition | None:
    """Return the query's condition on the array at `path`. Refuses several: MongoDB takes any."""
    found = [
        one for one in query.conditions if not one.negated and one.path.partition(".")[0] == path
    ]
    if len(found) > 1 or (found and found[0].whole):
        raise unknown_here(
            f"the projection '{path}.$' unless the query has one plain condition on it"
        )
    return found[0] if found else None


def _included_part(document: Document, tree: _Tree, query: Query) -> Document:
    shown: Document = {}
    for name, value in document.items():
        if name in tree.fields:
            inner = tree.fields[name]
            if inner is None:
                shown[name] = value
            elif not isinstance(inner, _Tree):
                shown[name] = inner(value, query)
            elif type(value) is dict:
                shown[name] = _included_part(value, inner, query)
            elif type(value) is list:
                shown[name] = _included_elements(value, inner, query)
    return shown


def _included_elements(array: list[Any], tree: _Tree, query: Query) -> list[Any]:
    """Return the documents of an array, also in arrays in it; other elements are left out."""
    shown: list[Any] = []
    for element in array:
        if type(element) is dict:
            shown.append(_included_part(element, tree, query))
        elif type(element) is list:
            shown.append(_included_elements(element, tree, query))
    return shown


def _remaining_part(document: Document, tree: _Tree, query: Query) -> Document:
    shown: Document = {}
    for name, value in document.items():
        if name not in tree.fields:
            shown[name] = value
            continue
        inner = tree.fields[name]
        if isinstance(inner, _Tree):
            shown[name] = _excluded_inside(value, inner, query)
        elif inner is not None:
            shown[name] = inner(value, query)
    return shown


def _excluded_inside(value: Any, tree: _Tree, query: Query) -> Any:
    if type(value) is dict:
        return _remaining_part(value, tree, query)
    if type(value) is list:
        return [_excluded_inside(element, tree, query) for element in value]
    return value
