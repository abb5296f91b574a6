"""The events of a job's log: drafts before they are stored, entries after.

What another worker needs to continue from an event is its private part, which is stored beside the
event and never published. Each event type with a private part has a class for it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from common.contracts.events import EventBody, EventType, KnownBody


class StoredCall(Struct, frozen=True, kw_only=True):
    """A tool call that a reply asks for.

    `arguments` is None if they were unusable: `broken` is then what the model sent, shortened, and
    `fault` says what is wrong with it.
    """

    id: str
    name: str
    arguments: dict[str, Any] | None
    broken: str | UnsetType = UNSET
    fault: str | UnsetType = UNSET


class StoredReply(Struct, frozen=True, kw_only=True):
    """A model's reply. `raw` is what the provider needs back besides text and calls.

    Empty fields are left unset, and so is `finish` where it follows from `calls`.
    """

    text: str
    calls: list[StoredCall] | UnsetType = UNSET
    raw: Any = UNSET
    finish: str | UnsetType = UNSET
    reason: str | UnsetType = UNSET


Pieces = list[str | int]
"""A text in pieces; a number stands for a block that an event of the same job keeps."""


class Sent(Struct, frozen=True, kw_only=True):
    """What a request adds to its dialogue: see `domain/log/sent.py`.

    `said` are our messages since the last reply. The first request of a dialogue also has its instructions, its
    opening and its tools (JSON). `blocks` are texts that are kept here, numbered from `first`. If the texts were
    too large to keep, only `left_out` is set: how many characters they have.
    """

    said: list[str] | UnsetType = UNSET
    instructions: Pieces | UnsetType = UNSET
    opening: Pieces | UnsetType = UNSET
    tools: Pieces | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
    blocks: list[str] | UnsetType = UNSET
    first: int | UnsetType = UNSET
    left_out: int | UnsetType = UNSET


class ReplyKept(Struct, frozen=True, kw_only=True):
    """Of `llm_call`: the whole reply, the scope of its dialogue, and what the request for it added to that.

    `seconds` is how long the reply took. If `cut_off` is set, there was no reply and the others are unset.
    """

    scope: str | UnsetType = UNSET
    reply: StoredReply | UnsetType = UNSET
    cut_off: bool | UnsetType = UNSET
    seconds: float | UnsetType = UNSET
    sent: Sent | UnsetType = UNSET


class CallKept(Struct, frozen=True, kw_only=True):
    """Of `tool_call`: the call's number in its task, and where the model asked for it.

    That is the `entry`th call of the `turn`th reply in `scope`. `arguments` are set where a person decided
    about the call: they may have changed them.
    """

    call: int
    scope: str
    turn: int
    entry: int
    arguments: dict[str, Any] | UnsetType = UNSET


class ResultKept(Struct, frozen=True, kw_only=True):
    """Of `tool_result`: the number of the call it belongs to, its place as in `CallKept`, and the whole text.

    `seconds` is how long the call took.
    """

    call: int
    text: str
    failed: bool | UnsetType = UNSET
    scope: str | UnsetType = UNSET
    turn: int | UnsetType = UNSET
    entry: int | UnsetType = UNSET
    seconds: float | UnsetType = UNSET


class ResumeKept(Struct, frozen=True, kw_only=True):
    """Of `execution_resumed`: `whole` if the last worker cut off no call half-way."""

    whole: bool | UnsetType = UNSET


class QuestionKept(Struct, frozen=True, kw_only=True):
    """Of `input_required`: the number of the call that it is about.

    An approval or an agent's own question comes before the call's event, so where the model asked for
    the call is kept here: the `entry`th call of the `turn`th reply in `scope`. `keys` are set where the call
    has been made and its server asks: by what names the answers go back to it, with its `state`.
    """

    call: int
    scope: str | UnsetType = UNSET
    turn: int | UnsetType = UNSET
    entry: int | UnsetType = UNSET
    keys: list[str] | UnsetType = UNSET
    state: str | UnsetType = UNSET


Private = ReplyKept | CallKept | ResultKept | ResumeKept | QuestionKept

PRIVATE_PARTS: Mapping[str, type[Private]] = {
    EventType.LLM_CALL: ReplyKept,
    EventType.TOOL_CALL: CallKept,
    EventType.TOOL_RESULT: ResultKept,
    EventType.EXECUTION_RESUMED: ResumeKept,
    EventType.INPUT_REQUIRED: QuestionKept,
}
"""The class of the private part, by event type."""


MISMATCH = "HISTORY_MISMATCH"
"""Error code of a run whose history does not match it, or cannot be read."""


class UnreadableEvent(ValueError):  # noqa: N818 - it names the thing
    """A stored event does not match its type."""


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event without a number or a time yet, with its private part."""

    body: KnownBody
    private: Private | None = None

    @property
    def type(self) -> str:
        return self.body.type


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A stored event. `seq` counts 1, 2, 3 … within the job."""

    seq: int
    timestamp: datetime
    attempt: int
    body: EventBody
    private: Private | None = None

    @property
    def type(self) -> str:
        return self.body.type
