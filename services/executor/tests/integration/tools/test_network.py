"""What tools may ask for over the network, and how much comes back."""

import asyncio
import socket

import pytest
from aiohttp import web

from common.security.outgoing import public_socket
from executor.tools.call import Call
from executor.tools.network import Outgoing
from executor.tools.tool import ToolFault

CALL = Call("ws_1", "job_1", "task_1", 3)


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
    await asyncio.wait_for(given_up.wait(), 60)
    server.close()
    await server.wait_closed()


def test_the_guard_is_on_the_socket_itself():
    with pytest.raises(OSError, match="not a public address"):
        public_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", 80)))
