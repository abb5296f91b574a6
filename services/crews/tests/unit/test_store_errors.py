"""No store lets an error of its driver out, whichever of its methods is called.

Covers: crews.store.registered
"""

from typing import Any

import pytest
from pymongo.errors import OperationFailure, ServerSelectionTimeoutError

from common.contracts.crew import Configuration
from common.errors import InternalError, Unavailable
from common.security.rotation import RotatingSecret
from common.security.sealing import Sealer
from common.times import utc_now
from crews.domain.activity import Activity
from crews.domain.crew import Agent, Crew
from crews.domain.mcp_servers import Inventory, RegisteredServer
from crews.domain.memory import Memory
from crews.domain.tools import RegisteredTool
from crews.store.activities import MongoActivities
from crews.store.crews import MongoCrews
from crews.store.lists import MongoLists
from crews.store.mcp_servers import MongoMcpServers
from crews.store.memories import MongoMemories
from crews.store.tools import MongoCustomTools
from crews.store.totals import MongoTotals
from crews.store.versions import MongoVersions
from devkit.failing_driver import FailingDriver, call_with, public_methods

NOW = utc_now()
SEALER = Sealer(RotatingSecret.of("a secret of the tests"), "tool-credentials")
CREW = Crew(
    id="crew_1",
    workspace_id="ws_1",
    name="C",
    process="sequential",
    agents=(Agent(id="agent_1", name="A", role="A", goal="A", model="offline"),),
    configuration=Configuration(),
    created_at=NOW,
    updated_at=NOW,
)
TOOL = RegisteredTool(
    id="tool_custom_1",
    workspace_id="ws_1",
    name="t",
    description="T",
    endpoint="https://example.com",
    auth_type="none",
    method="GET",
    parameters=None,
    headers={},
    idempotent=False,
    created_at=NOW,
)
SERVER = RegisteredServer(
    id="mcp_1",
    workspace_id="ws_1",
    name="desk",
    url="https://example.com/mcp",
    created_at=NOW,
    inventory=Inventory(asked_at=NOW, fresh_until=NOW),
)
ACTIVITY = Activity(crew_id="crew_1", workspace_id="ws_1")
EXAMPLES: dict[str, Any] = {
    "crew": CREW,
    "activity": ACTIVITY,
    "memory": Memory("crew_1", "ws_1"),
    "tool": "calculator",
    "tools": ["calculator"],
    "names": ["desk"],
    "key": "a key",
    "credentials": None,
    "crew_ids": ["crew_1"],
    "status": "running",
    "kind": "all",
    "now": NOW,
    "most": 1,
    "keep": True,
    "skip": 0,
    "limit": 1,
    **dict.fromkeys(
        ("workspace_id", "crew_id", "agent_id", "task_id", "entry_id", "memory_id"), "i"
    ),
}
OWN: dict[type, dict[str, Any]] = {
    MongoCrews: {"before": CREW, "after": CREW, "published": CREW},
    MongoVersions: {"crew": CREW.model_copy(update={"version": 16}), "number": 1},
    MongoActivities: {"before": ACTIVITY, "after": ACTIVITY},
    MongoCustomTools: {"before": TOOL, "after": TOOL, "entry": TOOL},
    MongoMcpServers: {"before": SERVER, "after": SERVER, "entry": SERVER},
}


def stores(fault: Exception) -> list[Any]:
    driver: Any = FailingDriver(fault)
    totals, activities = MongoTotals(driver), MongoActivities(driver)
    return [
        MongoCrews(driver, totals, MongoVersions(driver), 10),
        MongoLists(driver, totals, activities),
        activities,
        MongoMemories(driver),
        MongoVersions(driver),
        MongoCustomTools(driver, SEALER),
        MongoMcpServers(driver, SEALER),
    ]


CALLS = [
    pytest.param(place, name, id=f"{type(store).__name__}.{name}")
    for place, store in enumerate(stores(Exception()))
    for name in public_methods(type(store))
]


async def outcome(store: Any, name: str) -> None:
    await call_with(getattr(store, name), EXAMPLES | OWN.get(type(store), {}))


@pytest.mark.parametrize(("place", "name"), CALLS)
async def test_a_database_that_is_away_is_told_in_our_words(place: int, name: str) -> None:
    with pytest.raises(Unavailable):
        await outcome(stores(ServerSelectionTimeoutError("nobody there"))[place], name)


@pytest.mark.parametrize(("place", "name"), CALLS)
async def test_a_refused_command_is_an_error_of_ours(place: int, name: str) -> None:
    with pytest.raises(InternalError):
        await outcome(stores(OperationFailure("no such operator", 2))[place], name)
