"""Streams of OpenAI's Responses API and of Google give what the whole answers give: texts, calls, usage, ends.

Covers: executor.models.writing, executor.models.providers.openai, executor.models.providers.google
"""

import json
from typing import Any

import pytest

from executor.domain.meters import NoMeters
from executor.models.connections import Access
from executor.models.dialogue import Finish, Reply, ToolReturn
from executor.models.model import SilentListener
from executor.models.patience import ModelPatience
from executor.models.providers import google, openai
from executor.models.remote import RemoteModel
from executor.tools.spec import ToolSpec

LOOK = ToolSpec("look", "Looks", {"type": "object", "properties": {"q": {"type": "integer"}}})
EVENTS = {"Content-Type": "text/event-stream"}


class Watcher(SilentListener):
    watched = True

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_text(self, draft: Any) -> None:
        self.seen.append(draft.visible())


@pytest.fixture
async def models(server: Any, monkeypatch: Any) -> Any:
    """Return a function that makes a model of a provider, which is asked at the test's server."""
    server.strict = False
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    connections = {
        "openai": openai.connect(Access(key="k"), 60),
        "google": google.connect(Access(key="k", url=server.url), 60),
    }

    def make(provider: str, name: str) -> RemoteModel:
        connection = connections[provider]
        native, patience = connection.model(name), ModelPatience(tries=2, first=0.01)
        return RemoteModel(name, native, patience, NoMeters(), connection.traits)

    yield make
    for connection in connections.values():
        await connection.close()


# OpenAI's Responses API

TEXT = {"type": "output_text", "text": "Tea \U0001f375 first", "annotations": [], "logprobs": []}
ITEMS: list[dict[str, Any]] = [
    {"id": "rs_1", "type": "reasoning", "encrypted_content": "sealed",
     "summary": [{"type": "summary_text", "text": "I think of tea"}]},
    {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [TEXT]},
    {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": "look",
     "arguments": '{"q": 1}'},
    {"id": "fc_2", "type": "function_call", "status": "completed", "call_id": "call_2", "name": "look",
     "arguments": '{"q": 2}'},
]  # fmt: skip
USAGE = {
    "input_tokens": 120, "input_tokens_details": {"cached_tokens": 100},
    "output_tokens": 30, "output_tokens_details": {"reasoning_tokens": 20}, "total_tokens": 150,
}  # fmt: skip


def response(items: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "resp_1", "object": "response", "created_at": 1, "model": "gpt-5-2025-08-07", "status": status,
        "output": items, "usage": USAGE, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        "error": None, "incomplete_details": None, **more,
    }  # fmt: skip


def written(end: str, whole: dict[str, Any]) -> bytes:
    """Return the stream of a whole response, each text and each call in pieces."""
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    events: list[dict[str, Any]] = [
        {"type": f"response.{name}", "response": begun} for name in ("created", "in_progress")
    ]
    for index, item in enumerate(whole["output"]):
        at = {"output_index": index, "item_id": item["id"]}
        events.append({"type": "response.output_item.added", "item": _begun(item), **at})
        events += [{**event, **at} for event in _pieces(item)]
        events.append({"type": "response.output_item.done", "item": item, **at})
    events.append({"type": f"response.{end}", "response": whole})
    return _sse(events)


def _sse(events: list[dict[str, Any]]) -> bytes:
    numbered = [{**event, "sequence_number": n} for n, event in enumerate(events)]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in numbered).encode()


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    empty = {"content": [], "summary": [], "arguments": ""}
    kept = {name: empty.get(name, value) for name, value in item.items()}
    return {**kept, "status": "in_progress"} if "status" in item else kept


