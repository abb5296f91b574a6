"""Custom tools over HTTP."""

import base64

import pytest
from executor_testkit.sites import Vault

from common.contracts.crew import ToolSnapshot
from devkit.stores.files import memory_files
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.toolbox import Toolbox

CALL = Call("ws_1", "job_1", "task_1", 3)


def custom(site, **given):
    endpoint = given.pop("endpoint", f"{site.url}/crm/{{id}}")
    return ToolSnapshot(name="crm", tool_id="tool_custom_1", endpoint=endpoint, **given)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
async def test_a_custom_tool_sends_its_arguments(site, toolbox, method):
    tool = toolbox.tool(custom(site, method=method, auth_type="bearer", headers={"X-A": "b"}))
    assert await tool.call({"id": "a/b", "n": 1}, CALL) == '{"ok": true}'
    told = site.asked[0]
    body = method in {"POST", "PUT", "PATCH"}
    assert told["method"] == method
    assert told["path"] == ("/crm/a%2Fb" if body else "/crm/a%2Fb?n=1")
    assert told["body"] == ('{"n":1}' if body else "")
    assert told["headers"]["idempotency-key"] == "job_1:task_1:3"
    assert told["headers"]["authorization"] == "Bearer hush"
    assert told["headers"]["x-a"] == "b"


async def test_a_custom_tools_failure_is_a_result_without_its_secrets(site, toolbox):
    tool = toolbox.tool(custom(site, endpoint=f"{site.url}/broken", auth_type="bearer"))
    text = await tool.call({}, CALL)
    assert text == 'Error: crm answered 500: {"why": "no"}'


async def test_a_custom_tool_that_leads_inside_is_refused(serve, toolbox):
    inside = await serve()
    tool = toolbox.tool(custom(inside, endpoint=f"{inside.url}/admin"))
    assert "not a public address" in await tool.call({}, CALL)
    assert inside.asked == []


async def called(toolbox, site, path, **changes):
    snapshot = ToolSnapshot(
        name="t", description="t", endpoint=f"http://127.0.0.1:{site.port}{path}", method="GET",
        **{"tool_id": "tool_1", "auth_type": "bearer", **changes},
    )  # fmt: skip
    tool = toolbox.tool(snapshot)
    assert tool is not None
    return await tool.call({}, Call("ws_1", "job_1", "task_1", 1))


async def test_an_endpoint_that_echoes_its_headers_gives_no_key_away(toolbox, site):
    headers = {"X-Shop-Key": "k-123", "X-Trace": "a-long-header-value"}
    told = await called(toolbox, site, "/echo", headers=headers)
    assert "[secret]" in told
    for secret in (
        "hush",
        "k-123",
        "a-long-header-value",
        base64.b64encode(b"Bearer hush").decode(),
    ):
        assert secret not in told
    assert "response headers" not in told


async def test_an_answer_that_is_no_text_is_named(toolbox, site):
    assert "It answered 200 with a PNG image, 8 bytes" in await called(toolbox, site, "/png")
    assert await called(toolbox, site, "/nothing") == "Done (200): the answer is empty."


async def test_a_tool_without_its_credentials_says_what_to_do(site):
    toolbox = Toolbox(ToolSettings(memory_files()), Vault({}))
    told = await called(toolbox, site, "/echo")
    assert "has no token; an admin of the workspace sets it with PUT /tools/custom/tool_1" in told
    await toolbox.close()


async def test_a_refused_host_names_the_setting(site):
    toolbox = Toolbox(ToolSettings(memory_files()), Vault({"token": "hush"}))
    assert "KASAL_TOOL_ALLOWED_HOSTS" in await called(toolbox, site, "/echo")
    await toolbox.close()


async def test_the_process_own_secrets_are_in_no_result(site):
    settings = ToolSettings(
        memory_files(), allowed_hosts=[f"127.0.0.1:{site.port}"], secrets=["sk-provider-key"]
    )
    toolbox = Toolbox(settings, Vault())
    told = await called(
        toolbox, site, "/echo", auth_type="none", headers={"X-A": "sk-provider-key"}
    )
    assert "sk-provider-key" not in told
    await toolbox.close()
