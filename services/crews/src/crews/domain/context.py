"""The context of a task: texts, and earlier tasks by id or by name."""

import difflib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from crews.domain.crew import Crew, Task
from crews.domain.faults import refuse

_NAMELIKE = re.compile(
    r"(?=[A-Za-z0-9_-]{1,100}\Z)(?:.*_.*|(?=.*-)(?=.*\d).*|(?i:task)-?\d*)", re.ASCII
)
"""Words that are written like names of tasks: `research_task`, `step-2`, `Task1`."""


def resolved_context(
    context: Sequence[str],
    names: Mapping[str, str],
    taken: Collection[str],
    field: str,
    there: Collection[str],
    literal: Collection[int] = (),
) -> list[str]:
    """Return `context` with ids in place of the `names` of earlier tasks; entries in `taken` stay.

    So do those at the `literal` places, which are texts whatever they look like.

    A word that looks like a task's name, or nearly is one of those `there`, but names no earlier
    task is a mistake and not a text. Raises `InvalidRequest`.
    """
    faults = [
        {"field": f"{field}.{place}", "reason": _no_task(entry, names, there)}
        for place, entry in enumerate(context)
        if place not in literal
        and entry not in names
        and entry not in taken
        and not is_task_id(entry)
        and _may_be_name(entry, there)
    ]
    refuse(faults)
    return [
        entry if place in literal else names.get(entry, entry)
        for place, entry in enumerate(context)
    ]


def reads_as_text(entry: str, names: Collection[str], there: Collection[str]) -> bool:
    """Say whether `resolved_context` would take an entry for a text."""
    return entry not in names and not is_task_id(entry) and not _may_be_name(entry, there)


def _may_be_name(entry: str, names: Iterable[str]) -> bool:
    if _NAMELIKE.match(entry):
        return True
    if " " in entry or len(entry) > 100:
        return False
    known = [name.casefold() for name in names]
    return bool(difflib.get_close_matches(entry.casefold(), known, 1, 0.8))


def _no_task(entry: str, names: Collection[str], there: Collection[str]) -> str:
    if entry in there:
        return f"The task {entry} is not earlier in the list: a task reads the outputs of those before it"
    close = difflib.get_close_matches(entry, list(names), 1, 0.6)
    meant = f"; did you mean {close[0]}?" if close else "."
    known = (
        f"The earlier tasks are named {', '.join(names)}" if names else "No earlier task has a name"
    )
    return f"No earlier task is named {entry}{meant} {known[:300]}. A text has spaces in it"


def is_task_id(text: str) -> bool:
    """Say whether a context entry names a task rather than being a text."""
    return text.startswith("task_") and text.replace("_", "").isalnum()


def with_resolved_context(crew: Crew, task: Task) -> Task:
    """Return `task` with ids in its context for the earlier tasks of `crew` that it names."""
    ids = [entry.id for entry in crew.tasks]
    place = ids.index(task.id) if task.id in ids else len(ids)
    names = {entry.name: entry.id for entry in crew.tasks[:place] if entry.name is not None}
    held = crew.tasks[place].context if place < len(ids) else []
    there = [entry.name for entry in (*crew.tasks, task) if entry.name is not None]
    context = resolved_context(task.context, names, held, "context", there)
    return task.model_copy(update={"context": context})
