"""Registering, changing and using MCP servers.

Covers: crews.domain.mcp_renewal, crews.routes.mcp_bodies, crews.domain.mcp_catalog, crews.domain.mcp_servers, crews.domain.workspace_tools
"""

from collections.abc import Awaitable, Callable

import pytest
from crews_testkit.world import World
from pydantic import ValidationError

from common.errors import Conflict, InvalidRequest, NotFound
from common.mcp.server import AllowedCommands, Listing, McpAddress, McpFault, RemoteTool
from common.process.background import Background
from common.python_tools.signatures import python_tool
from common.times import utc_now
from crews.domain.drafts import CrewDraft
from crews.domain.mcp_catalog import McpCatalog
from crews.domain.mcp_renewal import Renewal
from crews.domain.mcp_servers import (
    Inventory,
    RegisteredServer,
    ServerChanges,
    ServerDraft,
    ServerTool,
)
from crews.domain.offered_tools import OfferedTools
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.tools import ToolDraft
from crews.domain.workspace_tools import WorkspaceTools
from crews.routes.mcp_bodies import updated_answer
from devkit.cpu_time import cpu_limit

WS = "ws_1"
OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}}
READ, WRITE = RemoteTool("read", "Reads.", OBJECT, True, True), RemoteTool("write", "W.", OBJECT)
URL = "https://desk.example.com/mcp"


