"""The one place where the auth service is put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from fastapi import FastAPI
from redis.asyncio import Redis

from auth.config import Settings
from auth.domain.accounts.accounts import Accounts
from auth.domain.accounts.attempts import REMEMBERED, Attempts
from auth.domain.accounts.passwords import PasswordChanges, new_reset_token
from auth.domain.errands import Errands
from auth.domain.letters import COUNTED_FOR, Letters
from auth.domain.logins.logins import Lifetimes, Logins
from auth.domain.ports import Post, RevocationAnnouncer, Revocations
from auth.domain.tokens.issuer import TokenIssuer
from auth.domain.tokens.signing import READ_EVERY, KeyRing
from auth.domain.tokens.workspace_keys import WorkspaceKeys
from auth.domain.workspaces.invitations import Invitations
from auth.domain.workspaces.memberships import Memberships
from auth.mail.smtp import NoPost, SmtpPost, SmtpServer
from auth.messaging.publishers import DoorAnnouncer
from auth.routes import auth, internal, invitations, passwords, workspace
from auth.routes.use_cases import AuthUseCases
from auth.store.api_keys import MongoApiKeys
from auth.store.failures import CountedFailures
from auth.store.migrations import SCHEMA
from auth.store.passwords import Argon2Passwords
from auth.store.revocations import MongoRevocations, RedisRevocations
from auth.store.sessions import MongoSessions
from auth.store.signing import MongoSigningKeys
from auth.store.users import MongoUsers, MongoWorkspaces
from common.backends import Backends, takes_writes
from common.bus import Bus
from common.idempotency.keys import IdempotencyKeys
from common.idempotency.receipts import sweeping
from common.logs import get_logger
from common.process.background import Background
from common.process.reaching import wait_for_backend
from common.process.starting import CannotStart
from common.security import resealing
from common.security.rotation import RotatingSecret
from common.security.sealing import CannotOpen, Sealer
from common.security.tokens import TokenVerifier
from common.settings import MongoSettings
from common.storage.migrations import prepare, run
from common.storage.ports import Database, OpenDatabase
from common.telemetry import Telemetry
from common.web.http import create_app

log = get_logger(__name__)


class Stores:
    """Everything that auth keeps in its database."""

    def __init__(self, auth_database: Database, settings: Settings) -> None:
        self.users = MongoUsers(auth_database)
        self.workspaces = MongoWorkspaces(auth_database)
        self.sessions = MongoSessions(auth_database)
        self.api_keys = MongoApiKeys(auth_database)
        self.signing_keys = _signing_keys(auth_database, settings.secret_key)


def migrate() -> None:
    """Run the verb `migrate`: bring this service's database to the schema of this code."""
    run(SCHEMA)


def reseal() -> None:
    """Run the verb `reseal`: what older secret keys sealed, the current one seals."""
    resealing.run("auth", _reseal_keys)


async def _reseal_keys(
    auth_database: Database, secret_key: RotatingSecret
) -> list[resealing.Resealed]:
    return [await _signing_keys(auth_database, secret_key).reseal()]


def _signing_keys(auth_database: Database, secret_key: RotatingSecret) -> MongoSigningKeys:
    return MongoSigningKeys(auth_database, Sealer(secret_key, "signing-keys"))


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the service consists of. Nothing is connected before its lifespan starts."""

    settings: Settings
    telemetry: Telemetry
    opened: OpenDatabase
    redis: Redis
    bus: Bus
    stores: Stores
    announcer: DoorAnnouncer
    key_ring: KeyRing
    post: Post
    use_cases: AuthUseCases


def _parts(settings: Settings, backends: Backends) -> _Parts:
    telemetry = Telemetry("auth", settings.otlp_endpoint)
    opened = backends.database(settings, "auth", telemetry)
    auth_database = opened.database
    redis = backends.redis(settings)
    bus = backends.bus(settings, telemetry)
    stores = Stores(auth_database, settings)
    revocations = MongoRevocations(auth_database)
    announcer = DoorAnnouncer(RedisRevocations(redis), bus, revocations)
    key_ring = KeyRing(stores.signing_keys)
    post = _post(settings)
    return _Parts(
        settings=settings,
        telemetry=telemetry,
        opened=opened,
        redis=redis,
        bus=bus,
        stores=stores,
        announcer=announcer,
        key_ring=key_ring,
        post=post,
        use_cases=_use_cases(settings, stores, redis, revocations, announcer, key_ring, post),
    )


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the auth service; its lifespan opens and closes its connections."""
    parts = _parts(settings, backends)

    async def ask_redis() -> None:
        await takes_writes(parts.redis)

    app = create_app(
        "auth",
        telemetry=parts.telemetry,
        routers=[
            internal.router,  # first: the other services ask it at their start, which then prepares no further routes
            auth.router,
            passwords.router,
            workspace.router,
            invitations.router,
        ],
        lifespan=lambda _: _running(parts),
        checks={
            "mongo": parts.opened.check,
            "redis": ask_redis,
            "bus": parts.bus.ping,
        },
        needed={"mongo"},  # revocations are brought to Redis and the bus later, logins counted here
        verifier=TokenVerifier(parts.key_ring),
    )
    app.state.use_cases = parts.use_cases
    app.state.accounts = parts.use_cases.accounts
    app.state.telemetry = parts.telemetry
    return app


