"""The one place where the crews service is put together."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI

from common.backends import Backends
from common.client import ServiceClient
from common.contracts.models import PROVIDERS
from common.idempotency.keys import IdempotencyKeys
from common.idempotency.receipts import sweeping
from common.mcp.server import AllowedCommands
from common.process.reaching import wait_for_backend
from common.python_tools.installed import installed_tools
from common.security import resealing
from common.security.keys import RemoteKeys
from common.security.outgoing import OutgoingGuard
from common.security.rotation import RotatingSecret
from common.security.sealing import Sealer
from common.security.tokens import TokenVerifier
from common.storage.migrations import prepare, run
from common.storage.ports import Database
from common.telemetry import Telemetry
from common.web.http import create_app
from crews.config import Settings
from crews.domain.agent_catalog import AgentCatalog
from crews.domain.crew_catalog import CrewCatalog
from crews.domain.crew_editor import CrewEditor
from crews.domain.demo_crew import DemoCrew
from crews.domain.following import Following
from crews.domain.importing import Importing
from crews.domain.mcp_catalog import McpCatalog
from crews.domain.mcp_renewal import Renewal
from crews.domain.model_names import ModelNames
from crews.domain.offered_tools import OfferedTools
from crews.domain.own_model_catalog import OwnModelCatalog
from crews.domain.remembering import Remembering
from crews.domain.snapshots import Snapshots
from crews.domain.task_catalog import TaskCatalog
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.version_catalog import VersionCatalog
from crews.domain.workspace_tools import WorkspaceTools
from crews.messaging.consumers import Consumers
from crews.messaging.publishers import BusModelNews
from crews.models.price_list import PriceList
from crews.peers.mcp_servers import McpServersOverTheNetwork
from crews.routes import (
    agents,
    crews,
    imports,
    internal,
    mcp,
    memory,
    models,
    tasks,
    tools,
    versions,
)
from crews.routes.use_cases import CrewsUseCases
from crews.store.activities import MongoActivities
from crews.store.crews import MongoCrews
from crews.store.lists import MongoLists
from crews.store.mcp_servers import MongoMcpServers
from crews.store.memories import MongoMemories
from crews.store.migrations import SCHEMA
from crews.store.own_models import MongoOwnModels
from crews.store.tools import MongoCustomTools
from crews.store.totals import MongoTotals
from crews.store.versions import MongoVersions

SERVICE = "crews"
_ROUTED = (imports, crews, versions, agents, tasks, mcp, tools, memory, models, internal)


@dataclass(frozen=True, slots=True)
class _Stores:
    crews: MongoCrews
    versions: MongoVersions
    lists: MongoLists
    activities: MongoActivities
    memories: MongoMemories
    tools: MongoCustomTools
    own_models: MongoOwnModels
    servers: MongoMcpServers


def _stores(crews_database: Database, settings: Settings) -> _Stores:
    totals, activities = MongoTotals(crews_database), MongoActivities(crews_database)
    versions = MongoVersions(crews_database)
    return _Stores(
        crews=MongoCrews(crews_database, totals, versions, settings.crew_limit),
        versions=versions,
        lists=MongoLists(crews_database, totals, activities),
        activities=activities,
        memories=MongoMemories(crews_database, settings.memory_key_limit),
        tools=_custom_tools(crews_database, settings.secret_key, settings.tool_limit),
        own_models=_own_models(crews_database, settings.secret_key, settings.endpoint_limit),
        servers=_mcp_servers(crews_database, settings.secret_key, settings.mcp_server_limit),
    )


def _use_cases(
    stores: _Stores,
    remembering: Remembering,
    settings: Settings,
    asker: McpServersOverTheNetwork,
    news: BusModelNews,
) -> CrewsUseCases:
    models = ModelNames(PriceList(), _own_servers(settings))
    offered = _offered_tools(settings)
    commands = AllowedCommands.of(settings.mcp_stdio)
    mcp_catalog = McpCatalog(stores.servers, stores.tools, stores.crews, asker, commands, offered)
    renewal = Renewal(mcp_catalog, asker.background)
    named = WorkspaceTools(stores.tools, stores.servers, offered, renewal.look)
    editor = CrewEditor(stores.crews, named, models, stores.own_models)
    version_catalog = VersionCatalog(editor, stores.crews, stores.versions)
    guard = OutgoingGuard(settings.allowed_hosts())
    crew_catalog = CrewCatalog(
        editor, stores.crews, stores.activities, stores.memories, stores.versions
    )
    return CrewsUseCases(
        crew_catalog=crew_catalog,
        importing=Importing(crew_catalog, editor, named),
        version_catalog=version_catalog,
        agent_catalog=AgentCatalog(editor, stores.crews),
        task_catalog=TaskCatalog(editor, stores.crews),
        snapshots=Snapshots(editor, version_catalog, named, stores.memories, stores.own_models),
        crews=stores.crews,
        lists=stores.lists,
        activities=stores.activities,
        tools=stores.tools,
        offered_tools=offered,
        tool_catalog=ToolCatalog(stores.tools, stores.crews, stores.servers, offered),
        mcp_servers=stores.servers,
        mcp_catalog=mcp_catalog,
        own_models=OwnModelCatalog(stores.own_models, guard.fault, news),
        guard=guard,
        remembering=remembering,
        keys=IdempotencyKeys(settings.secret_key),
    )


def _offered_tools(settings: Settings) -> OfferedTools:
    switched_on = {"code_runner"} if settings.code_runner else set()
    return OfferedTools(switched_on, installed_tools().values())


def _own_servers(settings: Settings) -> frozenset[str]:
    """Return the model providers that the operator's own server stands in for."""
    return frozenset(
        provider.name
        for provider in PROVIDERS
        if provider.own_server and getattr(settings, provider.own_server, None)
    )


