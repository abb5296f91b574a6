"""Following runs: what trace events say of tasks."""

from common.contracts.events import EventType
from crews.domain.ports import TaskStates
from crews.domain.task_states import CLOSES, RunEvent, state_after


class Following:
    """Keeps each task's status as its newest run has it, in whatever order events arrive."""

    def __init__(self, states: TaskStates) -> None:
        self._states = states

    async def heard(self, event: RunEvent) -> None:
        """Take in one event. Twice is once."""
        closes = CLOSES.get(event.type)
        if closes is not None:
            await self._states.ended(event.job_id, event.timestamp, event.seq, closes)
            return
        run = await self._states.started(event.job_id, event.timestamp)
        state = state_after(event, run)
        if state is not None and event.type is not EventType.EXECUTION_RESUMED:
            await self._states.put(state)
