"""Functions of a file become tools; what is wrong with the file is told with its line.

Covers: kasal_client.toolbox
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.client.client import Client

from kasal_client.command.faults import CommandError
from kasal_client.command.serving import functions_of, server_of

_TOOLS = '''
from __future__ import annotations
from typing import Annotated
from kasal_client import tool
from pydantic import BaseModel, Field

class Order(BaseModel):
    number: int

@tool(reads=True)
def double(order: Order, times: Annotated[int, Field(ge=1, description="How often")] = 2) -> int:
    """Multiply a number."""
    return order.number * times

@tool(name="greet")
async def say(name: str) -> str:
    """Greet somebody."""
    if not name:
        raise ValueError("Nobody has no name.")
    return f"Hello {name}"

def not_a_tool() -> None: ...
'''


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    before = list(sys.path)
    yield tmp_path / "shop_of_a_test.py"
    sys.path[:] = before
    sys.modules.pop("shop_of_a_test", None)


async def test_marked_functions_are_tools_with_their_types(file: Path) -> None:
    file.write_text(_TOOLS)
    server = server_of("shop", functions_of(file))

    async with Client(server) as client:
        listed = {one.name: one for one in (await client.list_tools()).tools}
        doubled = await client.call_tool("double", {"order": {"number": 4}})
        refused = await client.call_tool("greet", {"name": ""})

    assert set(listed) == {"double", "greet"}
    assert listed["double"].description == "Multiply a number."
    times = listed["double"].input_schema["properties"]["times"]
    assert (times["minimum"], times["description"]) == (1, "How often")
    assert listed["double"].annotations is not None
    assert listed["double"].annotations.read_only_hint
    assert doubled.content[0].text == "8"
    assert refused.is_error
    assert "Nobody has no name." in refused.content[0].text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "no tools"),
        ("x = 1\n1 / 0\n", ":2: ZeroDivisionError"),
        ("x = (\n", ":1: SyntaxError"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(file: Path, text: str, words: str) -> None:
    file.write_text(text)
    with pytest.raises(CommandError) as refused:
        functions_of(file)
    assert words in str(refused.value)


async def test_a_fault_of_a_tool_is_shown_on_one_line_that_no_terminal_obeys(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(_TOOLS.replace('"Nobody has no name."', 'chr(27) + "[2J\\nNobody"'))
    async with Client(server_of("shop", functions_of(file))) as client:
        await client.call_tool("greet", {"name": ""})
    assert capsys.readouterr().err == "say: ValueError: ␛[2J Nobody\n"
