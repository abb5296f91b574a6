"""Updates: what they make of a document, as MongoDB does it.

Known are the operators that our stores use (`modifiers`), and documents that replace others.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bson import ObjectId

from kasal_platform.embedded.sqlite.failures import (
    CANNOT_BACKFILL,
    CONFLICTING_UPDATE,
    DOLLAR_PREFIXED_FIELD,
    EMPTY_FIELD_NAME,
    FAILED_TO_PARSE,
    IMMUTABLE_FIELD,
    PATH_NOT_VIABLE,
    brief,
    refusal,
    unknown_here,
)
from kasal_platform.embedded.sqlite.matching import EVERY, Query
from kasal_platform.embedded.sqlite.modifiers import MODIFIERS, Modifier, setting
from kasal_platform.embedded.sqlite.paths import is_index
from kasal_platform.embedded.sqlite.values import MISSING, Document, equal, plain, type_name

_MOST_PADDED = 1_500_000
"""Nulls that a path may add to an array at once: MongoDB's own limit."""


class Update:
    """A compiled update. Its results share with their origin what they leave as it was."""

    __slots__ = ("_modifiers", "_replacement")

    def __init__(
        self, modifiers: Sequence[Modifier] = (), replacement: Document | None = None
    ) -> None:
        self._modifiers = modifiers
        self._replacement = replacement

    def apply(
        self, document: Document, *, inserting: bool = False, query: Query = EVERY
    ) -> Document:
        """Return what `document` becomes; it stays as it is. Raises `OperationFailure`.

        If `inserting`, return the document, with an `_id`, that an upsert inserts where `query` has found
        none: what the query's equalities say, updated.
        """
        if inserting:
            return self._insertion(query)
        if self._replacement is not None:
            return _replacement_of(document, self._replacement)
        changed = _change_of(document, self._modifiers, inserting=False)
        _check_id(document["_id"], changed)
        return changed

    def _insertion(self, query: Query) -> Document:
        known = query.equality("_id")
        if self._replacement is None:
            stated = [setting(path, value) for path, value in query.equalities().items()]
            base = _change_of({}, stated, inserting=True)
            made = _change_of(base, self._modifiers, inserting=True)
        else:
            base = {} if known is MISSING else {"_id": plain(known)}
            made = _replacement_of(base, self._replacement)
        if "_id" in base:
            _check_id(base["_id"], made)
        identity = made.pop("_id", MISSING)
        return {"_id": ObjectId() if identity is MISSING else identity, **made}


def compile_update(update: Mapping[str, Any]) -> Update:
    """Return `update` compiled: operators, or a document that takes the place of another.

    Raises `OperationFailure` for what MongoDB refuses or is not known here.
    """
    if not isinstance(update, Mapping):
        raise unknown_here("updates that are pipelines")
    if not next(iter(update), "").startswith("$"):
        for name in update:
            if name.startswith("$"):
                raise _dollar(name, name)
        return Update(replacement=plain(dict(update)))
    found: list[Modifier] = []
    for name, fields in update.items():
        found += _modifiers_of(name, fields)
    found.sort(key=_place)
    _check_conflicts(found)
    return Update(found)


def _modifiers_of(name: str, fields: Any) -> list[Modifier]:
    make = MODIFIERS.get(name)
    if make is None:
        raise refusal(
            FAILED_TO_PARSE,
            f"Unknown modifier: {name}. Expected a valid update modifier or pipeline-style update"
            " specified as an array",
        )
    if not isinstance(fields, Mapping):
        raise refusal(
            FAILED_TO_PARSE,
            f"Modifiers operate on fields but we found type {type_name(fields)} instead. For example:"
            f" {{$mod: {{<field>: ...}}}} not {{{name}: {brief(fields)}}}",
        )
    for path in fields:
        _check_path(path)
    return [make(path, operand) for path, operand in fields.items()]


def _check_path(path: str) -> None:
    if "$" not in path and path and path[0] != "." != path[-1] and ".." not in path:
        return
    for part in path.split("."):
        if not part:
            raise refusal(
                EMPTY_FIELD_NAME,
                f"The update path '{path}' contains an empty field name, which is not allowed."
                if path
                else "An empty update path is not valid.",
            )
        if part == "$" or part.startswith("$["):
            raise unknown_here(f"the positional operator in '{path}'")
        if part.startswith("$"):
            raise _dollar(part, path)


