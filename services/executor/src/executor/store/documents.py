"""Executions and their parts as MongoDB documents, and back.

What users write (inputs, results) is stored as JSON bytes, since BSON does not accept every JSON value
or key.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson
from msgspec import convert, to_builtins
from msgspec.structs import replace

from common.contracts.crew import CrewSnapshot
from common.contracts.events import Artifact, EventType, ExecutionStatus, ForkedFrom, ModelUsage
from common.idempotency.receipts import WITHOUT
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Document
from executor.domain.log.execution import READS, Execution, JobStep
from executor.domain.log.journal import Replay
from executor.domain.log.projection import State, TaskState
from executor.domain.log.questions import QuestionPlace
from executor.domain.log.records import Record, json_bytes

HEAD = {"inputs": 0, "snapshot": 0, "requested_by": 0, "ticket": 0, **WITHOUT}
"""The fields that a read of the head leaves out."""
PLACE = {"attempt": 1, "owner": 1, "seq": 1, "status": 1, "tail": {"$slice": -1}}
"""The fields that a step is conditional on, and the newest event."""


def new_document(job: Execution) -> Document:
    document: Document = {
        "_id": job.job_id,
        "workspace_id": job.workspace_id,
        "crew_id": job.crew_id,
        "created_at": job.created_at,
        "open": True,
        "traceparent": job.traceparent,
        "requested_by": job.requested_by,
        "inputs": json_bytes(job.inputs),
        "tail": [record_document(record) for record in job.tail],
        "state": state_document(job.state),
        **_head(job),
    }
    if job.crew_version is not None:
        document["crew_version"] = job.crew_version
    if job.ticket:
        document["ticket"] = job.ticket
    if job.forked_from is not None:
        document["forked_from"] = {"job_id": job.forked_from.job_id, "seq": job.forked_from.seq}
    if job.replay is not None:
        document["replay"] = asdict(job.replay)
    if job.snapshot is not None:
        document["snapshot"] = snapshot_bytes(job.snapshot)
    return document


def snapshot_bytes(snapshot: CrewSnapshot) -> bytes:
    return json_bytes(snapshot.model_dump(mode="json"))


def _head(job: Execution) -> Document:
    return {
        "status": job.status.value,
        "attempt": job.attempt,
        "owner": job.owner,
        "seq": job.seq,
        "lost_claims": job.lost_claims,
        "handed_over": job.handed_over,
        "published": job.published,
        FORMAT: job.format,
    }


def condition(job: Execution) -> Document:
    """Return the filter that must match for a step from `job` to be written.

    `$exists` tells SecantusDB that no index helps with a field, so that it uses `_id` at once. Weighing
    each index against each field would cost it a third of the write.
    """
    held = _place(job) | ({"ticket": job.ticket} if job.ticket else {})
    return {"_id": job.job_id, **{n: {"$eq": v, "$exists": True} for n, v in held.items()}}


def _place(job: Execution) -> Document:
    return {
        "attempt": job.attempt,
        "owner": job.owner,
        "seq": job.seq,
        "status": job.status.value,
    }


def left_by(step: JobStep, found: Mapping[str, Any]) -> bool:
    """Say whether `found`, read with `PLACE`, is the job exactly as `step` left it."""
    newest = [record_document(record) for record in step.records[-1:]]
    moved = _place(step.after).items() <= found.items()
    return moved and (not newest or list(found["tail"]) == newest)


def update(step: JobStep) -> Document:
    """Return the update that carries out `step`: the changed fields and the new events."""
    before, after = _head(step.before), _head(step.after)
    changed: Document = {name: after[name] for name in after if after[name] != before[name]}
    changed |= _state_changes(step.before.state, step.after.state)
    if step.before.snapshot is None and step.after.snapshot is not None:
        changed["snapshot"] = snapshot_bytes(step.after.snapshot)
    if step.after.crew_version != step.before.crew_version:
        changed["crew_version"] = step.after.crew_version
    written: Document = {}
    records = [record_document(record) for record in step.records]
    if len(step.after.tail) != len(step.before.tail) + len(step.records):
        changed["tail"] = [record_document(record) for record in step.after.tail]
    elif records:
        written["$push"] = {"tail": {"$each": records}}
    if changed:
        written["$set"] = changed
    return written


def record_document(record: Record) -> Document:
    document: Document = {"seq": record.seq, "type": record.type, "frame": record.frame}
    if record.private is not None:
        document["private"] = record.private
    return document


def record(document: Mapping[str, Any]) -> Record:
    return Record(document["seq"], document["type"], document["frame"], document.get("private"))


def state_document(state: State) -> Document:
    return {
        "progress": state.progress,
        "current_task": _plain(state.current_task),
        "tasks": [_task(task) for task in state.tasks],
        "usage": _usage(state.usage),
        **({"models": _models(state)} if state.models else {}),
        "result": _pack(state.result),
        "error": None if state.error is None else json_bytes(state.error),
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "last": None if state.last is None else state.last.value,
        "questions": [_question(place) for place in state.questions],
        "unread": state.unread,
        **({"ends": list(state.ends)} if state.ends else {}),
        **({"artifacts": json_bytes(to_builtins(state.artifacts))} if state.artifacts else {}),
    }


def _usage(usage: ModelUsage) -> Document:
    return {
        "requests": usage.requests,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cost_usd": usage.cost_usd,
    }


def _models(state: State) -> list[Document]:
    """Return what each model used; of the only one just the name: it used all."""
    if len(state.models) == 1:
        return [{"model": _plain(name)} for name in state.models]
    return [{"model": _plain(name), **_usage(usage)} for name, usage in state.models.items()]


def _state_changes(before: State, after: State) -> Document:
    if before == after:
        return {}
    # Tasks that stay as they are are not even serialised: a list that is worked through has hundreds.
    old, new = state_document(replace(before, tasks=())), state_document(replace(after, tasks=()))
    changes = {f"state.{name}": new[name] for name in new if new[name] != old.get(name)}
    if len(before.tasks) != len(after.tasks):
        return {**changes, "state.tasks": [_task(task) for task in after.tasks]}
    for place, (was, task) in enumerate(zip(before.tasks, after.tasks, strict=True)):
        if was is not task and was != task:
            changes[f"state.tasks.{place}"] = _task(task)
    return changes


def _task(task: TaskState) -> Document:
    return {
        "task_id": _plain(task.task_id),
        "status": task.status,
        "output": _pack(task.output),
        **({"item_of": task.item_of} if task.item_of is not None else {}),
        **({"description": _plain(task.description)} if task.description else {}),
    }


def _question(place: QuestionPlace) -> Document:
    return {"question_id": place.question_id, "asked": place.asked, "answered": place.answered}


def _pack(value: Any) -> bytes | None:
    return None if value is None else json_bytes(value)


def _unpack(value: bytes | None) -> Any:
    return None if value is None else orjson.loads(value)


def _plain(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "replace").decode()


def _state(document: Mapping[str, Any]) -> State:
    last, usage = document["last"], ModelUsage(**document["usage"])
    return State(
        progress=document["progress"],
        current_task=document["current_task"],
        tasks=tuple(
            TaskState(
                task["task_id"],
                task["status"],
                _unpack(task["output"]),
                task.get("item_of"),
                task.get("description", ""),
            )
            for task in document["tasks"]
        ),
        usage=usage,
        models={
            one["model"]: ModelUsage(**{n: v for n, v in one.items() if n != "model"})
            if len(one) > 1
            else usage
            for one in document.get("models", ())
        },
        result=_unpack(document["result"]),
        error=_unpack(document["error"]),
        started_at=document["started_at"],
        finished_at=document["finished_at"],
        last=None if last is None else EventType(last),
        questions=tuple(QuestionPlace(**place) for place in document.get("questions", ())),
        unread=document.get("unread", False),
        ends=tuple(document.get("ends", ())),
        artifacts=_artifacts(document.get("artifacts")),
    )


def _artifacts(packed: bytes | None) -> tuple[Artifact, ...]:
    return () if packed is None else convert(orjson.loads(packed), tuple[Artifact, ...])


def execution(document: Mapping[str, Any]) -> Execution:
    """Return the job of `document`. Raises `NewerFormat`."""
    known = check_format(document)
    snapshot, forked = document.get("snapshot"), document.get("forked_from")
    replay = document.get("replay")
    return Execution(
        job_id=document["_id"],
        workspace_id=document["workspace_id"],
        crew_id=document["crew_id"],
        crew_version=document.get("crew_version"),
        created_at=document["created_at"],
        status=ExecutionStatus(document["status"]),
        attempt=document["attempt"],
        owner=document["owner"],
        seq=document["seq"],
        lost_claims=document["lost_claims"],
        handed_over=document.get("handed_over", 0),
        published=document["published"],
        tail=tuple(record(entry) for entry in document.get("tail", ())),
        state=_state(document["state"]),
        open=document.get("open", False),
        traceparent=document["traceparent"],
        requested_by=document.get("requested_by", ""),
        inputs=orjson.loads(document.get("inputs", b"{}")),
        snapshot=None if snapshot is None else CrewSnapshot.model_validate_json(snapshot),
        format=known,
        forked_from=None if forked is None else ForkedFrom(**forked),
        replay=None if replay is None else Replay(**replay),
    )


def check_format(document: Mapping[str, Any]) -> int:
    """Return the format of an execution's document. Raises `NewerFormat`."""
    return format_of(document, READS, f"The job {document['_id']}")
