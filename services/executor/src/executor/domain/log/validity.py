"""What may be said to a question: the rules of each kind, and the JSON Schema of what it asks for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from common.contracts.events import Outcome, QuestionKind
from common.errors import InvalidRequest
from common.schemas.canonical import canonical
from common.schemas.validation import Complaint, complaint
from executor.domain.log.questions import Answer, Question

_LARGEST = 200_000
"""Bytes that an answer's input, or its arguments, may have as JSON."""


async def validate_answer(
    answer: Answer, question: Question, parameters: Mapping[str, Any] | None = None
) -> Answer:
    """Return `answer` as it applies to `question`. Raises `InvalidRequest` with the dotted path.

    `parameters` is the JSON Schema of the arguments of the tool that an approval is about. A text alone
    is never an approval. For a call of unknown outcome, the text `retry` has always meant to make the
    call again.
    """
    for field, value in (("input", answer.input), ("arguments", answer.arguments)):
        if value is not None and len(orjson.dumps(value)) > _LARGEST:
            raise _refusal(field, f"it may have at most {_LARGEST:,} bytes as JSON")
    if answer.arguments is not None and (question.kind, answer.outcome) != ("approval", "approved"):
        raise _refusal("arguments", "they are only for the outcome `approved` of a tool call")
    answer = _RULES[question.kind](answer, question)
    if answer.arguments is not None:
        await _check("arguments", parameters or {"type": "object"}, answer.arguments)
    if question.response_schema is not None and answer.outcome == "answered":
        await _check("input", question.response_schema, answer.input)
    return answer


async def _check(field: str, schema: Mapping[str, Any], value: Any) -> None:
    said = await complaint(schema, value)
    if said is not None:
        path = said.path if isinstance(said, Complaint) else ""
        raise _refusal(f"{field}.{path}" if path else field, said.removeprefix("it: ").rstrip("."))


def _review(answer: Answer, question: Question) -> Answer:
    if answer.outcome == "answered":
        _require_text(answer, "`answered` needs a text: what should change")
        return answer
    if answer.outcome == "retry":
        reason = "`retry` is for calls whose outcome is not known; this is a review"
        raise _refusal("outcome", reason)
    return _without_input(answer, question)


def _unknown_outcome(answer: Answer, question: Question) -> Answer:
    if answer.outcome == "answered":
        _require_text(answer, "`answered` needs a text: what came of the call")
        if answer.input.strip().casefold() == "retry":
            return Answer("retry", comment=answer.comment)
        return answer
    if answer.outcome == "approved":
        reason = (
            "Say `retry`, or `answered` with what came of the call; there is no text to approve"
        )
        raise _refusal("outcome", reason)
    return _without_input(answer, question)


def _approval(answer: Answer, question: Question) -> Answer:
    if answer.outcome not in {"approved", "rejected"}:
        reason = (
            "a tool call needs `approved` or `rejected`, with reasons in `comment`; a text alone "
            "decides nothing"
        )
        raise _refusal("outcome", reason)
    if answer.arguments is not None and question.tool_call is not None:
        same = canonical(answer.arguments) == canonical(question.tool_call.arguments)
        answer = replace(answer, arguments=None) if same else answer
    return _without_input(answer, question)


def _question(answer: Answer, question: Question) -> Answer:
    if answer.outcome in {"approved", "retry"}:
        reason = "this question needs `answered` with an `input`, or `rejected`"
        raise _refusal("outcome", reason)
    if answer.outcome == "rejected":
        return _without_input(answer, question)
    if answer.input is None:
        raise _refusal("input", "`answered` needs an input: what was asked for")
    if question.choices is not None and answer.input not in question.choices:
        told = ", ".join(f"`{choice}`" for choice in question.choices)[:1_000]
        raise _refusal("input", f"it must be one of {told}")
    if question.response_schema is None:
        _require_text(answer, "this question is answered with a text")
    return answer


_RULES: Mapping[QuestionKind, Callable[[Answer, Question], Answer]] = {
    "review": _review,
    "unknown_outcome": _unknown_outcome,
    "approval": _approval,
    "question": _question,
}


def _require_text(answer: Answer, reason: str) -> None:
    if not isinstance(answer.input, str):
        raise _refusal("input", reason)


def _without_input(answer: Answer, question: Question) -> Answer:
    """Return a decision without a text, which says nothing beside it unless it repeats what was shown."""
    if answer.input is not None and not _repeats_shown_text(answer, question):
        raise _refusal("input", _SURPLUS[answer.outcome])
    return replace(answer, input=None)


_SURPLUS: Mapping[Outcome, str] = {
    "approved": "`approved` keeps the answer or the call as it was shown, and takes no text: say with "
    "`answered` what should change in an answer, and with `arguments` what should change in a call",
    "rejected": "`rejected` takes its reason as `comment`",
    "retry": "`retry` takes no text; say with `answered` what came of the call",
}


def _repeats_shown_text(answer: Answer, question: Question) -> bool:
    """Say whether an approval repeats exactly the text it approves."""
    shown, said = question.answer, answer.input
    same = isinstance(shown, str) and isinstance(said, str) and shown.strip() == said.strip()
    return answer.outcome == "approved" and same


def _refusal(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"This answer is not accepted: {reason}.", field=field, reason=reason)
