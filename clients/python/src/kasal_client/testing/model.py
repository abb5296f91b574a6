"""A model server that answers by a script. It speaks OpenAI's chat completions, streamed too."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from .script import Answer, Condition, Gate, ModelRequest, Script

__all__ = ["Gate", "ModelRequest", "ScriptedModel"]
_LARGEST = 50_000_000
_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


class ScriptedModel:
    """A model server for tests: use it in a `with` block, and give `url` to whoever asks models.

    Answers are given in the order in which they were said, each once, to the first request that they are for. A
    request that none is for gets `default`; without that, it is refused.
    """

    def __init__(self, default: str | None = "Done.", *, port: int = 0) -> None:
        self._script = Script(default)
        self._server = _Server(("127.0.0.1", port), self._script)
        self._thread: threading.Thread | None = None
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        """Where it is, as `KASAL_OPENAI_BASE_URL` and other clients' `base_url` want it."""

    @property
    def host(self) -> str:
        """Its host and port."""
        return self.url.split("/")[2]

    @property
    def requests(self) -> list[ModelRequest]:
        """What was asked so far, oldest first."""
        return list(self._script.requests)

    def reply(
        self,
        *pieces: str,
        when: Condition = None,
        times: int | None = 1,
        delay: float = 0.0,
        gate: Gate | None = None,
        gate_after: int = 0,
        finish_reason: str = "",
        breaks: bool = False,
    ) -> Self:
        """Answer with a text. Of a stream, each of `pieces` is one part.

        `when` says to which requests: a text in their messages, or a function. `delay` is waited before the answer
        and between its pieces. A `gate` holds it, or what comes after its first `gate_after` pieces. With `breaks`,
        the connection ends before the answer does.
        """
        self._script.add(
            Answer(
                when=when,
                times=times,
                pieces=pieces,
                delay=delay,
                gate=gate,
                gate_after=gate_after,
                finish_reason=finish_reason,
                breaks=breaks,
            )
        )
        return self

    def call(
        self, tool: str, *, when: Condition = None, times: int | None = 1, **arguments: Any
    ) -> Self:
        """Ask for a call of `tool`."""
        return self.call_all((tool, arguments), when=when, times=times)

    def call_all(
        self,
        *calls: tuple[str, dict[str, Any]],
        when: Condition = None,
        times: int | None = 1,
        text: str = "",
    ) -> Self:
        """Ask for several calls in one answer, with `text` beside them."""
        pieces = (text,) if text else ()
        self._script.add(Answer(when=when, times=times, pieces=pieces, calls=calls))
        return self

    def fail(
        self,
        status: int = 500,
        message: str = "The script refuses this.",
        *,
        when: Condition = None,
        times: int | None = 1,
        retry_after: float | None = None,
    ) -> Self:
        """Refuse with a status."""
        headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
        self._script.add(
            Answer(when=when, times=times, status=status, message=message, headers=headers)
        )
        return self

    def wait_for_requests(self, count: int, timeout: float = 30.0) -> list[ModelRequest]:
        """Wait until `count` requests have come, and return all. Raises TimeoutError."""
        if not self._script.wait_for(count, timeout):
            raise TimeoutError(f"{len(self.requests)} of {count} requests came in {timeout:g} s.")
        return self.requests

    def start(self) -> Self:
        """Begin to answer."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop answering."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a gate that nobody opens holds no test

    def __init__(self, address: tuple[str, int], script: Script) -> None:
        super().__init__(address, _Handler)
        self.script = script

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no fault."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
        """Say nothing."""

    def do_GET(self) -> None:
        """List one model."""
        self._send(200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})

    def do_POST(self) -> None:
        """Answer by the script."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > _LARGEST:
            self._send(413, {"error": {"message": "too large"}})
            return
        body = json.loads(self.rfile.read(length) or b"{}")
        key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        number, answer = self.server.script.take(ModelRequest(body, key))
        time.sleep(answer.delay)
        if answer.status != 200:
            self._refuse(answer)
        elif body.get("stream"):
            self._stream(body, number, answer)
        else:
            self._answer(body, number, answer)

    def _refuse(self, answer: Answer) -> None:
        said = {"error": {"message": answer.message, "type": "scripted", "code": None}}
        self._send(answer.status, said, answer.headers)

    def _answer(self, body: dict[str, Any], number: int, answer: Answer) -> None:
        if answer.gate is not None:
            answer.gate.pass_through()
        if answer.breaks:
            self.close_connection = True
            return
        message: dict[str, Any] = {"role": "assistant", "content": answer.content or None}
        if answer.calls:
            message["tool_calls"] = answer.tool_calls(number)
        choice = {"index": 0, "message": message, "finish_reason": answer.finish}
        self._send(200, {**_head(body, number), "choices": [choice], "usage": _USAGE})

    def _stream(self, body: dict[str, Any], number: int, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        head = {**_head(body, number), "object": "chat.completion.chunk"}
        for place, piece in enumerate(answer.pieces or ("",)):
            if answer.gate is not None and place == answer.gate_after:
                answer.gate.pass_through()
            if place:
                time.sleep(answer.delay)
            self._chunk(head, {"role": "assistant", "content": piece})
        if answer.breaks:
            return
        if answer.calls:
            self._chunk(head, {"tool_calls": answer.tool_calls(number)})
        self._chunk(head, {}, answer.finish)
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event({**head, "choices": [], "usage": _USAGE})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(
        self, head: dict[str, Any], delta: dict[str, Any], finish: str | None = None
    ) -> None:
        self._event({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        self.wfile.flush()

    def _send(
        self, status: int, content: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _head(body: dict[str, Any], number: int) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": body.get("model", "scripted"),
    }