@asynccontextmanager
async def _running(parts: _Parts) -> AsyncIterator[None]:
    """Open the connections, keep the background work running, and close all of it."""
    async with AsyncExitStack() as closing:
        closing.callback(parts.telemetry.close)
        closing.push_async_callback(parts.opened.close)
        closing.push_async_callback(parts.redis.aclose)
        await wait_for_backend("mongo", partial(_begin, parts))
        stores = parts.stores
        keepers = (stores.users, stores.workspaces, stores.api_keys)
        await closing.enter_async_context(sweeping(*keepers))
        closing.push_async_callback(parts.bus.close)
        await parts.bus.start()
        if isinstance(parts.post, SmtpPost):
            closing.push_async_callback(parts.post.close, parts.settings.shutdown_grace)
        _keep(parts, await closing.enter_async_context(Background()))
        yield


async def _begin(parts: _Parts) -> None:
    """Prepare the database and read the signing keys. Raises `CannotStart`."""
    await prepare(parts.opened.database, SCHEMA, migrating=parts.settings.migrate_on_start)
    try:
        await parts.key_ring.load()
    except CannotOpen as fault:
        raise CannotStart(f"The signing keys cannot be read: {fault}") from fault
    if parts.settings.sandbox_token is not None:
        await parts.use_cases.accounts.ensure_sandbox()


def _keep(parts: _Parts, background: Background) -> None:
    background.keep(parts.announcer.keep, name="keep the doors' copy")
    background.keep(parts.use_cases.errands.run, name="errands")
    background.repeat(
        partial(_read_keys, parts.key_ring, parts.settings),
        every=READ_EVERY.total_seconds(),
        name="signing keys",
    )
    if isinstance(parts.post, SmtpPost):
        background.keep(parts.post.run, name="letters")


def _post(settings: Settings) -> Post:
    if settings.smtp_url is None:
        return NoPost()
    return SmtpPost(SmtpServer(settings.smtp_url, settings.mail_from))


async def reset_token(settings: MongoSettings, email: str) -> str:
    """Return a new token that sets the password of an account. Raises `NotFound`, `Unavailable`."""
    opened = Backends().database(settings, "auth")
    try:
        return await new_reset_token(MongoUsers(opened.database), email)
    finally:
        await opened.close()


def _use_cases(
    settings: Settings,
    stores: Stores,
    redis: Redis,
    revocations: Revocations,
    announcer: RevocationAnnouncer,
    key_ring: KeyRing,
    post: Post,
) -> AuthUseCases:
    users, workspaces, sessions = stores.users, stores.workspaces, stores.sessions
    hashes = Argon2Passwords()
    attempts = Attempts(CountedFailures(redis, REMEMBERED))
    letters = Letters(post, CountedFailures(redis, COUNTED_FOR))
    accounts = Accounts(users, workspaces, hashes, letters, open_to_all=settings.registration)
    lifetimes = Lifetimes(settings.access_ttl, settings.refresh_ttl)
    logins = Logins(users, workspaces, sessions, hashes, attempts, key_ring, announcer, lifetimes)
    workspace_keys = WorkspaceKeys(stores.api_keys, announcer)
    memberships = Memberships(
        workspaces, sessions, workspace_keys, announcer, plan_changes=settings.plan_changes
    )
    changes = PasswordChanges(
        users, workspaces, sessions, hashes, attempts, logins, workspace_keys, letters, announcer
    )
    return AuthUseCases(
        accounts=accounts,
        logins=logins,
        memberships=memberships,
        invitations=Invitations(workspaces, users, accounts, logins, letters),
        passwords=changes,
        errands=Errands(),
        issuer=_issuer(settings, stores, key_ring),
        workspace_keys=workspace_keys,
        revocations=revocations,
        key_ring=key_ring,
        keys=IdempotencyKeys(settings.secret_key),
    )


def _issuer(settings: Settings, stores: Stores, key_ring: KeyRing) -> TokenIssuer:
    return TokenIssuer(
        stores.api_keys,
        stores.workspaces,
        key_ring,
        service_secret=settings.service_secret,
        sandbox_token=settings.sandbox_token,
    )


async def _read_keys(key_ring: KeyRing, settings: Settings) -> None:
    try:
        await key_ring.keep(timedelta(days=settings.signing_key_days))
    except Exception:
        log.exception("the signing keys could not be read; the known ones stay in use")
