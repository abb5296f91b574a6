"""Auth's rules over dictionaries, and the whole service over real backends."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from auth.config import Settings
from auth.domain.accounts import Accounts
from auth.domain.attempts import REMEMBERED, Attempts
from auth.domain.belongings import Belonging
from auth.domain.exchange import Exchange
from auth.domain.inviting import Inviting
from auth.domain.key_cabinet import KeyCabinet
from auth.domain.keys import ApiKey
from auth.domain.letters import COUNTED_FOR, Letters
from auth.domain.logins import Lifetimes, Logins
from auth.domain.memberships import Memberships
from auth.domain.passwords import PasswordChanges
from auth.domain.sessions import Session
from auth.domain.users import User, account_of
from auth.domain.workspaces import Workspace
from auth.wiring import build_app
from common.backends import Backends
from common.contracts.messages import SessionRevoked
from common.errors import Conflict
from common.idempotency.once import Receipt
from common.identity import ROLES, Identity, Role
from common.settings import MongoSettings
from devkit.serving import Served, served
from devkit.stores.receipts import MemoryReceipts

SERVICE_SECRET = "a secret that the services share"
SANDBOX_TOKEN = "SANDBOX_TOKEN"


class SetClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


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

    async def asked_again(self, email: str, now: datetime, receipt: Receipt | None) -> None:
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

    async def seen(self, counted: Sequence[str]) -> list[tuple[int, float]]:
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


class FakePost:
    """The letters that were sent."""

    def __init__(self) -> None:
        self.sends = True
        self.letters: list[tuple[str, str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        if self.sends:
            self.letters.append((to, subject, text))


class FakePasswords:
    """Hashes that are no hashes. `compared` holds what was compared with."""

    def __init__(self) -> None:
        self.compared: list[str | None] = []

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def matches(self, password: str, hashed: str | None) -> bool:
        self.compared.append(hashed)
        return hashed == f"hash of {password}"


class FakeMint:
    """Tokens that are numbers of the identities in `minted`."""

    def __init__(self) -> None:
        self.minted: list[Identity] = []

    def mint(self, identity: Identity) -> str:
        self.minted.append(identity)
        return str(len(self.minted) - 1)

    def read(self, token: str) -> Identity:
        return self.minted[int(token)]


class FakeDoors:
    """What the doors were told, and what they would therefore refuse."""

    def __init__(self) -> None:
        self.told: list[SessionRevoked] = []

    async def announce(self, revocation: SessionRevoked) -> None:
        self.told.append(revocation)

    def refuse(self, identity: Identity) -> bool:
        return any(
            told.session_id == identity.session_id
            or (
                (told.workspace_id, told.user_id) == (identity.workspace_id, identity.user_id)
                and identity.issued_at <= int(told.revoked_at.timestamp())
            )
            for told in self.told
        )


class World:
    """Every use case over fakes that share one clock."""

    def __init__(self) -> None:
        self.clock = clock = SetClock()
        self.users = FakeUsers()
        self.workspaces = FakeWorkspaces()
        self.sessions = FakeSessions()
        self.api_keys = FakeApiKeys()
        self.failures = FakeFailures(clock, REMEMBERED)
        self.post = FakePost()
        self.letters = Letters(self.post, FakeFailures(clock, COUNTED_FOR))
        self.passwords = FakePasswords()
        self.mint = FakeMint()
        self.doors = FakeDoors()
        self.lifetimes = Lifetimes(access=86_400, refresh=2_592_000)
        self.accounts = Accounts(
            self.users,
            self.workspaces,
            self.passwords,
            self.letters,
            open_to_all=True,
            clock=clock,
        )
        attempts = Attempts(self.failures)
        self.logins = Logins(
            self.users,
            self.workspaces,
            self.sessions,
            self.passwords,
            attempts,
            self.mint,
            self.doors,
            self.lifetimes,
            clock,
        )
        self.cabinet = KeyCabinet(self.api_keys, self.doors, clock)
        self.memberships = Memberships(
            self.workspaces,
            self.sessions,
            self.cabinet,
            self.doors,
            plan_changes=True,
            clock=clock,
        )
        self.inviting = Inviting(
            self.workspaces, self.users, self.accounts, self.logins, self.letters, clock
        )
        self.password_changes = PasswordChanges(
            self.users,
            self.workspaces,
            self.sessions,
            self.passwords,
            attempts,
            self.logins,
            self.cabinet,
            self.letters,
            self.doors,
            clock,
        )
        self.exchange = Exchange(
            self.api_keys,
            self.workspaces,
            self.mint,
            service_secret=SERVICE_SECRET,
            sandbox_token=SANDBOX_TOKEN,
            clock=clock,
        )

    async def owner(self, email: str = "user@example.com") -> Identity:
        """Return a new owner, logged in."""
        await self.accounts.register(email, "secure_password", None)
        tokens = await self.logins.login(email, "secure_password", None)
        return self.mint.read(tokens.access_token)

    async def add(self, owner: Identity, email: str, role: Role) -> User:
        """Have somebody, with an account or without, accept an invitation."""
        invited = await self.inviting.invite(owner, email, role)
        user, _ = await self.inviting.accept_as(invited.token, "secure_password", None, "local")
        return user

    async def member(self, owner: Identity, email: str, role: Role) -> Identity:
        """Return a new member of the owner's workspace, logged in."""
        await self.add(owner, email, role)
        tokens = await self.logins.login(email, "secure_password", owner.workspace_id)
        return self.mint.read(tokens.access_token)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> Callable[[], World]:
    """Worlds for tests that need a new one for each of many cases."""
    return World


