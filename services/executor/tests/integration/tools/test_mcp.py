"""Calls of MCP servers' tools, and what a server can do to a worker: nothing beyond its own call.

Covers: executor.tools.mcp, executor.tools.mcp_results, executor.tools.mcp_elicitation, common.mcp.client, common.mcp.connection, common.mcp.http, common.mcp.pool
"""

import asyncio
import base64
from dataclasses import replace

import pytest
from aiohttp import web
from executor_testkit.mcp_sites import McpSite
from executor_testkit.sites import Vault

from devkit.stores.files import memory_files
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call, Heard, InputWanted
from executor.tools.spec import FailedResult
from executor.tools.toolbox import Toolbox

CALL = Call("ws_1", "job_1", "task_1", 3)


@pytest.fixture
async def desk():
    site = McpSite()
    app = web.Application()
    app.router.add_route("*", "/mcp", site.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.fixture
async def box(desk):
    settings = ToolSettings(memory_files(), allowed_hosts=[f"127.0.0.1:{desk.port}"])
    made = Toolbox(settings, Vault({"token": "hush-hush"}))
    yield made
    await made.close()


async def called(box, desk, tool, arguments=None, **given):
    return await box.tool(desk.snapshot(tool, **given)).call(arguments or {}, CALL)


async def test_a_call_carries_arguments_key_and_credentials(box, desk):
    given = {"auth_type": "bearer", "headers": {"X-Team": "a"}}
    assert await called(box, desk, "close", {"n": 1}, **given) == "close is done"
    (params,) = desk.calls
    assert (params["arguments"], params["_meta"]["idempotency-key"]) == ({"n": 1}, CALL.key)
    sent = desk.headers[-1]
    assert (sent["authorization"], sent["x-team"]) == ("Bearer hush-hush", "a")


async def test_one_connection_serves_many_calls(box, desk):
    tools = [box.tool(desk.snapshot(f"t{n}")) for n in range(40)]
    assert len({await one for one in asyncio.as_completed([t.call({}, CALL) for t in tools])}) == 40
    assert [method for method, _ in desk.asked].count("server/discover") == 1


@pytest.mark.parametrize(
    ("tool", "told"),
    [
        ("nonsense", "content type"),
        ("half", "parse"),
        ("huge", "longer than"),
        ("many", "more than 4000 objects"),
        ("numbers", "not what the protocol says"),
        ("elsewhere", "Redirect"),
        ("refused", "no such ticket"),
    ],
)
async def test_a_bad_answer_is_a_result_and_touches_no_other_call(box, desk, tool, told):
    desk.results["numbers"] = {"resultType": "complete", "content": [0] * 60_000}
    beside = asyncio.create_task(called(box, desk, "late"))
    await desk.came.wait()
    text = await called(box, desk, tool)
    assert isinstance(text, FailedResult)
    assert told in text
    desk.go_on.set()
    assert (await called(box, desk, "close"), await beside) == ("close is done", "late is done")


async def test_an_answer_after_the_time_limit_is_nobodys(box, desk):
    slow = asyncio.create_task(called(box, desk, "late", timeout=5.0))
    came = asyncio.create_task(desk.came.wait())
    await asyncio.wait({slow, came}, return_when=asyncio.FIRST_COMPLETED)
    assert came.done(), await slow
    assert "did not answer in time" in await slow
    desk.go_on.set()
    assert await called(box, desk, "close") == "close is done"


async def test_a_cancelled_call_leaves_the_connection_to_others(box, desk):
    slow = asyncio.create_task(called(box, desk, "late"))
    await desk.came.wait()
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await called(box, desk, "close") == "close is done"


@pytest.mark.parametrize(("idempotent", "times"), [(True, 2), (False, 1)])
async def test_only_what_may_be_repeated_is_sent_again_after_a_lost_answer(
    box, desk, idempotent, times
):
    desk.refusals = 1
    text = await called(box, desk, "close", idempotent=idempotent)
    assert (text == "close is done") is idempotent
    assert len(desk.calls) == times


async def test_another_workspace_has_another_connection(box, desk):
    await called(box, desk, "close")
    other = box.tool(desk.snapshot("close"))
    await other.call({}, replace(CALL, workspace_id="ws_2"))
    assert [method for method, _ in desk.asked].count("server/discover") == 2


async def test_a_server_inside_is_not_reached(desk):
    box = Toolbox(ToolSettings(memory_files()), Vault())
    assert "KASAL_TOOL_ALLOWED_HOSTS" in await called(box, desk, "close")
    assert desk.asked == []
    await box.close()


async def test_a_program_that_the_operator_does_not_allow_is_not_started(box, desk):
    snapshot = desk.snapshot("close")
    stdio = snapshot.mcp.model_copy(update={"transport": "stdio", "target": "sh -c id"})
    text = await box.tool(snapshot.model_copy(update={"mcp": stdio})).call({}, CALL)
    assert "KASAL_MCP_STDIO" in text


async def test_every_kind_of_content_is_told_of(box, desk):
    picture = base64.b64encode(b"\x89PNG" + b"0" * 2_000).decode()
    desk.results["all"] = {
        "resultType": "complete",
        "structuredContent": {"n": 1},
        "content": [
            {"type": "text", "text": "Seen."},
            {"type": "image", "data": picture, "mimeType": "image/png"},
            {"type": "audio", "data": picture, "mimeType": "audio/mpeg"},
            {"type": "resource", "resource": {"uri": "file:///a", "text": "inside"}},
            {"type": "resource", "resource": {"uri": "file:///b", "blob": picture}},
            {"type": "resource_link", "uri": "https://e.example/x", "name": "x"},
        ],
    }
    call = replace(CALL, kept=[])
    told = await box.tool(desk.snapshot("all")).call({}, call)
    lines = told.splitlines()
    assert (lines[0], lines[3], lines[-1]) == ("Seen.", "inside", '{"n":1}')
    assert [file.name for file in call.kept] == ["image-1.png", "sound-2.mp3", "b-3"]
    assert [file.size for file in call.kept] == [2_004] * 3
    for line, file in zip((lines[1], lines[2], lines[4]), call.kept, strict=True):
        assert file.file_id in line


async def test_a_file_that_is_none_is_told_of(box, desk):
    image = {"type": "image", "data": "%%%", "mimeType": "image/png"}
    desk.results["bad"] = {"resultType": "complete", "content": [image]}
    assert "not base64" in await called(box, desk, "bad")


SCHEMA = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}


