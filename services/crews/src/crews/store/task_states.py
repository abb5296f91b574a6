"""Task states in MongoDB: documents of their own, so that a run does not move the crew's ETag."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from pymongo.errors import DuplicateKeyError

from common.mongo import Database, Document
from crews.domain.task_states import Run, TaskState, TaskStatus, supersedes

_RUNS_KEPT = timedelta(days=30)
_RACES = 20


class MongoTaskStates:
    """The collections `task_states` and `runs`; a run is forgotten a month after its start."""

    def __init__(self, database: Database) -> None:
        self._states = database["task_states"]
        self._runs = database["runs"]

    async def migrate(self) -> None:
        await self._states.create_index("job_id")
        await self._runs.create_index("expires_at", expireAfterSeconds=0)

    async def of_tasks(self, task_ids: Sequence[str]) -> Mapping[str, TaskStatus]:
        found = self._states.find({"_id": {"$in": list(task_ids)}}, {"status": 1})
        return {document["_id"]: document["status"] async for document in found}

    async def started(self, job_id: str, at: datetime) -> Run:
        found = await self._runs.find_one({"_id": job_id})
        if found is None:
            await self._note(job_id, at)
            found = await self._runs.find_one({"_id": job_id})
        return Run(job_id, at) if found is None else _run(found)

    async def _note(self, job_id: str, at: datetime) -> None:
        try:
            await self._runs.insert_one(
                {"_id": job_id, "started_at": at, "ended": None, "expires_at": at + _RUNS_KEPT}
            )
        except DuplicateKeyError:
            return  # another event of the job came in at the same moment

    async def ended(self, job_id: str, at: datetime, seq: int, status: TaskStatus) -> None:
        await self._note(job_id, at)
        await self._runs.update_one({"_id": job_id}, {"$set": {"ended": [seq, status]}})
        await self._states.update_many(
            {"job_id": job_id, "status": "running"}, {"$set": {"status": status, "seq": seq}}
        )

    async def put(self, state: TaskState) -> None:
        for _ in range(_RACES):
            document = await self._states.find_one({"_id": state.task_id})
            if document is None:
                if await self._insert(state):
                    return
            elif not supersedes(state, _state(document)):
                return
            else:
                place = {name: document[name] for name in ("job_id", "seq", "status")}
                result = await self._states.replace_one(
                    {"_id": state.task_id, **place}, _document(state)
                )
                if result.matched_count:
                    return
        raise RuntimeError(f"The state of {state.task_id} is written from too many places at once")

    async def _insert(self, state: TaskState) -> bool:
        try:
            await self._states.insert_one(_document(state))
        except DuplicateKeyError:
            return False
        return True

    async def forget(self, task_ids: Sequence[str]) -> None:
        await self._states.delete_many({"_id": {"$in": list(task_ids)}})


def _run(document: Document) -> Run:
    ended = document["ended"]
    return Run(document["_id"], document["started_at"], None if ended is None else tuple(ended))


def _document(state: TaskState) -> Document:
    return {
        "_id": state.task_id,
        "workspace_id": state.workspace_id,
        "crew_id": state.crew_id,
        "job_id": state.job_id,
        "run_at": state.run_at,
        "seq": state.seq,
        "status": state.status,
    }


def _state(document: Document) -> TaskState:
    return TaskState(
        task_id=document["_id"],
        workspace_id=document["workspace_id"],
        crew_id=document["crew_id"],
        job_id=document["job_id"],
        run_at=document["run_at"],
        seq=document["seq"],
        status=document["status"],
    )