def _pieces(item: dict[str, Any]) -> list[dict[str, Any]]:
    if item["type"] == "function_call":
        text, name = item["arguments"], "response.function_call_arguments"
        done = {"type": f"{name}.done", "arguments": text, "name": item["name"]}
        return [*({"type": f"{name}.delta", "delta": half} for half in _halves(text)), done]
    if item["type"] == "reasoning":
        part = item["summary"][0]
        at = {"summary_index": 0}
        name = "response.reasoning_summary"
        return [
            {"type": f"{name}_part.added", "part": {**part, "text": ""}, **at},
            *(
                {"type": f"{name}_text.delta", "delta": half, **at}
                for half in _halves(part["text"])
            ),
            {"type": f"{name}_text.done", "text": part["text"], **at},
            {"type": f"{name}_part.done", "part": part, **at},
        ]
    part, at = item["content"][0], {"content_index": 0}
    kind = "refusal" if part["type"] == "refusal" else "output_text"
    text = part.get("text") or part.get("refusal")
    told = {"refusal": text} if kind == "refusal" else {"text": text, "logprobs": []}
    empty = {**part, "refusal": ""} if kind == "refusal" else {**part, "text": ""}
    return [
        {"type": "response.content_part.added", "part": empty, **at},
        *({"type": f"response.{kind}.delta", "delta": half, "logprobs": [], **at} for half in _halves(text)),
        {"type": f"response.{kind}.done", **told, **at},
        {"type": "response.content_part.done", "part": part, **at},
    ]  # fmt: skip


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]


async def both(
    server: Any, model: RemoteModel, talk: Any, whole: Any, pieces: bytes
) -> tuple[Reply, Reply, Watcher]:
    """Return the reply by a whole answer, that by its stream, and who watched."""
    server.answers = [whole, (200, pieces, EVENTS)]
    watcher = Watcher()
    plain = await model.request(talk(), [LOOK])
    live = await model.request(talk(), [LOOK], watcher)
    assert len(server.asked) == 2
    for reply in (plain, live):  # the time at which it came
        assert reply.raw is None or reply.raw.pop("timestamp")
    return plain, live, watcher


async def test_a_stream_of_responses_gives_the_same_reply(
    server: Any, models: Any, talk: Any
) -> None:
    whole, model = response(ITEMS), models("openai", "gpt-5")
    plain, live, watcher = await both(server, model, talk, whole, written("completed", whole))
    assert live == plain
    assert (live.text, live.finish) == ("Tea \U0001f375 first", Finish.CALLS)
    assert [(call.id, call.arguments) for call in live.calls] == [
        ("call_1", {"q": 1}),
        ("call_2", {"q": 2}),
    ]
    assert (live.tokens.input, live.tokens.output) == (120, 30)
    assert live.tokens.cost_usd
    assert (live.model, live.response_id) == ("gpt-5-2025-08-07", "resp_1")
    assert watcher.seen == ["Tea \U0001f375"[:5], "Tea \U0001f375 first"]
    assert "I think" not in "".join(watcher.seen)
    assert server.asked[1].pop("stream") is True
    assert server.asked[1] == {n: v for n, v in server.asked[0].items() if n != "stream"}


async def test_what_was_streamed_goes_back_as_what_came_whole(
    server: Any, models: Any, talk: Any
) -> None:
    whole, model = response(ITEMS), models("openai", "gpt-5")
    replies = await both(server, model, talk, whole, written("completed", whole))
    sent = []
    server.answers = [response([ITEMS[1]])]
    for reply in replies[:2]:
        again = talk()
        results = tuple(ToolReturn(call.id, "look", "seen") for call in reply.calls)
        again.turns += [Reply.load(reply.dump()), results]
        await model.request(again, [LOOK])
        sent.append(server.asked[-1])
    assert sent[0] == sent[1]
    assert [one.get("type") for one in sent[0]["input"]][-5:] == [
        *(
            "message",
            "function_call",
            "function_call",
            "function_call_output",
            "function_call_output",
        )
    ]


ENDS: dict[str, Any] = {
    "cut": (
        "incomplete",
        response([ITEMS[1]], "incomplete", incomplete_details={"reason": "max_output_tokens"}),
        Finish.LENGTH,
    ),
    "filtered": (
        "incomplete",
        response([ITEMS[1]], "incomplete", incomplete_details={"reason": "content_filter"}),
        Finish.FILTERED,
    ),
    "refused": (
        "completed",
        response([{**ITEMS[1], "content": [{"type": "refusal", "refusal": "I will not"}]}]),
        Finish.REFUSED,
    ),
}


@pytest.mark.parametrize("kind", ENDS)
async def test_ends_of_streams_mean_the_same(
    server: Any, models: Any, talk: Any, kind: str
) -> None:
    end, whole, finish = ENDS[kind]
    model = models("openai", "gpt-5")
    plain, live, _ = await both(server, model, talk, whole, written(end, whole))
    assert live == plain
    assert live.finish is finish


