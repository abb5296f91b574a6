"""The one place where the crews service is put together."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

from common.backends import Backends
from common.client import ServiceClient
from common.http import create_app
from common.keys import RemoteKeys
from common.mongo import connect, database
from common.sealing import Sealer
from common.telemetry import Telemetry
from common.tokens import TokenVerifier
from crews.config import Settings
from crews.domain.catalog import Catalog
from crews.domain.demo import Demo
from crews.domain.following import Following
from crews.domain.remembering import Remembering
from crews.domain.toolbox import Toolbox
from crews.messaging.consumers import Consumers
from crews.routes import agents, crews, internal, memory, tasks, tools
from crews.routes.parts import Parts
from crews.store.crews import MongoCrews
from crews.store.memories import MongoMemories
from crews.store.task_states import MongoTaskStates
from crews.store.tools import MongoCustomTools


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the crews service; its lifespan opens and closes its connections."""
    telemetry = Telemetry("crews", settings.otlp_endpoint)
    client = connect(settings)
    held = database(client, settings, "crews")
    bus = backends.bus(settings, telemetry)
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout)
    stored, states, memories = MongoCrews(held), MongoTaskStates(held), MongoMemories(held)
    custom = MongoCustomTools(held, Sealer(settings.secret_key, "tool-credentials"))
    remembering = Remembering(stored, memories)
    consumers = Consumers(bus, Following(states), remembering)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for store in (stored, states, custom):
            await store.migrate()
        await bus.start()
        await consumers.start()
        try:
            yield
        finally:
            await bus.close()
            await auth.close()
            await client.close()
            telemetry.close()

    async def ask_database() -> None:
        await held.command("ping")

    app = create_app(
        "crews",
        telemetry=telemetry,
        routers=[
            crews.router,
            agents.router,
            tasks.router,
            tools.router,
            memory.router,
            internal.router,
        ],
        lifespan=lifespan,
        checks={"mongodb": ask_database, "rabbitmq": bus.ping},
        verifier=TokenVerifier(RemoteKeys(auth)),
    )
    app.state.parts = Parts(
        catalog=Catalog(stored, custom, states, memories),
        crews=stored,
        states=states,
        tools=custom,
        toolbox=Toolbox(custom, stored),
        remembering=remembering,
    )
    app.state.demo = Demo(stored)
    app.state.telemetry = telemetry
    return app
