"""Writes a run's events: one method per event type, with its public and its private part."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from common.contracts.events import (
    AnswerRejected,
    Artifact,
    ExecutionComplete,
    ExecutionWaiting,
    InputReceived,
    InputRequired,
    KnownBody,
    LlmCall,
    ModelUsage,
    ProgressUpdate,
    RunError,
    RunWarning,
    SkipReason,
    TaskComplete,
    TaskSkipped,
    TaskStart,
    ToolCall,
    ToolResult,
)
from executor.domain.inputs.placeholders import as_text
from executor.domain.log.events import (
    CallKept,
    EventDraft,
    Private,
    QuestionKept,
    ReplyKept,
    ResultKept,
    Sent,
)
from executor.domain.log.journal import Journal, TooLarge
from executor.engine.faults import CallPlace, QuestionDraft, RunFault
from executor.engine.history import Output
from executor.models.dialogue import Reply, ToolRequest
from executor.tools.spec import FailedResult

_REPLY = 500
_RESULT = 2_000
_ARGUMENTS = 500
_TITLE = 160
_REASON = 1_000


@dataclass(frozen=True, slots=True)
class NumberedCall:
    """A tool call with its number in the task, which is part of its idempotency key."""

    number: int
    place: CallPlace
    request: ToolRequest


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an answer does not do: the kind of check, and which of the task's guardrails it was."""

    reason: str
    kind: str = "output"
    rule: int | None = None


