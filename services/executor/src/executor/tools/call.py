"""The identity of one tool call, distinct from every other for good."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """The `number`th call within a task of a job."""

    workspace_id: str
    job_id: str
    task_id: str
    number: int

    @property
    def key(self) -> str:
        """The call's idempotency key, which stays the same if the call is repeated."""
        return f"{self.job_id}:{self.task_id}:{self.number}"
