"""The tools that every workspace has.

Covers: crews.domain.offered_tools
"""

from common.contracts.tools import BUILT_IN_TOOLS
from common.python_tools.signatures import python_tool
from crews.domain.offered_tools import OfferedTools
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


def test_only_what_is_named_goes_into_a_snapshot():
    [snapshot] = OfferedTools().snapshots({"calculator"})
    assert (snapshot.name, snapshot.requires_approval) == ("calculator", False)
