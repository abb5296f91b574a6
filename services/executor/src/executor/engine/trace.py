"""What a run writes down: one method per kind of event, with what is public and what is kept."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from common.contracts.events import EventType
from executor.domain.inputs.placeholders import as_text
from executor.domain.log.events import Draft
from executor.domain.log.journal import Journal
from executor.engine.faults import Asked, RunFault
from executor.engine.history import Output, Place
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
    place: Place
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
        fields = {"task_id": task_id, "agent": agent, "description": shortened(description, _TITLE)}
        self._journal.append(Draft(EventType.TASK_START, fields))

    def task_completed(self, task_id: str, agent: str, output: Output) -> None:
        fields = {"task_id": task_id, "agent": agent, "result": output.value}
        self._journal.append(Draft(EventType.TASK_COMPLETE, fields))

    def progressed(self, percent: int, current_task: str | None) -> None:
        told = None if current_task is None else shortened(current_task, _TITLE)
        fields = {"progress": percent, "current_task": told}
        self._journal.append(Draft(EventType.PROGRESS, fields))

    def replied(
        self,
        task_id: str,
        agent: str,
        model: str,
        scope: str,
        reply: Reply,
        calls: Sequence[Numbered],
        usage: Mapping[str, Any],
    ) -> None:
        """Write a model's reply and the tool calls it asks for, together."""
        fields = {
            "task_id": task_id,
            "agent": agent,
            "action": model,
            "result": _said(reply),
            "finish_reason": reply.finish.value,
            "usage": usage,
        }
        kept = {"scope": scope, "reply": reply.dump()}
        drafts = [_called(task_id, agent, call) for call in calls]
        self._replied = True
        self._journal.append(Draft(EventType.LLM_CALL, fields, kept), *drafts)

    def cut_off(self, task_id: str, agent: str, model: str, usage: Mapping[str, Any]) -> None:
        """Write what requests used to which no reply came."""
        fields = {
            "task_id": task_id,
            "agent": agent,
            "action": model,
            "result": "no reply",
            "finish_reason": "cut_off",
            "usage": usage,
        }
        self._journal.append(Draft(EventType.LLM_CALL, fields, {"cut_off": True}))

    def called(self, task_id: str, agent: str, call: Numbered) -> None:
        """Write one tool call, before it is made."""
        self._journal.append(_called(task_id, agent, call))

    def resulted(self, task_id: str, agent: str, call: Numbered, text: str) -> None:
        fields: dict[str, Any] = {
            "task_id": task_id,
            "agent": agent,
            "action": call.request.name,
            "result": shortened(text, _RESULT),
        }
        kept: dict[str, Any] = {"call": call.number, "text": text}
        if isinstance(text, Failed):
            fields["failed"] = kept["failed"] = True
        self._journal.append(Draft(EventType.TOOL_RESULT, fields, kept))

    def input_required(self, job_id: str, asked: Asked, number: int) -> None:
        """Write a question to people; `number` of them were asked before."""
        kind = "review" if asked.call is None else "unknown_outcome"
        fields = {
            "question_id": _question_id(job_id, number),
            "kind": kind,
            "task_id": asked.task_id,
            "agent": asked.agent,
            "prompt": asked.prompt,
        }
        if asked.call is None:
            fields["answer"] = asked.answer
        kept = None if asked.call is None else {"call": asked.call}
        self._journal.append(Draft(EventType.INPUT_REQUIRED, fields, kept))

    def warned(self, code: str, message: str) -> None:
        self._journal.append(Draft(EventType.WARNING, {"message": message, "code": code}))

    def failed(self, fault: RunFault) -> None:
        fields = {"message": fault.message, "code": fault.code}
        if fault.task_id is not None:
            fields["task_id"] = fault.task_id
        self._journal.append(Draft(EventType.ERROR, fields))

    def completed(self, output: Output) -> None:
        self._journal.append(Draft(EventType.EXECUTION_COMPLETE, {"result": output.value}))


def _question_id(job_id: str, number: int) -> str:
    """Return an id that a resumed run gives the same question again."""
    told = f"{job_id} {number}".encode("utf-8", "replace")
    return f"question_{hashlib.blake2s(told, digest_size=10).hexdigest()}"


def _called(task_id: str, agent: str, call: Numbered) -> Draft:
    fields = {
        "task_id": task_id,
        "agent": agent,
        "action": call.request.name,
        "result": shortened(_written(call.request), _ARGUMENTS),
    }
    place = call.place
    kept = {"call": call.number, "scope": place.scope, "turn": place.turn, "entry": place.entry}
    return Draft(EventType.TOOL_CALL, fields, kept)


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
