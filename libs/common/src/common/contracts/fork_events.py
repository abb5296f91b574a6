"""The event type that says where a job's history was copied from.

Others import these from `common.contracts.events`.
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from common.contracts.event_base import Body, EventType


class ForkedFrom(Struct, frozen=True, kw_only=True):
    """The job that a fork was made from, and the event up to which its history was copied."""

    job_id: Annotated[str, Meta(description="The job that the fork was made from")]
    seq: Annotated[int, Meta(ge=0, description="The last event of that job that was looked at")]


class ExecutionForked(Body, frozen=True, kw_only=True, tag=EventType.EXECUTION_FORKED.value):
    """The events before this one were copied from another job; a worker goes on from here."""

    forked_from: ForkedFrom
    anew: Annotated[
        list[str],
        Meta(description="Tasks that the other job had begun or done, and this one does anew"),
    ] = []
    by: Annotated[str, Meta(description="Id of the user or API key that asked for the fork")] | (
        UnsetType
    ) = UNSET
