"""One call of a tool, told apart from every other for good."""

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
        """Return the call's idempotency key; a repeated call has the same one."""
        return f"{self.job_id}:{self.task_id}:{self.number}"
