"""Reads answers that OpenAI's chat protocol sends in pieces, and puts each together as one answer.

What comes out is what the server would have answered without streaming, so that everything after
that is the same. Pieces are bounded like whole answers.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import orjson

from executor.models.completions import has_too_many_parts
from executor.models.draft import join_surrogates

_LONGEST_LINE = 512 * 1024
_TEXTS = 600_000
"""The most characters of an answer's text; the same for its thoughts and its calls' arguments."""
_CALLS = 257
"""How many calls are kept apart: one more than are read, so that it shows that some are left out."""
_DONE = b"[DONE]"


_writing: ContextVar[Callable[[str], None] | None] = ContextVar("writing", default=None)


@contextmanager
def stream_to(on_text: Callable[[str], None]) -> Iterator[None]:
    """Have the answer to a request in this block streamed, where that is possible: `on_text` gets its text.

    The answer is the same as without. A context variable, as the libraries in between pass on nothing else.
    """
    token = _writing.set(on_text)
    try:
        yield
    finally:
        _writing.reset(token)


def writing_to() -> Callable[[str], None] | None:
    """Return who gets the text of the answer to a request made now, or None if nobody does."""
    return _writing.get()


class UnusableStream(Exception):  # noqa: N818 - it says what it is
    """A stream that is too large; the text says what of it is."""


class Lines:
    """Cuts a stream into the data of its events (HTML standard, section 9.2)."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the data of each line that is whole now. Raises `UnusableStream`."""
        self._rest += chunk
        if b"\n" not in chunk and b"\r" not in chunk:
            if len(self._rest) > _LONGEST_LINE:
                raise UnusableStream("one of its events is too long")
            return
        *lines, rest = self._rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = rest
        if len(rest) > _LONGEST_LINE or any(len(line) > _LONGEST_LINE for line in lines):
            raise UnusableStream("one of its events is too long")
        for line in lines:
            if line.startswith(b"data:"):
                yield bytes(line[5:].strip())

    def rest(self) -> Iterator[bytes]:
        """Yield the data of the last line, which need not end."""
        yield from self.feed(b"\n")


class Assembly:
    """An answer that is put together from its pieces. `on_text` gets the text in them."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self.ended = False
        """Whether the answer is whole."""
        self.done = False
        """Whether nothing more is read: after the reason for which it ended comes what it used."""
        self._on_text = on_text
        self._facts: dict[str, Any] = {}
        self._error: Any = None
        self._texts: dict[str, list[str]] = {}
        self._sizes: dict[str, int] = {}
        self._calls: dict[object, dict[str, Any]] = {}
        self._finish: Any = None

    def add(self, data: bytes) -> None:
        """Take one event's data. Raises `UnusableStream`."""
        if data == _DONE:
            self.ended = self.done = True
            return
        if has_too_many_parts(data):
            raise UnusableStream("one of its events has too many parts")
        piece = _parse(data)
        if not isinstance(piece, dict):
            return
        if piece.get("error") or piece.get("object") == "error":
            self._error = piece.get("error") or piece
            self.ended = self.done = True
            return
        for name in ("id", "created", "model", "usage"):
            if piece.get(name):
                self._facts[name] = piece[name]
        choices = piece.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if isinstance(choice, dict) and choice.get("index") in {0, None}:
                self._take(choice)
                break

    def _take(self, choice: Mapping[str, Any]) -> None:
        if choice.get("error"):
            self._error = choice["error"]
            self.ended = self.done = True
        if choice.get("finish_reason"):
            self._finish, self.ended = choice["finish_reason"], True
        delta = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return
        for name in ("reasoning_content", "reasoning", "refusal"):
            if isinstance(delta.get(name), str):
                self._append(name, delta[name])
        text = _text(delta.get("content"))
        if text:
            self._append("content", text)
            self._on_text(text)
        self._take_calls(delta)

    def _append(self, name: str, text: str) -> None:
        self._sizes[name] = self._sizes.get(name, 0) + len(text)
        if self._sizes[name] > _TEXTS:
            raise UnusableStream(f"it has more than {_TEXTS} characters")
        self._texts.setdefault(name, []).append(text)

    def _take_calls(self, delta: Mapping[str, Any]) -> None:
        calls = delta.get("tool_calls")
        if isinstance(calls, dict):
            calls = [calls]
        if isinstance(delta.get("function_call"), dict) and not calls:
            calls = [{"index": 0, "function": delta["function_call"]}]
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._take_call(call)

    def _take_call(self, call: Mapping[str, Any]) -> None:
        known = self._calls.get(self._place(call))
        if known is None:
            if len(self._calls) >= _CALLS:
                return
            known = self._calls[self._place(call)] = {"id": None, "name": None, "arguments": []}
        function = call.get("function")
        function = function if isinstance(function, dict) else call
        known["id"] = known["id"] or call.get("id")
        known["name"] = known["name"] or function.get("name")
        if call.get("extra_content") is not None:
            known["extra_content"] = call["extra_content"]
        arguments = function.get("arguments")
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments)
        if arguments:
            self._append("arguments", arguments)
            known["arguments"].append(arguments)

    def _place(self, call: Mapping[str, Any]) -> object:
        """Return which call a piece belongs to: by index, else by a new id, else the newest."""
        index = call.get("index")
        if isinstance(index, int):
            known = self._calls.get(index)
            # Some servers give all calls the index 0, and each an id of its own.
            given = call.get("id")
            if known is None or not given or known["id"] in {None, given}:
                return index
        if isinstance(call.get("id"), str) and call["id"]:
            return call["id"]
        return next(reversed(self._calls), 0)

    def body(self) -> bytes:
        """Return the answer as one JSON text, in the shape that it has without streaming."""
        if self._error is not None:
            return _json({"error": self._error})
        message: dict[str, Any] = {"role": "assistant", "content": None}
        for name, pieces in self._texts.items():
            if name != "arguments":
                message[name] = join_surrogates("".join(pieces))
        if self._calls:
            message["tool_calls"] = [_whole(call) for call in self._calls.values()]
        choice = {"index": 0, "message": message, "finish_reason": self._finish}
        return _json({**self._facts, "object": "chat.completion", "choices": [choice]})


def _whole(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": "".join(call["arguments"])}
    made = {"id": call["id"], "type": "function", "function": function}
    extra = call.get("extra_content")
    return made if extra is None else {**made, "extra_content": extra}


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else ()
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


def _parse(data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError:
        pass
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def streaming_request(body: bytes) -> bytes | None:
    """Return a request's JSON `body` so that it asks for pieces; None if it is no such request."""
    request = _parse(body)
    if not isinstance(request, dict) or "messages" not in request:
        return None
    return orjson.dumps({**request, "stream": True, "stream_options": {"include_usage": True}})
