"""What a run and a model say to each other, independent of any provider's library.

All of it is plain data: another worker can read back (`load`) a stored reply (`dump`) and go on
as if it had received the reply itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

from msgspec import UNSET

from executor.domain.log.events import StoredCall, StoredReply

Purpose = Literal["work", "manage", "judge"]


class Finish(StrEnum):
    """Why a model stopped. `OTHER` is a reason that no provider documents."""

    STOP = "stop"
    CALLS = "tool_call"
    LENGTH = "length"
    FILTERED = "content_filter"
    REFUSED = "refusal"
    FAILED = "error"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """A tool call that a model asks for.

    Unusable `arguments` are None: `broken` is then what was sent, shortened, and `fault` says what
    is wrong with it.
    """

    id: str
    name: str
    arguments: Mapping[str, Any] | None
    broken: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a reply used. `cost_usd` is None if no price is known.

    `estimated` says that the provider reported no usable counts.
    """

    input: int = 0
    output: int = 0
    cost_usd: float | None = None
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's turn: a text, or the tools it wants called.

    `finish` is why it ended, and `reason` what the provider or the model says about that.
    `left_out` counts the calls that were not read. `raw` (JSON) is what the provider needs to see
    again besides text and calls, such as signed thoughts. `native` is the provider library's own
    object, which only the process that received it has. `model` and `response_id` are what the provider calls
    the model that answered and the answer; they are for telemetry, and not stored.
    """

    text: str
    calls: tuple[ToolRequest, ...] = ()
    tokens: Tokens = Tokens()
    raw: Any = None
    native: Any = field(default=None, compare=False, repr=False)
    finish: Finish = Finish.STOP
    reason: str = ""
    left_out: int = 0
    model: str = field(default="", compare=False)
    response_id: str = field(default="", compare=False)

    def dump(self) -> StoredReply:
        """Return the reply as the log stores it, without its tokens."""
        usual = self.finish in {Finish.STOP, Finish.CALLS}
        return StoredReply(
            text=self.text,
            calls=[_dump_call(call) for call in self.calls] or UNSET,
            raw=UNSET if self.raw is None else self.raw,
            finish=UNSET if usual else self.finish.value,
            reason=self.reason or UNSET,
        )

    @classmethod
    def load(cls, stored: StoredReply) -> "Reply":
        """Return the reply that was dumped. Raises `ValueError`."""
        calls = () if stored.calls is UNSET else tuple(map(_load_call, stored.calls))
        usual = Finish.CALLS if calls else Finish.STOP
        return cls(
            text=stored.text,
            calls=calls,
            raw=None if stored.raw is UNSET else stored.raw,
            finish=usual if stored.finish is UNSET else Finish(stored.finish),
            reason="" if stored.reason is UNSET else stored.reason,
        )


def _dump_call(call: ToolRequest) -> StoredCall:
    if call.arguments is not None:
        return StoredCall(id=call.id, name=call.name, arguments=dict(call.arguments))
    return StoredCall(
        id=call.id, name=call.name, arguments=None, broken=call.broken, fault=call.fault
    )


def _load_call(call: StoredCall) -> ToolRequest:
    broken = "" if call.broken is UNSET else call.broken
    fault = "" if call.fault is UNSET else call.fault
    return ToolRequest(call.id, call.name, call.arguments, broken, fault)


@dataclass(frozen=True, slots=True)
class ToolReturn:
    """The outcome of one tool call. If it `failed`, `text` says what went wrong."""

    id: str
    name: str
    text: str
    failed: bool = False


Turn = Reply | tuple[ToolReturn, ...] | str
"""A model's reply, the results of the tools it called, or a message from us."""


@dataclass(frozen=True, slots=True)
class Coworker:
    """An agent that a manager may hand work to."""

    name: str
    role: str
    goal: str


@dataclass(frozen=True, slots=True)
class Topic:
    """The facts behind a prompt. The offline model answers from these."""

    agent: str
    description: str
    expected_output: str = ""
    purpose: Purpose = "work"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    context: tuple[str, ...] = ()
    coworkers: tuple[Coworker, ...] = ()
    suggested: str = ""
    output_schema: Mapping[str, Any] | None = None


@dataclass(slots=True)
class Dialogue:
    """A conversation with a model: standing instructions, the opening prompt, then turns.

    `settings` are those that an agent has for its model, in the names of the API.
    """

    instructions: str
    opening: str
    topic: Topic
    turns: list[Turn] = field(default_factory=list)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def results(self) -> Sequence[ToolReturn]:
        """Return all tool results so far."""
        return [entry for turn in self.turns if isinstance(turn, tuple) for entry in turn]
