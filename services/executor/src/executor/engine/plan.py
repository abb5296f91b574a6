"""What a run does in which order: the graph of its crew's tasks, and what each builds on."""

from collections.abc import Collection, Mapping, Sequence

from common.conditions.grammar import ConditionFault
from common.contracts.crew import TaskSnapshot
from common.contracts.graph import Circular, Edge, edges, run_order
from executor.engine.faults import RunFault


class RunPlan:
    """The graph of `tasks`. Raises `RunFault` (`CREW_INVALID`) if they wait for each other in a circle."""

    def __init__(self, tasks: Sequence[TaskSnapshot]) -> None:
        self.ids = {task.id: place for place, task in enumerate(tasks)}
        try:
            found = edges(tasks)
            order = run_order(tasks, found)
        except Circular as fault:
            message = f"The tasks wait for each other in a circle: {fault}."
            raise RunFault("CREW_INVALID", message) from fault
        except ConditionFault as fault:
            raise RunFault("CREW_INVALID", f"A condition cannot be read: {fault}.") from fault
        self.tasks = [tasks[self.ids[task_id]] for task_id in order]
        """The tasks, each after those that it waits for."""
        self._into: dict[str, list[Edge]] = {task.id: [] for task in tasks}
        for edge in found:
            self._into[edge.target].append(edge)

    def sources(self, task: TaskSnapshot) -> Sequence[str]:
        """Return the ids of the tasks that `task` waits for."""
        return [edge.source for edge in self._into[task.id]]

    def named_sources(self, task: TaskSnapshot) -> list[str]:
        """Return the ids of the tasks whose outputs `task` names."""
        kinds = ("context", "for_each")
        return [edge.source for edge in self._into[task.id] if edge.kind in kinds]

    def implied_sources(self, task: TaskSnapshot, skipped: Collection[str]) -> list[str]:
        """Return the ids of the tasks that `task`, which names none as context, builds on, as they are listed.

        In place of a skipped one come those that it would have built on.
        """
        found: set[str] = set()
        waiting = [edge.source for edge in self._into[task.id] if edge.kind in {"sequence", "join"}]
        seen: set[str] = set()
        while waiting:
            source = waiting.pop()
            if source in seen:
                continue
            seen.add(source)
            if source in skipped:
                waiting += [edge.source for edge in self._into[source] if edge.output]
            else:
                found.add(source)
        return sorted(found, key=self.ids.__getitem__)

    def ends(self, done: Mapping[str, object], skipped: Collection[str]) -> list[str]:
        """Return the ids of those of the `done` tasks whose outputs none of them has read, as listed."""
        read: set[str] = set()
        for task in self.tasks:
            if task.id in done:
                read.update(self.named_sources(task))
                read.update(self.implied_sources(task, skipped))
        return [task_id for task_id in self.ids if task_id in done and task_id not in read]
