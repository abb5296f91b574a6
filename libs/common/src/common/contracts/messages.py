"""The JSON bodies that travel over the bus, each with its versioned message type.

Unknown fields are ignored, so that a newer publisher can add one. A change that an older consumer
cannot read is a new version (`job.submitted.v2`), published beside the old one for a while.
Trace events are not here: they are flat objects of their own, see `contracts.events`.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, model_validator

from common.contracts.bodies import ExactNumbers
from common.contracts.crew import CrewSnapshot
from common.contracts.memory import CREW, SHELF
from common.contracts.values import check_storable

JobId = Field(pattern=r"^job_[A-Za-z0-9_-]{1,60}$")
WorkspaceId = Field(pattern=r"^ws_[A-Za-z0-9_-]{1,60}$")
CrewId = Field(pattern=r"^crew_[A-Za-z0-9_-]{1,60}$")

TRACE_EVENT_TYPE = "trace.event.v1"


class BusMessage(ExactNumbers):
    """Base of every message body; `message_type` goes into the AMQP property `type`."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    message_type: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        check_storable(value)
        return value


class StoredJob(ExactNumbers):
    """What the executor's api has stored of a job, so that a worker need not read it.

    `ticket` is in the stored job too. A worker claims by it, and reads the job if it does not match.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ticket: str = Field(min_length=8, max_length=64)
    created_at: datetime
    traceparent: str = ""
    snapshot: CrewSnapshot
    format: int = 1


class JobSubmitted(BusMessage):
    """A job to run. Any internal service may publish it straight to the queue `jobs`.

    Without `version` it runs the crew's published version, or else its newest. `stored` is the executor's own:
    other publishers leave it out.
    """

    message_type: ClassVar[str] = "job.submitted.v1"

    job_id: str = JobId
    workspace_id: str = WorkspaceId
    crew_id: str = CrewId
    version: int | None = Field(default=None, ge=1)
    inputs: dict[str, Any] = Field(default={})
    requested_by: str = Field(default="", max_length=200)
    stored: StoredJob | None = None


class JobStop(BusMessage):
    """Tells every worker that a job has ended, so that the one running it cancels its calls."""

    message_type: ClassVar[str] = "job.stop.v1"

    job_id: str = JobId
    workspace_id: str = WorkspaceId


class ModelsChanged(BusMessage):
    """Tells every worker that a workspace has changed its keys or endpoints of models.

    A worker that does not hear of it uses what it knew for some seconds more.
    """

    message_type: ClassVar[str] = "models.changed.v1"

    workspace_id: str = WorkspaceId


class DeltasWanted(BusMessage):
    """Tells every worker that somebody wants to see the texts of these jobs while models write them.

    It holds for `seconds`; whoever still wants them says so again before. In the workspaces, somebody has lately
    watched texts: what a new job writes first may be wanted before anybody can say so.
    """

    message_type: ClassVar[str] = "deltas.wanted.v1"

    job_ids: list[Annotated[str, JobId]] = Field(max_length=1_000)
    workspace_ids: list[Annotated[str, WorkspaceId]] = Field(default=[], max_length=1_000)
    seconds: float = Field(gt=0, le=60)


class SessionRevoked(BusMessage):
    """Access tokens that must no longer work.

    Either one session's (`session_id`), or all of a user's in a workspace that were issued at or
    before `revoked_at` (`user_id` and `workspace_id`). After `expires_at` none of them would be
    valid any more, so the entry can be forgotten.
    """

    message_type: ClassVar[str] = "session.revoked.v1"

    session_id: str | None = None
    user_id: str | None = None
    workspace_id: str | None = None
    revoked_at: datetime
    expires_at: datetime


class MemoryRemembered(BusMessage):
    """What a run wants its crew to remember. `memory_id` is the same when it is sent again.

    `shelf` says which of the crew's memories it goes to (`contracts.memory`).
    """

    message_type: ClassVar[str] = "memory.remembered.v1"

    memory_id: str = Field(max_length=200)
    workspace_id: str = WorkspaceId
    crew_id: str = CrewId
    shelf: str = Field(default=CREW, pattern=SHELF)
    job_id: str = JobId
    kind: Literal["short_term", "long_term"]
    category: str = Field(default="general", max_length=100)
    content: str = Field(max_length=20_000)
    timestamp: datetime
