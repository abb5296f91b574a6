"""An engine that runs by script."""

from collections.abc import Awaitable, Callable

from common.contracts.events import (
    EventType,
    ExecutionComplete,
    LlmCall,
    ModelUsage,
    TaskComplete,
    TaskStart,
)
from executor.domain.log.events import EventDraft, ReplyKept, StoredReply
from executor.domain.log.journal import Job, Journal

Hook = Callable[[str], Awaitable[None]]


class ScriptedRunner:
    """Runs each task as `task_start`, `llm_call`, `task_complete`; folds its history as engines do.

    `before_task` is awaited before each task's work, with the task's id.
    """

    def __init__(self, before_task: Hook | None = None) -> None:
        self.before_task = before_task
        self.started: list[tuple[str, int]] = []

    async def run(self, job: Job, journal: Journal) -> None:
        self.started.append((job.job_id, job.attempt))
        begun = {e.body.task_id for e in job.history if e.type == EventType.TASK_START}
        done = {e.body.task_id for e in job.history if e.type == EventType.TASK_COMPLETE}
        for task in job.snapshot.tasks:
            if task.id in done:
                continue
            if task.id not in begun:
                journal.append(EventDraft(TaskStart(task_id=task.id, agent="Ann")))
            await journal.flush()
            if self.before_task is not None:
                await self.before_task(task.id)
            usage = ModelUsage(input_tokens=10, output_tokens=5)
            call = LlmCall(task_id=task.id, agent="Ann", action="offline", usage=usage)
            kept = ReplyKept(scope="", reply=StoredReply(text="secret"))
            complete = TaskComplete(task_id=task.id, agent="Ann", result="ok")
            journal.append(EventDraft(call, kept), EventDraft(complete))
        journal.append(EventDraft(ExecutionComplete(result="all ok")))
