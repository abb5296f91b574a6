"""Where dotted paths lead in a document: through arrays, as MongoDB's queries follow them."""

from collections.abc import Callable, Sequence
from typing import Any

from kasal_platform.embedded.sqlite.values import MISSING, Document

Test = Callable[[Any], bool]


def is_index(name: str) -> bool:
    """Say whether a part of a path can mean a place in an array: `0`, `12`, but not `012`."""
    return name.isdigit() and name.isascii() and len(name) < 10 and (name == "0" or name[0] != "0")


def leads_to(
    document: Document, parts: Sequence[str], test: Test, *, whole: bool = False, place: int = 0
) -> bool:
    """Say whether `test` holds for a value that the path leads to, from its part `place` on.

    Where the path ends in an array, these are its elements and the array; with `whole` only the array.
    Inside an array the path goes on in each document, and in the element whose number it names. `MISSING`
    is tested where a field is not there, but not where an array has no documents to look into.
    """
    value: Any = document
    count = len(parts)
    while place < count:
        value = value.get(parts[place], MISSING)
        place += 1
        kind = type(value)
        if kind is dict:
            continue
        if kind is list:
            return _leads_through(value, parts, test, whole, place)
        return test(value if place == count else MISSING)
    return test(value)


def _leads_through(
    array: list[Any],
    parts: Sequence[str],
    test: Test,
    whole: bool,
    place: int,
) -> bool:
    if place == len(parts):
        return (not whole and any(map(test, array))) or test(array)
    for element in array:
        if type(element) is dict and leads_to(element, parts, test, whole=whole, place=place):
            return True
    name = parts[place]
    if not is_index(name) or int(name) >= len(array):
        return False
    element, place = array[int(name)], place + 1
    if place == len(parts):
        return test(element)
    if type(element) is dict:
        return leads_to(element, parts, test, whole=whole, place=place)
    return type(element) is list and _leads_through(element, parts, test, whole, place)
