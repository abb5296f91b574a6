"""The one place where the auth service is put together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from fastapi import FastAPI

from auth.config import Settings
from auth.domain.accounts import Accounts
from auth.domain.exchange import SANDBOX_WORKSPACE, Exchange
from auth.domain.logins import Logins
from auth.domain.memberships import Memberships
from auth.domain.revoking import Revoker
from auth.domain.signing import KeyRing
from auth.domain.workspaces import Workspace
from auth.messaging.publishers import DoorAnnouncer
from auth.routes import auth, internal, workspace
from auth.routes.parts import Parts
from auth.store.passwords import Argon2Passwords
from auth.store.redis import CountedFailures, RevocationCopy
from auth.store.sessions import MongoApiKeys, MongoRevocations, MongoSessions
from auth.store.signing import MongoSigningKeys
from auth.store.users import MongoUsers, MongoWorkspaces
from common.backends import Backends
from common.http import create_app
from common.mongo import connect, database
from common.sealing import Sealer
from common.telemetry import Telemetry
from common.times import utc_now
from common.tokens import TokenVerifier


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the auth service; its lifespan opens and closes its connections."""
    telemetry = Telemetry("auth", settings.otlp_endpoint)
    client = connect(settings)
    held = database(client, settings, "auth")
    redis = backends.redis(settings)
    bus = backends.bus(settings, telemetry)
    users, workspaces = MongoUsers(held), MongoWorkspaces(held)
    sessions, api_keys, revocations = (
        MongoSessions(held),
        MongoApiKeys(held),
        MongoRevocations(held),
    )
    signing = MongoSigningKeys(held, Sealer(settings.secret_key, "signing-keys"))
    access_ttl = timedelta(seconds=settings.access_ttl)
    keys = KeyRing(signing, access_ttl)
    announcer = DoorAnnouncer(RevocationCopy(redis), bus, revocations)
    revoker = Revoker(revocations, announcer, access_ttl)
    passwords = Argon2Passwords()
    accounts = Accounts(users, workspaces, passwords, open_to_all=settings.registration)
    parts = Parts(
        accounts=accounts,
        logins=Logins(
            users,
            workspaces,
            sessions,
            passwords,
            CountedFailures(redis),
            keys,
            revoker,
            settings.access_ttl,
            settings.refresh_ttl,
        ),
        memberships=Memberships(
            workspaces, users, accounts, api_keys, revoker, plan_changes=settings.plan_changes
        ),
        exchange=Exchange(
            api_keys,
            workspaces,
            keys,
            service_secret=settings.service_secret,
            sandbox_token=settings.sandbox_token,
        ),
        api_keys=api_keys,
        revocations=revocations,
        revoker=revoker,
        keys=keys,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for store in (users, workspaces, sessions, api_keys, revocations, signing):
            await store.migrate()
        await keys.load()
        if settings.sandbox_token is not None:
            await workspaces.add(
                Workspace(SANDBOX_WORKSPACE, "Sandbox", "free", None, (), utc_now())
            )
        await bus.start()
        filling = asyncio.create_task(announcer.keep_filled())
        try:
            yield
        finally:
            filling.cancel()
            await bus.close()
            await redis.aclose()
            await client.close()
            telemetry.close()

    async def ask_database() -> None:
        await held.command("ping")

    app = create_app(
        "auth",
        telemetry=telemetry,
        routers=[auth.router, workspace.router, internal.router],
        lifespan=lifespan,
        checks={"mongodb": ask_database},
        verifier=TokenVerifier(keys),
    )
    app.state.parts = parts
    app.state.accounts = accounts
    app.state.telemetry = telemetry
    return app
