"""The web fetcher: returns a page as text."""

import asyncio
from collections.abc import Mapping
from typing import Any

from common.contracts.tools import ToolDeclaration
from executor.tools import texts
from executor.tools.built_in_tool import OFFSET, BuiltInTool, parameters
from executor.tools.call import Call
from executor.tools.markdown import markdown
from executor.tools.network import GuardedClient, Incoming, Outgoing
from executor.tools.pdf import pdf_text
from executor.tools.tool import ToolFault

_ACCEPT = (
    "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.9,application/pdf;q=0.8"
)


class WebFetch:
    """Fetches pages through the guarded client."""

    def __init__(self, client: GuardedClient) -> None:
        self._client = client

    async def run(self, arguments: Mapping[str, Any], _call: Call) -> str:
        """Return the page at `url` as Markdown. Raises `ToolFault`."""
        request = Outgoing("GET", str(arguments["url"]), {"Accept": _ACCEPT})
        answer = await self._client.send(request)
        if answer.status >= 400:
            raise ToolFault(f"the page answered {answer.status}.")
        text = await asyncio.to_thread(page_text, answer)
        if not text.strip():
            return f"The page has no text (it answered {answer.status})."
        note = "the page is longer; only its beginning was read" if answer.cut else ""
        return texts.window(text, int(arguments.get("offset", 0)), note)


def page_text(answer: Incoming) -> str:
    """Return a page's text; blocks. Raises `ToolFault` if it is not text."""
    if answer.body.startswith(b"%PDF-"):
        return pdf_text(answer.body)
    what = answer.binary()
    if what is not None:
        raise ToolFault(f"it is not a page but {what}.")
    if "html" in answer.kind:
        return markdown(answer.text())
    return answer.text()


TOOL = BuiltInTool(
    ToolDeclaration(
        "web_fetch",
        "Fetch a web page as text",
        "research",
        parameters(
            "url",
            url={"type": "string", "description": "An http or https URL", "maxLength": 2000},
            offset=OFFSET,
        ),
        idempotent=True,
        reads=True,
    ),
    lambda _settings, client: WebFetch(client).run,
)