class Trace:
    """Writes a run's events to its journal. Only `flush`, `flush_replies` and `effect` wait."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._replied = False

    async def flush(self) -> None:
        """Wait until everything written is stored. Raises what `Journal.flush` raises."""
        await self._journal.flush()

    async def flush_replies(self) -> None:
        """Wait until all replies and their results are stored. Raises what `Journal.flush` raises."""
        if self._replied:
            await self._journal.flush()

    def effect(self) -> AbstractAsyncContextManager[None]:
        """Return a block for a call that must not be made twice; see `Journal.effect`."""
        return self._journal.effect()

    def write_task_start(
        self,
        task_id: str,
        agent: str,
        description: str,
        *,
        item_of: str | UnsetType = UNSET,
        items: int | UnsetType = UNSET,
    ) -> None:
        title = shorten(description, _TITLE)
        self._write(
            TaskStart(task_id=task_id, agent=agent, description=title, item_of=item_of, items=items)
        )

    def write_task_result(
        self, task_id: str, agent: str, output: Output, item_of: str | UnsetType = UNSET
    ) -> None:
        self._write(
            TaskComplete(task_id=task_id, agent=agent, result=output.value, item_of=item_of)
        )

    def write_rejection(
        self, task_id: str, agent: str, rejection: Rejection, answer: int, left: int
    ) -> None:
        self._write(
            AnswerRejected(
                task_id=task_id,
                agent=agent,
                kind=rejection.kind,
                rule=UNSET if rejection.rule is None else rejection.rule,
                answer=answer,
                left=left,
                reason=shorten(rejection.reason, _REASON),
            )
        )

    def write_skip(self, task_id: str, reason: SkipReason, message: str) -> None:
        self._write(TaskSkipped(task_id=task_id, reason=reason, message=message))

    def write_progress(self, percent: int, current_task: str | None) -> None:
        title = None if current_task is None else shorten(current_task, _TITLE)
        self._write(ProgressUpdate(progress=percent, current_task=title))

    def write_reply(
        self,
        task_id: str,
        agent: str,
        model: str,
        scope: str,
        reply: Reply,
        calls: Sequence[NumberedCall],
        usage: ModelUsage,
        sent: Sent | UnsetType = UNSET,
        seconds: float | UnsetType = UNSET,
        recorded: bool | UnsetType = UNSET,
    ) -> None:
        """Write a model's reply together with the tool calls it asks for, and what was sent for it.

        `recorded` says that it comes from another job. What was sent is left out if both are too large for one event.
        """
        body = LlmCall(
            task_id=task_id,
            agent=agent,
            action=model,
            result=_summary(reply),
            finish_reason=reply.finish.value,
            usage=usage,
            duration=seconds,
            recorded=recorded,
        )
        drafts = [_draft_call(task_id, agent, call) for call in calls]
        self._replied = True
        kept = ReplyKept(scope=scope, reply=reply.dump(), sent=sent, seconds=seconds)
        try:
            self._journal.append(EventDraft(body, kept), *drafts)
        except TooLarge:
            if sent is UNSET:
                raise
            self._journal.append(EventDraft(body, replace(kept, sent=Sent(left_out=0))), *drafts)

    def write_cut_off(
        self,
        task_id: str,
        agent: str,
        model: str,
        usage: ModelUsage,
        recorded: bool | UnsetType = UNSET,
    ) -> None:
        """Write what requests used that got no reply. `recorded` says that another job made them."""
        body = LlmCall(
            task_id=task_id,
            agent=agent,
            action=model,
            result="no reply",
            finish_reason="cut_off",
            usage=usage,
            recorded=recorded,
        )
        self._write(body, ReplyKept(cut_off=True))

    def write_tool_call(
        self, task_id: str, agent: str, call: NumberedCall, *, decided: bool = False
    ) -> None:
        """Write a tool call before it is made. `decided` says that a person did, and may have changed it."""
        self._journal.append(_draft_call(task_id, agent, call, decided=decided))

    def write_tool_result(
        self,
        task_id: str,
        agent: str,
        call: NumberedCall,
        text: str,
        seconds: float | UnsetType = UNSET,
        artifacts: Sequence[Artifact] = (),
        *,
        recorded: bool | UnsetType = UNSET,
    ) -> None:
        failed = True if isinstance(text, FailedResult) else UNSET
        body = ToolResult(
            task_id=task_id,
            agent=agent,
            action=call.request.name,
            result=shorten(text, _RESULT),
            failed=failed,
            artifacts=list(artifacts) if artifacts else UNSET,
            recorded=recorded,
            call=call.number,
            duration=seconds,
        )
        place = call.place
        kept = ResultKept(
            call=call.number,
            text=text,
            failed=failed,
            scope=place.scope,
            turn=place.turn,
            entry=place.entry,
            seconds=seconds,
        )
        self._write(body, kept)

    def write_question(
        self, question_id: str, draft: QuestionDraft, asked_at: datetime, *, goes_on: bool
    ) -> None:
        """Write a question to people. `goes_on` says that other tasks go on beside it."""
        rules = draft.rules
        expires_at: datetime | UnsetType = UNSET
        if rules.expires_in is not None:
            expires_at = asked_at + timedelta(seconds=rules.expires_in)
        body = InputRequired(
            question_id=question_id,
            kind=draft.kind,
            task_id=draft.task_id,
            agent=draft.agent,
            prompt=draft.prompt,
            answer=draft.answer,
            tool_call=draft.tool_call,
            response_schema=draft.response_schema,
            choices=draft.choices,
            expires_at=expires_at,
            on_expiry=UNSET if rules.expires_in is None else rules.on_expiry,
            answered_by=UNSET if rules.answered_by == "editor" else rules.answered_by,
            goes_on=True if goes_on else UNSET,
        )
        self._write(body, _private_part(draft))

    def write_answer(self, question_id: str, said: InputReceived) -> None:
        """Write an answer that is recorded in another job."""
        self._write(replace(said, question_id=question_id, recorded=True))

    def write_waiting(self, question_ids: Sequence[str]) -> None:
        """Write that the run can do nothing more before one of these questions is answered."""
        self._write(ExecutionWaiting(questions=list(question_ids)))

    def write_warning(self, code: str, message: str) -> None:
        self._write(RunWarning(message=message, code=code))

    def write_error(self, fault: RunFault) -> None:
        task_id = UNSET if fault.task_id is None else fault.task_id
        comment = UNSET if fault.comment is None else fault.comment
        self._write(
            RunError(message=fault.message, code=fault.code, task_id=task_id, comment=comment)
        )

    def write_result(self, output: Output | None, ends: Sequence[str] | None = None) -> None:
        """Write the end of a run; `ends` if they are others than the task that made `output`."""
        self._write(
            ExecutionComplete(
                result=None if output is None else output.value,
                ends=UNSET if ends is None else list(ends),
            )
        )

    def _write(self, body: KnownBody, private: Private | None = None) -> None:
        self._journal.append(EventDraft(body, private))


def _private_part(draft: QuestionDraft) -> QuestionKept | None:
    if draft.call is None:
        return None
    place = draft.place
    if place is None:
        return QuestionKept(call=draft.call)
    wanted, state = draft.wanted, None if draft.wanted is None else draft.wanted.state
    return QuestionKept(
        call=draft.call,
        scope=place.scope,
        turn=place.turn,
        entry=place.entry,
        keys=UNSET if wanted is None else list(wanted.keys),
        state=UNSET if state is None else state,
    )


def _draft_call(
    task_id: str, agent: str, call: NumberedCall, *, decided: bool = False
) -> EventDraft:
    body = ToolCall(
        task_id=task_id,
        agent=agent,
        action=call.request.name,
        result=shorten(_arguments_text(call.request), _ARGUMENTS),
        call=call.number,
    )
    place, arguments = call.place, call.request.arguments
    kept = CallKept(
        call=call.number,
        scope=place.scope,
        turn=place.turn,
        entry=place.entry,
        arguments=dict(arguments) if decided and arguments is not None else UNSET,
    )
    return EventDraft(body, kept)


def _arguments_text(request: ToolRequest) -> str:
    if request.arguments is None:
        return request.broken
    return as_text(request.arguments)


def _summary(reply: Reply) -> str:
    if not reply.calls:
        reason = f"[{reply.finish.value}: {reply.reason}] " if reply.reason else ""
        return shorten(f"{reason}{reply.text}", _REPLY)
    return f"calls {', '.join(call.name for call in reply.calls)}"


def shorten(text: str, limit: int) -> str:
    """Return `text`, cut to `limit` characters with an ellipsis."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
