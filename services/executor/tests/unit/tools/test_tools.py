"""What all tools have in common, and the parts of custom tools that need no network."""

import asyncio

import pytest

from common.contracts.crew import ToolSnapshot
from common.contracts.tools import BUILT_IN_TOOLS
from common.errors import Unavailable
from common.schemas.validation import complaint_within as complaint
from executor.tools.call import Call
from executor.tools.custom import auth_headers, fill_path, with_query
from executor.tools.spec import ToolSpec
from executor.tools.tool import RESULT_LIMIT, SimpleTool, ToolFault


@pytest.mark.parametrize("told", BUILT_IN_TOOLS, ids=lambda told: told.name)
async def test_every_built_in_tool_that_crews_offers_exists(shop, told):
    settings = {} if told.setting is None else {told.setting: ("true",)}
    tool = shop.toolbox(**settings).tool(ToolSnapshot(name=told.name))
    assert tool is not None
    assert tool.safe is told.idempotent
    assert tool.spec.parameters == told.parameters


async def test_there_is_no_other_built_in_tool(shop):
    assert shop.toolbox().tool(ToolSnapshot(name="banana")) is None


@pytest.mark.parametrize(
    ("method", "idempotent", "safe"),
    [("POST", False, False), ("POST", True, True), ("GET", False, True), ("DELETE", False, False)],
)
async def test_a_custom_tool_is_safe_when_it_reads_or_says_so(shop, method, idempotent, safe):
    snapshot = ToolSnapshot(
        name="x", endpoint="https://example.com", method=method, idempotent=idempotent
    )
    tool = shop.toolbox().tool(snapshot)
    assert (tool.safe, tool.reads) == (safe, method == "GET")


async def test_a_tool_that_cancels_itself_has_failed_and_one_that_is_cancelled_is_not_answered():
    async def cancelling(_arguments, _call):
        raise asyncio.CancelledError

    called = simple(cancelling).call({}, Call("ws", "job", "task", 1))
    assert await called == "Error: t failed (CancelledError)."

    async def waiting(_arguments, _call):
        await asyncio.Event().wait()

    cut = asyncio.create_task(simple(waiting).call({}, Call("ws", "job", "task", 1)))
    await asyncio.sleep(0)
    cut.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cut


def simple(run, timeout=5.0):
    return SimpleTool(ToolSpec("t", "t", {"type": "object"}), run, timeout=timeout)


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ToolFault("no such thing."), "Error: no such thing."),
        (Unavailable("crews is away."), "Error: crews is away."),
        (KeyError("secret"), "Error: t failed (KeyError)."),
    ],
)
async def test_a_failing_tool_is_a_result(call, fault, text):
    async def run(_arguments, _call):
        raise fault

    assert await simple(run).call({}, call) == text


async def test_a_slow_tool_is_a_result(call):
    async def run(_arguments, _call):
        await asyncio.sleep(30)

    assert await simple(run, timeout=0.01).call({}, call) == "Error: t took longer than 0.01 s."


async def test_a_long_result_is_cut_and_says_so(call):
    async def run(_arguments, _call):
        return "x" * (RESULT_LIMIT + 5)

    text = await simple(run).call({}, call)
    assert text.endswith(f"(cut: {RESULT_LIMIT + 5} characters in all)")


async def test_cancelling_goes_through(call):
    async def run(_arguments, _call):
        await asyncio.sleep(30)

    task = asyncio.create_task(simple(run).call({}, call))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"type": "object"}, {}, None),
        ({"type": "object", "required": ["a"]}, {}, "it: 'a' is a required property"),
        (
            {"properties": {"a": {"items": {"type": "integer"}}}},
            {"a": [1, "x"]},
            "a[1]: 'x' is not",
        ),
        ({"type": "banana"}, {}, "its JSON Schema cannot be used"),
        ({"$ref": "file:///etc/passwd"}, {}, "its JSON Schema cannot be used"),
        ({"$ref": "#"}, {}, "its JSON Schema cannot be used"),
        ({"pattern": "("}, "x", "its JSON Schema cannot be used"),
    ],
)
def test_schemas_are_checked_and_never_fetched(schema, value, told):
    said = complaint(schema, value)
    assert said is None if told is None else said.startswith(told), said


@pytest.mark.parametrize(
    ("endpoint", "arguments", "url", "rest"),
    [
        ("https://h/a/{id}", {"id": 7, "q": 1}, "https://h/a/7", {"q": 1}),
        ("https://h/a/{id}", {"id": "x/../y?z#w"}, "https://h/a/x%2F..%2Fy%3Fz%23w", {}),
        ("https://h/{id}/x", {"id": ".."}, "https://h/_../x", {}),
        ("https://h/a?k=1", {"q": 1}, "https://h/a?k=1", {"q": 1}),
        ("https://{id}.h/a", {"id": "evil"}, "https://{id}.h/a", {"id": "evil"}),
    ],
)
def test_arguments_fill_the_path_and_nothing_but_the_path(endpoint, arguments, url, rest):
    assert fill_path(endpoint, arguments) == (url, rest)


def test_a_missing_part_of_the_path_is_named():
    with pytest.raises(ToolFault, match="the argument id is missing"):
        fill_path("https://h/{id}", {})


def test_the_query_keeps_what_was_there():
    url = with_query("https://h/a?k=1", {"q": "x y&z", "l": [1, True], "o": {"a": 1}})
    assert url == "https://h/a?k=1&q=x+y%26z&l=1&l=true&o=%7B%22a%22%3A1%7D"


@pytest.mark.parametrize(
    ("kind", "held", "headers"),
    [
        ("bearer", {"token": "t"}, {"Authorization": "Bearer t"}),
        ("api_key", {"key": "k"}, {"X-API-Key": "k"}),
        ("api_key", {"key": "k", "header": "X-Mine"}, {"X-Mine": "k"}),
        ("basic", {"username": "u", "password": "p"}, {"Authorization": "Basic dTpw"}),
    ],
)
def test_credentials_become_headers(kind, held, headers):
    assert auth_headers(kind, held) == headers
