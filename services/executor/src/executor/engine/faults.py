"""How a run ends badly: every fault becomes the `error` event that ends the job."""

from executor.domain.journal import Superseded


class RunFault(Exception):  # noqa: N818 - it becomes an event, not a bug
    """A task or the whole run cannot go on. `code` and `message` are shown."""

    def __init__(self, code: str, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.task_id = task_id


def weightiest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the one exception of `group` that says why work done at once ended.

    Losing the job comes before any fault, and a bug comes before a fault, lest it be hidden.
    """
    leaves = list(_leaves(group))
    return min(leaves, key=lambda fault: (not isinstance(fault, Superseded), _expected(fault)))


def _expected(fault: BaseException) -> bool:
    return isinstance(fault, RunFault)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for fault in group.exceptions:
        leaves += _leaves(fault) if isinstance(fault, BaseExceptionGroup) else [fault]
    return leaves
