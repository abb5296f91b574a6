"""Auth's stores, as dictionaries."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from auth_testkit.clock import SetClock

from auth.domain.accounts.users import User, account_of
from auth.domain.logins.sessions import Session
from auth.domain.tokens.api_keys import ApiKey
from auth.domain.workspaces.belongings import Belonging
from auth.domain.workspaces.workspaces import Workspace
from common.errors import Conflict
from common.idempotency.once import Receipt
from devkit.stores.receipts import MemoryReceipts


class FakeUsers(MemoryReceipts):
    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, User] = {}
        self.resets: dict[str, tuple[str, datetime]] = {}

    async def add(self, user: User, receipt: Receipt | None = None) -> None:
        self.check_free(receipt)
        if await self.by_email(user.email):
            raise Conflict("This e-mail address has an account already.")
        self.held[user.id] = user
        self.keep(receipt)

    async def find(self, user_id: str) -> User | None:
        return self.held.get(user_id)

    async def note_registration(self, email: str, now: datetime, receipt: Receipt | None) -> None:
        self.check_free(receipt)
        self.keep(receipt)

    async def came_from(self, user_id: str, place: str) -> None:
        user = self.held[user_id]
        self.held[user_id] = replace(user, known_from=(*user.known_from, place)[-10:])

    async def set_password(self, user_id: str, known: str, password_hash: str) -> bool:
        if self.held[user_id].password_hash != known:
            return False
        self.held[user_id] = replace(self.held[user_id], password_hash=password_hash)
        self.resets.pop(user_id, None)
        return True

    async def keep_reset(self, user_id: str, secret_hash: str, until: datetime) -> None:
        self.resets[user_id] = (secret_hash, until)

    async def resettable(self, user_id: str, secret_hash: str, now: datetime) -> User | None:
        kept, until = self.resets.get(user_id, ("", now))
        return self.held[user_id] if kept == secret_hash and now < until else None

    async def reset_password(self, user_id: str, secret_hash: str, password_hash: str) -> bool:
        if self.resets.get(user_id, ("",))[0] != secret_hash:
            return False
        return await self.set_password(user_id, self.held[user_id].password_hash, password_hash)

    async def by_email(self, email: str) -> User | None:
        account = account_of(email)
        return next((one for one in self.held.values() if account_of(one.email) == account), None)


class FakeWorkspaces(MemoryReceipts):
    """`after_read` runs once after the next read: what another process does at that moment."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Workspace] = {}
        self.after_read: Callable[[], Any] | None = None

    async def add(self, workspace: Workspace) -> bool:
        return self.held.setdefault(workspace.id, workspace) is workspace

    async def find(self, workspace_id: str) -> Workspace | None:
        found = self.held.get(workspace_id)
        if self.after_read is not None:
            hook, self.after_read = self.after_read, None
            await hook()
        return found

    async def of_user(self, user_id: str) -> list[Belonging]:
        return [
            Belonging(
                one.id,
                one.name,
                one.tier,
                one.role_of(user_id),
                one.member(user_id).added_at,
                one.created_at,
            )
            for one in self.held.values()
            if one.has(user_id)
        ]

    async def replace(self, workspace: Workspace, receipt: Receipt | None = None) -> bool:
        self.check_free(receipt)
        if self.held[workspace.id].version != workspace.version - 1:
            return False
        self.held[workspace.id] = workspace
        self.keep(receipt)
        return True


class FakeSessions:
    def __init__(self) -> None:
        self.held: dict[str, Session] = {}

    async def add(self, session: Session) -> None:
        self.held[session.id] = session

    async def find(self, session_id: str) -> Session | None:
        return self.held.get(session_id)

    async def replace(self, session: Session) -> bool:
        if self.held[session.id].version != session.version - 1:
            return False
        self.held[session.id] = session
        return True

    async def revoke(self, session_id: str, now: datetime) -> None:
        known = self.held.get(session_id)
        if known is not None and known.revoked_at is None:
            self.held[session_id] = replace(known, revoked_at=now, version=known.version + 1)

    async def end_in(self, workspace_id: str, user_id: str, now: datetime) -> None:
        for one in list(self.held.values()):
            if (one.workspace_id, one.user_id) == (workspace_id, user_id):
                await self.revoke(one.id, now)

    async def end_others(
        self, user_id: str, keep: str | None, now: datetime, most: int
    ) -> list[str] | None:
        theirs = [one for one in self.held.values() if one.user_id == user_id and one.id != keep]
        ended = [one.id for one in theirs if one.usable(now)]
        for one in theirs:
            await self.revoke(one.id, now)
        return ended if len(ended) <= most else None


class FakeApiKeys(MemoryReceipts):
    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, ApiKey] = {}

    async def add(self, key: ApiKey, receipt: Receipt | None = None) -> None:
        self.check_free(receipt)
        self.held[key.id] = key
        self.keep(receipt)

    async def by_hash(self, secret_hash: str) -> ApiKey | None:
        return next((one for one in self.held.values() if one.secret_hash == secret_hash), None)

    async def of_workspace(self, workspace_id: str) -> list[ApiKey]:
        return [one for one in self.held.values() if one.workspace_id == workspace_id]

    async def revoke(self, workspace_id: str, key_id: str, now: datetime) -> bool:
        known = self.held.get(key_id)
        if known is None or known.workspace_id != workspace_id:
            return False
        del self.held[key_id]
        return True


class FakeFailures:
    def __init__(self, clock: SetClock, window: timedelta) -> None:
        self._clock = clock
        self._window = window
        self.held: dict[str, tuple[int, datetime]] = {}

    async def counts(self, counted: Sequence[str]) -> list[tuple[int, float]]:
        return [self._seen(one) for one in counted]

    def _seen(self, counted: str) -> tuple[int, float]:
        count, at = self.held.get(counted, (0, self._clock()))
        since = self._clock() - at
        return (count if since < self._window else 0, since.total_seconds())

    async def add(self, counted: Sequence[str]) -> None:
        for one in counted:
            self.held[one] = (self._seen(one)[0] + 1, self._clock())

    async def clear(self, counted: str) -> None:
        self.held.pop(counted, None)