FAILED = {"error": {"code": "server_error", "message": "overloaded"}}


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(written("completed", response([ITEMS[1]])).rsplit(b"event: ", 1)[0], id="breaks off"),
        pytest.param(written("failed", response([], "failed", **FAILED)), id="fails"),
        pytest.param(_sse([{"type": "error", "code": "server_error", "message": "overloaded", "param": None}]), id="error"),
    ],
)  # fmt: skip
async def test_a_broken_stream_is_asked_for_again(
    server: Any, models: Any, talk: Any, broken: bytes
) -> None:
    whole = response([ITEMS[1]])
    server.answers = [(200, broken, EVENTS), (200, written("completed", whole), EVENTS)]
    reply = await models("openai", "gpt-5").request(talk(), [LOOK], Watcher())
    assert (reply.text, len(server.asked)) == ("Tea \U0001f375 first", 2)


# Google

G_USAGE = {
    "promptTokenCount": 120, "candidatesTokenCount": 10, "thoughtsTokenCount": 20, "totalTokenCount": 150,
    "cachedContentTokenCount": 100,
}  # fmt: skip
THOUGHT = {"text": "I think of tea", "thought": True}
CALLS = [
    {"functionCall": {"id": f"call_{q}", "name": "look", "args": {"q": q}}, "thoughtSignature": "c2VhbGVk"}
    for q in (1, 2)
]  # fmt: skip


def candidate(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    one: dict[str, Any] = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish is not None:
        one["finishReason"] = finish
    return {
        "responseId": "r1",
        "modelVersion": "gemini-2.5-flash-001",
        "candidates": [one],
        "usageMetadata": {**G_USAGE, **more},
    }


def chunks(*pieces: Any) -> bytes:
    return "".join(f"data: {json.dumps(one)}\r\n\r\n" for one in pieces).encode()


async def test_googles_streams_give_the_same_reply(server: Any, models: Any, talk: Any) -> None:
    whole = candidate(THOUGHT, {"text": "Tea \U0001f375 first"}, *CALLS, finish="STOP")
    early = {"candidatesTokenCount": 2, "thoughtsTokenCount": 5, "totalTokenCount": 127}
    pieces = chunks(
        candidate({**THOUGHT, "text": "I think"}, **early),
        candidate({**THOUGHT, "text": " of tea"}, **early),
        candidate({"text": "Tea \U0001f375"}, **early),
        candidate({"text": " first"}, **early),
        candidate(CALLS[0], **early),
        candidate(CALLS[1], finish="STOP"),
    )
    plain, live, watcher = await both(
        server, models("google", "gemini-2.5-flash"), talk, whole, pieces
    )
    assert live == plain
    assert (live.text, live.finish) == ("Tea \U0001f375 first", Finish.CALLS)
    assert [call.arguments for call in live.calls] == [{"q": 1}, {"q": 2}]
    assert (live.tokens.input, live.tokens.output) == (120, 30)
    assert (live.model, live.response_id) == ("gemini-2.5-flash-001", "r1")
    assert watcher.seen == ["Tea \U0001f375", "Tea \U0001f375 first"]


@pytest.mark.parametrize(
    ("reason", "finish"), [("MAX_TOKENS", Finish.LENGTH), ("SAFETY", Finish.FILTERED)]
)
async def test_ends_of_googles_streams_mean_the_same(
    server: Any, models: Any, talk: Any, reason: str, finish: Finish
) -> None:
    whole = candidate({"text": "Tea"}, finish=reason)
    pieces = chunks(candidate({"text": "T"}), candidate({"text": "ea"}, finish=reason))
    plain, live, _ = await both(server, models("google", "gemini-2.5-flash"), talk, whole, pieces)
    assert live == plain
    assert live.finish is finish


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(chunks(candidate({"text": "Half"})), id="breaks off"),
        pytest.param(chunks({"error": {"code": 503, "status": "UNAVAILABLE", "message": "overloaded"}}), id="error"),
    ],
)  # fmt: skip
async def test_a_broken_stream_of_google_is_asked_for_again(
    server: Any, models: Any, talk: Any, broken: bytes
) -> None:
    whole = chunks(candidate({"text": "Whole"}, finish="STOP"))
    server.answers = [(200, broken, EVENTS), (200, whole, EVENTS)]
    reply = await models("google", "gemini-2.5-flash").request(talk(), [LOOK], Watcher())
    assert (reply.text, len(server.asked)) == ("Whole", 2)
