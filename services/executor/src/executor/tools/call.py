"""The identity of one tool call, distinct from every other for good."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from executor.domain.files.file import StoredFile


@dataclass(frozen=True, slots=True)
class Call:
    """The `number`th call within a task of a job."""

    workspace_id: str
    job_id: str
    task_id: str
    number: int
    kept: list[StoredFile] = field(default_factory=list, compare=False)
    """The artifacts that the call has made so far."""
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The files that the job was given: their ids by their names."""

    @property
    def key(self) -> str:
        """The call's idempotency key, which stays the same if the call is repeated."""
        return f"{self.job_id}:{self.task_id}:{self.number}"
