"""The web search: uses Tavily or Brave if a key is set, otherwise ddgs, which needs none."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import orjson

from common.contracts.tools import ToolDeclaration
from executor.tools.built_in_tool import BuiltInTool, ToolSettings, parameters
from executor.tools.call import Call
from executor.tools.network import GuardedClient, Incoming, Outgoing
from executor.tools.tool import ToolFault

_RESULTS = 5
_PATIENCE = 8.0
_AT_ONCE = 8
_TAVILY = "https://api.tavily.com/search"
_BRAVE = "https://api.search.brave.com/res/v1/web/search"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One hit of a search."""

    title: str
    url: str
    excerpt: str


Search = Callable[[str, int], Awaitable[Sequence[SearchResult]]]


class WebSearch:
    """Searches the web with one provider."""

    def __init__(self, search: Search) -> None:
        self._search = search

    async def run(self, arguments: Mapping[str, Any], _call: Call) -> str:
        """Return what was found for `query`, numbered. Raises `ToolFault`."""
        most = int(arguments.get("max_results", _RESULTS))
        found = await self._search(str(arguments["query"]), most)
        if not found:
            return "Nothing was found."
        return "\n".join(
            f"{place}. {entry.title}\n   {entry.url}\n   {' '.join(entry.excerpt.split())}"
            for place, entry in enumerate(found[:most], start=1)
        )


def tavily(client: GuardedClient, key: str) -> Search:
    """Return a search by Tavily."""

    async def search(query: str, most: int) -> Sequence[SearchResult]:
        body = orjson.dumps({"query": query, "max_results": most})
        secrets = {"Authorization": f"Bearer {key}"}
        headers = {"Content-Type": "application/json"}
        answer = await client.send(Outgoing("POST", _TAVILY, headers, secrets, body))
        return _entries(_decode(answer).get("results"), "content")

    return search


def brave(client: GuardedClient, key: str) -> Search:
    """Return a search by Brave."""

    async def search(query: str, most: int) -> Sequence[SearchResult]:
        url = f"{_BRAVE}?{urlencode({'q': query[:400], 'count': most})}"
        secrets = {"X-Subscription-Token": key}
        answer = await client.send(Outgoing("GET", url, {"Accept": "application/json"}, secrets))
        web = _decode(answer).get("web")
        return _entries(web.get("results") if isinstance(web, dict) else [], "description")

    return search


class Ddgs:
    """Searches without a key. Its requests go to search engines only.

    A search cannot be stopped, so each has its own thread, and only a few run at once: one that
    never ends costs the others nothing but its place.
    """

    def __init__(self) -> None:
        self._under_way = 0

    async def search(self, query: str, most: int) -> Sequence[SearchResult]:
        """Return what was found. Raises `ToolFault`."""
        if self._under_way >= _AT_ONCE:
            raise ToolFault("too many searches are under way; try again in a moment.")
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await self._start(query, most)
        except TimeoutError:
            raise ToolFault(f"no search engine answered within {_PATIENCE:g} s.") from None
        except Exception as fault:  # noqa: BLE001 - ddgs raises what its engines raise
            raise ToolFault(f"no search engine answered ({type(fault).__name__}).") from None
        return _entries(found, "body")

    def _start(self, query: str, most: int) -> "asyncio.Future[list[dict[str, Any]]]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[dict[str, Any]]] = loop.create_future()

        def settle(found: list[dict[str, Any]], fault: Exception | None) -> None:
            self._under_way -= 1
            if not answer.done():
                answer.set_result(found) if fault is None else answer.set_exception(fault)

        def ask() -> None:
            found: list[dict[str, Any]] = []
            fault: Exception | None = None
            try:
                found = _ask_ddgs(query, most)
            except Exception as raised:  # noqa: BLE001 - passed on to whoever waits
                fault = raised
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, found, fault)

        self._under_way += 1
        threading.Thread(target=ask, name="ddgs", daemon=True).start()
        return answer


def _ask_ddgs(query: str, most: int) -> list[dict[str, Any]]:
    from ddgs import DDGS

    return list(DDGS(timeout=5).text(query, max_results=most))


def _decode(answer: Incoming) -> dict[str, Any]:
    if answer.status >= 400:
        raise ToolFault(f"the search provider answered {answer.status}.")
    try:
        decoded = orjson.loads(answer.body)
    except orjson.JSONDecodeError:
        raise ToolFault("the search provider did not answer with JSON.") from None
    return decoded if isinstance(decoded, dict) else {}


def _entries(found: Any, excerpt: str) -> list[SearchResult]:
    return [
        SearchResult(
            str(entry.get("title", "")),
            str(entry.get("url") or entry.get("href") or ""),
            str(entry.get(excerpt, ""))[:500],
        )
        for entry in (found if isinstance(found, list) else [])
        if isinstance(entry, dict)
    ]


def _web_search(settings: ToolSettings, client: GuardedClient) -> WebSearch:
    if settings.tavily_api_key:
        return WebSearch(tavily(client, settings.tavily_api_key))
    if settings.brave_api_key:
        return WebSearch(brave(client, settings.brave_api_key))
    return WebSearch(Ddgs().search)


TOOL = BuiltInTool(
    ToolDeclaration(
        "web_search",
        "Search the web",
        "research",
        parameters(
            "query",
            query={"type": "string", "description": "What to look for", "maxLength": 500},
            max_results={"type": "integer", "minimum": 1, "maximum": 20},
        ),
        idempotent=True,
        reads=True,
    ),
    lambda settings, client: _web_search(settings, client).run,
)
