"""Tools over HTTP: what gets out, what does not, and what comes back."""

import asyncio
import base64
import gzip
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from common.contracts.crew import ToolSnapshot
from executor.tools import network
from executor.tools.built_in import web_search as search
from executor.tools.built_in_tool import ToolSettings
from executor.tools.call import Call
from executor.tools.network import GuardedClient, Outgoing
from executor.tools.tool import ToolFault
from executor.tools.toolbox import Toolbox

CALL = Call("ws_1", "job_1", "task_1", 3)


@dataclass
class Site:
    """A site on loopback that records what it is asked."""

    port: int = 0
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(
            {
                "method": request.method,
                "path": request.raw_path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": (await request.read()).decode(),
            }
        )
        if request.path.startswith("/to/"):
            _, _, status, place = request.path.split("/", 3)
            return web.Response(status=int(status), headers={"Location": place})
        return self.page(request.path, request.headers)

    def page(self, path: str, sent: Mapping[str, str]) -> web.Response:
        if path == "/html":
            html = "<title>T</title><script>evil()</script><h1>Tea</h1><p>Sells <b>well</b>.</p>"
            return web.Response(text=html, content_type="text/html")
        if path == "/bomb":
            return web.Response(
                body=gzip.compress(b"x" * 200_000_000, 9),
                headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"},
            )
        if path.startswith("/packed/"):
            return web.Response(
                body=b"no pack", headers={"Content-Encoding": path.rpartition("/")[2]}
            )
        if path == "/large":
            return web.Response(body=b"y" * 3_000_000, content_type="text/plain")
        if path == "/binary":
            return web.Response(body=b"\0\1\2", content_type="application/octet-stream")
        if path == "/echo":
            told = {
                "headers": dict(sent),
                "again": base64.b64encode(sent.get("Authorization", "").encode()).decode(),
            }
            return web.json_response(told, headers={"X-Echo": "response headers stay here"})
        if path == "/png":
            return web.Response(body=b"\x89PNG\r\n\x1a\n", content_type="image/png")
        if path == "/nothing":
            return web.Response()
        if path == "/broken":
            return web.json_response({"why": "no"}, status=500)
        return web.json_response({"ok": True})


@pytest.fixture
async def serve():
    runners = []

    async def start() -> Site:
        site = Site()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", site.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        site.port = runner.addresses[0][1]
        return site

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def site(serve):
    return await serve()


@pytest.fixture
async def guarded():
    made = []

    def make(*allowed, **limits):
        made.append(GuardedClient(allowed, **limits))
        return made[-1]

    yield make
    for client in made:
        await client.close()


@dataclass
class Vault:
    held: dict[str, Any] = field(default_factory=dict)

    async def tool_credentials(
        self, _workspace_id: str, _tool_id: str, _endpoint: str
    ) -> dict[str, Any]:
        return self.held


@pytest.fixture
async def toolbox(tmp_path, site):
    settings = ToolSettings(tmp_path, allowed_hosts=[f"127.0.0.1:{site.port}"], timeout=5)
    made = Toolbox(settings, Vault({"token": "hush"}))
    yield made
    await made.close()


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0.0.0.0",
    ],
)  # fmt: skip
async def test_no_spelling_of_loopback_gets_through(site, guarded, host):
    with pytest.raises(
        ToolFault, match=r"not a public address|cannot be found|not a valid address"
    ):
        await guarded().send(Outgoing("GET", f"http://{host}:{site.port}/"))
    assert site.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://example.com/", "gopher://127.0.0.1/", "http://", "nonsense",
        "http://user:pass@example.com/", "http://[bad/", "", "http://exa mple.com:99999/",
    ],
)  # fmt: skip
async def test_only_plain_web_addresses_are_asked(guarded, url):
    with pytest.raises(ToolFault):
        await guarded().send(Outgoing("GET", url))


