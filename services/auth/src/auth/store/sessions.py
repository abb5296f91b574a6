"""Sessions in MongoDB. Expired ones remove themselves."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from auth.domain.logins.revocations import REVOKED_FOR
from auth.domain.logins.sessions import Session, SpentToken, Unused
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store

NEWEST = 2
"""The newest format of these documents that this code reads.

Format 1 knows one generation of unused tokens: `current`, all given for `parent` at `rotated_at`. It is
written wherever it suffices, and format 2, with `unused`, for tokens of several generations.
"""


@mongo_store
class MongoSessions:
    """The collection `sessions`. One that is revoked has `revoked_at` and `revoked_until`."""

    def __init__(self, database: Database) -> None:
        self._sessions = database["sessions"]

    async def add(self, session: Session) -> None:
        await self._sessions.insert_one(_document(session))

    async def find(self, session_id: str) -> Session | None:
        document = await self._sessions.find_one({"_id": session_id})
        if document is None:
            return None
        format_of(document, NEWEST, f"The session {session_id}")
        return _session(document)

    async def replace(self, session: Session) -> bool:
        read_with = {"_id": session.id, "version": session.version - 1}
        result = await self._sessions.replace_one(read_with, _document(session))
        return result.matched_count == 1

    async def revoke(self, session_id: str, now: datetime) -> None:
        until = now + REVOKED_FOR
        await self._sessions.update_one(
            {"_id": session_id, "revoked_at": None},
            {
                "$set": {"revoked_at": now, "revoked_until": until},
                "$max": {"expires_at": until},  # it must not be gone before its last token is
                "$inc": {"version": 1},
            },
        )

    async def end_in(self, workspace_id: str, user_id: str, now: datetime) -> None:
        query = {"user_id": user_id, "workspace_id": workspace_id, "revoked_at": None}
        await self._sessions.update_many(query, {**_ENDED, "$set": {"revoked_at": now}})

    async def end_others(
        self, user_id: str, keep: str | None, now: datetime, most: int
    ) -> Sequence[str] | None:
        query: Document = {"user_id": user_id, "_id": {"$ne": keep}, "revoked_at": None}
        open_now = self._sessions.find({**query, "expires_at": {"$gt": now}}, {"_id": 1})
        ended = [document["_id"] for document in await open_now.limit(most + 1).to_list()]
        if len(ended) <= most:
            for session_id in ended:
                await self.revoke(session_id, now)
        await self._sessions.update_many(query, {**_ENDED, "$set": {"revoked_at": now}})
        return ended if len(ended) <= most else None


_ENDED: Document = {"$inc": {"version": 1}}


def _session(document: Document) -> Session:
    if "unused" in document:
        unused = tuple(Unused(**entry) for entry in document["unused"])
    else:
        parent, since = document["parent"], document["rotated_at"]
        unused = tuple(Unused(own, parent, since) for own in document["current"])
    plain = ("user_id", "workspace_id", "family", "expires_at", "revoked_at", "version")
    fields = {name: document[name] for name in plain}
    spent = tuple(SpentToken(**entry) for entry in document.get("spent", ()))
    return Session(id=document["_id"], unused=unused, spent=spent, **fields)


def _document(session: Session) -> Document:
    fields = asdict(session)
    unused, spent = fields.pop("unused"), fields.pop("spent")
    if spent:  # code that does not know it takes tabs that refresh at once less kindly
        fields["spent"] = spent
    generations = {(token.parent, token.since) for token in session.unused}
    if len(generations) == 1:
        ((parent, since),) = generations
        current = [token.own for token in session.unused]
        shape = {"current": current, "parent": parent, "rotated_at": since, FORMAT: 1}
    else:
        shape = {"unused": unused, FORMAT: 2}
    return {"_id": fields.pop("id"), **fields, **shape}
