"""The agents or tasks in a file of a CrewAI project."""

from typing import Any

from crews.domain.crewai_values import names_in
from crews.domain.faults import refuse
from crews.domain.imported import Imported

Entry = tuple[str, dict[str, Any]]
"""A name and what stands under it."""


def entries_of(read: Any, place: str, most: int, made: Imported) -> list[Entry]:
    """Return what has fields. Raises `InvalidRequest` for more than `most`."""
    found = []
    for name, one in _pairs(read, place, made):
        if isinstance(one, dict):
            found.append((str(name), one))
        else:
            made.warn(f"{place}.{name}", "It has no fields, and was left out")
    if len(found) > most:
        refuse([{"field": place, "reason": f"At most {most} are allowed"}])
    return found


def _pairs(read: Any, place: str, made: Imported) -> list[tuple[Any, Any]]:
    if isinstance(read, dict) and set(read) == {place} and isinstance(read[place], dict | list):
        read = read[place]
    if isinstance(read, list):
        return [(_name_of(one, n, place), one) for n, one in enumerate(read)]
    if read is not None and not isinstance(read, dict):
        made.warn(place, "It is neither an object nor a list, and was left out")
    return list(read.items()) if isinstance(read, dict) else []


def _name_of(read: Any, n: int, place: str) -> str:
    if isinstance(read, dict):
        for key in ("name", "id"):
            if isinstance(read.get(key), str):
                return str(read[key])
    return f"{place[:-1]}_{n + 1}"


def in_order(found: list[Entry], made: Imported) -> list[Entry]:
    """Return the tasks, each after those that its context names."""
    names = {name for name, _ in found}
    waiting = [
        (entry, (set(names_in(entry[1].get("context"))) & names) - {entry[0]}) for entry in found
    ]
    done: list[Entry] = []
    placed: set[str] = set()
    while waiting:
        ready = (place for place, (_, needed) in enumerate(waiting) if needed <= placed)
        place = next(ready, 0)  # none is ready in a circle, which the rules of crews refuse
        if place:
            made.warn(
                f"tasks.{waiting[0][0][0]}.context",
                "It names a task further down; here a task comes after those whose outputs it reads, so it was moved",
            )
        entry, _ = waiting.pop(place)
        placed.add(entry[0])
        done.append(entry)
    return done
