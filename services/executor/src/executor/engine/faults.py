"""How a run fails: every fault becomes the `error` event that ends the job."""

import hashlib
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.crew import QuestionRules
from common.contracts.events import ProposedCall, QuestionKind
from executor.tools.call import Inquiry


class RunFault(Exception):  # noqa: N818 - it becomes an event, not a bug
    """A task or the whole run cannot go on. Users see `code` and `message`, and what a person said of it."""

    def __init__(
        self, code: str, message: str, task_id: str | None = None, *, comment: str | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.task_id = task_id
        self.comment = comment


@dataclass(frozen=True, slots=True)
class CallPlace:
    """Where a tool call was asked for: the `entry`th of the `turn`th reply in a scope."""

    scope: str
    turn: int
    entry: int


@dataclass(frozen=True, slots=True)
class QuestionDraft:
    """A question to a person, before it is asked.

    `subject` tells it from the other questions of its task and kind. `call` is the number of the tool
    call that it is about, and `place` where the model asked for a call that is not made yet. `wanted` is set
    where the call has been made, and its tool asks.
    """

    kind: QuestionKind
    task_id: str
    agent: str
    prompt: str
    subject: str
    rules: QuestionRules
    answer: Any = UNSET
    call: int | None = None
    place: CallPlace | None = None
    tool_call: ProposedCall | UnsetType = UNSET
    response_schema: dict[str, Any] | UnsetType = UNSET
    choices: list[str] | UnsetType = UNSET
    wanted: Inquiry | None = None

    def question_id(self, job_id: str) -> str:
        """Return the question's id, which stays the same if a resumed run asks again."""
        source = f"{job_id} {self.task_id} {self.kind} {self.subject}".encode("utf-8", "replace")
        return f"question_{hashlib.blake2s(source, digest_size=10).hexdigest()}"


class NeedsInput(Exception):  # noqa: N818 - it names what the run waits for
    """A task waits for a person. The question has been handed in (`Asking.ask`)."""

    def __init__(self, task_id: str) -> None:
        super().__init__(task_id)
        self.task_id = task_id
