"""Replies by pydantic-ai's streams: shown as they are written, bounded, and the same at the end."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelConnectionError, UnexpectedModelBehavior
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.models.test import TestModel

from executor.models import writing as module
from executor.models.draft import Draft
from executor.models.model import SilentListener
from executor.models.writing import Writing, streamed_response

CALL = {"model_settings": {}, "model_request_parameters": ModelRequestParameters()}
MESSAGES = [ModelRequest.user_text_prompt("Tell me about tea")]


class Reader(SilentListener):
    def __init__(self):
        self.seen = []

    def on_text(self, draft):
        self.seen.append(draft.visible())


class Ending(TestModel):
    """Says at the end of its streams why they end, as providers do."""

    @asynccontextmanager
    async def request_stream(self, *args, **more):
        async with super().request_stream(*args, **more) as stream:
            stream.finish_reason = "stop"
            yield stream


async def test_a_stream_that_does_not_say_why_it_ends_has_broken_off():
    with pytest.raises(ModelConnectionError, match="breaks off"):
        await streamed_response(TestModel(), MESSAGES, CALL, Writing(Draft(), Reader()))


async def test_the_text_is_shown_and_the_response_is_the_same_as_without():
    native = Ending(custom_output_text="Tea \U0001f375 grows in many places")
    reader = Reader()
    streamed = await streamed_response(native, MESSAGES, CALL, Writing(Draft(), reader))
    plain = await model_request(native, MESSAGES, **CALL)
    assert streamed.parts == plain.parts
    assert streamed.finish_reason == "stop"
    assert len(reader.seen) > 2
    assert reader.seen[-1] == plain.text
    assert all(plain.text.startswith(text) for text in reader.seen)


async def test_a_reply_that_is_too_long_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "_TEXT", 10)
    native = TestModel(custom_output_text="word " * 50)
    with pytest.raises(UnexpectedModelBehavior, match="more than 10"):
        await streamed_response(native, MESSAGES, CALL, Writing(Draft(), Reader()))


async def test_a_reply_that_does_not_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(module, "_LONGEST", 0.02)

    class Endless(Reader):
        def on_text(self, draft):
            super().on_text(draft)
            raise TimeoutError

    native = TestModel(custom_output_text="word " * 50)
    with pytest.raises(UnexpectedModelBehavior, match="does not end"):
        await streamed_response(native, MESSAGES, CALL, Writing(Draft(), Endless()))
    await asyncio.sleep(0)
