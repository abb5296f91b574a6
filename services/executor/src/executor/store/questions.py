"""Open questions: a collection beside the executions, so that an inbox and a sweep find them by an index.

A row is written before the step that asks its question, and removed after the step that answers it. So no
open question lacks its row. A row whose question is not open, because a process died between the two writes,
is recognised by the job's own state; who meets one leaves it out, and removes it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from msgspec import convert, structs
from pymongo import UpdateOne

from common.contracts.events import EventType, ExecutionStatus, ProposedCall, QuestionKind
from common.storage.cursors import Place
from common.storage.grouping import Grouped
from common.storage.mongo import ensure_index
from common.storage.ports import Database, Document
from common.times import utc_now
from executor.domain.api.inbox import Asked, InboxPart
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.questions import Question, question_of
from executor.store.reach import reaching

_ORDER = [("asked_at", 1), ("_id", 1)]
_INBOXES = {
    "inbox_of_all": (),
    "inbox_of_crew": ("crew_id",),
    "inbox_of_kind": ("kind",),
    "inbox_of_both": ("crew_id", "kind"),
}
"""The filters of an inbox; each index has the rows in the inbox's order."""
_PROMPT = 2_000
_ARGUMENTS = 8_000
"""Bytes of a call's arguments, or of a schema, that an inbox shows; the job shows all of them."""
_YOUNG = timedelta(minutes=10)
"""For how long a row may be there before its question: longer than any writer tries."""
_COUNTED = 10_000
_KEPT = ("task_id", "agent", "choices", "on_expiry", "answered_by")


async def indexes(database: Database) -> None:
    """Make the indexes of open questions: for an inbox with any of its filters, and for the sweep."""
    rows = database["questions"]
    for name, filters in _INBOXES.items():
        keys = [(field, 1) for field in ("workspace_id", *filters)]
        await ensure_index(rows, [*keys, *_ORDER], name=name)
    await ensure_index(
        rows,
        [("expires", 1), ("expires_at", 1)],
        name="expiry",
        partialFilterExpression={"expires": True},
    )


def rows_of(job: Execution, questions: Iterable[tuple[int, Question]]) -> list[Document]:
    """Return the rows of questions, each with the `seq` that asks it."""
    return [_row(job, seq, question) for seq, question in questions]


def _row(job: Execution, seq: int, question: Question) -> Document:
    document: Document = {
        "_id": question.question_id,
        "workspace_id": job.workspace_id,
        "job_id": job.job_id,
        "crew_id": job.crew_id,
        "seq": seq,
        "asked_at": question.asked_at,
        "kind": question.kind,
        "shown": orjson.dumps(_shown_fields(question)),
    }
    if question.expires_at is not None:
        document |= {"expires": True, "expires_at": question.expires_at}
    return document


def _of_inbox(workspace_id: str, crew_id: str | None, kind: str | None) -> Document:
    """Return the filter of an inbox; there is an index for each."""
    given = {"workspace_id": workspace_id, "crew_id": crew_id, "kind": kind}
    return {name: held for name, held in given.items() if held is not None}


def _shown_fields(question: Question) -> dict[str, Any]:
    shown = {name: getattr(question, name) for name in _KEPT}
    prompt = question.prompt
    shown["prompt"] = prompt if len(prompt) <= _PROMPT else f"{prompt[: _PROMPT - 1]}…"
    schema = question.response_schema
    small = schema is not None and len(orjson.dumps(schema)) <= _ARGUMENTS
    shown["response_schema"] = schema if small else None
    call = question.tool_call
    if call is not None:
        shown["tool_call"] = structs.asdict(call)
        shown["cut"] = len(orjson.dumps(call.arguments)) > _ARGUMENTS
        if shown["cut"]:
            shown["tool_call"]["arguments"] = {}
    return shown


def _inbox_question(row: Mapping[str, Any]) -> Asked:
    shown = orjson.loads(row["shown"])
    call, choices = shown.pop("tool_call", None), shown.pop("choices")
    cut = shown.pop("cut", False)
    question = Question(
        question_id=row["_id"],
        kind=row["kind"],
        answer=None,
        asked_at=row["asked_at"],
        expires_at=row.get("expires_at"),
        choices=None if choices is None else tuple(choices),
        tool_call=None if call is None else convert(call, ProposedCall),
        **shown,
    )
    return Asked(row["job_id"], row["crew_id"], question, cut)


@dataclass(frozen=True, slots=True)
class _Ended:
    """Questions that a step has closed, by an answer or by the end of their job."""

    ids: tuple[str, ...]


