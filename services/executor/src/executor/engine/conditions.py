"""Whether a task is done at all: its condition, and what became of the tasks it builds on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from common.conditions.evaluation import holds
from common.conditions.grammar import ConditionFault
from common.contracts.crew import TaskSnapshot
from common.contracts.events import SkipReason
from common.contracts.graph import condition_sources
from common.schemas.validation import beside_the_loop
from executor.engine.faults import RunFault
from executor.engine.history import Output
from executor.engine.plan import RunPlan
from executor.engine.shared import Shared


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a task is skipped."""

    reason: SkipReason
    message: str


async def reason_to_skip(
    shared: Shared,
    plan: RunPlan,
    task: TaskSnapshot,
    outputs: Mapping[str, Output],
    skipped: Collection[str],
) -> Skip | None:
    """Return why `task` is skipped, or None if it is done.

    Raises `RunFault` (`CONDITION_FAILED`) if its condition cannot be evaluated.
    """
    named = plan.named_sources(task)
    if named and all(source in skipped for source in named):
        told = ", ".join(dict.fromkeys(named))
        return Skip("context_skipped", f"What it builds on was skipped: {told}.")
    if task.for_each in skipped:
        return Skip(
            "context_skipped", f"The list that it works through was skipped: {task.for_each}."
        )
    if task.condition is None or await _holds(shared, task, task.condition, outputs):
        return None
    return Skip("condition", f"Its condition does not hold: {task.condition}")


async def _holds(
    shared: Shared, task: TaskSnapshot, condition: str, outputs: Mapping[str, Output]
) -> bool:
    """Evaluate beside the event loop: large values take milliseconds."""
    read = condition_sources(task, shared.job.snapshot.tasks)
    values = {
        name: outputs[source].value if source in outputs else None for name, source in read.items()
    }
    evaluated = partial(
        holds, condition, MappingProxyType(dict(shared.inputs)), MappingProxyType(values)
    )
    try:
        return await beside_the_loop(evaluated)
    except ConditionFault as fault:
        message = (
            f"The condition of the task {task.id} cannot be evaluated: {fault}. It is: {condition}"
        )
        raise RunFault("CONDITION_FAILED", message, task.id) from fault
