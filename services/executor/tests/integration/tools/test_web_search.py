"""Searches over HTTP."""

import pytest
from aiohttp import web
from executor_testkit.sites import Vault

from common.contracts.crew import ToolSnapshot
from devkit.stores.files import memory_files
from executor.tools.built_in import web_search as search
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.toolbox import Toolbox

CALL = Call("ws_1", "job_1", "task_1", 3)


@pytest.mark.parametrize(
    ("provider", "address", "answer"),
    [
        (search.tavily, "_TAVILY",
         {"results": [{"title": "Tea", "url": "https://t", "content": "Green  tea"}]}),
        (search.brave, "_BRAVE",
         {"web": {"results": [{"title": "Tea", "url": "https://t", "description": "Green tea"}]}}),
    ],
)  # fmt: skip
async def test_search_providers_are_asked_with_their_key(
    site, guarded, monkeypatch, provider, address, answer
):
    monkeypatch.setattr(search, address, f"{site.url}/search")
    site.page = lambda _path, _sent: web.json_response(answer)
    tool = search.WebSearch(provider(guarded("127.0.0.1"), "key"))
    text = await tool.run({"query": "tea", "max_results": 3}, CALL)
    assert text == "1. Tea\n   https://t\n   Green tea"
    assert "key" in str(site.asked[0]["headers"])


async def test_a_search_without_a_network_is_a_result_in_time(monkeypatch):
    def hang(_query, _most):
        import time

        time.sleep(0.5)
        return []

    monkeypatch.setattr(search, "_ask_ddgs", hang)
    monkeypatch.setattr(search, "_PATIENCE", 0.05)
    toolbox = Toolbox(ToolSettings(memory_files()), Vault())
    text = await toolbox.tool(ToolSnapshot(name="web_search")).call({"query": "tea"}, CALL)
    assert text.startswith("Error: no search engine answered within 0.05 s")
    await toolbox.close()