@pytest.fixture(scope="session")
def roles() -> dict[str, Role]:
    return ROLES


@dataclass(frozen=True)
class Client:
    """Talks to a served auth service."""

    running: Served
    mongo: Mapping[str, Any]

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "",
        expect: int = 200,
        **more,
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        async with self.running.http.request(
            method, path, json=body, headers=headers, **more
        ) as answer:
            text = await answer.text()
            assert answer.status == expect, f"{method} {path}: {answer.status} {text}"
            return await answer.json() if text else None

    async def register(self, email: str, password: str = "secure_password") -> Any:
        credentials = {"email": email, "password": password}
        return await self.call("POST", "/auth/register", credentials, expect=201)

    async def login(self, email: str, password: str = "secure_password", **more: Any) -> Any:
        credentials = {"email": email, "password": password, **more}
        return await self.call("POST", "/auth/login", credentials)

    async def owner(self, email: str = "user@example.com") -> str:
        """Return the access token of a newly registered owner."""
        await self.register(email)
        return (await self.login(email))["access_token"]

    async def join(self, owner: str, email: str, role: str = "editor", **more: Any) -> Any:
        """Have somebody, with an account or without, accept an invitation of `owner`'s."""
        body = {"email": email, "role": role}
        invited = await self.call("POST", "/workspace/invitations", body, token=owner, expect=201)
        accepted = {"token": invited["token"], "password": "secure_password", **more}
        return await self.call("POST", "/auth/invitations/accept", accepted)

    async def exchange(self, token: str, expect: int = 200) -> Any:
        headers = {"X-Kasal-Service-Secret": SERVICE_SECRET}
        path = "/internal/tokens/exchange"
        return await self.call("POST", path, {"token": token}, expect=expect, headers=headers)

    async def service_token(self, workspace_id: str = "*") -> str:
        headers = {"X-Kasal-Service-Secret": SERVICE_SECRET}
        body = {"service": "gateway", "workspace_id": workspace_id}
        told = await self.call("POST", "/internal/tokens/service", body, headers=headers)
        assert told["expires_in"] == 300
        return told["access_token"]

    async def revocations(self) -> list[dict[str, Any]]:
        token = await self.service_token()
        return (await self.call("GET", "/internal/revocations", token=token))["revocations"]


Start = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
def start(mongo_settings: MongoSettings, redis_url: str, amqp_url: str) -> Start:
    """`async with start(registration=False) as client:` serves auth over real backends."""

    @asynccontextmanager
    async def starting(**given: Any) -> AsyncIterator[Client]:
        settings = Settings(
            **{
                "mongo_url": mongo_settings.mongo_url,
                "mongo_database_prefix": mongo_settings.mongo_database_prefix,
                "redis_url": redis_url,
                "amqp_url": amqp_url,
                "service_secret": SERVICE_SECRET,
                "secret_key": "what the keys are sealed with",
                "sandbox_token": SANDBOX_TOKEN,
                "plan_changes": True,
                **given,
            }
        )
        async with served(build_app(settings, Backends())) as running:
            mongo = {name: getattr(settings, name) for name in MongoSettings.model_fields}
            yield Client(running, mongo)

    return starting


@pytest.fixture
async def client(start: Start) -> AsyncIterator[Client]:
    """Auth, served over real backends."""
    async with contextlib.AsyncExitStack() as stack:
        yield await stack.enter_async_context(start())
