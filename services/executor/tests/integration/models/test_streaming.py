"""Replies that are streamed for somebody who watches: the same at the end, bounded, and cut off at once.

Covers: executor.models.client, executor.models.streams
"""

import asyncio
import json

import pytest
from aiohttp import web

from executor.domain.meters import NoMeters
from executor.models import client as client_module
from executor.models.connections import Access
from executor.models.dialogue import Finish
from executor.models.model import ModelFault, SilentListener
from executor.models.patience import ModelPatience
from executor.models.providers import anthropic
from executor.models.remote import RemoteModel
from executor.tools.spec import ToolSpec

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


class Watcher(SilentListener):
    watched = True

    def __init__(self):
        self.seen = []
        self.news = asyncio.Event()

    def on_text(self, draft):
        self.seen.append(draft.visible())
        self.news.set()


def event(data):
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data).encode()) + b"\n\n"


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return event({"id": "x", "created": 1, "model": "fake", "choices": [choice]})


END = event({"id": "x", "choices": [], "usage": USAGE}) + event(b"[DONE]")


def streamed(*pieces):
    return (200, b"".join(pieces), {"Content-Type": "text/event-stream"})


async def test_the_reply_is_the_same_as_without_a_watcher(server, model, talk, kit):
    thought = "<think>Hm</think>\n"
    server.answers = [
        kit.said(f"{thought}Hello there"),
        streamed(
            chunk({"role": "assistant", "content": ""}),
            *(chunk({"content": text}) for text in ("<thi", "nk>Hm</think>", "\nHello", " there")),
            chunk({}, "stop"),
            END,
        ),
    ]
    plain = await model.request(talk(), [])
    watcher = Watcher()
    live = await model.request(talk(), [], watcher)
    assert live == plain
    assert live.text == "Hello there"
    assert live.tokens.input == 11
    assert live.finish is Finish.STOP
    assert watcher.seen[-1] == "Hello there"
    assert all("Hello there".startswith(seen) for seen in watcher.seen)
    whole, pieces = server.asked
    assert pieces.pop("stream") is True
    assert pieces.pop("stream_options") == {"include_usage": True}
    assert pieces == {name: value for name, value in whole.items() if name != "stream"}


async def test_calls_are_the_same_and_are_not_shown(server, model, talk, kit):
    call = {"id": "c0", "type": "function", "function": {"name": "look", "arguments": '{"q":1}'}}
    half = {"index": 0, "id": "c0", "type": "function", "function": {"name": "look"}}
    rest = [{"index": 0, "function": {"arguments": text}} for text in ('{"q"', ":1}")]
    server.answers = [
        kit.said(None, calls=[call], finish="tool_calls"),
        streamed(
            *(chunk({"tool_calls": [one]}) for one in (half, *rest)), chunk({}, "tool_calls"), END
        ),
    ]
    plain = await model.request(talk(), [])
    watcher = Watcher()
    live = await model.request(talk(), [], watcher)
    assert live == plain
    assert live.calls[0].arguments == {"q": 1}
    assert watcher.seen == []


async def test_a_server_that_does_not_stream_answers_as_ever(server, model, talk, kit):
    server.answers = [kit.said("Whole")]
    watcher = Watcher()
    assert (await model.request(talk(), [], watcher)).text == "Whole"
    assert watcher.seen == []
    assert len(server.asked) == 1


async def test_a_server_that_refuses_to_stream_is_asked_without(server, model, talk, kit):
    def answer(asked):
        return (
            (400, {"error": {"message": "no stream"}}, {}) if asked.get("stream") else kit.said("W")
        )

    server.answers = [answer]
    assert (await model.request(talk(), [], Watcher())).text == "W"
    assert [bool(asked.get("stream")) for asked in server.asked] == [True, False]


async def test_a_stream_that_breaks_off_or_fails_is_asked_for_again(server, model, talk):
    whole = streamed(chunk({"content": "Whole"}), chunk({}, "stop"), END)
    failed = event({"error": {"message": "overloaded", "code": 503}})
    for broken in (streamed(chunk({"content": "Half"})), streamed(chunk({"content": "H"}), failed)):
        server.answers = [broken, whole]
        watcher = Watcher()
        assert (await model.request(talk(), [], watcher)).text == "Whole"
        assert watcher.seen[-1] == "Whole"


