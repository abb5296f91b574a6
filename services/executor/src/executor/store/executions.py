"""Executions and traces in MongoDB."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge

from common.contracts.events import FINAL_STATUSES, ExecutionStatus
from common.errors import KasalError
from common.idempotency.once import Receipt
from common.logs import get_logger
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import NewerFormat
from common.storage.grouping import Grouped
from common.storage.ports import Cursor, Database, Document
from executor.domain.log.execution import Execution, JobStep
from executor.domain.log.journal import TooLarge
from executor.domain.log.ports import TakenId
from executor.domain.log.records import Record
from executor.store import documents
from executor.store.questions import QuestionRows
from executor.store.queues import QueuedExecutions
from executor.store.reach import is_too_large, our_error, reaching, too_large
from executor.store.receipts import MongoReceiptBook

log = get_logger(__name__)

_DUPLICATE = 11_000
_PASSED_OVER = 200
"""At most this many jobs of a newer format are skipped in one search."""
_OWNED = 20_000
"""More jobs than a worker can have."""
_COUNTED = 100_000
"""At most this many open jobs of a status are counted."""
_BEGIN = ("", datetime(2000, 1, 1, tzinfo=UTC))
_FINAL = [status.value for status in FINAL_STATUSES]
_LIVE = [ExecutionStatus.QUEUED, ExecutionStatus.RUNNING, ExecutionStatus.WAITING_FOR_INPUT]


class MongoExecutions:
    """Fulfils `Executions`. Concurrent operations of many jobs share one command to the database."""

    def __init__(self, database: Database) -> None:
        self._executions = database["executions"]
        self._traces = database["traces"]
        self._inserting = Grouped(self._insert_all)
        self._applying = Grouped(self._apply_all)
        self._finding = Grouped(self._find_all)
        self._questions = QuestionRows(database)
        self._queues = QueuedExecutions(database)
        self._waited = _BEGIN
        self._receipts = MongoReceiptBook(database)

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        with reaching():
            return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        with reaching():
            await self._receipts.forget(now)

    async def insert(self, execution: Execution, receipt: Receipt | None = None) -> bool:
        if receipt is None:
            return await self._inserting(documents.new_document(execution))
        with reaching():
            named = await self._receipts.name(receipt, execution.job_id)
        if named is None:
            return False
        try:
            job = replace(execution, job_id=named.job_id)
            stored = await self._inserting(documents.new_document(job))
        except TooLarge:
            with reaching():
                await self._receipts.withdraw(receipt, named.job_id)
            raise
        return stored and named.own

    async def take_id(self, receipt: Receipt, job_id: str, pinned: int) -> TakenId | None:
        with reaching():
            named = await self._receipts.name(receipt, job_id, pinned)
        return None if named is None else TakenId(named.job_id, named.pinned, named.own)

    async def give_id_back(self, receipt: Receipt, job_id: str) -> None:
        with reaching():
            await self._receipts.withdraw(receipt, job_id)

    async def _insert_all(self, rows: Sequence[Document]) -> Sequence[bool | Exception]:
        answers: list[bool | Exception] = [True] * len(rows)
        with reaching():
            try:
                await self._executions.insert_many(rows, ordered=False)
            except BulkWriteError as fault:
                for place, answer in _refusals(fault):
                    answers[place] = answer
        return answers

    async def find(self, job_id: str) -> Execution | None:
        return await self._finding(job_id)

    async def _find_all(self, job_ids: Sequence[str]) -> list[Execution | Exception | None]:
        with reaching():
            rows = await self._executions.find({"_id": {"$in": list(job_ids)}}).to_list()
        found = {row["_id"]: _read_alone(row) for row in rows}
        return [found.get(job_id) for job_id in job_ids]

    async def head(self, job_id: str) -> Execution | None:
        with reaching():
            found = await self._executions.find_one({"_id": job_id}, documents.HEAD)
        return None if found is None else documents.execution(found)

    async def apply(self, step: JobStep) -> bool:
        await self._questions.before(step)
        done = await self._applying(step)
        if done:
            await self._remove_answered(step)
        return done

    async def _remove_answered(self, step: JobStep) -> None:
        """Remove the rows of answered questions. If that fails, whoever meets them removes them."""
        try:
            await self._questions.after(step)
        except KasalError as fault:
            log.warning("rows of answered questions stay", job_id=step.job_id, reason=str(fault))

    async def _apply_all(self, steps: Sequence[JobStep]) -> Sequence[bool | Exception]:
        if len({step.job_id for step in steps}) < len(steps):
            return [await self._apply_one(step) for step in steps]
        if len(steps) == 1:
            return [await self._apply_one(steps[0])]
        writes = [UpdateOne(documents.condition(s.before), documents.update(s)) for s in steps]
        with reaching():
            try:
                outcome = await self._executions.bulk_write(writes, ordered=False)
            except (BulkWriteError, DocumentTooLarge):
                return await self._apply_apart(steps)
        if outcome.matched_count == len(steps):
            return [True] * len(steps)
        return await self._check_written(steps)

    async def _apply_apart(self, steps: Sequence[JobStep]) -> Sequence[bool | Exception]:
        """Apply one by one the steps that a failed command left, so that each gets its own fault."""
        answers: list[bool | Exception] = []
        for step, done in zip(steps, await self._check_written(steps), strict=True):
            try:
                answers.append(done or await self._apply_one(step))
            except (KasalError, TooLarge) as fault:
                answers.append(fault)
        return answers

    async def _apply_one(self, step: JobStep) -> bool:
        with reaching():
            done = await self._executions.update_one(
                documents.condition(step.before), documents.update(step)
            )
        return done.matched_count == 1

    async def _check_written(self, steps: Sequence[JobStep]) -> list[bool]:
        """Return for each step whether it was written: a bulk write only returns how many were."""
        ids = [step.job_id for step in steps]
        with reaching():
            rows = await self._executions.find({"_id": {"$in": ids}}, documents.PLACE).to_list()
        found = {row["_id"]: row for row in rows}
        return [
            step.job_id in found and documents.left_by(step, found[step.job_id]) for step in steps
        ]

    async def copy(self, records: Mapping[str, Sequence[Record]]) -> None:
        rows = [
            {"job_id": job_id, **documents.record_document(record)}
            for job_id, entries in records.items()
            for record in entries
        ]
        if not rows:
            return
        with reaching():
            try:
                await self._traces.insert_many(rows, ordered=False)
            except BulkWriteError as fault:
                _raise_unless_known(fault)

    async def records(self, job_id: str, after: int, limit: int) -> list[Record]:
        with reaching():
            head = await self._executions.find_one(
                {"_id": job_id}, {"seq": 1, "tail": 1, FORMAT: 1}
            )
            if head is None or after >= head["seq"]:
                return []
            documents.check_format(head)
            upto = min(after + limit, head["seq"])
            found = {entry["seq"]: entry for entry in head["tail"] if after < entry["seq"] <= upto}
            if len(found) < upto - after:
                # The tail was read first, so events that had left it by then are in the traces.
                async for entry in self._window(job_id, after, upto):
                    found.setdefault(entry["seq"], entry)
        return [documents.record(found[seq]) for seq in range(after + 1, upto + 1)]

    async def traced_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        return await self._beginning(self._window(job_id, after, upto, "private"), most_bytes)

    async def whole_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        return await self._beginning(self._window(job_id, after, upto), most_bytes)

    async def _beginning(self, window: Cursor, most_bytes: int) -> list[Record]:
        found: list[Record] = []
        with reaching():
            async with window.sort("seq", 1) as rows:
                async for row in rows:
                    record = documents.record(row)
                    most_bytes -= record.size
                    if found and most_bytes < 0:
                        break
                    found.append(record)
        return found

    def _window(self, job_id: str, after: int, upto: int, *without: str) -> Cursor:
        window = {"job_id": job_id, "seq": {"$gt": after, "$lte": upto}}
        return self._traces.find(window, dict.fromkeys(("_id", "job_id", *without), 0))

    async def clear_tail(self, execution: Execution) -> None:
        with reaching():
            await self._executions.update_one(
                documents.condition(execution),
                {"$set": {"tail": [], "published": execution.seq}},
            )

    async def close(self, job_ids: Sequence[str], *, keep_tails: bool = False) -> None:
        ended: Document = {"_id": {"$in": list(job_ids)}, "status": {"$in": _FINAL}}
        change: Document = {"$unset": {"open": 1}}
        if not keep_tails:
            change["$set"] = {"tail": []}
        with reaching():
            await self._executions.update_many(ended, change)

    async def orphans(
        self, dead: Collection[str], limit: int, without: Collection[str] = ()
    ) -> list[Execution]:
        other: Document = {"workspace_id": {"$nin": [*without]}} if without else {}
        return await self._open([None, *dead], [ExecutionStatus.RUNNING.value], limit, other)

    async def count_queued(self, workspace_id: str, most: int) -> int:
        query = {
            "workspace_id": workspace_id,
            "open": True,
            "status": ExecutionStatus.QUEUED.value,
        }
        with reaching():
            return await self._executions.count_documents(query, limit=most)

    async def unsettled_jobs(self, owners: Collection[str], limit: int) -> list[Execution]:
        return await self._open([None, *owners], _FINAL, limit)

    async def _open(
        self,
        owners: Sequence[str | None],
        statuses: Sequence[str],
        limit: int,
        other: Mapping[str, object] = MappingProxyType({}),
    ) -> list[Execution]:
        found: list[Execution] = []
        for owner in owners:
            for status in statuses:
                if len(found) < limit:
                    query = {"open": True, "owner": owner, "status": status, **other}
                    found += await self._readable(query, limit - len(found))
        return found

    async def _readable(self, query: Document, limit: int) -> list[Execution]:
        """Return heads of at most `limit` jobs.

        Jobs of a newer format are skipped and do not count towards `limit`.
        """
        found: list[Execution] = []
        with reaching():
            rows = self._executions.find(query, documents.HEAD).limit(limit + _PASSED_OVER)
            async with rows.batch_size(limit) as cursor:
                async for row in cursor:
                    found += _readable(row)
                    if len(found) >= limit:
                        break
        return found

    async def oldest_queued_jobs(self, before: datetime, limit: int) -> list[str]:
        with reaching():
            return await self._queues.oldest(before, limit)

    async def waiting_workspaces(self) -> list[str]:
        with reaching():
            return await self._queues.workspaces()

    async def queued_jobs_of(self, workspace_id: str, before: datetime, limit: int) -> list[str]:
        with reaching():
            return await self._queues.oldest_of(workspace_id, before, limit)

    async def waiting_jobs(self, limit: int) -> list[Execution]:
        query: Document = {
            "open": True,
            "owner": None,
            "status": ExecutionStatus.WAITING_FOR_INPUT.value,
        }
        workspace_id, made = self._waited
        most = limit + _PASSED_OVER
        here = {**query, "workspace_id": workspace_id, "created_at": {"$gt": made}}
        rows = await self._next(here, most) if workspace_id else []
        beyond = {**query, "workspace_id": {"$gt": workspace_id}}
        rows += await self._next(beyond, most - len(rows)) if len(rows) < most else []
        self._waited = _BEGIN
        found: list[Execution] = []
        for row in rows:
            found += [job for job in _readable(row) if job.tail]
            if len(found) >= limit or len(rows) == most:  # the next call continues here
                self._waited = row["workspace_id"], row["created_at"]
            if len(found) >= limit:
                break
        return found

    async def _next(self, query: Document, limit: int) -> list[Document]:
        rows = self._executions.find(query, documents.HEAD)
        with reaching():
            ordered = rows.sort([("workspace_id", 1), ("created_at", 1)])
            return await ordered.limit(limit).to_list()

    async def running_jobs_of(self, owner: str) -> frozenset[str]:
        query = {"open": True, "owner": owner, "status": ExecutionStatus.RUNNING.value}
        with reaching():
            rows = self._executions.find(query, {"_id": 1}).limit(_OWNED)
            return frozenset([document["_id"] async for document in rows])

    async def owners(self) -> frozenset[str]:
        with reaching():
            owned = {"open": True, "owner": {"$ne": None}}
            return frozenset(await self._executions.distinct("owner", owned))

    async def count_live(self) -> Mapping[str, int]:
        nobody: list[str | None] = [None]
        anybody = [*nobody, *await self.owners()]
        with reaching():
            return {
                status.value: await self._executions.count_documents(
                    {
                        "open": True,
                        "owner": {"$in": anybody if status == ExecutionStatus.RUNNING else nobody},
                        "status": status.value,
                    },
                    limit=_COUNTED,
                )
                for status in _LIVE
            }


def _refusals(fault: BulkWriteError) -> Iterator[tuple[int, bool | Exception]]:
    """Yield the index of each document that was not inserted, with the result for its caller."""
    if fault.details.get("writeConcernErrors"):
        raise fault
    for error in fault.details["writeErrors"]:
        if error["code"] == _DUPLICATE:
            yield error["index"], False
        else:
            yield error["index"], too_large() if is_too_large(error["code"]) else our_error(fault)


def _read_alone(row: Document) -> Execution | Exception:
    """Return the row as a job, or the fault, which only its own reader gets."""
    try:
        return documents.execution(row)
    except (NewerFormat, KeyError, TypeError, ValueError) as fault:
        return fault


def _readable(row: Document) -> list[Execution]:
    """Return the row as a job, or nothing: an unreadable job must not hide the others."""
    try:
        return [documents.execution(row)]
    except NewerFormat:  # a newer worker takes care of it
        return []
    except (KeyError, TypeError, ValueError):
        log.exception("a job cannot be read and is left alone", job_id=row.get("_id"))
        return []


def _raise_unless_known(fault: BulkWriteError) -> None:
    errors = fault.details.get("writeErrors", [])
    if fault.details.get("writeConcernErrors") or any(e["code"] != _DUPLICATE for e in errors):
        raise fault
