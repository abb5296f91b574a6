"""What runs do to crews' tasks, in MongoDB: a document of its own, so that no run moves an ETag."""

from collections.abc import Mapping, Sequence

from pymongo.errors import DuplicateKeyError

from common.formats import FIELD as FORMAT
from common.formats import format_of
from common.mongo import Database, Document
from crews.domain.activity import Activity, TaskStatus

NEWEST = 1
"""The newest format of these documents that this code reads, and the one it writes."""


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

    async def with_status(
        self, workspace_id: str, status: TaskStatus | None
    ) -> Mapping[str, Activity]:
        wanted = (
            {"$in": ["running", "completed", "failed", "stopped"]} if status is None else status
        )
        query = {"workspace_id": workspace_id, "shows": wanted}
        return {one["_id"]: _activity(one) async for one in self._activities.find(query)}

    async def replace(self, before: Activity, after: Activity) -> bool:
        read_with = {"_id": before.crew_id, "version": before.version}
        result = await self._activities.update_one(read_with, _changes(before, after))
        return result.matched_count == 1

    async def remove(self, crew_id: str) -> None:
        await self._activities.delete_one({"_id": crew_id})


def _document(activity: Activity) -> Document:
    fields = activity.model_dump()
    return {"_id": fields.pop("crew_id"), **fields, "shows": _shows(activity), FORMAT: NEWEST}


def _changes(before: Activity, after: Activity) -> Document:
    """Return what makes the document of `before` that of `after`: most of its runs stay as they are."""
    changed = {
        f"runs.{job_id}": run.model_dump()
        for job_id, run in after.runs.items()
        if before.runs.get(job_id) != run
    }
    gone = {f"runs.{job_id}": "" for job_id in before.runs.keys() - after.runs.keys()}
    told = {"version": after.version, "shows": _shows(after), FORMAT: NEWEST}
    return {"$set": {**changed, **told}, **({"$unset": gone} if gone else {})}


def _shows(activity: Activity) -> list[str]:
    return sorted(set(activity.statuses().values()))


def _activity(document: Document) -> Activity:
    format_of(document, NEWEST, f"The activity of {document['_id']}")
    return Activity.model_validate({**document, "crew_id": document["_id"]})
