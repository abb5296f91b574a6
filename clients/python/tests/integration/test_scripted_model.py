"""A model that answers by a script.

Covers: kasal_client.testing.script, kasal_client.testing.model
"""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from kasal_client.testing import Gate, ScriptedModel


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as running:
        yield running


def ask(model: ScriptedModel, prompt: str, **options: Any) -> httpx2.Response:
    body = {"model": "gpt-4o", "messages": [{"role": "user", "content": prompt}], **options}
    headers = {"Authorization": "Bearer sk-1"}
    with httpx2.Client(trust_env=False) as http:
        return http.post(f"{model.url}/chat/completions", json=body, headers=headers)


def said(response: httpx2.Response) -> Any:
    return response.json()["choices"][0]["message"]["content"]


def test_answers_are_given_in_order_to_whom_they_are_for(model: ScriptedModel):
    model.reply("For tea.", when="tea").reply("First.").reply("Second.")
    assert [said(ask(model, one)) for one in ("milk", "a tea", "milk", "milk")] == [
        "First.",
        "For tea.",
        "Second.",
        "Done.",
    ]
    assert [one.prompt for one in model.requests] == ["milk", "a tea", "milk", "milk"]
    assert model.requests[0].key == "sk-1"
    assert "sk-1" not in repr(model.requests[0])


def test_a_call_of_a_tool_is_asked_for(model: ScriptedModel):
    model.call("calculator", expression="1 + 1")
    tools = [{"type": "function", "function": {"name": "calculator"}}]
    choice = ask(model, "add", tools=tools).json()["choices"][0]
    call = choice["message"]["tool_calls"][0]["function"]
    assert choice["finish_reason"] == "tool_calls"
    assert (call["name"], json.loads(call["arguments"])) == ("calculator", {"expression": "1 + 1"})
    assert model.requests[0].tools == ["calculator"]


def test_a_refusal_has_its_status(model: ScriptedModel):
    model.fail(429, "Slower.", retry_after=2)
    refused = ask(model, "anything")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "2")
    assert refused.json()["error"]["message"] == "Slower."


def test_a_stream_is_held_at_a_gate(model: ScriptedModel):
    gate = Gate()
    model.reply("One ", "two.", gate=gate, gate_after=1)
    body = {"model": "m", "messages": [], "stream": True, "stream_options": {"include_usage": True}}
    pieces = []
    with (
        httpx2.Client(trust_env=False) as http,
        http.stream("POST", f"{model.url}/chat/completions", json=body) as response,
    ):
        for sent in httpx2.EventSource(response):
            pieces.append(sent.data)
            gate.wait()
            gate.open()
    assert pieces[-1] == "[DONE]"
    parsed = [json.loads(piece) for piece in pieces[:-1]]
    text = [one["choices"][0]["delta"].get("content", "") for one in parsed if one["choices"]]
    assert "".join(text) == "One two."
    assert parsed[-1]["usage"]["total_tokens"] == 15


def test_a_broken_answer_breaks(model: ScriptedModel):
    model.reply("Half.", breaks=True)
    with pytest.raises(httpx2.TransportError):
        ask(model, "anything")


def test_requests_are_waited_for(model: ScriptedModel):
    asking = threading.Thread(target=ask, args=(model, "now"))
    asking.start()
    assert model.wait_for_requests(1)[0].prompt == "now"
    asking.join()
    with pytest.raises(TimeoutError, match="1 of 2"):
        model.wait_for_requests(2, timeout=0)


def test_without_a_default_the_unexpected_is_refused():
    with ScriptedModel(default=None) as strict:
        assert ask(strict, "anything").status_code == 400
