"""Answers in pieces, put together: the same as whole ones, whatever their cuts, and bounded."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.models.completions import mend
from executor.models.streams import Assembly, Lines, UnusableStream, streaming_request

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


def whole(message, finish="stop", usage=USAGE):
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }


def chunk(delta, finish=None, **rest):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "created": 5, "model": "m", "choices": [choice], **rest}


def assembled(chunks, *, done=True):
    written = []
    made = Assembly(written.append)
    for one in chunks:
        made.add(json.dumps(one).encode())
    if done:
        made.add(b"[DONE]")
    return made, "".join(written)


def pieces(draw, text):
    cuts = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=5))})
    return [text[start:end] for start, end in itertools.pairwise(cuts)]


@given(st.data(), st.text(max_size=40), st.text(max_size=20), st.text(max_size=20), st.booleans())
def test_the_answer_is_the_same_as_without_streaming(data, text, thought, value, called):
    message = {"role": "assistant", "content": text or None}
    chunks = [chunk({"role": "assistant", "content": ""})]
    if thought:
        message["reasoning_content"] = thought
        chunks += [chunk({"reasoning_content": one}) for one in pieces(data.draw, thought)]
    chunks += [chunk({"content": one}) for one in pieces(data.draw, text)]
    if called:
        calls = [("call_1", "look", json.dumps({"q": value})), ("call_2", "see", "{}")]
        message["tool_calls"] = [
            {"id": call_id, "type": "function", "function": {"name": name, "arguments": given}}
            for call_id, name, given in calls
        ]
        for index, (call_id, name, given) in enumerate(calls):
            first = {"index": index, "id": call_id, "function": {"name": name, "arguments": ""}}
            chunks.append(chunk({"tool_calls": [first]}))
            for one in pieces(data.draw, given):
                later = {"index": index, "function": {"arguments": one}}
                chunks.append(chunk({"tool_calls": [later]}))
    finish = "tool_calls" if called else "stop"
    chunks += [chunk({}, finish), {"id": "c1", "choices": [], "usage": USAGE}]
    made, written = assembled(chunks)
    assert written == text
    assert made.ended
    assert mend(made.body()) == mend(json.dumps(whole(message, finish)).encode())


@given(st.lists(st.text(alphabet="abc \u00e9\U0001f375", max_size=10), max_size=8), st.data())
def test_lines_are_found_wherever_the_stream_is_cut(texts, data):
    ends = st.sampled_from(["\n", "\r\n"])
    stream = "".join(f": c\nevent: x\ndata: {text}{data.draw(ends)}\n" for text in texts).encode()
    lines, found = Lines(), []
    size = data.draw(st.integers(1, 12))
    for start in range(0, len(stream), size):
        found += lines.feed(stream[start : start + size])
    found += lines.rest()
    assert found == [text.strip().encode() for text in texts]


def test_calls_that_all_have_the_index_0_are_told_apart_by_id():
    made, _ = assembled(
        [
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "a", "function": {"name": "x", "arguments": "{}"}}
                    ]
                }
            ),
            chunk(
                {
                    "tool_calls": [
                        {"index": 0, "id": "b", "function": {"name": "y", "arguments": "{}"}}
                    ]
                }
            ),
            chunk({}, "tool_calls"),
        ]
    )
    calls = json.loads(made.body())["choices"][0]["message"]["tool_calls"]
    assert [(call["id"], call["function"]["name"]) for call in calls] == [("a", "x"), ("b", "y")]


def test_an_error_in_the_midst_is_an_error_and_not_half_an_answer():
    made, written = assembled(
        [chunk({"content": "Half"}), {"error": {"message": "overloaded", "code": 503}}], done=False
    )
    assert written == "Half"
    assert made.ended
    assert mend(made.body()).status == 503


def test_a_stream_that_breaks_off_has_no_end():
    made, _ = assembled([chunk({"content": "Half"})], done=False)
    assert not made.ended


@pytest.mark.parametrize("name", ["content", "reasoning_content", "refusal"])
def test_texts_are_bounded(name):
    made = Assembly(lambda _: None)
    piece = json.dumps(chunk({name: "x" * 100_000})).encode()
    for _ in range(6):
        made.add(piece)
    with pytest.raises(UnusableStream, match="600000 characters"):
        made.add(piece)


def test_events_are_bounded():
    lines = Lines()
    for _ in range(10):
        assert list(lines.feed(b"x" * 50_000)) == []
    with pytest.raises(UnusableStream, match="too long"):
        list(lines.feed(b"x" * 50_000))
    with pytest.raises(UnusableStream, match="too many parts"):
        Assembly(lambda _: None).add(b"[" + b"[]," * 60_000 + b"[]]")
    made, _ = assembled(
        [
            chunk({"tool_calls": [{"index": n, "id": f"c{n}", "function": {"name": "x"}}]})
            for n in range(400)
        ]
    )
    assert len(json.loads(made.body())["choices"][0]["message"]["tool_calls"]) == 257


def test_a_request_asks_for_pieces_and_is_otherwise_the_same():
    asked = json.loads(streaming_request(b'{"model":"m","messages":[],"seed":3}'))
    assert asked.pop("stream") is True
    assert asked.pop("stream_options") == {"include_usage": True}
    assert asked == {"model": "m", "messages": [], "seed": 3}
    assert streaming_request(b'{"input": "x"}') is None
    assert streaming_request(b"[") is None
