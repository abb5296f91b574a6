"""Which of a crew's agents and tasks are meant by a list that gives no ids.

So the same list can be sent again and again: what it names keeps its identity.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from crews.domain.crew import Agent, Entry, Task
from crews.domain.drafts import AgentDraft, TaskDraft

DraftT = TypeVar("DraftT", AgentDraft, TaskDraft)


def identified_agents(drafts: Sequence[AgentDraft], held: Sequence[Agent]) -> list[AgentDraft]:
    """Return `drafts` with the ids of the agents of the same name."""
    return _match(list(drafts), held, lambda one: one.name or one.role, lambda one: one.name)


def identified_tasks(drafts: Sequence[TaskDraft], held: Sequence[Task]) -> list[TaskDraft]:
    """Return `drafts` with the ids of the tasks of the same name, or else of the same description."""
    named = _match(list(drafts), held, lambda one: one.name, lambda one: one.name)
    return _match(named, held, lambda one: one.description, lambda one: one.description)


def _match(
    drafts: list[DraftT],
    held: Sequence[Entry],
    sent: Callable[[DraftT], str | None],
    kept: Callable[[Entry], str | None],
) -> list[DraftT]:
    taken = {draft.id for draft in drafts if draft.id is not None}
    free: dict[str, list[str]] = {}
    for entry in held:
        name = kept(entry)
        if entry.id not in taken and name is not None:
            free.setdefault(name, []).append(entry.id)
    return [_with_id(draft, free.get(sent(draft) or "", [])) for draft in drafts]


def _with_id(draft: DraftT, ids: list[str]) -> DraftT:
    if draft.id is not None or not ids:
        return draft
    return draft.model_copy(update={"id": ids.pop(0)})