class Desk:
    """Servers that answer as the test says."""

    def __init__(self) -> None:
        self.tools = [READ, WRITE]
        self.fault: str | None = None
        self.cut = False
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What happens while the next one is asked."""
        self.asked: list[McpAddress] = []

    async def listing(self, workspace_id: str, address: McpAddress) -> Listing:
        self.asked.append(address)
        if self.meanwhile is not None:
            await self.meanwhile()
            self.meanwhile = None
        if self.fault is not None:
            raise McpFault(self.fault)
        return Listing(self.tools, None, "2026-07-28", "Desk", self.cut)


@pytest.fixture
def world():
    return World()


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def catalog(world, desk):
    allowed = AllowedCommands.of("mcp-time *")
    return McpCatalog(world.servers, world.tools, world.crews, desk, allowed, world.offered)


def own_tool(text: str) -> str:
    """Do something."""
    return text


def draft(**given):
    return ServerDraft(**{"name": "desk", "url": URL, **given})


def crew(*tools, approvals=()):
    agent = {"role": "A", "goal": "G", "model": "offline", "tools": tools, "approvals": approvals}
    return CrewDraft(name="C", agents=[agent])


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a__b"}, {"name": "a_"}, {"name": "1a"}, {"name": "a b"}, {"name": "x" * 33},
        {"url": None}, {"url": "ftp://x/"}, {"url": "https://u:p@x/"}, {"command": "mcp-time"},
        {"transport": "stdio"}, {"transport": "stdio", "url": None}, {"timeout": 0}, {"timeout": 301},
        {"transport": "stdio", "url": None, "command": "a 'b"}, {"approval": "sometimes"},
        {"auth_type": "bearer", "credentials": {"key": "k"}}, {"headers": {"Authorization": "x"}},
        {"allow": ["x" * 129]}, {"more": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_a_server_is_refused(given):
    with pytest.raises(ValidationError):
        draft(**given)


async def test_a_server_is_asked_with_its_credentials_before_it_is_kept(catalog, desk, world):
    server = await catalog.register(
        WS, draft(auth_type="bearer", credentials={"token": "hush"}, headers={"X-Team": "a"})
    )
    assert desk.asked[0].headers == {"X-Team": "a", "Authorization": "Bearer hush"}
    assert [tool.name for tool in server.tools()] == ["desk__read", "desk__write"]
    assert world.servers.secrets[server.id] == {"token": "hush"}
    assert "hush" not in repr(server) + repr(desk.asked)


async def test_one_that_cannot_be_asked_is_refused_with_the_reason(catalog, desk, world):
    desk.fault = "its host cannot be reached"
    with pytest.raises(InvalidRequest) as refused:
        await catalog.register(WS, draft())
    assert refused.value.details["field"] == "url"
    assert "its host cannot be reached" in refused.value.details["reason"]
    assert world.servers.held == {}


async def test_only_commands_that_the_operator_allows_are_started(catalog, desk):
    given = {"transport": "stdio", "url": None}
    await catalog.register(WS, draft(command="mcp-time --zone UTC", **given))
    with pytest.raises(InvalidRequest, match="MCP") as refused:
        await catalog.register(WS, draft(name="sh", command="sh -c id", **given))
    assert "KASAL_MCP_STDIO" in refused.value.details["reason"]
    assert len(desk.asked) == 1


@pytest.mark.parametrize(
    ("allow", "deny", "left"),
    [
        ([], [], {"read", "write"}),
        (["read"], [], {"read"}),
        (["*e*"], ["w*"], {"read"}),
        ([], ["*"], set()),
        (["READ"], [], set()),
    ],
)
async def test_allow_and_deny_say_which_tools_are_taken(catalog, allow, deny, left):
    server = await catalog.register(WS, draft(allow=allow, deny=deny))
    assert {tool.remote for tool in server.tools()} == left


def test_all_tools_of_fifty_servers_are_soon_compared_with_the_most_patterns():
    tools = [
        ServerTool(name=f"desk__tool_{n}", remote=f"tool_{n}", description="", parameters={})
        for n in range(500)
    ]
    now = utc_now()
    server = RegisteredServer(
        id="mcp_1",
        workspace_id=WS,
        name="desk",
        url="https://desk.example/mcp",
        created_at=now,
        allow=[*(f"other_{n}_*" for n in range(199)), "tool_*"],
        deny=[*(f"*_none_{n}" for n in range(199)), "tool_1"],
        inventory=Inventory(tools=tools, asked_at=now, fresh_until=now),
    )
    with cpu_limit(0.5):  # one by one, it takes two seconds
        for _ in range(50):
            left = server.tools()
    assert [tool.remote for tool in left] == [f"tool_{n}" for n in range(500) if n != 1]


@pytest.mark.parametrize(
    ("approval", "asks"),
    [("never", set()), ("destructive", {"write"}), ("always", {"read", "write"})],
)
async def test_approval_says_which_calls_wait_for_a_person(catalog, world, approval, asks):
    await catalog.register(WS, draft(approval=approval, answered_by="admin"))
    made = await world.catalog.create(WS, crew("desk__*"))
    tools = (await world.snapshots.snapshot(WS, made.id)).tools
    assert {tool.mcp.name for tool in tools if tool.requires_approval} == asks
    assert {tool.answered_by for tool in tools} == {"admin"}
    assert {tool.mcp.name: (tool.idempotent, tool.mcp.reads) for tool in tools} == {
        "read": (True, True),
        "write": (False, False),
    }


async def test_all_tools_of_a_server_are_named_one_by_one_in_a_runs_snapshot(catalog, desk, world):
    desk.tools.append(RemoteTool("bad", "", {"type": "array"}))
    await catalog.register(WS, draft())
    made = await world.catalog.create(WS, crew("desk__*", "calculator", approvals=["desk__*"]))
    snapshot = await world.snapshots.snapshot(WS, made.id)
    named = ["desk__read", "desk__write", "desk__bad", "calculator"]
    assert snapshot.agents[0].tools == named
    assert snapshot.agents[0].approvals == named[:3]
    bad = next(tool for tool in snapshot.tools if tool.name == "desk__bad")
    assert (bad.mcp, "object" in str(bad.left_out)) == (None, True)
    assert await world.snapshots.missing(made) == made.lacks


async def test_a_tool_that_no_server_has_is_refused_by_its_place(catalog, world):
    await catalog.register(WS, draft(deny=["write"]))
    for name in ("desk__write", "desk__nothing", "other__*"):
        with pytest.raises(InvalidRequest) as refused:
            await world.catalog.create(WS, crew("calculator", name))
        assert "agents.0.tools.1" in str(refused.value.details)
        assert "desk__read" in str(refused.value.details) or name == "other__*"


async def test_a_change_of_where_it_is_asks_again_and_drops_its_keys(catalog, desk):
    server = await catalog.register(WS, draft(auth_type="bearer", credentials={"token": "hush"}))
    same = await catalog.update(WS, server.id, ServerChanges(deny=["write"]))
    assert (len(desk.asked), same.credentials) == (1, "kept")
    desk.tools = [READ]
    path = await catalog.update(WS, server.id, ServerChanges(url=f"{URL}/v2"))
    assert (path.credentials, desk.asked[-1].headers) == ("kept", {"Authorization": "Bearer hush"})
    moved = await catalog.update(WS, server.id, ServerChanges(url="https://other.example/mcp"))
    assert (moved.credentials, dict(desk.asked[-1].headers)) == ("dropped", {})
    assert [tool.name for tool in moved.server.tools()] == ["desk__read"]


async def test_a_refused_change_changes_nothing(catalog, desk):
    server = await catalog.register(WS, draft())
    for wrong in ({"transport": "stdio"}, {"command": "mcp-time"}, {"credentials": {"x": "\n"}}):
        with pytest.raises(InvalidRequest):
            await catalog.update(WS, server.id, ServerChanges(**wrong))
    desk.fault = "it is away"
    with pytest.raises(InvalidRequest):
        await catalog.update(WS, server.id, ServerChanges(url="https://other.example/mcp"))
    assert await catalog.find(WS, server.id) == server


async def test_a_server_may_move_to_a_program_and_back(catalog):
    server = await catalog.register(WS, draft())
    there = ServerChanges(transport="stdio", command="mcp-time")
    assert (await catalog.update(WS, server.id, there)).server.target == "mcp-time"
    back = ServerChanges(transport="streamable_http", url=URL)
    assert (await catalog.update(WS, server.id, back)).server.command is None


async def test_what_crews_use_is_neither_removed_nor_renamed(catalog, world):
    server = await catalog.register(WS, draft())
    for tools in (["desk__*"], ["desk__read"]):
        made = await world.catalog.create(WS, crew(*tools))
        for act in (
            lambda: catalog.remove(WS, server.id),
            lambda: catalog.update(WS, server.id, ServerChanges(name="table")),
        ):
            with pytest.raises(Conflict) as refused:
                await act()
            assert refused.value.details["crews"] == [made.id]
        await world.crews.remove(made)
    renamed = await catalog.update(WS, server.id, ServerChanges(name="table"))
    assert renamed.server.tools()[0].name == "table__read"
    await catalog.remove(WS, server.id)
    with pytest.raises(NotFound):
        await catalog.find(WS, server.id)


async def test_a_refresh_shows_what_has_changed(catalog, desk, world):
    server = await catalog.register(WS, draft())
    world.servers.races = 1
    desk.tools = [WRITE, RemoteTool("new", "", OBJECT)]
    after = await catalog.refresh(WS, server.id)
    assert [tool.remote for tool in after.tools()] == ["write", "new"]


async def test_no_tool_of_the_operator_has_a_servers_name(world, desk):
    offered = OfferedTools(python=[python_tool("desk__own", own_tool)])
    catalog = McpCatalog(
        world.servers, world.tools, world.crews, desk, AllowedCommands.of(""), offered
    )
    with pytest.raises(Conflict, match="desk__own"):
        await catalog.register(WS, draft())
    await catalog.register(WS, draft(name="table"))


async def test_names_of_its_tools_are_its_own(catalog, world):
    tools = ToolCatalog(world.tools, world.crews, world.servers, world.offered)
    own = ToolDraft(name="desk__own", description="d", endpoint="https://x.example/")
    await tools.register(WS, own)
    with pytest.raises(Conflict):
        await catalog.register(WS, draft())
    await catalog.register("ws_2", draft())
    with pytest.raises(Conflict):
        await tools.register("ws_2", own)


async def test_credentials_are_for_the_host_that_the_run_began_with(catalog):
    server = await catalog.register(WS, draft(auth_type="bearer", credentials={"token": "hush"}))
    assert (await catalog.credentials(WS, server.id, f"{URL}/x"))[1] == {"token": "hush"}
    with pytest.raises(Conflict):
        await catalog.credentials(WS, server.id, "https://other.example/")
    with pytest.raises(NotFound):
        await catalog.credentials("ws_2", server.id, URL)


async def test_a_list_that_is_out_of_date_is_renewed_beside_who_looks(catalog, desk, world):
    server = await catalog.register(WS, draft())
    async with Background() as background:
        tools = WorkspaceTools(
            world.tools, world.servers, world.offered, Renewal(catalog, background).look
        )
        await tools.find(WS, ["desk__*"])
        assert len(background) == 0
        old = server.inventory.model_copy(update={"fresh_until": utc_now()})
        world.servers.held[server.id] = server.model_copy(update={"inventory": old})
        desk.tools = [READ]
        seen = [await tools.find(WS, ["desk__*"]) for _ in range(2)]
        assert {len(found.servers[0].tools()) for found in seen} == {2}
        await background.finish()
    assert len(desk.asked) == 2
    assert [tool.remote for tool in (await catalog.find(WS, server.id)).tools()] == ["read"]


async def test_a_list_that_cannot_be_renewed_stays_and_says_why(catalog, desk):
    server = await catalog.register(WS, draft())
    desk.fault = "its host cannot be reached"
    await catalog.renew(server)
    after = await catalog.find(WS, server.id)
    assert (after.status, len(after.tools())) == ("failing", 2)
    assert "its host cannot be reached" in str(after.inventory.fault)
    desk.fault = None
    assert (await catalog.refresh(WS, server.id)).status == "ready"


async def test_a_fault_of_where_it_was_is_not_noted_on_where_it_is_now(catalog, desk):
    server = await catalog.register(WS, draft())
    desk.fault = "it is away"
    desk.meanwhile = lambda: catalog.update(WS, server.id, ServerChanges(deny=["write"]))
    await catalog.renew(server)
    assert (await catalog.find(WS, server.id)).status == "ready"


async def test_a_server_that_is_removed_while_it_is_asked_again_is_no_fault(catalog, desk):
    server = await catalog.register(WS, draft())
    desk.fault = "it is away"
    desk.meanwhile = lambda: catalog.remove(WS, server.id)
    await catalog.renew(server)
    await catalog.renew(server)
    with pytest.raises(NotFound):
        await catalog.find(WS, server.id)


async def test_a_list_is_not_renewed_without_keys_that_can_be_read(catalog, world, monkeypatch):
    server = await catalog.register(WS, draft())

    async def sealed(workspace_id, server_id):
        raise Conflict("Its credentials were sealed with another key.")

    monkeypatch.setattr(world.servers, "credentials", sealed)
    await catalog.renew(server)
    after = await catalog.find(WS, server.id)
    assert (after.status, "another key" in str(after.inventory.fault)) == ("failing", True)


async def test_a_workspace_has_room_to_ask_while_its_lists_are_renewed_and_takes_none_of_others(
    catalog, desk, world
):
    old = {"fresh_until": utc_now()}
    due = []
    for workspace in (WS, "ws_2"):
        for n in range(4):
            server = await catalog.register(workspace, draft(name=f"desk{n}"))
            inventory = server.inventory.model_copy(update=old)
            due.append(server.model_copy(update={"inventory": inventory}))
            world.servers.held[server.id] = due[-1]
    desk.asked.clear()
    async with Background() as background:
        Renewal(catalog, background).look(due)
        assert len(background) == 4
        await background.finish()
    held = world.servers.held.values()
    renewed = [one.workspace_id for one in held if one.inventory.fresh_until > utc_now()]
    assert sorted(renewed) == [WS] * 2 + ["ws_2"] * 2


async def test_that_only_some_tools_were_read_is_told_whatever_is_taken(catalog, desk):
    desk.cut = True
    server = await catalog.register(WS, draft(allow=["read"], deny=["*w*"]))
    assert [left.name for left in server.unusable_tools()] == ["…"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [({"credentials": None}, 0), ({"url": f"{URL}s"}, 0), ({"url": "https://b.example/"}, 1)],
)
async def test_only_keys_that_nobody_took_off_are_told_of_as_dropped(catalog, sent, told):
    server = await catalog.register(WS, draft(auth_type="bearer", credentials={"token": "hush"}))
    changes = ServerChanges(**sent)
    answer = updated_answer(await catalog.update(WS, server.id, changes), changes)
    assert len(answer.warnings) == told
