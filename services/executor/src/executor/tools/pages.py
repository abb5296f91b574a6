"""The web fetcher: a page as text."""

import asyncio
from collections.abc import Mapping
from typing import Any

from executor.tools.call import Call
from executor.tools.files import pdf_text, plain_text
from executor.tools.markdown import markdown
from executor.tools.network import GuardedClient, Incoming, Outgoing
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
        return f"{text}\n… (the page is longer)" if answer.cut else text


def page_text(answer: Incoming) -> str:
    """Return a page's text; blocks. Raises `ToolFault` for what is no text."""
    if answer.body.startswith(b"%PDF-"):
        return pdf_text(answer.body)
    if "html" in answer.kind:
        return markdown(answer.text())
    if answer.kind.startswith("text/") or answer.kind.endswith(("json", "xml", "yaml")):
        return answer.text()
    return plain_text(answer.body)
