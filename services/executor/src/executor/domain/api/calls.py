"""What a job sent to models and tools: its calls one by one, in full."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from msgspec import UNSET, UnsetType

from common.contracts.events import LlmCall, ModelUsage, ToolCall, ToolResult
from common.errors import NotFound
from common.storage.cursors import cursor_at, spot_of
from executor.domain.api.conversations import SentDialogue, conversation_before
from executor.domain.log.events import (
    CallKept,
    LogEntry,
    ReplyKept,
    ResultKept,
    StoredCall,
    StoredReply,
    UnreadableEvent,
)
from executor.domain.log.execution import Execution
from executor.domain.log.ports import Executions
from executor.domain.log.reading import JobLog
from executor.domain.log.records import Record

_CALLS = frozenset({"llm_call", "tool_call"})
_STEPS = _CALLS | {"tool_result"}


@dataclass(frozen=True, slots=True)
class CallHead:
    """A call as lists show it. `name` is the model or the tool, `call_id` identifies a tool call."""

    n: int
    type: str
    at: datetime
    attempt: int
    task_id: str
    agent: str
    name: str
    call_id: str | None = None
    seconds: float | None = None
    usage: ModelUsage | None = None


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A tool call that a reply asks for, with the events of the call and of its result, once there are any."""

    asked: StoredCall
    call_id: str | None = None
    n: int | None = None
    result_n: int | None = None


@dataclass(frozen=True, slots=True)
class ModelCall:
    """A call to a model. `sent` is None if nobody knows any more what was sent, and `lost` says why."""

    head: CallHead
    sent: SentDialogue | None
    lost: str
    reply: StoredReply | None
    finish_reason: str
    asked: Sequence[AskedCall]


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a tool returned, and the event that says so."""

    n: int
    at: datetime
    text: str
    failed: bool


@dataclass(frozen=True, slots=True)
class ToolCallMade:
    """A call to a tool. `asked_in` is the model call whose reply asks for it; `id` is the model's own id."""

    head: CallHead
    id: str | None
    arguments: Mapping[str, Any] | None
    broken: str
    asked_in: int | None
    result: CallResult | None


@dataclass(frozen=True, slots=True)
class CallPage:
    """Some of a job's calls, oldest first. `next` is the cursor of the next page, None at the end."""

    calls: Sequence[CallHead]
    next: str | None


class Calls:
    """Reads the calls of a workspace's jobs."""

    def __init__(self, executions: Executions) -> None:
        self._executions = executions

    async def page(
        self, workspace_id: str, job_id: str, *, limit: int, after: str | None
    ) -> CallPage:
        """Return calls of a job, oldest first. Raises `NotFound`, `InvalidRequest` for a strange cursor."""
        job = await self._job(workspace_id, job_id)
        scope = ("calls", workspace_id, job_id)
        behind = 0 if after is None else spot_of(after, scope)[0]
        found: list[CallHead] = []
        async for record in JobLog(self._executions, job).forwards(max(0, behind)):
            if record.type in _CALLS:
                if len(found) == limit:
                    return CallPage(found, cursor_at((found[-1].n, ""), scope))
                found.append(_head(job_id, _entry(record)))
        return CallPage(found, None)

    async def call(self, workspace_id: str, job_id: str, n: int) -> ModelCall | ToolCallMade:
        """Return the call of the event `n`.

        Raises `NotFound` for a job or an event that does not exist, an event that is no call, and for a
        job whose crew keeps no prompts.
        """
        job = await self._job(workspace_id, job_id)
        if job.snapshot is not None and not job.snapshot.configuration.keep_prompts:
            raise NotFound(
                f"The job {job_id} keeps no prompts: its crew says so (configuration.keep_prompts). "
                "Switch that on for later jobs."
            )
        log = JobLog(self._executions, job)
        entry = await self._event(log, n)
        if isinstance(entry.body, LlmCall):
            return await _model_call(log, entry, entry.body)
        return await _tool_call(log, entry)

    async def inputs(self, workspace_id: str, job_id: str) -> Mapping[str, Any]:
        """Return what a job was started with. Raises `NotFound`."""
        return (await self._job(workspace_id, job_id)).inputs

    async def _job(self, workspace_id: str, job_id: str) -> Execution:
        job = await self._executions.find(job_id)
        if job is None or job.workspace_id != workspace_id:
            raise NotFound(f"There is no job {job_id}.")
        return job

    async def _event(self, log: JobLog, n: int) -> LogEntry:
        job = log.job
        if not 0 < n <= job.seq:
            raise NotFound(f"The job {job.job_id} has no event {n}: its newest one is {job.seq}.")
        record = await anext(log.forwards(n - 1), None)
        if record is None or record.type not in _CALLS:
            what = "not there" if record is None else f"of the type {record.type}"
            raise NotFound(
                f"The event {n} of the job {job.job_id} is {what}: calls are the events llm_call and "
                f"tool_call, which GET /executions/{job.job_id}/calls lists."
            )
        return _entry(record)


