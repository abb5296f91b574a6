"""What a fork keeps of a job, and what it does anew, by the wish of the caller."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.contracts.crew import CrewSnapshot
from common.contracts.events import EventType
from common.contracts.graph import Circular, Edge, edges, ids_by_name, input_of_list
from common.errors import InvalidRequest
from executor.domain.api.forks.keeping import Cut, events_to_copy
from executor.domain.api.forks.survey import Survey
from executor.domain.api.forks.wish import ForkWish
from executor.domain.inputs.checks import names_of_inputs

_DONE = (EventType.TASK_COMPLETE, EventType.TASK_SKIPPED)


@dataclass(frozen=True, slots=True)
class ForkSource:
    """The job that is forked: its crew, its inputs, and its log up to the event `seq`.

    `crew` is the crew that goes on, which may be another version.
    """

    recorded: CrewSnapshot
    crew: CrewSnapshot
    inputs: Mapping[str, Any]
    seq: int
    survey: Survey


@dataclass(frozen=True, slots=True)
class ForkPlan:
    """The events to copy, up to `after`; the tasks that are done `anew` although they had begun.

    `given` are outputs by task id, `replies` the texts that take the place of replies, by their `seq`.
    """

    after: int
    seqs: Sequence[int]
    anew: Sequence[str]
    given: Mapping[str, Any]
    replies: Mapping[int, str]


def plan_of(source: ForkSource, wish: ForkWish) -> ForkPlan:
    """Return the plan of a fork. Raises `InvalidRequest` with the dotted path of what cannot be."""
    return _Planner(source, wish).plan()


@dataclass(slots=True)
class _Planner:
    source: ForkSource
    wish: ForkWish
    anew: set[str] = field(default_factory=set)
    unfinished: set[str] = field(default_factory=set)

    def plan(self) -> ForkPlan:
        after = self._after()
        given = self._outputs()
        edges_ = self._edges()
        self._drop_from_task(edges_)
        replies = self._replies(after, given, edges_)
        self.anew |= _followers(edges_, given, outputs_only=True)
        self.anew -= given.keys()
        self._drop_for_inputs(after, given)
        self._drop_for_version(after, given)
        cut = Cut(
            after,
            self.anew | given.keys(),
            replies,
            self.unfinished,
            managed=self.source.crew.process == "hierarchical",
        )
        seqs = events_to_copy(self.source.survey, cut)
        self._check_left(seqs, given)
        begun = self.source.survey.tasks_with(EventType.TASK_START, *_DONE, upto=self.source.seq)
        anew = [task.id for task in self.source.crew.tasks if task.id in self.anew & begun]
        return ForkPlan(after, seqs, anew, given, dict(self.wish.replies))

    def _after(self) -> int:
        after, last = self.wish.after_seq, self.source.seq
        if after is not None and self.wish.from_task is not None:
            raise _refusal("after_seq", "It and from_task both say from where: send one of them")
        if after is not None and after > last:
            reason = f"The job has {last} events so far: send a number from 0 to {last}"
            raise _refusal("after_seq", reason)
        return last if after is None else after

    def _edges(self) -> Sequence[Edge]:
        try:
            return edges(self.source.crew.tasks)
        except (Circular, ValueError) as fault:
            raise _refusal("from_task", f"The crew's tasks have no order: {fault}") from fault

    def _task_id(self, named: str, path: str, *, items: bool = False) -> str:
        known = ids_by_name(self.source.crew.tasks)
        if items and named in self.source.survey.items:
            return named
        if named not in known:
            listed = ", ".join(task.id for task in self.source.crew.tasks[:20])
            raise _refusal(path, f"The job has no such task; its tasks are {listed}")
        return known[named]

    def _outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for named, value in self.wish.outputs.items():
            task_id = self._task_id(named, f"outputs.{named}")
            if task_id in found:
                raise _refusal(f"outputs.{named}", f"The task {task_id} is named twice")
            found[task_id] = value
        return found

    def _drop_from_task(self, known: Sequence[Edge]) -> None:
        if self.wish.from_task is None:
            return
        task_id = self._task_id(self.wish.from_task, "from_task", items=True)
        whole = self.source.survey.items.get(task_id, task_id)
        self.anew |= {task_id} | _followers(known, [whole])
        if whole != task_id:
            self.unfinished.add(whole)

    def _replies(self, after: int, given: Collection[str], known: Sequence[Edge]) -> dict[str, int]:
        """Return the replies to replace by task, and have what builds on these tasks done anew."""
        of_task = self.source.survey.replies_by_seq()
        found: dict[str, int] = {}
        for seq in self.wish.replies:
            path, task_id = f"replies.{seq}", of_task.get(seq)
            if task_id is None:
                raise _refusal(path, "This event is no reply of a model: see the `llm_call` events")
            whole = self.source.survey.items.get(task_id, task_id)
            if seq > after or {task_id, whole} & (self.anew | {*given}):
                raise _refusal(path, "This reply is not kept: its task is done anew, or given")
            if task_id in found:
                raise _refusal(path, f"Two replies of the task {task_id}: the first one decides")
            found[task_id] = seq
        for task_id in found:
            whole = self.source.survey.items.get(task_id, task_id)
            self.unfinished.add(whole)
            self.anew |= _followers(known, [whole], outputs_only=True) - {whole}
        dropped = sorted(self.anew & found.keys())
        if dropped:
            reason = f"The task {dropped[0]} builds on another whose reply is replaced"
            raise _refusal(f"replies.{found[dropped[0]]}", reason)
        return found

    def _drop_for_inputs(self, after: int, given: Collection[str]) -> None:
        """Have tasks that have begun and are not done begin anew, if an input that they use is another now."""
        before, now = self.source.inputs, self.wish.inputs
        changed = {name for name in now if name not in before or before[name] != now[name]}
        if not changed:
            return
        survey, crew = self.source.survey, self.source.crew
        done = survey.tasks_with(*_DONE, upto=after) - self.unfinished
        begun = survey.tasks_with(EventType.TASK_START, upto=after) - done
        for task in crew.tasks:
            if task.id not in begun or task.id in self.anew or task.id in given:
                continue
            named = input_of_list(task.for_each)
            uses = bool(changed & (names_of_inputs(crew, task) - {named}))
            if task.for_each is None:
                self.anew |= {task.id} if uses else set()
            elif named in changed and not self._same_lengths(
                task.id, before.get(named), now[named]
            ):
                self.anew.add(task.id)
            else:
                old, new = (before[named], now[named]) if named in changed else ((), ())
                self.anew |= self._items_anew(task.id, begun, uses, old, new)

    def _drop_for_version(self, after: int, given: Collection[str]) -> None:
        """Leave out tasks that are gone, and have those that have begun and are other ones now begin anew."""
        survey, now = self.source.survey, {task.id: task for task in self.source.crew.tasks}
        done = survey.tasks_with(*_DONE, upto=after) - self.unfinished
        begun = survey.tasks_with(EventType.TASK_START, upto=after)
        for task in self.source.recorded.tasks:
            if task.id not in now or (
                task.id in begun - done and task.id not in given and self._is_other(task.id)
            ):
                self.anew.add(task.id)

    def _is_other(self, task_id: str) -> bool:
        """Say whether the work on a task is other work for the crew that goes on."""
        crews = (self.source.recorded, self.source.crew)
        return len({_work_of(crew, task_id) for crew in crews}) > 1

    def _same_lengths(self, task_id: str, *lists: Any) -> bool:
        """Say whether all are lists as long as the one that a task has begun to work through."""
        length = self.source.survey.lists.get(task_id)
        return all(isinstance(entries, list) and len(entries) == length for entries in lists)

    def _items_anew(
        self, task_id: str, begun: Collection[str], uses: bool, old: Sequence[Any], new: Any
    ) -> set[str]:
        """Return the items whose entry has changed, and those begun that use another changed input."""
        found: set[str] = set()
        for item, parent in self.source.survey.items.items():
            if parent == task_id:
                place = int(item.removeprefix(f"{task_id}-"))
                other = place < len(old) and old[place] != new[place]
                if other or (uses and item in begun):
                    found.add(item)
        return found

    def _check_left(self, seqs: Sequence[int], given: Collection[str]) -> None:
        """Raise `InvalidRequest` if the fork would have nothing to do."""
        copied = {*seqs}
        done = {s.task_id for s in self.source.survey.events if s.seq in copied and s.type in _DONE}
        if (
            all(task.id in done or task.id in given for task in self.source.crew.tasks)
            and not given
        ):
            reason = (
                "Everything is done already: say with from_task or after_seq from where it is to be done anew, or "
                "give other outputs"
            )
            raise _refusal("from_task", reason)


def _work_of(crew: CrewSnapshot, task_id: str) -> str:
    """Return all that decides how a crew does one of its tasks, as text."""
    (task,) = [task for task in crew.tasks if task.id == task_id]
    managed = crew.process == "hierarchical"
    agents = [agent for agent in crew.agents if managed or agent.id == task.agent_id]
    return f"{crew.process} {task!r} {agents!r} {crew.tools!r}"


def _followers(
    known: Sequence[Edge], starts: Iterable[str], *, outputs_only: bool = False
) -> set[str]:
    """Return the tasks that come after `starts`, or with `outputs_only` those that depend on their outputs."""
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        source = waiting.pop()
        for edge in known:
            reads = edge.output or edge.kind == "condition"
            if edge.source == source and edge.target not in found and (reads or not outputs_only):
                found.add(edge.target)
                waiting.append(edge.target)
    return found


def _refusal(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"This fork cannot be made: {reason}.", field=field, reason=reason)