def asks(**requests):
    """Return a result by which a server asks for forms, and what is given under other names."""
    forms = {
        key: request
        if isinstance(request, dict)
        else {
            "method": "elicitation/create",
            "params": {"message": request, "requestedSchema": SCHEMA},
        }
        for key, request in requests.items()
    }
    return {"resultType": "input_required", "inputRequests": forms, "requestState": "sealed"}


async def test_what_a_server_asks_is_wanted_of_a_person(box, desk):
    desk.results["book"] = asks(when="Which day, hush-hush?")
    with pytest.raises(InputWanted) as asked:
        await called(box, desk, "book", {"n": 1}, auth_type="bearer")
    wanted = asked.value.wanted
    assert "The tool desk__book asks before it goes on:\nWhich day, [secret]?" in wanted.prompt
    assert (wanted.response_schema, wanted.keys, wanted.state) == (SCHEMA, ("when",), "sealed")
    said = desk.calls[-1]["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert said["elicitation"] == {"form": {}}, "it can ask for values, but open no page"


@pytest.mark.parametrize(
    ("outcome", "sent"),
    [
        ("answered", {"action": "accept", "content": {"day": "Monday"}}),
        ("rejected", {"action": "decline"}),
        ("expired", {"action": "cancel"}),
    ],
)
async def test_the_answer_goes_back_with_the_servers_state(box, desk, outcome, sent):
    heard = Heard(("when",), "sealed", outcome, {"day": "Monday"})
    call = replace(CALL, heard=heard)
    assert await box.tool(desk.snapshot("book")).call({"n": 1}, call) == "book is done"
    (params,) = desk.calls
    assert params["inputResponses"] == {"when": sent}
    assert (params["requestState"], params["arguments"]) == ("sealed", {"n": 1})
    assert params["_meta"]["idempotency-key"] == CALL.key


async def test_several_forms_are_one_question(box, desk):
    desk.results["book"] = asks(a="Which day?", b="And the way back?")
    with pytest.raises(InputWanted) as asked:
        await called(box, desk, "book")
    wanted = asked.value.wanted
    assert "Which day?\nAnd the way back?" in wanted.prompt
    assert wanted.response_schema["properties"] == {"a": SCHEMA, "b": SCHEMA}
    assert wanted.response_schema["required"] == ["a", "b"]
    desk.results.clear()
    heard = Heard(wanted.keys, None, "answered", {"a": {"day": "Mon"}, "b": {"day": "Tue"}})
    await box.tool(desk.snapshot("book")).call({}, replace(CALL, heard=heard))
    sent = desk.calls[-1]["inputResponses"]
    assert [sent[key]["content"]["day"] for key in ("a", "b")] == ["Mon", "Tue"]


PAGE = {"mode": "url", "message": "Log in", "url": "https://login.example/x", "elicitationId": "1"}
SAMPLE = {"messages": [], "maxTokens": 9}


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({"method": "elicitation/create", "params": PAGE}, "https://login.example/x"),
        ({"method": "sampling/createMessage", "params": SAMPLE}, "sampling"),
        ({"method": "roots/list"}, "roots"),
    ],
)
async def test_what_no_person_can_be_asked_is_told_to_the_agent(box, desk, request_, told):
    desk.results["book"] = asks(other=request_)
    text = await called(box, desk, "book")
    assert isinstance(text, FailedResult)
    assert "desk__book is not done" in text
    assert told in text


