"""What a run writes down: one method per kind of event, with what is public and what is kept."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from msgspec import UNSET

from common.contracts.events import (
    ExecutionComplete,
    InputRequired,
    KnownBody,
    LlmCall,
    ModelUsage,
    ProgressUpdate,
    RunError,
    RunWarning,
    TaskComplete,
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
)
from executor.domain.log.journal import Journal
from executor.engine.faults import Asked, RunFault
from executor.engine.history import CallPlace, Output
from executor.models.dialogue import Reply, ToolRequest
from executor.tools.spec import Failed

_REPLY = 500
_RESULT = 2_000
_ARGUMENTS = 500
_TITLE = 160


@dataclass(frozen=True, slots=True)
class Numbered:
    """A tool call with its number in the task, which its idempotency key is made of."""

    number: int
    place: CallPlace
    request: ToolRequest


class Trace:
    """Writes a run's events to its journal. Nothing waits but `stored`, `replies_stored`, `effect`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._replied = False

    async def stored(self) -> None:
        """Return when all that was written is stored. Raises as `Journal.flush`."""
        await self._journal.flush()

    async def replies_stored(self) -> None:
        """Return when all replies and what came of them are stored. Raises as `Journal.flush`."""
        if self._replied:
            await self._journal.flush()

    def effect(self) -> AbstractAsyncContextManager[None]:
        """Return a block for a call that must not be made twice; see `Journal.effect`."""
        return self._journal.effect()

    def task_started(self, task_id: str, agent: str, description: str) -> None:
        told = shortened(description, _TITLE)
        self._write(TaskStart(task_id=task_id, agent=agent, description=told))

    def task_completed(self, task_id: str, agent: str, output: Output) -> None:
        self._write(TaskComplete(task_id=task_id, agent=agent, result=output.value))

    def progressed(self, percent: int, current_task: str | None) -> None:
        told = None if current_task is None else shortened(current_task, _TITLE)
        self._write(ProgressUpdate(progress=percent, current_task=told))

    def replied(
        self,
        task_id: str,
        agent: str,
        model: str,
        scope: str,
        reply: Reply,
        calls: Sequence[Numbered],
        usage: ModelUsage,
    ) -> None:
        """Write a model's reply and the tool calls it asks for, together."""
        body = LlmCall(
            task_id=task_id,
            agent=agent,
            action=model,
            result=_said(reply),
            finish_reason=reply.finish.value,
            usage=usage,
        )
        drafts = [_draft_call(task_id, agent, call) for call in calls]
        self._replied = True
        self._journal.append(EventDraft(body, ReplyKept(scope=scope, reply=reply.dump())), *drafts)

    def cut_off(self, task_id: str, agent: str, model: str, usage: ModelUsage) -> None:
        """Write what requests used to which no reply came."""
        body = LlmCall(
            task_id=task_id,
            agent=agent,
            action=model,
            result="no reply",
            finish_reason="cut_off",
            usage=usage,
        )
        self._write(body, ReplyKept(cut_off=True))

    def called(self, task_id: str, agent: str, call: Numbered) -> None:
        """Write one tool call, before it is made."""
        self._journal.append(_draft_call(task_id, agent, call))

    def resulted(self, task_id: str, agent: str, call: Numbered, text: str) -> None:
        failed = True if isinstance(text, Failed) else UNSET
        body = ToolResult(
            task_id=task_id,
            agent=agent,
            action=call.request.name,
            result=shortened(text, _RESULT),
            failed=failed,
        )
        self._write(body, ResultKept(call=call.number, text=text, failed=failed))

    def input_required(self, job_id: str, asked: Asked, number: int) -> None:
        """Write a question to people; `number` of them were asked before."""
        review = asked.call is None
        body = InputRequired(
            question_id=_question_id(job_id, number),
            kind="review" if review else "unknown_outcome",
            task_id=asked.task_id,
            agent=asked.agent,
            prompt=asked.prompt,
            answer=asked.answer if review else UNSET,
        )
        self._write(body, None if asked.call is None else QuestionKept(call=asked.call))

    def warned(self, code: str, message: str) -> None:
        self._write(RunWarning(message=message, code=code))

    def failed(self, fault: RunFault) -> None:
        task_id = UNSET if fault.task_id is None else fault.task_id
        self._write(RunError(message=fault.message, code=fault.code, task_id=task_id))

    def completed(self, output: Output) -> None:
        self._write(ExecutionComplete(result=output.value))

    def _write(self, body: KnownBody, private: Private | None = None) -> None:
        self._journal.append(EventDraft(body, private))


def _question_id(job_id: str, number: int) -> str:
    """Return an id that a resumed run gives the same question again."""
    told = f"{job_id} {number}".encode("utf-8", "replace")
    return f"question_{hashlib.blake2s(told, digest_size=10).hexdigest()}"


def _draft_call(task_id: str, agent: str, call: Numbered) -> EventDraft:
    body = ToolCall(
        task_id=task_id,
        agent=agent,
        action=call.request.name,
        result=shortened(_written(call.request), _ARGUMENTS),
    )
    place = call.place
    kept = CallKept(call=call.number, scope=place.scope, turn=place.turn, entry=place.entry)
    return EventDraft(body, kept)


def _written(request: ToolRequest) -> str:
    if request.arguments is None:
        return request.broken
    return as_text(request.arguments)


def _said(reply: Reply) -> str:
    if not reply.calls:
        reason = f"[{reply.finish.value}: {reply.reason}] " if reply.reason else ""
        return shortened(f"{reason}{reply.text}", _REPLY)
    return f"calls {', '.join(call.name for call in reply.calls)}"


def shortened(text: str, limit: int) -> str:
    """Return `text`, cut to `limit` characters with a mark that says so."""
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
