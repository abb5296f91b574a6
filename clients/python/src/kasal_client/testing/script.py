"""What a scripted model answers, and to what."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


class Gate:
    """Holds an answer back until a test lets it through."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._opened = threading.Event()

    def wait(self, timeout: float = 30.0) -> None:
        """Wait until a request has come to the gate. Raises TimeoutError."""
        if not self._arrived.wait(timeout):
            raise TimeoutError(f"No request has come within {timeout:g} s.")

    def open(self) -> None:
        """Let all through, now and later."""
        self._opened.set()

    def pass_through(self) -> None:
        """Say that a request is here, and wait until the gate is open."""
        self._arrived.set()
        self._opened.wait()


@dataclass(frozen=True)
class ModelRequest:
    """What a model was sent."""

    body: dict[str, Any]
    key: str = field(repr=False, default="")

    @property
    def model(self) -> str:
        """The model that was asked."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages, oldest first."""
        return list(self.body.get("messages", []))

    @property
    def tools(self) -> list[str]:
        """The names of the tools that were offered."""
        return [one["function"]["name"] for one in self.body.get("tools") or []]

    @property
    def prompt(self) -> str:
        """The newest message of a person or a tool, as text."""
        for message in reversed(self.messages):
            if message.get("role") in {"user", "tool"}:
                return _text(message.get("content"))
        return ""

    @property
    def text(self) -> str:
        """All messages as one text."""
        return "\n".join(_text(message.get("content")) for message in self.messages)


Condition = str | Callable[[ModelRequest], bool] | None
"""When an answer is given: a text that must be in the messages, or a function of the request."""


@dataclass
class Answer:
    """One answer of the script."""

    when: Condition = None
    times: int | None = 1
    """How often it is given; None is always."""
    pieces: tuple[str, ...] = ()
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    status: int = 200
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds before it, and between its pieces if it is streamed."""
    gate: Gate | None = None
    gate_after: int = 0
    """Pieces of a stream that go out before the gate holds the rest."""
    breaks: bool = False
    """The connection breaks in the midst of it."""
    finish_reason: str = ""

    @property
    def content(self) -> str:
        """The whole text."""
        return "".join(self.pieces)

    @property
    def finish(self) -> str:
        """Why the answer ends."""
        return self.finish_reason or ("tool_calls" if self.calls else "stop")

    def fits(self, request: ModelRequest) -> bool:
        """Say whether the answer is for this request."""
        if self.when is None:
            return True
        if isinstance(self.when, str):
            return self.when in request.text
        return self.when(request)

    def tool_calls(self, number: int) -> list[dict[str, Any]]:
        """Return the calls as the protocol writes them."""
        return [
            {
                "index": index,
                "id": f"call_{number}_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for index, (name, arguments) in enumerate(self.calls)
        ]


class Script:
    """The answers that are left, and the requests that came. Threads share it."""

    def __init__(self, default: str | None) -> None:
        self._lock = threading.Lock()
        self._answers: list[Answer] = []
        self._default = default
        self.requests: list[ModelRequest] = []
        self.came = threading.Condition(self._lock)

    def add(self, answer: Answer) -> None:
        """Give `answer` after those that are there already."""
        with self._lock:
            self._answers.append(answer)

    def take(self, request: ModelRequest) -> tuple[int, Answer]:
        """Return the number of a request, and the first answer that is for it."""
        with self._lock:
            self.requests.append(request)
            self.came.notify_all()
            number = len(self.requests)
            for answer in self._answers:
                if answer.fits(request):
                    if answer.times is not None:
                        answer.times -= 1
                        if answer.times == 0:
                            self._answers.remove(answer)
                    return number, answer
        if self._default is None:
            return number, Answer(status=400, message="The script has no answer to this.")
        return number, Answer(pieces=(self._default,))

    def wait_for(self, count: int, timeout: float) -> bool:
        """Wait until `count` requests have come, and say whether they have."""
        with self._lock:
            return self.came.wait_for(lambda: len(self.requests) >= count, timeout)


def _text(content: Any) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)
