"""Questions to people, and the answers they allow."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.events import (
    AnsweredBy,
    InputReceived,
    InputRequired,
    Outcome,
    ProposedCall,
    QuestionKind,
)
from executor.domain.log.events import LogEntry, QuestionKept

NEW_KINDS: frozenset[QuestionKind | UnsetType] = frozenset({"approval", "question"})
"""The kinds that came with format 3. Rejecting one does not end the job: the agent goes on."""


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
    tool_call: ProposedCall | None = None
    response_schema: Mapping[str, Any] | None = None
    choices: tuple[str, ...] | None = None
    expires_at: datetime | None = None
    on_expiry: str | None = None
    answered_by: AnsweredBy = "editor"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer: the event `input_received` without its author.

    `input` is a text, or a value where the question has a `response_schema`. `arguments` take the place
    of those of the call that is approved.
    """

    outcome: Outcome
    input: Any = None
    comment: str | None = None
    arguments: Mapping[str, Any] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """The fields that are set, as in the event and in HTTP responses."""
        told = {
            "outcome": self.outcome,
            "input": self.input,
            "arguments": self.arguments,
            "comment": self.comment,
        }
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
    choices = _or_none(asked.choices)
    return Question(
        question_id=question_id_of(entry),
        kind=kind_of(entry, asked),
        task_id=_or_none(asked.task_id),
        agent=asked.agent,
        prompt=asked.prompt,
        answer=_or_none(asked.answer),
        asked_at=entry.timestamp,
        tool_call=_or_none(asked.tool_call),
        response_schema=_or_none(asked.response_schema),
        choices=None if choices is None else tuple(choices),
        expires_at=_or_none(asked.expires_at),
        on_expiry=_or_none(asked.on_expiry),
        answered_by=_or_none(asked.answered_by) or "editor",
    )


def kind_of(entry: LogEntry, asked: InputRequired) -> QuestionKind:
    """Return the kind of the question that `entry` asks. Old events show it by their private part."""
    if not isinstance(asked.kind, UnsetType):
        return asked.kind
    return "unknown_outcome" if isinstance(entry.private, QuestionKept) else "review"


def answer_of(entry: LogEntry) -> Answer:
    """Return the answer in the `input_received` event `entry`. Old events have only a text."""
    if not isinstance(entry.body, InputReceived):
        raise TypeError(f"The event {entry.seq} answers nothing.")
    return answer_in(entry.body)


def answer_in(said: InputReceived) -> Answer:
    """Return the answer without its author."""
    outcome = "answered" if said.outcome is UNSET else said.outcome
    return Answer(outcome, _or_none(said.input), _or_none(said.comment), _or_none(said.arguments))


def _or_none(value: Any) -> Any:
    return None if value is UNSET else value