def migrate() -> None:
    """Run the verb `migrate`: bring this service's database to the schema of this code."""
    run(SCHEMA)


def reseal() -> None:
    """Run the verb `reseal`: what older secret keys sealed, the current one seals."""
    resealing.run(SERVICE, _reseal)


async def _reseal(crews_database: Database, secret_key: RotatingSecret) -> list[resealing.Resealed]:
    tools = await _custom_tools(crews_database, secret_key).reseal()
    servers = await _mcp_servers(crews_database, secret_key).reseal()
    return [tools, servers, await _own_models(crews_database, secret_key).reseal()]


def _custom_tools(
    crews_database: Database, secret_key: RotatingSecret, limit: int = 200
) -> MongoCustomTools:
    return MongoCustomTools(crews_database, Sealer(secret_key, "tool-credentials"), limit)


def _own_models(
    crews_database: Database, secret_key: RotatingSecret, limit: int = 50
) -> MongoOwnModels:
    return MongoOwnModels(crews_database, Sealer(secret_key, "model-access"), limit)


def _mcp_servers(
    crews_database: Database, secret_key: RotatingSecret, limit: int = 50
) -> MongoMcpServers:
    return MongoMcpServers(crews_database, Sealer(secret_key, "mcp-credentials"), limit)


def _asker(settings: Settings) -> McpServersOverTheNetwork:
    guard = OutgoingGuard(settings.allowed_hosts())
    return McpServersOverTheNetwork(guard, AllowedCommands.of(settings.mcp_stdio))


def build_app(settings: Settings, backends: Backends) -> FastAPI:
    """Return the crews service; its connections open and close with its lifespan."""
    telemetry = Telemetry(SERVICE, settings.otlp_endpoint)
    held = backends.database(settings, SERVICE, telemetry)
    crews_database = held.database
    bus = backends.bus(settings, telemetry)
    auth = ServiceClient("auth", settings.auth_url, settings.peer_timeout, telemetry)
    stores = _stores(crews_database, settings)
    asker, remembering, news = _asker(settings), Remembering(stores.memories), BusModelNews(bus)
    consumers = Consumers(bus, Following(stores.activities), remembering, settings.batch_linger)
    begin = partial(prepare, crews_database, SCHEMA, migrating=settings.migrate_on_start)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            opened.callback(telemetry.close)
            for closing in (held, auth, asker):
                opened.push_async_callback(closing.close)
            await wait_for_backend("mongo", begin)
            await opened.enter_async_context(sweeping(stores.crews, stores.tools, stores.servers))
            opened.push_async_callback(bus.close)
            await bus.start()
            await consumers.start()
            yield

    app = create_app(
        SERVICE,
        telemetry=telemetry,
        routers=[module.router for module in _ROUTED],
        lifespan=lifespan,
        checks={"mongo": held.check, "bus": bus.ping},
        needed={"mongo"},  # what runs send waits on the bus; nobody's request does
        verifier=TokenVerifier(RemoteKeys(auth)),
        uploads={"/crews/import": imports.MOST_BYTES},
    )
    app.state.use_cases = _use_cases(stores, remembering, settings, asker, news)
    app.state.demo = DemoCrew(app.state.use_cases.crew_catalog, stores.crews)
    app.state.telemetry = telemetry
    return app
