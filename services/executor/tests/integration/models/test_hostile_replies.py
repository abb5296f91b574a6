"""Replies that are made to hurt: they hold up no other run and take no memory without a bound.

Covers: executor.models.refusals, executor.models.strict_json
"""

import asyncio
import gzip
import json
import math
import tracemalloc
from typing import Any

import pytest
from aiohttp import web

from devkit.loop_lag import loop_lag
from executor.models.catalogue import Models, ModelSettings
from executor.models.connections import Access
from executor.models.model import ModelFault
from executor.models.patience import ModelPatience
from executor.tools.spec import ToolSpec

TOOL = ToolSpec("calculator", "Calculates", {})


def call(name="calculator", arguments="{}", call_id="c"):
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def reply(**message: Any) -> bytes:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps({"id": "x", "model": "m", "choices": [choice]}).encode()


MB = 1024 * 1024
HOSTILE = {
    "a long text": reply(content="word " * 119_000),
    "a text of escapes": reply(content="\ud83d\u00e9\u6f22" * 100_000),
    "closing tags": reply(content="</think>" * 74_000),
    "opening tags": reply(content="<think>" * 85_000),
    "pairs of tags": reply(content="<think>a</think>b" * 35_000),
    "code": reply(content="```\n`a` " * 70_000),
    "a text of megabytes": reply(content="word " * (380 * 1024)),
    "parts": reply(content=[{"type": "text", "text": "a"}] * 19_000),
    "thoughts": reply(content="x", reasoning_content="hm " * (600 * 1024)),
    "thousands of calls": reply(tool_calls=[call()] * 5_000),
    "more calls": reply(tool_calls=[call()] * 19_000),
    "thousands of odd calls": reply(
        tool_calls=[call("functions.<|x|> y" * 5, "{" * 20, "é" * 20) for _ in range(5_000)]
    ),
    "long arguments": reply(tool_calls=[call(arguments='{"a": "' + "b" * 1_900_000 + '"}')]),
    "arguments of lists": reply(
        tool_calls=[call(arguments='{"a": [' + "[]," * 60_000 + "[]]}")] * 10
    ),
    "arguments of numbers": reply(
        tool_calls=[call(arguments='{"a": [' + "1.5," * 45_000 + "1]}")] * 10
    ),
    "deep arguments": reply(tool_calls=[call(arguments="[" * 190_000)] * 10),
    "an object as arguments": reply(
        tool_calls=[call(arguments={str(n): [n] for n in range(9_000)})]  # type: ignore[arg-type]
    ),
    "a long name": reply(tool_calls=[call("a." * 900_000)]),
    "a long refusal": reply(refusal="no " * 600_000),
    "what nobody asked for": json.dumps(
        {**json.loads(reply(content="x")), "extra": [{"a": [n]} for n in range(9_000)]}
    ).encode(),
    "choices": json.dumps({"choices": [{}] * 600_000}).encode(),
    "an error": json.dumps({"error": {"message": "no " * 600_000, "code": 400}}).encode(),
    "no JSON": b"[" * 2_000_000,
    "nothing but blanks": b" " * 2_000_000,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
async def test_no_reply_holds_the_loop(server, models, talk, body):
    server.strict = False
    server.answers = [body]
    model = await models.resolve("openai:fake")
    for bounds in ({"held": math.inf, "starved": math.inf}, {}):  # at first much is made ready
        async with loop_lag(**bounds):
            try:
                said = await model.request(talk(), [TOOL])
            except ModelFault as fault:
                assert len(fault.message) < 1_000  # noqa: PT017
            else:
                assert len(said.calls) <= 256


async def serve(handler: Any, timeout: float = 5) -> tuple[Models, web.AppRunner]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    patience = ModelPatience(tries=1)
    return Models(
        ModelSettings({"openai": Access(url=url)}, timeout=timeout, patience=patience)
    ), runner


@pytest.mark.parametrize("status", [200, 500])
async def test_a_body_without_an_end_is_read_to_a_bound(talk, status):
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(status=status)
        await answer.prepare(request)
        while sent < 256 * MB:
            await answer.write(b" " * 65_536)
            sent += 65_536
        return answer

    models, runner = await serve(endless)
    try:
        model = await models.resolve("openai:fake")
        with pytest.raises(ModelFault) as fault:
            await model.request(talk(), [])
    finally:
        await models.close()
        await runner.cleanup()
    assert sent < 64 * MB
    if status == 200:
        assert fault.value.code == "MODEL_ERROR"
        assert "MB" in fault.value.message


@pytest.mark.parametrize("encoding", ["gzip", "br"])
async def test_a_packed_body_is_unpacked_to_a_bound(talk, encoding):
    packed = gzip.compress(b" " * (200 * MB), 9)

    async def bomb(_: web.Request) -> web.Response:
        return web.Response(body=packed, headers={"Content-Encoding": encoding})

    models, runner = await serve(bomb)
    try:
        model = await models.resolve("openai:fake")
        tracemalloc.start()
        with pytest.raises(ModelFault):
            await model.request(talk(), [])
        assert tracemalloc.get_traced_memory()[1] < 60 * MB
    finally:
        tracemalloc.stop()
        await models.close()
        await runner.cleanup()


async def test_a_packed_body_can_be_read(server, model, talk, kit):
    packed = gzip.compress(json.dumps(kit.said("Hello")).encode())
    server.answers = [(200, packed, {"Content-Encoding": "gzip"})]
    assert (await model.request(talk(), [])).text == "Hello"


async def test_a_body_that_drips_for_ever_is_given_up(talk):
    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b" ")
            await asyncio.sleep(0.05)

    models, runner = await serve(drip, timeout=0.2)
    try:
        model = await models.resolve("openai:fake")
        with pytest.raises(ModelFault) as fault:
            await asyncio.wait_for(model.request(talk(), []), 60)
    finally:
        await models.close()
        await runner.cleanup()
    assert fault.value.code == "MODEL_UNAVAILABLE"
