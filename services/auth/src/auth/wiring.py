"""The one place where the auth service is put together."""

import contextlib
from collections.abc import AsyncIterator
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
from common.storage.mongo import Serving
from common.storage.ports import Database
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


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the auth service; its lifespan opens and closes its connections."""
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
    use_cases = _use_cases(settings, stores, redis, revocations, announcer, key_ring, post)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as closing:
            closing.callback(telemetry.close)
            closing.push_async_callback(opened.close)
            closing.push_async_callback(redis.aclose)
            await wait_for_backend("mongo", begin)
            keepers = (stores.users, stores.workspaces, stores.api_keys)
            await closing.enter_async_context(sweeping(*keepers))
            closing.push_async_callback(bus.close)
            await bus.start()
            if isinstance(post, SmtpPost):
                closing.push_async_callback(post.close, settings.shutdown_grace)
            background = await closing.enter_async_context(Background())
            background.keep(announcer.keep, name="keep the doors' copy")
            background.keep(use_cases.errands.run, name="errands")
            background.repeat(
                partial(_read_keys, key_ring, settings),
                every=READ_EVERY.total_seconds(),
                name="signing keys",
            )
            if isinstance(post, SmtpPost):
                background.keep(post.run, name="letters")
            yield

    async def begin() -> None:
        await prepare(auth_database, SCHEMA, migrating=settings.migrate_on_start)
        try:
            await key_ring.load()
        except CannotOpen as fault:
            raise CannotStart(f"The signing keys cannot be read: {fault}") from fault
        if settings.sandbox_token is not None:
            await use_cases.accounts.ensure_sandbox()

    async def ask_redis() -> None:
        await takes_writes(redis)

    app = create_app(
        "auth",
        telemetry=telemetry,
        routers=[
            auth.router,
            passwords.router,
            workspace.router,
            invitations.router,
            internal.router,
        ],
        lifespan=lifespan,
        checks={"mongo": Serving(auth_database), "redis": ask_redis, "bus": bus.ping},
        needed={"mongo"},  # revocations are brought to Redis and the bus later, logins counted here
        verifier=TokenVerifier(key_ring),
    )
    app.state.use_cases = use_cases
    app.state.accounts = use_cases.accounts
    app.state.telemetry = telemetry
    return app


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
    return AuthUseCases(
        accounts=accounts,
        logins=logins,
        memberships=Memberships(
            workspaces, sessions, workspace_keys, announcer, plan_changes=settings.plan_changes
        ),
        invitations=Invitations(workspaces, users, accounts, logins, letters),
        passwords=PasswordChanges(
            users,
            workspaces,
            sessions,
            hashes,
            attempts,
            logins,
            workspace_keys,
            letters,
            announcer,
        ),
        errands=Errands(),
        issuer=TokenIssuer(
            stores.api_keys,
            workspaces,
            key_ring,
            service_secret=settings.service_secret,
            sandbox_token=settings.sandbox_token,
        ),
        workspace_keys=workspace_keys,
        revocations=revocations,
        key_ring=key_ring,
        keys=IdempotencyKeys(settings.secret_key),
    )


async def _read_keys(key_ring: KeyRing, settings: Settings) -> None:
    try:
        await key_ring.keep(timedelta(days=settings.signing_key_days))
    except Exception:
        log.exception("the signing keys could not be read; the known ones stay in use")
