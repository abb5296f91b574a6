"""How a run fails: every fault becomes the `error` event that ends the job."""

from dataclasses import dataclass
from typing import Any


class RunFault(Exception):  # noqa: N818 - it becomes an event, not a bug
    """A task or the whole run cannot go on. Users see `code` and `message`."""

    def __init__(self, code: str, message: str, task_id: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.task_id = task_id


@dataclass(frozen=True, slots=True)
class QuestionDraft:
    """A question to a person: review `answer`, or say what became of tool call number `call`."""

    task_id: str
    agent: str
    prompt: str
    answer: Any = None
    call: int | None = None


class NeedsInput(Exception):  # noqa: N818 - it names what the run waits for
    """A task waits for a person."""

    def __init__(self, question: QuestionDraft) -> None:
        super().__init__(question.task_id)
        self.question = question