async def _model_call(log: JobLog, entry: LogEntry, body: LlmCall) -> ModelCall:
    kept = entry.private if isinstance(entry.private, ReplyKept) else ReplyKept()
    head = _head(log.job.job_id, entry)
    finish = body.finish_reason if isinstance(body.finish_reason, str) else ""
    if kept.reply is UNSET or kept.scope is UNSET:
        lost = "No reply came, so what was sent is not kept."
        return ModelCall(head, None, lost, None, finish, ())
    found = await conversation_before(log, entry, str(body.task_id), kept.scope)
    sent = found if isinstance(found, SentDialogue) else None
    lost = found if isinstance(found, str) else ""
    asked = [] if kept.reply.calls is UNSET else [AskedCall(call) for call in kept.reply.calls]
    if asked:
        asked = await _calls_with_events(log, entry, str(body.task_id), kept.scope, asked)
    return ModelCall(head, sent, lost, kept.reply, finish, asked)


async def _calls_with_events(
    log: JobLog, entry: LogEntry, task_id: str, scope: str, asked: list[AskedCall]
) -> list[AskedCall]:
    """Return the calls that a reply asks for with the events that followed."""
    found, places = list(asked), dict[int, int]()
    missing = len(asked)
    async for later in _steps(log.forwards(entry.seq), task_id):
        kept = later.private
        if isinstance(kept, ReplyKept) and kept.scope == scope:
            break
        if isinstance(kept, CallKept) and kept.scope == scope and kept.entry < len(found):
            places[kept.call] = kept.entry
            call_id = _call_id(log.job.job_id, task_id, kept.call)
            found[kept.entry] = replace(found[kept.entry], call_id=call_id, n=later.seq)
        if isinstance(kept, ResultKept):
            place = places.get(kept.call, kept.entry if kept.scope == scope else UNSET)
            if isinstance(place, int) and place < len(found):
                call_id = _call_id(log.job.job_id, task_id, kept.call)
                found[place] = replace(found[place], call_id=call_id, result_n=later.seq)
                missing -= 1
        if not missing:
            break
    return found


async def _tool_call(log: JobLog, entry: LogEntry) -> ToolCallMade:
    body, kept = entry.body, entry.private
    if not isinstance(body, ToolCall) or not isinstance(kept, CallKept):
        raise NotFound(f"The event {entry.seq} does not say which call it is.")
    task_id = str(body.task_id)
    asked_in, asked = await _asking(log, entry.seq, task_id, kept)
    result: CallResult | None = None
    seconds: float | UnsetType = UNSET
    async for later in _steps(log.forwards(entry.seq), task_id):
        told = later.private
        if isinstance(told, ResultKept) and told.call == kept.call:
            failed = told.failed is True
            result = CallResult(later.seq, later.timestamp, told.text, failed)
            seconds = told.seconds
            break
    head = replace(_head(log.job.job_id, entry), seconds=None if seconds is UNSET else seconds)
    arguments: Mapping[str, Any] | None = None if asked is None else asked.arguments
    if kept.arguments is not UNSET:
        arguments = kept.arguments
    broken = "" if asked is None or asked.broken is UNSET else asked.broken
    return ToolCallMade(head, asked.id if asked else None, arguments, broken, asked_in, result)


async def _asking(
    log: JobLog, n: int, task_id: str, kept: CallKept
) -> tuple[int | None, StoredCall | None]:
    """Return the newest reply before the event `n` in the scope of a call, and the call as it asks for it."""
    async for earlier in _steps(log.backwards(n - 1), task_id):
        told = earlier.private
        if isinstance(told, ReplyKept) and told.scope == kept.scope and told.reply is not UNSET:
            calls = [] if told.reply.calls is UNSET else told.reply.calls
            return earlier.seq, calls[kept.entry] if kept.entry < len(calls) else None
    return None, None


async def _steps(records: AsyncIterator[Record], task_id: str) -> AsyncIterator[LogEntry]:
    """Yield the model calls, tool calls and results of one task."""
    async for record in records:
        if record.type in _STEPS and task_id.encode() in record.frame:
            entry = _entry(record)
            body = entry.body
            if isinstance(body, LlmCall | ToolCall | ToolResult) and body.task_id == task_id:
                yield entry


def _entry(record: Record) -> LogEntry:
    try:
        return record.entry()
    except UnreadableEvent as fault:
        raise NotFound(str(fault)) from fault


def _head(job_id: str, entry: LogEntry) -> CallHead:
    body, kept = entry.body, entry.private
    if isinstance(body, LlmCall):
        seconds = kept.seconds if isinstance(kept, ReplyKept) else UNSET
        return CallHead(
            *(entry.seq, body.type, entry.timestamp, entry.attempt, body.task_id, body.agent),
            name=body.action,
            seconds=None if seconds is UNSET else seconds,
            usage=None if body.usage is UNSET else body.usage,
        )
    if not isinstance(body, ToolCall):
        raise NotFound(f"The event {entry.seq} is no call.")
    call_id = None
    if isinstance(kept, CallKept):
        call_id = _call_id(job_id, body.task_id, kept.call)
    return CallHead(
        *(entry.seq, body.type, entry.timestamp, entry.attempt, body.task_id, body.agent),
        name=body.action,
        call_id=call_id,
    )


def _call_id(job_id: str, task_id: str, number: int) -> str:
    return f"{job_id}:{task_id}:{number}"
