"""The identity of one tool call, distinct from every other for good."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from executor.domain.files.file import StoredFile


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What a tool has to hear from a person before it can do what it was asked to.

    The answer goes back to it under `keys`, together with its `state`.
    """

    prompt: str
    response_schema: dict[str, Any]
    keys: tuple[str, ...]
    state: str | None


class InputWanted(Exception):  # noqa: N818 - the run waits for a person, and then makes the call again
    """A tool has done nothing yet: it first wants to hear something from a person."""

    def __init__(self, wanted: Inquiry) -> None:
        super().__init__(wanted.prompt)
        self.wanted = wanted


@dataclass(frozen=True, slots=True)
class Heard:
    """What a person said to what a tool wanted. `outcome` is `answered`, `rejected`, or `expired`."""

    keys: tuple[str, ...]
    state: str | None
    outcome: str
    input: Any = None


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
    copied: Mapping[str, str] = field(default_factory=dict, compare=False)
    """The artifacts in the job's history, which in a fork another job has made: their ids by their names."""
    heard: Heard | None = field(default=None, compare=False)
    """What a person said to what the tool wanted when it was called before."""

    @property
    def key(self) -> str:
        """The call's idempotency key, which stays the same if the call is repeated."""
        return f"{self.job_id}:{self.task_id}:{self.number}"
