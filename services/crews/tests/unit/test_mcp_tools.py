"""What becomes of the tools that a server lists.

Covers: crews.domain.mcp_tools
"""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.mcp.server import Listing, RemoteTool
from common.times import utc_now
from crews.domain.mcp_tools import Unusable, adapt, inventory_of, model_names

OBJECT = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}


def listing(*tools, fresh_for=None, cut=False):
    return Listing(tools, fresh_for, "2026-07-28", "Desk", cut)


@given(st.lists(st.text(min_size=1, max_size=130), unique=True, max_size=30))
def test_each_tool_gets_a_name_of_its_own_that_providers_take(names):
    made = model_names("desk", names)
    assert len(set(made)) == len(names)
    assert all(re.fullmatch(r"desk__[A-Za-z0-9_-]{1,58}", name) for name in made)


def test_a_name_that_fits_is_kept_whatever_others_are_called():
    assert model_names("desk", ["a.b", "a_b", "get"])[1:] == ["desk__a_b", "desk__get"]
    assert model_names("desk", ["a.b"]) == ["desk__a.b".replace(".", "_")]


def test_a_schema_with_alternatives_becomes_one_object():
    adapted = adapt(
        {
            "$schema": "x",
            "anyOf": [OBJECT, {"$ref": "#/$defs/other"}],
            "$defs": {
                "other": {"properties": {"a": {}, "b": {"type": "integer"}}, "required": ["b", "a"]}
            },
        }
    )
    assert adapted["type"] == "object"
    assert set(adapted["properties"]) == {"a", "b"}
    assert adapted["required"] == ["a"]
    assert not {"anyOf", "$schema"} & adapted.keys()


def test_an_optional_argument_with_a_foreign_name_is_left_out_a_needed_one_its_tool():
    schema = {"properties": {"a": {}, "größe €": {}}}
    assert set(adapt(schema)["properties"]) == {"a"}
    with pytest.raises(Unusable, match="providers refuse"):
        adapt({**schema, "required": ["größe €"]})


async def test_a_tool_that_no_model_can_be_given_is_left_out_with_its_reason():
    found = await inventory_of(
        "desk",
        listing(
            RemoteTool("good", "Does good.", OBJECT, reads=True, idempotent=True),
            RemoteTool("array", "", {"type": "array"}),
            RemoteTool("broken", "", {"type": "object", "properties": {"a": {"type": "nonsense"}}}),
            RemoteTool("long", "", {"type": "object", "description": "x" * 60_000}),
            RemoteTool(
                "far", "", {"type": "object", "properties": {"a": {"$ref": "https://e.x/s"}}}
            ),
            RemoteTool("half \ud800", "", OBJECT),
            cut=True,
        ),
        utc_now(),
    )
    assert [tool.name for tool in found.tools] == ["desk__good"]
    assert [left.name for left in found.left_out] == [
        "array",
        "broken",
        "long",
        "far",
        "half ?",
        "…",
    ]
    assert all(left.reason for left in found.left_out)


async def test_three_hundred_large_schemas_fill_no_more_than_their_room():
    schema = {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(300)}}
    tools = [RemoteTool(f"t{n}", "d" * 5_000, schema) for n in range(300)]
    found = await inventory_of("desk", listing(*tools), utc_now())
    assert len(found.model_dump_json()) < 2_000_000
    assert len(found.tools) + len(found.left_out) == 300
    assert "used up the room" in found.left_out[-1].reason


@pytest.mark.parametrize(("told", "kept"), [(None, 300), (0, 30), (3_600, 3_600), (10**9, 86_400)])
async def test_a_list_is_kept_as_long_as_its_server_says_within_bounds(told, kept):
    now = utc_now()
    found = await inventory_of("desk", listing(fresh_for=told), now)
    assert (found.fresh_until - now).total_seconds() == kept


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": dict.fromkeys((f"é{n}" for n in range(100_000)), True)},
        {
            "anyOf": [{"$ref": "#/$defs/large"}] * 10_000,
            "$defs": {"large": {"properties": {str(n): True for n in range(20_000)}}},
        },
    ],
    ids=["foreign names", "one large alternative"],
)
def test_adapting_a_schema_takes_no_longer_than_reading_it(schema):
    began = time.thread_time()
    adapt(schema)
    assert time.thread_time() - began < 1
