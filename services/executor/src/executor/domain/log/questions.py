"""Questions to people, and the answers they allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.events import InputReceived, InputRequired, Outcome, QuestionKind
from common.errors import InvalidRequest
from executor.domain.log.events import LogEntry, QuestionKept


@dataclass(frozen=True, slots=True)
class QuestionPlace:
    """Where a question is in its job's log: the `seq` that asks it and the `seq` that answers it."""

    question_id: str
    asked: int
    answered: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """A question to a person. `answer` is the text under review, used unchanged if approved."""

    question_id: str
    kind: QuestionKind
    task_id: str | None
    agent: str
    prompt: str
    answer: Any
    asked_at: datetime


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer: the event `input_received` without its author."""

    outcome: Outcome
    input: str | None = None
    comment: str | None = None

    @property
    def fields(self) -> dict[str, str]:
        """The fields that are set, as in the event and in HTTP responses."""
        told = {"outcome": self.outcome, "input": self.input, "comment": self.comment}
        return {name: value for name, value in told.items() if value is not None}


def question_id_of(entry: LogEntry) -> str:
    """Return the id of the question that `entry` asks. Old events do not have one."""
    known = entry.body.question_id if isinstance(entry.body, InputRequired) else ""
    return known or f"question_{entry.seq}"


def question_of(entry: LogEntry) -> Question:
    """Return the question that the `input_required` event `entry` asks."""
    asked = entry.body
    if not isinstance(asked, InputRequired):
        raise TypeError(f"The event {entry.seq} asks nothing.")
    unknown = asked.kind == "unknown_outcome" or isinstance(entry.private, QuestionKept)
    return Question(
        question_id=question_id_of(entry),
        kind="unknown_outcome" if unknown else "review",
        task_id=_or_none(asked.task_id),
        agent=asked.agent,
        prompt=asked.prompt,
        answer=None if asked.answer is UNSET else asked.answer,
        asked_at=entry.timestamp,
    )


def answer_of(entry: LogEntry) -> Answer:
    """Return the answer in the `input_received` event `entry`. Old events have only a text."""
    said = entry.body
    if not isinstance(said, InputReceived):
        raise TypeError(f"The event {entry.seq} answers nothing.")
    outcome = "answered" if said.outcome is UNSET else said.outcome
    return Answer(outcome, _or_none(said.input), _or_none(said.comment))


def _or_none(text: str | UnsetType) -> str | None:
    return None if isinstance(text, UnsetType) else text


def validate_answer(answer: Answer, question: Question) -> Answer:
    """Return `answer` as it applies to `question`. Raises `InvalidRequest`.

    A text alone is never an approval. For a call of unknown outcome, the text `retry` has always
    meant to make the call again.
    """
    if answer.outcome == "answered":
        if answer.input is None:
            raise _refusal(
                "input", "`answered` needs a text: what should change, or what came of it"
            )
        again = answer.input.strip().casefold() == "retry"
        if question.kind == "unknown_outcome" and again:
            return Answer("retry", comment=answer.comment)
        return answer
    if answer.outcome == "retry" and question.kind == "review":
        raise _refusal(
            "outcome", "`retry` is for calls whose outcome is not known; this is a review"
        )
    if answer.outcome == "approved" and question.kind == "unknown_outcome":
        reason = (
            "Say `retry`, or `answered` with what came of the call; there is no text to approve"
        )
        raise _refusal("outcome", reason)
    if answer.input is not None and not _repeats_shown_text(answer, question):
        raise _refusal("input", _SURPLUS[answer.outcome])
    return Answer(answer.outcome, comment=answer.comment)


_SURPLUS: Mapping[Outcome, str] = {
    "approved": "`approved` keeps the answer as it was shown, and this text differs from it: leave it "
    "out, or say with `answered` what should change",
    "rejected": "`rejected` takes its reason as `comment`",
    "retry": "`retry` takes no text; say with `answered` what came of the call",
}


def _repeats_shown_text(answer: Answer, question: Question) -> bool:
    """Say whether an approval repeats exactly the text it approves."""
    shown = question.answer
    same = isinstance(shown, str) and shown.strip() == (answer.input or "").strip()
    return answer.outcome == "approved" and same


def _refusal(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"This answer is not accepted: {reason}.", field=field, reason=reason)
