"""What runs do to crews' tasks, in MongoDB: a document of its own, so that no run moves an ETag."""

from collections.abc import Mapping, Sequence

from pymongo.errors import DuplicateKeyError

from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store
from crews.domain.activity import Activity, TaskStatus

NEWEST = 2
"""The newest format of these documents that this code reads."""
WRITES = 1
"""The format in which it writes them, unless a task was skipped: older code does not know that state."""


@mongo_store
class MongoActivities:
    """The collection `activities`: one bounded document per crew."""

    def __init__(self, database: Database) -> None:
        self._activities = database["activities"]

    async def add(self, activity: Activity) -> None:
        try:
            await self._activities.insert_one(_document(activity))
        except DuplicateKeyError:
            return

    async def of(self, crew_ids: Sequence[str]) -> Mapping[str, Activity]:
        found = self._activities.find({"_id": {"$in": list(crew_ids)}})
        return {document["_id"]: _activity(document) async for document in found}

    async def statuses(self, crew_ids: Sequence[str]) -> Mapping[str, Mapping[str, TaskStatus]]:
        query = {"_id": {"$in": list(crew_ids)}}
        found = self._activities.find(query, {"version": 1, "told": 1, FORMAT: 1})
        summaries = {row["_id"]: _summary_statuses(row) async for row in found}
        older = [crew_id for crew_id, statuses in summaries.items() if statuses is None]
        whole = await self.of(older) if older else {}
        return {
            **{
                crew_id: statuses for crew_id, statuses in summaries.items() if statuses is not None
            },
            **{crew_id: activity.statuses() for crew_id, activity in whole.items()},
        }

    async def showing(self, workspace_id: str, status: TaskStatus, most: int) -> Sequence[str]:
        query = {"workspace_id": workspace_id, "shows": status}
        found = self._activities.find(query, {"_id": 1}).limit(most)
        return [row["_id"] async for row in found]

    async def replace(self, before: Activity, after: Activity) -> bool:
        read_with = {"_id": before.crew_id, "version": before.version}
        result = await self._activities.update_one(read_with, _changes(before, after))
        return result.matched_count == 1

    async def remove(self, crew_id: str) -> None:
        await self._activities.delete_one({"_id": crew_id})


def _document(activity: Activity) -> Document:
    fields = activity.model_dump()
    return {"_id": fields.pop("crew_id"), **fields, **_summary(activity), FORMAT: _format(activity)}


def _format(activity: Activity) -> int:
    marks = (mark for run in activity.runs.values() for mark in run.tasks.values())
    return NEWEST if any(mark.status == "skipped" for mark in marks) else WRITES


def _changes(before: Activity, after: Activity) -> Document:
    """Return what makes the document of `before` that of `after`: most of its runs stay as they are."""
    changed = {
        f"runs.{job_id}": run.model_dump()
        for job_id, run in after.runs.items()
        if before.runs.get(job_id) != run
    }
    gone = {f"runs.{job_id}": "" for job_id in before.runs.keys() - after.runs.keys()}
    summary = {"version": after.version, **_summary(after), FORMAT: _format(after)}
    return {"$set": {**changed, **summary}, **({"$unset": gone} if gone else {})}


def _summary(activity: Activity) -> Document:
    """Return what lists read instead of the runs: some hundred times as long."""
    statuses = activity.statuses()
    summary = {"version": activity.version, "statuses": statuses}
    return {"shows": sorted(set(statuses.values())), "told": summary}


def _summary_statuses(document: Document) -> Mapping[str, TaskStatus] | None:
    """Return the statuses, or None where a release that tells none has written last."""
    format_of(document, NEWEST, f"The activity of {document['_id']}")
    summary = document.get("told", {})
    statuses: Mapping[str, TaskStatus] = summary.get("statuses", {})
    return statuses if summary.get("version") == document["version"] else None


def _activity(document: Document) -> Activity:
    format_of(document, NEWEST, f"The activity of {document['_id']}")
    return Activity.model_validate({**document, "crew_id": document["_id"]})