async def test_a_name_that_leads_inside_is_refused_at_every_look_up(site, guarded, monkeypatch):
    found = iter(["127.0.0.1", "10.0.0.1", "169.254.169.254"])

    async def lookup(_self, _host, port, **_):
        address = (next(found), port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    monkeypatch.setattr(asyncio.get_running_loop().__class__, "getaddrinfo", lookup)
    client = guarded()
    for number in range(3):
        with pytest.raises(ToolFault, match="not a public address"):
            await client.send(Outgoing("GET", f"http://public{number}.example:{site.port}/"))
    assert site.asked == []


async def test_a_named_host_is_allowed_on_its_port_only(serve, guarded):
    named, other = await serve(), await serve()
    client = guarded(f"127.0.0.1:{named.port}")
    assert (await client.send(Outgoing("GET", named.url))).status == 200
    with pytest.raises(ToolFault, match="not a public address"):
        await client.send(Outgoing("GET", other.url))
    assert other.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_that_leads_inside_is_refused(serve, guarded, status):
    named, inside = await serve(), await serve()
    client = guarded(f"127.0.0.1:{named.port}")
    with pytest.raises(ToolFault, match="not a public address"):
        await client.send(Outgoing("GET", f"{named.url}/to/{status}/{inside.url}"))
    assert inside.asked == []


async def test_a_redirect_to_another_scheme_is_refused(site, guarded):
    with pytest.raises(ToolFault, match="not an http or https URL"):
        await guarded("127.0.0.1").send(Outgoing("GET", f"{site.url}/to/302/file:///etc/passwd"))


async def test_redirects_have_an_end(site, guarded):
    client = guarded("127.0.0.1")
    url = f"{site.url}/to/302/" * 3
    site.page = lambda _path, _sent: web.Response(status=302, headers={"Location": "/round"})
    with pytest.raises(ToolFault, match="more than 5 redirects"):
        await client.send(Outgoing("GET", url))


async def test_another_origin_gets_no_secrets(serve, guarded):
    named, other = await serve(), await serve()
    client = guarded("127.0.0.1")
    headers = {"X-Mine": "own", "Idempotency-Key": "k", "Content-Type": "application/json"}
    request = Outgoing(
        "POST", f"{named.url}/to/307/{other.url}/x", headers, {"Authorization": "Bearer s"}, b"{}"
    )
    await client.send(request)
    assert named.asked[0]["headers"]["authorization"] == "Bearer s"
    told = other.asked[0]
    assert (told["method"], told["body"]) == ("POST", "{}")
    assert "authorization" not in told["headers"]
    assert "x-mine" not in told["headers"]
    assert told["headers"]["idempotency-key"] == "k"


async def test_the_same_origin_keeps_them(site, guarded):
    request = Outgoing("POST", f"{site.url}/to/302//next", {}, {"Authorization": "Bearer s"}, b"{}")
    await guarded("127.0.0.1").send(request)
    assert site.asked[1]["method"] == "GET"
    assert site.asked[1]["body"] == ""
    assert site.asked[1]["headers"]["authorization"] == "Bearer s"


@pytest.mark.parametrize("path", ["/bomb", "/large"])
async def test_what_comes_back_is_bounded(site, guarded, path):
    answer = await guarded("127.0.0.1", size=100_000).send(Outgoing("GET", f"{site.url}{path}"))
    assert len(answer.body) == 100_000
    assert answer.cut


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
async def test_an_answer_that_cannot_be_unpacked_is_said_in_words(site, guarded, encoding):
    with pytest.raises(ToolFault, match="Content-Encoding"):
        await guarded("127.0.0.1").send(Outgoing("GET", f"{site.url}/packed/{encoding}"))


async def test_what_never_comes_back_is_given_up(guarded):
    given_up = asyncio.Event()

    async def silent(reader, writer):
        while await reader.read(1024):
            pass
        writer.close()
        await writer.wait_closed()
        given_up.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(ToolFault, match=r"no answer within 0\.1 s"):
        await guarded("127.0.0.1", timeout=0.1).send(Outgoing("GET", url))
    await asyncio.wait_for(given_up.wait(), 5)
    server.close()
    await server.wait_closed()


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


async def test_a_search_without_a_network_is_a_result_in_time(tmp_path, monkeypatch):
    def hang(_query, _most):
        import time

        time.sleep(0.5)
        return []

    monkeypatch.setattr(search, "_ask_ddgs", hang)
    monkeypatch.setattr(search, "_PATIENCE", 0.05)
    toolbox = Toolbox(ToolSettings(tmp_path), Vault())
    text = await toolbox.tool(ToolSnapshot(name="web_search")).call({"query": "tea"}, CALL)
    assert text.startswith("Error: no search engine answered within 0.05 s")
    await toolbox.close()


def test_the_guard_is_on_the_socket_itself():
    with pytest.raises(OSError, match="not a public address"):
        network._public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)))


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


async def test_a_tool_without_its_credentials_says_what_to_do(tmp_path, site):
    toolbox = Toolbox(ToolSettings(tmp_path), Vault({}))
    told = await called(toolbox, site, "/echo")
    assert "has no token; an admin of the workspace sets it with PUT /tools/custom/tool_1" in told
    await toolbox.close()


async def test_a_refused_host_names_the_setting(tmp_path, site):
    toolbox = Toolbox(ToolSettings(tmp_path), Vault({"token": "hush"}))
    assert "KASAL_TOOL_ALLOWED_HOSTS" in await called(toolbox, site, "/echo")
    await toolbox.close()


async def test_the_process_own_secrets_are_in_no_result(tmp_path, site):
    settings = ToolSettings(
        tmp_path, allowed_hosts=[f"127.0.0.1:{site.port}"], secrets=["sk-provider-key"]
    )
    toolbox = Toolbox(settings, Vault())
    told = await called(
        toolbox, site, "/echo", auth_type="none", headers={"X-A": "sk-provider-key"}
    )
    assert "sk-provider-key" not in told
    await toolbox.close()
