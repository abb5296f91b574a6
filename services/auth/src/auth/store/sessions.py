"""Sessions in MongoDB. Expired ones remove themselves."""

from dataclasses import asdict
from datetime import datetime

from auth.domain.revoking import REVOKED_FOR
from auth.domain.sessions import Session
from common.formats import FIELD as FORMAT
from common.formats import format_of
from common.mongo import Database, Document

NEWEST = 1
"""The newest format of these documents that this code reads, and the one it writes."""


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
        document["id"] = document.pop("_id")
        document["current"] = tuple(document["current"])
        for stored_only in ("revoked_until", FORMAT):
            document.pop(stored_only, None)
        return Session(**document)

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


def _document(session: Session) -> Document:
    fields = asdict(session)
    return {"_id": fields.pop("id"), **fields, "current": list(session.current), FORMAT: NEWEST}
