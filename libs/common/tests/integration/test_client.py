"""Calls to another service, over real HTTP."""

import asyncio
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI

from common.client import Addresses, ServiceClient, ServiceTokens
from common.errors import Conflict, Forbidden, NotFound, Unavailable, UpstreamTimeout
from common.web.http import create_app


def _plain_app(telemetry, routes):
    @asynccontextmanager
    async def lifespan(_: FastAPI):
        yield

    return create_app("plain", telemetry=telemetry, routers=[routes], lifespan=lifespan, checks={})


@pytest.fixture
async def running(telemetry, served):
    routes = APIRouter()

    @routes.get("/conflict")
    async def conflict() -> None:
        raise Conflict("It is there already.", field="name", reason="taken")

    @routes.get("/slow")
    async def slow() -> None:
        await asyncio.sleep(30)

    @routes.post("/bodies")
    async def make(body: dict[str, Any]) -> dict[str, Any]:
        return body

    async with served(_plain_app(telemetry, routes)) as made:
        yield made


async def test_a_client_raises_what_its_peer_answered(running):
    with pytest.raises(Conflict, match="there already") as told:
        await running.client.request("GET", "/conflict")
    assert told.value.details == {"field": "name", "reason": "taken"}
    with pytest.raises(NotFound):
        await running.client.request("GET", "/nowhere")


async def test_a_client_tells_away_from_slow(running):
    async with ServiceClient("peer", running.url, timeout=0.1) as client:
        with pytest.raises(UpstreamTimeout, match="peer") as slow:
            await client.request("GET", "/slow")
    assert isinstance(slow.value.__cause__, TimeoutError)
    async with ServiceClient("peer", "unix:///nowhere/at-all.sock") as client:
        with pytest.raises(Unavailable, match="peer") as away:
            await client.request("GET", "/")
    assert isinstance(away.value.__cause__, aiohttp.ClientConnectorError)


async def test_a_client_asks_another_address_where_one_cannot_be_reached(running):
    gone = "unix:///nowhere/at-all.sock"
    async with ServiceClient("peer", f"{gone}, {running.url}") as client:
        for _ in range(4):
            told = await client.request("POST", "/bodies", json={"name": "a"})
            assert told["name"] == "a"
    async with ServiceClient("peer", f"{gone},{gone}") as client:
        with pytest.raises(Unavailable, match="peer"):
            await client.request("GET", "/")


async def test_only_what_may_be_sent_twice_is_after_a_connection_broke(running):
    """A peer that takes the request and hangs up may have acted on it."""
    asked = []

    async def hangs_up(reader, writer):
        asked.append((await reader.readline()).split()[0])
        writer.close()

    server = await asyncio.start_server(hangs_up, "127.0.0.1", 0)
    bad = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        async with ServiceClient("peer", f"{running.url},{bad}") as client:
            with pytest.raises(Unavailable):
                await client.request("POST", "/bodies", json={"name": "a"})
            assert asked == [b"POST"]
        async with ServiceClient("peer", f"{running.url},{bad}") as client:
            for _ in range(2):
                with pytest.raises(NotFound):
                    await client.request("GET", "/nowhere")
            assert asked == [b"POST", b"GET", b"GET"]  # twice by aiohttp itself; then it rests


async def test_an_address_that_cannot_be_reached_is_asked_last_for_a_while():
    addresses = Addresses("http://a, http://b,http://c", lambda link: aiohttp.ClientSession())
    tried = []

    async def request(address):
        tried.append(address.base[-1])
        if address.base == "http://b":
            raise aiohttp.ServerDisconnectedError
        return address.base

    for _ in range(4):
        await addresses.ask(request, repeatable=True)
    await addresses.close()
    assert tried == ["b", "c", "c", "a", "c"]


async def test_service_tokens_are_asked_for_once(telemetry, served, make_token):
    routes, asked_for = APIRouter(), []

    @routes.post("/internal/tokens/service")
    async def give(body: dict[str, str]) -> dict[str, Any]:
        asked_for.append(body["workspace_id"])
        if body["workspace_id"] == "ws_refused":
            raise Forbidden
        return {"access_token": f"for {body['workspace_id']}", "expires_in": 300}

    async with served(_plain_app(telemetry, routes)) as auth:
        tokens = ServiceTokens(auth.client, "executor", "a secret of the services")
        got = await asyncio.gather(*(tokens.token(w) for w in ("ws_a", "ws_a", "ws_b")))
        assert got == ["for ws_a", "for ws_a", "for ws_b"]
        assert sorted(asked_for) == ["ws_a", "ws_b"]
        with pytest.raises(Unavailable, match="gave no service token"):
            await tokens.token("ws_refused")