def _dollar(name: str, path: str) -> Exception:
    return refusal(
        DOLLAR_PREFIXED_FIELD,
        f"The dollar ($) prefixed field '{name}' in '{path}' is not allowed in the context of an"
        " update's replacement document. Consider using an aggregation pipeline with $replaceWith."
        if name == path
        else f"The dollar ($) prefixed field '{name}' in '{path}' is not valid for storage.",
    )


def _place(modifier: Modifier) -> list[str]:
    """Order fields by name, and places in arrays by number: so MongoDB adds them."""
    return [part.zfill(9) if is_index(part) else part for part in modifier.parts]


def _check_conflicts(found: Sequence[Modifier]) -> None:
    seen: set[str] = set()
    for modifier in found:
        path = modifier.path
        if path in seen:
            raise _conflict(path, path)
        seen.add(path)
    for modifier in found:
        outer = modifier.path
        while "." in outer:
            outer = outer.rpartition(".")[0]
            if outer in seen:
                raise _conflict(modifier.path, outer)


def _conflict(path: str, at: str) -> Exception:
    return refusal(
        CONFLICTING_UPDATE, f"Updating the path '{path}' would create a conflict at '{at}'"
    )


def _replacement_of(document: Document, replacement: Document) -> Document:
    old = document.get("_id", MISSING)
    if old is MISSING:
        return dict(replacement)
    if "_id" not in replacement:
        return {"_id": old, **replacement}
    if not equal(old, replacement["_id"]):
        raise refusal(
            IMMUTABLE_FIELD,
            "After applying the update, the (immutable) field '_id' was found to have been altered"
            f" to _id: {brief(replacement['_id'])}",
        )
    return dict(replacement)


def _check_id(old: Any, changed: Document) -> None:
    new = changed.get("_id", MISSING)
    if new is not old and (new is MISSING or not equal(old, new)):
        raise refusal(
            IMMUTABLE_FIELD,
            "Performing an update on the path '_id' would modify the immutable field '_id'",
        )


def _change_of(document: Document, modifiers: Sequence[Modifier], *, inserting: bool) -> Document:
    changed = dict(document)
    own = {id(changed)}
    for modifier in modifiers:
        if inserting or not modifier.on_insert:
            _modify(changed, modifier, own)
    return changed


def _modify(document: Document, modifier: Modifier, own: set[int]) -> None:
    """Change `document` and what it holds; `own` are the ids of what is not shared with the origin."""
    *outer, last = modifier.parts
    holder: Any = document
    for part in outer:
        inner = _get(holder, part)
        if inner is MISSING:
            if not modifier.creates:
                return
            inner = {}
        elif type(inner) is dict:
            inner = inner if id(inner) in own else dict(inner)
        elif type(inner) is list:
            inner = inner if id(inner) in own else [*inner]
        else:
            if not modifier.creates:
                return
            raise _not_viable(_following(modifier, part, outer), part, inner)
        own.add(id(inner))
        _put(holder, part, inner, modifier)
        holder = inner
    before = _get(holder, last)
    if before is MISSING and type(holder) is list and not is_index(last):
        if modifier.creates:
            raise _not_viable(last, outer[-1], holder)
        return
    after = modifier.change(before)
    if after is not before:
        _put(holder, last, after, modifier)


def _get(holder: Any, part: str) -> Any:
    if type(holder) is dict:
        return holder.get(part, MISSING)
    if not is_index(part) or int(part) >= len(holder):
        return MISSING
    return holder[int(part)]


def _put(holder: Any, part: str, value: Any, modifier: Modifier) -> None:
    if type(holder) is dict:
        if value is MISSING:
            holder.pop(part, None)
        else:
            holder[part] = value
        return
    if not is_index(part):
        raise _not_viable(part, modifier.path.partition(f".{part}")[0], holder)
    place = int(part)
    if place < len(holder):
        holder[place] = None if value is MISSING else value
        return
    if value is MISSING:
        return
    if place - len(holder) > _MOST_PADDED:
        raise refusal(
            CANNOT_BACKFILL, f"can't backfill more than {_MOST_PADDED} elements: {modifier.path}"
        )
    holder += [None] * (place - len(holder))
    holder.append(value)


def _following(modifier: Modifier, part: str, outer: Sequence[str]) -> str:
    return modifier.parts[outer.index(part) + 1]


def _not_viable(part: str, holder: str, value: Any) -> Exception:
    return refusal(
        PATH_NOT_VIABLE, f"Cannot create field '{part}' in element {{{holder}: {brief(value)}}}"
    )
