"""The tools that every workspace has.

Covers: crews.domain.offered_tools
"""

from common.contracts.tools import BUILT_IN_TOOLS
from common.python_tools.signatures import python_tool
from crews.domain.drafts import CrewDraft
from crews.domain.offered_tools import OfferedTools
from crews.domain.tool_catalog import ToolCatalog
from crews.domain.tools import ToolDraft
from kasal_tools import tool


@tool(requires_approval=True, idempotent=True, category="shop")
def refund(order: str) -> str:
    """Pay back an order."""


def test_a_tool_that_needs_a_setting_is_offered_only_with_it():
    without = OfferedTools()
    assert "code_runner" not in without
    assert len(without) == len(BUILT_IN_TOOLS) - 1
    assert list(OfferedTools({"code_runner"})) == [tool.name for tool in BUILT_IN_TOOLS]


def test_the_operators_tools_come_after_those_that_are_built_in():
    offered = OfferedTools((), [python_tool("refund", refund)])
    assert list(offered)[-1] == "refund"
    assert offered["refund"].category == "shop"
    [snapshot] = offered.snapshots({"refund", "unknown"})
    assert (snapshot.name, snapshot.requires_approval, snapshot.idempotent) == (
        "refund",
        True,
        True,
    )
    assert snapshot.parameters["required"] == ["order"]
    assert snapshot.endpoint is None


async def test_a_workspaces_own_tool_keeps_its_name_when_the_operator_offers_one_that_is_called_the_same(
    world, crew_body
):
    tools = ToolCatalog(world.tools, world.crews, world.servers, world.offered)
    draft = ToolDraft(
        name="refund", description="d", endpoint="https://a.example", requires_approval=True
    )
    own = await tools.register("ws_1", draft)
    crew_body["agents"][0]["tools"] = ["refund"]
    crew = await world.catalog.create("ws_1", CrewDraft(**crew_body))
    world.offered = OfferedTools((), [python_tool("refund", refund)])
    [snapshot] = (await world.snapshots.snapshot("ws_1", crew.id)).tools
    assert (snapshot.tool_id, snapshot.requires_approval) == (own.id, True)


def test_only_what_is_named_goes_into_a_snapshot():
    [snapshot] = OfferedTools().snapshots({"calculator"})
    assert (snapshot.name, snapshot.requires_approval) == ("calculator", False)
