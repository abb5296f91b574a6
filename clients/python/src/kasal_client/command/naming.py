"""Crews and runs as people name them: by an id, a name, a part of an id, or `last`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exits import ExitCode
from .faults import CommandError

if TYPE_CHECKING:
    from kasal_client import Kasal

SEARCHED = 2000
"""How many of the newest runs are looked through for a part of an id."""
_SHOWN = 5


def crew_id_of(kasal: Kasal, name: str) -> str:
    """Return the id of the crew that is meant. Raises `CommandError`, and `UsageError` if several have the name."""
    if name.startswith("crew_"):
        return name
    found = kasal.crews.find(name)
    if found is not None:
        return found.id
    near = [one.name for one in kasal.crews.list(name=name).to_list(_SHOWN)]
    known = near or [one.name for one in kasal.crews.list().to_list(_SHOWN)]
    advice = f"There are: {', '.join(known)}" if known else "Make one: kasal init, then kasal apply"
    raise CommandError(f"There is no crew called {name!r}.", advice, ExitCode.REFUSED)


def job_id_of(kasal: Kasal, name: str) -> str:
    """Return the id of the run that is meant: `last`, an id, or the beginning or the end of one."""
    if name == "last":
        newest = kasal.executions.list(page_size=1).first()
        if newest is None:
            raise CommandError(
                "There is no run yet.", "Start one: kasal run CREW", ExitCode.REFUSED
            )
        return newest.job_id
    if name.startswith("job_") and _exists(kasal, name):
        return name
    found: set[str] = set()
    listed = kasal.executions.list(page_size=100)
    for count, one in enumerate(listed):
        if one.job_id.startswith((name, f"job_{name}")) or one.job_id.endswith(name):
            found.add(one.job_id)
        if count >= SEARCHED or len(found) > _SHOWN:
            break
    if len(found) == 1:
        return found.pop()
    if found:
        several = ", ".join(sorted(found)[:_SHOWN])
        raise CommandError(f"Several runs are meant by {name!r}.", f"Write more of one: {several}")
    raise CommandError(f"There is no run {name!r}.", "kasal runs ls lists them.", ExitCode.REFUSED)


def _exists(kasal: Kasal, job_id: str) -> bool:
    from kasal_client.errors import NotFoundError

    try:
        kasal.executions.get(job_id)
    except NotFoundError:
        return False
    return True
