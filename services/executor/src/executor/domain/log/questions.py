"""Questions to people: what a job waits for, and what an answer to it may be."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from common.errors import InvalidRequest
from executor.domain.log.events import Event

Kind = Literal["review", "unknown_outcome"]
Outcome = Literal["approved", "rejected", "answered", "retry"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a question stands in its job's log: the `seq` that asked it, and the one that answered."""

    question_id: str
    asked: int
    answered: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked. `answer` is what is to be reviewed, as it will go on if approved."""

    question_id: str
    kind: Kind
    task_id: str | None
    agent: str
    prompt: str
    answer: Any
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person said: the event `input_received`, but for who said it."""

    outcome: Outcome
    input: str | None = None
    comment: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        told = {"outcome": self.outcome, "input": self.input, "comment": self.comment}
        return {name: value for name, value in told.items() if value is not None}


def question_id_of(event: Event) -> str:
    """Return the id of the question that `event` asks. Old events do not name one."""
    return str(event.fields.get("question_id") or f"question_{event.seq}")


def question_of(event: Event) -> Question:
    """Return the question that the `input_required` `event` asks."""
    fields = event.fields
    unknown = fields.get("kind") == "unknown_outcome" or "call" in (event.private or {})
    task_id = fields.get("task_id")
    return Question(
        question_id=question_id_of(event),
        kind="unknown_outcome" if unknown else "review",
        task_id=None if task_id is None else str(task_id),
        agent=str(fields.get("agent") or ""),
        prompt=str(fields.get("prompt") or ""),
        answer=fields.get("answer"),
        asked_at=event.timestamp,
    )


def answer_of(event: Event) -> Answer:
    """Return the answer that the `input_received` `event` is. Old events hold a text alone."""
    fields = event.fields
    comment, told = fields.get("comment"), fields.get("input")
    return Answer(
        fields.get("outcome") or "answered",
        None if told is None else str(told),
        None if comment is None else str(comment),
    )


def checked(answer: Answer, question: Question) -> Answer:
    """Return `answer` as it is meant for `question`. Raises `InvalidRequest`.

    A text alone is never a yes. Of a call of unknown outcome the text `retry` has always meant that
    it is to be made again.
    """
    if answer.outcome == "answered":
        if answer.input is None:
            raise _refused(
                "input", "`answered` needs a text: what should change, or what came of it"
            )
        again = answer.input.strip().casefold() == "retry"
        if question.kind == "unknown_outcome" and again:
            return Answer("retry", comment=answer.comment)
        return answer
    if answer.outcome == "retry" and question.kind == "review":
        raise _refused(
            "outcome", "`retry` is for calls whose outcome is not known; this is a review"
        )
    if answer.outcome == "approved" and question.kind == "unknown_outcome":
        reason = (
            "Say `retry`, or `answered` with what came of the call; there is no text to approve"
        )
        raise _refused("outcome", reason)
    if answer.input is not None and not _shown(answer, question):
        raise _refused("input", _SURPLUS[answer.outcome])
    return Answer(answer.outcome, comment=answer.comment)


_SURPLUS: Mapping[Outcome, str] = {
    "approved": "`approved` keeps the answer as it was shown, and this text differs from it: leave it "
    "out, or say with `answered` what should change",
    "rejected": "`rejected` takes its reason as `comment`",
    "retry": "`retry` takes no text; say with `answered` what came of the call",
}


def _shown(answer: Answer, question: Question) -> bool:
    """Say whether an approval repeats the very text that it approves."""
    shown = question.answer
    same = isinstance(shown, str) and shown.strip() == (answer.input or "").strip()
    return answer.outcome == "approved" and same


def _refused(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"This answer cannot be taken: {reason}.", field=field, reason=reason)
