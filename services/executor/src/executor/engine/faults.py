"""How a run ends badly: every fault becomes the `error` event that ends the job."""

import asyncio

from executor.domain.journal import Superseded


class RunFault(Exception):  # noqa: N818 - it becomes an event, not a bug
    """A task or the whole run cannot go on. `code` and `message` are shown."""

    def __init__(self, code: str, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.task_id = task_id


class NeedsInput(Exception):  # noqa: N818 - it names what the run waits for
    """A task waits for a person: for a review, or for word of the tool call numbered `call`."""

    def __init__(self, task_id: str, prompt: str, call: int | None = None) -> None:
        super().__init__(task_id)
        self.task_id = task_id
        self.prompt = prompt
        self.call = call


def weightiest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one exception of `group` that says why work done at once ended.

    Losing the job comes before any fault, and a bug comes before a fault, lest it be hidden. A
    group that meets a fault while its own task is being cancelled forgets the latter: it is
    remembered here.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        return asyncio.CancelledError()
    leaves = list(_leaves(group))
    return min(leaves, key=_order)


def _order(fault: BaseException) -> int:
    if isinstance(fault, Superseded):
        return 0
    return 2 if isinstance(fault, RunFault) else 1


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for fault in group.exceptions:
        leaves += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return leaves
