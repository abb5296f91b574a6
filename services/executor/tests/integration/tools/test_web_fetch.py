"""Pages, fetched over HTTP."""

import pytest

from common.contracts.crew import ToolSnapshot
from executor.tools.call import Call

CALL = Call("ws_1", "job_1", "task_1", 3)


async def test_a_page_comes_back_as_text(site, toolbox):
    fetch = toolbox.tool(ToolSnapshot(name="web_fetch"))
    text = await fetch.call({"url": f"{site.url}/html"}, CALL)
    assert "# Tea" in text
    assert "Sells well." in text
    assert "evil" not in text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/json", '{"ok": true}'),
        ("/broken", "Error: the page answered 500."),
        ("/binary", "Error: it is not a page but application/octet-stream"),
    ],
)
async def test_other_pages(site, toolbox, path, text):
    fetch = toolbox.tool(ToolSnapshot(name="web_fetch"))
    assert (await fetch.call({"url": f"{site.url}{path}"}, CALL)).startswith(text)