class QuestionRows:
    """Writes the rows beside the steps of jobs. Those of many jobs share a command."""

    def __init__(self, database: Database) -> None:
        self._rows = database["questions"]
        self._adding = Grouped(self._add_all)
        self._removing = Grouped(self._remove_all)

    async def before(self, step: JobStep) -> None:
        """Add the rows of what `step` asks and does not answer itself, as a replay does."""
        asked = [record for record in step.records if record.type == EventType.INPUT_REQUIRED]
        if not asked:
            return
        left = {place.asked for place in step.after.open_questions}
        questions = [(one.seq, question_of(one.entry())) for one in asked if one.seq in left]
        if questions:
            await self._adding(rows_of(step.before, questions))

    async def after(self, step: JobStep) -> None:
        """Remove the rows of what `step` has answered, or ended unanswered."""
        was = {place.question_id for place in step.before.open_questions}
        if not was:
            return
        closed = was - {place.question_id for place in step.after.open_questions}
        if closed:
            await self._removing(_Ended(tuple(closed)))

    async def _add_all(self, groups: Sequence[list[Document]]) -> Sequence[None]:
        with reaching():
            await self._rows.bulk_write(upserts(row for group in groups for row in group))
        return [None] * len(groups)

    async def _remove_all(self, groups: Sequence[_Ended]) -> Sequence[None]:
        ids = [question_id for group in groups for question_id in group.ids]
        with reaching():
            await self._rows.delete_many({"_id": {"$in": ids}})
        return [None] * len(groups)


def upserts(rows: Iterable[Document]) -> list[UpdateOne]:
    """Return idempotent writes that add `rows`."""
    return [
        UpdateOne(
            {"_id": row["_id"]},
            {"$set": {name: held for name, held in row.items() if name != "_id"}},
            upsert=True,
        )
        for row in rows
    ]


class MongoQuestions:
    """Fulfils `OpenQuestions`."""

    def __init__(self, database: Database) -> None:
        self._rows = database["questions"]
        self._executions = database["executions"]

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        kind: QuestionKind | None,
        skip: int,
        limit: int,
        after: Place | None,
    ) -> InboxPart:
        query = _of_inbox(workspace_id, crew_id, kind)
        with reaching():
            places = await self._places(query, after, skip + limit + 1)
            wanted = [row["_id"] for row in places[skip : skip + limit]]
            rows = await self._rows.find({"_id": {"$in": wanted}}).to_list() if wanted else []
        found = [_inbox_question(row) for row in await self._open(rows)]
        found.sort(key=lambda asked: (asked.question.asked_at, asked.question.question_id))
        more = len(places) > skip + limit
        last = places[skip + limit - 1] if more else None
        return InboxPart(found, None if last is None else (last["asked_at"], last["_id"]))

    async def _places(self, query: Document, after: Place | None, most: int) -> list[Document]:
        """Return at most `most` ids and times behind `after`, in order."""
        if after is None:
            return await self._next(query, most)
        moment, last = after
        same = await self._next({**query, "asked_at": moment, "_id": {"$gt": last}}, most)
        if len(same) == most:
            return same
        return same + await self._next({**query, "asked_at": {"$gt": moment}}, most - len(same))

    async def _next(self, query: Document, most: int) -> list[Document]:
        return await self._rows.find(query, {"asked_at": 1}).sort(_ORDER).limit(most).to_list()

    async def count(
        self, workspace_id: str, *, crew_id: str | None, kind: QuestionKind | None
    ) -> int:
        query = _of_inbox(workspace_id, crew_id, kind)
        with reaching():
            return await self._rows.count_documents(query, limit=_COUNTED)

    async def expired_questions(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        query = {"expires": True, "expires_at": {"$lte": now}}
        with reaching():
            rows = await self._rows.find(query).sort([("expires_at", 1)]).limit(limit).to_list()
        return [(row["job_id"], row["_id"]) for row in await self._open(rows)]

    async def _open(self, rows: Sequence[Document]) -> list[Document]:
        """Return those of `rows` whose question is open; remove those whose question never will be."""
        if not rows:
            return []
        ids = list({row["job_id"] for row in rows})
        with reaching():
            jobs = {
                job["_id"]: job
                async for job in self._executions.find(
                    {"_id": {"$in": ids}}, {"status": 1, "state.questions": 1}
                )
            }
        found = [(row, _is_open(row, jobs.get(row["job_id"]))) for row in rows]
        gone = [row["_id"] for row, opened in found if opened is False]
        if gone:
            with reaching():
                await self._rows.delete_many({"_id": {"$in": gone}})
        return [row for row, opened in found if opened]


_FINAL = {ExecutionStatus.COMPLETED, ExecutionStatus.FAILED, ExecutionStatus.STOPPED}


def _is_open(row: Mapping[str, Any], job: Mapping[str, Any] | None) -> bool | None:
    """Return whether the question of `row` is open, or None if it may yet be asked."""
    if job is None or job["status"] in _FINAL:
        return False
    for place in job["state"].get("questions", ()):
        if place["question_id"] == row["_id"]:
            return bool(place["answered"] is None)
    return None if utc_now() - row["asked_at"] < _YOUNG else False