@pytest.mark.parametrize(
    "pieces",
    [
        [chunk({"content": "x" * 100_000})] * 8,
        [b"data: " + b"x" * 100_000] * 8,
        [event(b"[" + b"[]," * 60_000 + b"[]]")],
        [chunk({"tool_calls": [{"index": 0, "function": {"arguments": "x" * 100_000}}]})] * 8,
    ],
)
async def test_a_stream_that_is_too_large_is_cut_off(server, model, talk, pieces):
    server.answers = [streamed(*pieces, chunk({}, "stop"), END)]
    with pytest.raises(ModelFault, match="too large"):
        await model.request(talk(), [], Watcher())


async def test_a_stream_that_does_not_end_is_cut_off(server, model, talk, monkeypatch):
    monkeypatch.setattr(client_module, "_LARGEST_STREAM", 200_000)
    gone = asyncio.Event()

    async def endless(request):
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b": nothing\n" * 1_000)
        except (ConnectionResetError, asyncio.CancelledError):
            gone.set()
            raise

    app = web.Application()
    app.router.add_post("/v1/{path:.*}", endless)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    from executor.models.catalogue import Models, ModelSettings

    url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    settings = ModelSettings(
        {"openai": Access(url=url)}, timeout=60, patience=ModelPatience(longest=0.1)
    )
    models = Models(settings)
    try:
        with pytest.raises(ModelFault, match="too large"):
            await (await models.resolve("openai:fake")).request(talk(), [], Watcher())
        await asyncio.wait_for(gone.wait(), 60)
    finally:
        await models.close()
        await runner.cleanup()


LOOK = ToolSpec("look", "Looks", {"type": "object", "properties": {"q": {"type": "integer"}}})


def sse(*events):
    lines = [f"event: {data['type']}\ndata: {json.dumps(data)}\n\n" for data in events]
    return (200, "".join(lines).encode(), {"Content-Type": "text/event-stream"})


def _anthropic_events():
    message = {
        "id": "m1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {"q": 1}}
    whole = {
        **message,
        "content": [{"type": "text", "text": "Tea \U0001f375 first"}, call],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 11, "output_tokens": 7},
    }
    start = {**message, "content": [], "usage": {"input_tokens": 11, "output_tokens": 1}}

    def block(index, begin, *deltas):
        yield {"type": "content_block_start", "index": index, "content_block": begin}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}

    texts = [{"type": "text_delta", "text": text} for text in ("Tea \U0001f375", " first")]
    halves = [{"type": "input_json_delta", "partial_json": text} for text in ('{"q"', ": 1}")]
    ended = {"stop_reason": "tool_use", "stop_sequence": None}
    return whole, sse(
        {"type": "message_start", "message": start},
        *block(0, {"type": "text", "text": ""}, *texts),
        *block(1, {**call, "input": {}}, *halves),
        {"type": "message_delta", "delta": ended, "usage": {"output_tokens": 7}},
        {"type": "message_stop"},
    )


@pytest.fixture
async def claude(server, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url.removesuffix("/v1"))
    connection = anthropic.connect(Access(key="k"), 60)
    native, patience = connection.model("claude-haiku-4-5"), ModelPatience(tries=2, first=0.01)
    yield RemoteModel("claude", native, patience, NoMeters(), connection.traits)
    await connection.close()


async def test_a_stream_of_anthropic_that_breaks_off_is_asked_for_again(server, talk, claude):
    _, (status, pieces, headers) = _anthropic_events()
    half = pieces[: pieces.index(b"event: message_delta")]
    server.answers, server.strict = [(status, half, headers), (status, pieces, headers)], False
    live = await claude.request(talk(), [LOOK], Watcher())
    assert (live.text, len(server.asked)) == ("Tea \U0001f375 first", 2)


async def test_anthropics_streams_give_the_same_reply(server, talk, claude):
    whole, pieces = _anthropic_events()
    # The library may stream by itself, even for those who want the whole.
    server.answers = [lambda asked: pieces if asked.get("stream") else whole]
    server.strict = False
    watcher = Watcher()
    plain = await claude.request(talk(), [LOOK])
    live = await claude.request(talk(), [LOOK], watcher)
    assert live == plain
    assert live.calls[0].arguments == {"q": 1}
    assert (live.tokens.input, live.tokens.output) == (11, 7)
    assert watcher.seen == ["Tea \U0001f375", "Tea \U0001f375 first"]
