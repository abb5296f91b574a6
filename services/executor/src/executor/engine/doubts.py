"""Calls of unknown outcome: a worker was lost while it made them, and making them twice is not safe."""

from typing import TYPE_CHECKING

from executor.domain.inputs.placeholders import as_text
from executor.engine.faults import NeedsInput, QuestionDraft, RunFault
from executor.engine.trace import NumberedCall, shorten

if TYPE_CHECKING:
    from executor.engine.desk import Desk

_SHOWN = 2_000


def known_outcome(desk: "Desk", agent: str, call: NumberedCall) -> str | None:
    """Return the result a person gave for a call of unknown outcome, or None to repeat it."""
    key, policy = desk.key(call).key, desk.shared.configuration.on_unknown_outcome
    message = (
        f"The call {key} of the tool {desk.shared.known_as(call.request.name)} may or may not have "
        "been made before the worker was lost, and making it twice is not safe."
    )
    answer = desk.record.call_answers.get(call.number)
    if answer is not None and not answer.again:
        return answer.text
    # A person's word covers only the next attempt: if that was lost too, the outcome is unknown again.
    repeat = answer is not None and desk.shared.job.attempt == answer.attempt + 1
    if repeat or policy == "retry":
        return None
    if policy == "ask":
        raise _ask_outcome(desk, agent, message, call)
    raise RunFault("OUTCOME_UNKNOWN", message, desk.task.id)


def _ask_outcome(desk: "Desk", agent: str, message: str, call: NumberedCall) -> NeedsInput:
    before = desk.record.call_answers.get(call.number)
    asked = 0 if before is None else before.count
    return desk.shared.asking.ask(
        QuestionDraft(
            "unknown_outcome",
            desk.task.id,
            agent,
            _question_about(message, call),
            subject=f"{call.number} {asked}",
            rules=desk.shared.question_rules(desk.task, call.request.name),
            call=call.number,
        )
    )


def _question_about(message: str, call: NumberedCall) -> str:
    """Return the question to a person about a call of unknown outcome."""
    return (
        f"{message}\n\nIt was called with:\n{shorten(as_text(call.request.arguments), _SHOWN)}\n\n"
        "Answer with the outcome `retry` (or just that text) to have it made again, with the same "
        "Idempotency-Key, with `rejected` to end the job; any other text is taken as what it returned."
    )