async def test_a_question_that_is_too_large_is_none(box, desk):
    for result in (
        asks(**{f"k{n}": "?" for n in range(11)}),
        asks(a="?") | {"requestState": "x" * 70_000},
    ):
        desk.results["book"] = result
        assert "more than a person can be asked" in await called(box, desk, "book")


async def test_an_answer_that_the_protocol_cannot_carry_is_told_of(box, desk):
    heard = Heard(("when",), None, "answered", {"day": {"deep": 1}})
    text = await box.tool(desk.snapshot("book")).call({}, replace(CALL, heard=heard))
    assert "values that cannot be sent" in text
    assert desk.calls == []


async def test_a_call_that_is_only_put_off_goes_on_by_itself(box, desk):
    desk.results["book"] = {"resultType": "input_required", "requestState": "later"}
    text = await called(box, desk, "book")
    assert "puts off its answer" in text
    assert [params.get("requestState") for params in desk.calls] == [None] + ["later"] * 9


async def test_structured_content_that_a_text_repeats_is_told_once(box, desk):
    desk.results["twice"] = {
        "resultType": "complete",
        "structuredContent": {"result": [1]},
        "content": [{"type": "text", "text": "[1]"}],
    }
    assert await called(box, desk, "twice") == "[1]"


async def test_an_error_of_the_tool_itself_is_a_failed_result_without_keys(box, desk):
    desk.results["fail"] = {
        "resultType": "complete",
        "isError": True,
        "content": [{"type": "text", "text": "hush-hush is wrong"}],
    }
    text = await called(box, desk, "fail", auth_type="bearer")
    assert isinstance(text, FailedResult)
    assert text == "Error: [secret] is wrong"


async def test_a_tool_that_was_left_out_is_none(box, desk):
    assert box.tool(desk.snapshot("close", left_out="its schema is bad")) is None
