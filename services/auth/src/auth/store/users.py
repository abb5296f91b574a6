"""Users and workspaces in MongoDB."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pymongo.errors import DuplicateKeyError

from auth.domain.accounts.users import User, account_of
from auth.domain.workspaces.belongings import MOST_LISTED, Belonging
from auth.domain.workspaces.invitation import Invitation
from auth.domain.workspaces.workspaces import Member, ShutOut, Workspace, WorkspaceLimits
from common.errors import Conflict
from common.idempotency import receipts
from common.idempotency.once import KeyTaken, Receipt
from common.identity import ROLES
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Database, Document
from common.storage.stores import mongo_store


@mongo_store
class MongoUsers:
    """The collection `users`; an account is unique by its folded address."""

    def __init__(self, database: Database) -> None:
        self._users = database["users"]
        self._receipts = receipts.MongoReceipts(self._users)

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(self, user: User, receipt: Receipt | None = None) -> None:
        fields = asdict(user)
        fields["_id"] = fields.pop("id")
        document = {**fields, "account": account_of(user.email), **receipts.receipt_field(receipt)}
        try:
            await self._users.insert_one(document)
        except DuplicateKeyError:
            raise Conflict("This e-mail address has an account already.", field="email") from None

    async def find(self, user_id: str) -> User | None:
        return _user(await self._users.find_one({"_id": user_id}, receipts.WITHOUT))

    async def by_email(self, email: str) -> User | None:
        query = {"account": account_of(email)}
        return _user(await self._users.find_one(query, receipts.WITHOUT))

    async def note_registration(self, email: str, now: datetime, receipt: Receipt | None) -> None:
        account = {"account": account_of(email)}
        change = {
            "$set": {"asked_again_at": now},
            **receipts.push_receipt(receipt, _MOST_STRANGERS),
        }
        result = await self._users.update_one({**account, **receipts.unless_kept(receipt)}, change)
        if receipt is not None and not result.matched_count:
            raise KeyTaken

    async def came_from(self, user_id: str, place: str) -> None:
        await self._users.update_one(
            {"_id": user_id, "known_from": {"$ne": place}},
            {"$push": {"known_from": {"$each": [place], "$slice": -_MOST_PLACES}}},
        )

    async def set_password(self, user_id: str, known: str, password_hash: str) -> bool:
        return await self._set_password({"_id": user_id, "password_hash": known}, password_hash)

    async def keep_reset(self, user_id: str, secret_hash: str, until: datetime) -> None:
        reset = {"secret_hash": secret_hash, "until": until}
        await self._users.update_one({"_id": user_id}, {"$set": {"reset": reset}})

    async def resettable(self, user_id: str, secret_hash: str, now: datetime) -> User | None:
        query = {"_id": user_id, "reset.secret_hash": secret_hash, "reset.until": {"$gt": now}}
        return _user(await self._users.find_one(query, receipts.WITHOUT))

    async def reset_password(self, user_id: str, secret_hash: str, password_hash: str) -> bool:
        query = {"_id": user_id, "reset.secret_hash": secret_hash}
        return await self._set_password(query, password_hash)

    async def _set_password(self, query: Document, password_hash: str) -> bool:
        change = {"$set": {"password_hash": password_hash}, "$unset": {"reset": 1}}
        return (await self._users.update_one(query, change)).matched_count == 1


_MOST_STRANGERS = 100
"""Receipts kept of requests to register an account's address: anybody can make some."""
_MOST_PLACES = 10


def _user(document: Document | None) -> User | None:
    if document is None:
        return None
    return User(
        id=document["_id"],
        email=document["email"],
        name=document["name"],
        password_hash=document["password_hash"],
        created_at=document["created_at"],
        home=document.get("home"),
        known_from=tuple(document.get("known_from", ())),
    )


NEWEST = 1
"""The newest format of workspaces that this code reads, and the one it writes."""


@mongo_store
class MongoWorkspaces:
    """The collection `workspaces`, each with its members: what changes together is one document."""

    def __init__(self, database: Database) -> None:
        self._workspaces = database["workspaces"]
        self._receipts = receipts.MongoReceipts(self._workspaces)

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        return await self._receipts.receipt(key, now)

    async def forget(self, now: datetime) -> None:
        await self._receipts.forget(now)

    async def add(self, workspace: Workspace) -> bool:
        try:
            await self._workspaces.insert_one(_document(workspace))
        except DuplicateKeyError:
            return False
        return True

    async def find(self, workspace_id: str) -> Workspace | None:
        document = await self._workspaces.find_one({"_id": workspace_id}, receipts.WITHOUT)
        return None if document is None else _workspace(document)

    async def of_user(self, user_id: str) -> Sequence[Belonging]:
        query = {"members.user_id": user_id}
        wanted = {"name": 1, "tier": 1, "created_at": 1, "members.$": 1}
        found = self._workspaces.find(query, wanted).limit(MOST_LISTED)
        return [_belonging(document) for document in await found.to_list()]

    async def replace(self, workspace: Workspace, receipt: Receipt | None = None) -> bool:
        read_with = {"_id": workspace.id, "version": workspace.version - 1}
        fields = _document(workspace)
        del fields["_id"]
        result = await self._workspaces.update_one(
            {**read_with, **receipts.unless_kept(receipt)},
            {"$set": fields, **receipts.push_receipt(receipt)},
        )
        if receipt is not None and not result.matched_count:
            kept = {"_id": workspace.id, f"{receipts.FIELD}.key": receipt.key}
            if await self._workspaces.find_one(kept, {"_id": 1}):
                raise KeyTaken
        return result.matched_count == 1


def _belonging(document: Document) -> Belonging:
    (member,) = document["members"]
    return Belonging(
        workspace_id=document["_id"],
        name=document["name"],
        tier=document["tier"],
        role=ROLES[member["role"]],
        joined_at=member["added_at"],
        made_at=document["created_at"],
    )


def _document(workspace: Workspace) -> Document:
    fields: dict[str, Any] = asdict(workspace)
    fields["_id"] = fields.pop("id")
    for name in ("members", "invitations"):
        fields[name] = [{**entry, "role": entry["role"].label} for entry in fields[name]]
    return {**fields, FORMAT: NEWEST}


def _workspace(document: Document) -> Workspace:
    format_of(document, NEWEST, f"The workspace {document['_id']}")
    limits = document["limits"]
    return Workspace(
        id=document["_id"],
        name=document["name"],
        tier=document["tier"],
        limits=None if limits is None else WorkspaceLimits(**limits),
        members=tuple(
            Member(**{**member, "role": ROLES[member["role"]]}) for member in document["members"]
        ),
        created_at=document["created_at"],
        shut_outs=tuple(ShutOut(**out) for out in document["shut_outs"]),
        version=document["version"],
        invitations=tuple(
            Invitation(**{**entry, "role": ROLES[entry["role"]]})
            for entry in document.get("invitations", ())
        ),
    )
