"""What is different between two JSON values, as a JSON Patch (RFC 6902).

Lists of objects that have ids, such as agents and tasks, are compared by these: an entry that was added in front
is one `add`, and not a change of all that follow.
"""

from collections.abc import Iterator, Sequence
from typing import Any

Operation = dict[str, Any]
_MOST_BY_ID = 250
"""Entries of a list that are compared by their ids: placing them takes time by the square of this."""


def json_patch(before: Any, after: Any) -> list[Operation]:
    """Return the operations that make `after` of `before`."""
    return list(_differences(before, after, ""))


def _differences(before: Any, after: Any, path: str) -> Iterator[Operation]:
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif isinstance(before, list) and isinstance(after, list):
        ids = _ids(before), _ids(after)
        if ids[0] is not None and ids[1] is not None:
            yield from _by_id(before, after, ids[0], ids[1], path)
        else:
            yield from _by_place(before, after, path)
    elif not _same(before, after):
        yield {"op": "replace", "path": path, "value": after}


def _of_objects(before: dict[str, Any], after: dict[str, Any], path: str) -> Iterator[Operation]:
    for name in before:
        if name not in after:
            yield {"op": "remove", "path": _below(path, name)}
    for name, value in after.items():
        if name not in before:
            yield {"op": "add", "path": _below(path, name), "value": value}
        else:
            yield from _differences(before[name], value, _below(path, name))


def _by_id(
    before: list[Any], after: list[Any], old: list[str], new: list[str], path: str
) -> Iterator[Operation]:
    wanted = set(new)
    for place in range(len(old) - 1, -1, -1):
        if old[place] not in wanted:
            yield {"op": "remove", "path": _below(path, place)}
    there = [entry for entry in old if entry in wanted]
    values = dict(zip(old, before, strict=True))
    for place, entry in enumerate(new):
        at = _below(path, place)
        if entry not in values:
            there.insert(place, entry)
            yield {"op": "add", "path": at, "value": after[place]}
        elif there[place] != entry:
            start = there.index(entry)
            there.insert(place, there.pop(start))
            yield {"op": "move", "from": _below(path, start), "path": at}
    for place, entry in enumerate(new):
        if entry in values:
            yield from _differences(values[entry], after[place], _below(path, place))


def _by_place(before: list[Any], after: list[Any], path: str) -> Iterator[Operation]:
    first = _count_shared(before, after)
    last = _count_shared(before[first:][::-1], after[first:][::-1])
    old, new = before[first : len(before) - last], after[first : len(after) - last]
    both = min(len(old), len(new))
    for place in range(both):
        yield from _differences(old[place], new[place], _below(path, first + place))
    for place in range(len(old) - 1, both - 1, -1):
        yield {"op": "remove", "path": _below(path, first + place)}
    for place in range(both, len(new)):
        yield {"op": "add", "path": _below(path, first + place), "value": new[place]}


def _count_shared(one: Sequence[Any], other: Sequence[Any]) -> int:
    """Return with how many of the same values both begin."""
    for place, (left, right) in enumerate(zip(one, other, strict=False)):
        if not _same(left, right):
            return place
    return min(len(one), len(other))


def _ids(entries: list[Any]) -> list[str] | None:
    """Return the ids of the entries, or None unless each is an object with an id of its own."""
    if not entries or len(entries) > _MOST_BY_ID:
        return None if entries else []
    ids = [entry.get("id") for entry in entries if isinstance(entry, dict)]
    texts = [one for one in ids if isinstance(one, str)]
    return texts if len(texts) == len(entries) == len(set(texts)) else None


def _same(one: Any, other: Any) -> bool:
    """Say whether two values are the same JSON: unlike for Python, `true` is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _below(path: str, name: str | int) -> str:
    """Return the JSON Pointer (RFC 6901) of what is in the value at `path`."""
    return f"{path}/{str(name).replace('~', '~0').replace('/', '~1')}"
