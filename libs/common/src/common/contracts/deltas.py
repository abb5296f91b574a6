"""Text while a model writes it: sent to those who ask for it, never stored, without a `seq`."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from common.contracts.event_base import Agent, TaskId

TEXT_DELTA = "text_delta"
DELTA_MESSAGE_TYPE = "text.delta.v1"
DELTAS = "deltas"
"""The first word of deltas' routing keys on the exchange `events`: no binding for events matches it."""


class TextDelta(Struct, frozen=True, kw_only=True, tag_field="type", tag=TEXT_DELTA):
    """The next piece of a text that a model is writing.

    The `llm_call` event that follows is the truth and replaces it. Deltas may be lost: `offset` tells
    whether one has all of a turn's text.
    """

    job_id: Annotated[str, Meta(description="The job that the text belongs to")]
    task_id: TaskId
    agent: Agent = ""
    attempt: Annotated[
        int, Meta(ge=1, description="How often a worker had claimed the job, as in events")
    ]
    turn: Annotated[
        int,
        Meta(
            ge=1,
            description="Which text of this attempt it is: a text that is begun anew has a new number",
        ),
    ]
    offset: Annotated[
        int,
        Meta(
            ge=0,
            description="Where `text` begins in the turn's text, in UTF-16 code units, by which "
            "JavaScript indexes strings",
        ),
    ]
    text: Annotated[str, Meta(description="The piece of text")]


_ENCODER = msgspec.json.Encoder()


def delta_json(delta: TextDelta) -> bytes:
    """Return `delta` as clients get it. Its text must hold no unpaired surrogates."""
    return _ENCODER.encode(delta)


def deltas_key(workspace_id: str, job_id: str) -> str:
    """Return the routing key of a job's deltas."""
    return f"{DELTAS}.{workspace_id}.{job_id}"


def utf16_length(text: str) -> int:
    """Return how many UTF-16 code units `text` has."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2
