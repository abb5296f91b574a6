"""Everything else that a workspace has, on a real platform, through both surfaces.

Covers: kasal_client.aio.accounts, kasal_client.aio.knowing, kasal_client.aio.providers, kasal_client.aio.tools,
kasal_client.aio.client
"""

import secrets
from typing import Any

import pytest

from kasal_client import AsyncKasal, InvalidRequestError, Kasal, NotFoundError
from kasal_client.testing import Platform


async def test_an_account_has_keys_members_and_a_budget(client: Any, user: tuple[str, str]):
    me = await client.auth.me()
    assert (me.email, me.role) == (user[0], "owner")
    workspaces = await client.auth.workspaces().to_list()
    assert [one.current for one in workspaces] == [True]
    key = await client.api_keys.create("CI", role="viewer")
    async with AsyncKasal(client.url, key.key) as viewer:
        assert (await viewer.auth.me()).role == "viewer"
    assert key.id in [one.id async for one in client.api_keys.list()]
    await client.api_keys.delete(key.id)

    invited = await client.workspace.invite(f"{secrets.token_hex(4)}@example.com", role="editor")
    assert invited.id in [one.id async for one in client.workspace.invitations()]
    await client.workspace.withdraw_invitation(invited.id)
    assert [one.email async for one in client.workspace.members()] == [user[0]]
    assert (await client.workspace.set_budget(max_cost_usd=5)).max_cost_usd == 5
    await client.workspace.remove_budget()
    assert (await client.workspace.budget()).max_cost_usd is None


async def test_a_user_enters_a_workspace_of_theirs(kasal_platform: Platform, user: tuple[str, str]):
    with Kasal(kasal_platform.url, email=user[0], password=user[1]) as kasal:
        workspace_id = kasal.auth.me().workspace.id
    with Kasal(
        kasal_platform.url, email=user[0], password=user[1], workspace=workspace_id
    ) as kasal:
        assert kasal.auth.me().workspace.id == workspace_id
        assert kasal.auth.switch(workspace_id).access_token


async def test_tools_are_listed_and_registered(client: Any):
    assert "calculator" in [one.name async for one in client.tools.list()]
    name = f"shop_{secrets.token_hex(4)}"
    made = await client.tools.register(
        name=name,
        description="Asks the shop",
        endpoint="https://example.com/shop",
        auth_type="none",
    )
    await client.tools.update(made.tool_id, description="Asks the shop nicely")
    assert (await client.tools.get(made.tool_id)).description == "Asks the shop nicely"
    await client.tools.delete(made.tool_id)
    assert await client.tools.mcp.list().to_list() == []
    with pytest.raises(InvalidRequestError):
        await client.tools.mcp.register(name="away", url="http://127.0.0.1:9/mcp")
    for call in (client.tools.mcp.get, client.tools.mcp.refresh, client.tools.mcp.delete):
        with pytest.raises(NotFoundError):
            await call("mcp_none")


async def test_models_have_keys_and_endpoints(client: Any):
    assert "offline" in [one.provider for one in (await client.models.list()).providers]
    assert (await client.models.check("offline")).ok
    await client.models.set_provider("anthropic", api_key="sk-ant-secret")
    assert (await client.models.provider("anthropic")).has_api_key
    await client.models.delete_provider("anthropic")
    await client.models.set_endpoint("own", base_url="https://models.example.com/v1")
    assert (await client.models.endpoint("own")).base_url == "https://models.example.com/v1"
    await client.models.delete_endpoint("own")


async def test_memory_and_figures_can_be_read(client: Any):
    crew = await client.crews.create(
        name="Memory", agents=[{"role": "Ada", "goal": "Help", "model": "offline"}]
    )
    assert (await client.memory.get(crew.id)).short_term == []
    await client.memory.clear(crew.id, "short_term")
    usage = await client.analytics.usage(group_by="model")
    assert usage.executions >= 0
    assert usage.rows is not None
    assert (await client.analytics.performance()).crews is not None
    assert await client.questions.list(crew_id=crew.id).to_list() == []
    assert (await client.raw("GET", "/crews", limit=1))["page_size"] == 1
