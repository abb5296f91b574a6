"""Mends the replies of servers that speak OpenAI's chat protocol before its library reads them.

Many only come close to it: errors in a 200, unusable counts, arguments as objects, null ids. The
result has only what we read, in the shape that the protocol defines.
"""

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from executor.models.counting import countable, tokens_of

_CALLS = 256
"""How many calls of one reply are read."""
_TEXT = 600_000
"""The most characters an answer may have."""
_THOUGHTS = 500_000
"""The most characters of thoughts that are kept to be sent back; longer ones are left out."""
_SAID = 2_000
_LOOK = 2_000
_LOOKED_AT = 50
_SHOWN = 200
_MARKUP = re.compile(r"<[^<>]{0,400}>")
_TELLING = re.compile(r"(?i)message|msg|detail|error|reason|title")
_ANSWERS = ("content", "output", "candidates", "choices", "status")
"""Where the protocols of OpenAI, Anthropic and Google put an answer."""
_PARTS = 40_000
"""The most values an answer's lists and objects may hold in all; a string is one, however long."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[{,]', re.DOTALL)
_PASSING: Sequence[tuple[tuple[str, ...], int]] = (
    (("quota", "insufficient balance", "billing"), 402),
    (("rate limit", "rate_limit", "ratelimit", "too many requests", "too_many", "throttl"), 429),
    (("overload", "unavailable", "capacity", "busy", "timeout", "timed out"), 503),
)
"""Words in an error's message, and the status the answer should have had."""
_NAMED: Sequence[tuple[tuple[str, ...], int]] = (
    *_PASSING,
    (("exhausted",), 429),
    (("authenti", "api_key", "unauthorized"), 401),
    (("permission", "forbidden"), 403),
    (("not_found", "not found"), 404),
    (("invalid", "bad_request", "bad request", "context_length", "unsupported"), 400),
)
"""Words in an error's code or type, and the status the answer should have had."""

ESTIMATED = "kasal_estimated"
"""A usage detail: not all of the counts next to it are the provider's."""
LEFT_OUT = "kasal_left_out"
"""A usage detail: how many of the reply's calls are left out."""


@dataclass(frozen=True, slots=True)
class MendedAnswer:
    """An answer as it should have been: status and body. `json` says that the body is known to be JSON."""

    status: int
    body: bytes
    json: bool = False


def mend(body: bytes) -> MendedAnswer:
    """Return what the server should have answered instead of a 200 with `body`."""
    if has_too_many_parts(body):
        return MendedAnswer(413, error_body(f"Its answer has more than {_PARTS} parts."), json=True)
    data = _parse(body)
    if isinstance(data, list) and len(data) == 1:  # Google sends errors like this
        data = data[0]
    if not isinstance(data, dict):
        return _no_completion(body)
    choice, error = _choice(data), _error(data)
    if choice is not None and choice.get("error"):
        error, choice = choice["error"], None
    if error is not None and (choice is None or not _says_something(choice["message"])):
        return _error_answer(error)
    if choice is not None:
        return _complete_answer(_completion(data, choice))
    if "choices" not in data and any(map(data.get, _ANSWERS)):  # of another protocol
        return MendedAnswer(200, body)
    return _error_answer(
        {"message": _message_in(data) or f"It answered without a message: {_excerpt(body)}"}
    )


def _no_completion(body: bytes) -> MendedAnswer:
    """Return the error for a body that is no JSON object: usually a page from some proxy."""
    if body.lstrip().startswith((b"data:", b"event:")):
        return _error_answer(
            {"message": "It answered with a stream, which was not asked for.", "code": 501}
        )
    return _error_answer({"message": f"Its answer is no completion: {_excerpt(body)}", "code": 503})


def _excerpt(body: bytes) -> str:
    """Return the beginning of `body` on one line, without markup."""
    text = _MARKUP.sub(" ", body[:_LOOK].decode("utf-8", "replace"))
    return " ".join(text.split())[:_SHOWN] or "nothing"


def _message_in(data: Mapping[str, Any]) -> str:
    """Return the message in an answer without a choice, under any of the names that servers use."""
    for name, value in itertools.islice(data.items(), _LOOKED_AT):
        entry = value[0] if isinstance(value, list) and value else value
        if isinstance(entry, Mapping):
            said = _message_in({key: one for key, one in entry.items() if isinstance(one, str)})
        else:
            said = entry if isinstance(entry, str) and _TELLING.search(name) else ""
        if said.strip():
            return said
    return ""


def reveal_error(body: bytes) -> MendedAnswer:
    """Return a 200 of another protocol unchanged, or the error inside it."""
    if b'"error"' in body[:_LOOK] and len(body) <= 10 * _LOOK:
        data = _parse(body)
        if isinstance(data, dict) and data.get("error") and not any(map(data.get, _ANSWERS)):
            return _error_answer(data["error"])
    return MendedAnswer(200, body)


def _complete_answer(completion: Mapping[str, Any]) -> MendedAnswer:
    if len(completion["choices"][0]["message"]["content"] or "") > _TEXT:
        return MendedAnswer(
            413, error_body(f"Its answer has more than {_TEXT} characters."), json=True
        )
    return MendedAnswer(200, _json(completion), json=True)


def error_body(message: str) -> bytes:
    """Return the error body, saying `message`, that replaces an answer that is too large."""
    return _json({"error": {"message": message, "code": "answer_too_large"}})


def has_too_many_parts(body: bytes) -> bool:
    """Tell whether JSON has so many parts that parsing it would block the event loop for long."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) <= _PARTS:
        return False
    parts = itertools.islice(_TOKEN.finditer(body), _PARTS + 1)
    return sum(1 for _ in parts) > _PARTS


def _parse(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:  # unpaired surrogates, NaN and the like, which are mended later
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _choice(data: Mapping[str, Any]) -> dict[str, Any] | None:
    choices = data.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (isinstance(choice.get("message"), dict)):
            return choice
        if isinstance(choice, dict) and choice.get("error"):
            return {**choice, "message": {}}
    return None


def _says_something(message: Mapping[str, Any]) -> bool:
    return any(message.get(name) for name in ("content", "tool_calls", "function_call", "refusal"))


def _error(data: Mapping[str, Any]) -> Any:
    if data.get("error"):
        return data["error"]
    if data.get("object") == "error" or ("choices" not in data and "message" in data):
        return data
    return None


def _error_answer(error: Any) -> MendedAnswer:
    data: Mapping[str, Any] = error if isinstance(error, Mapping) else {"message": error}
    code, kind = data.get("code"), data.get("type")
    message = data.get("message")
    message = message if isinstance(message, str) else _json(data).decode("utf-8", "replace")
    said = {"message": message[:_SAID], "code": _short(code), "type": _short(kind)}
    status = (
        _status(code, data.get("status"))
        or _status_in(f"{code} {kind} {data.get('status')}"[:300], _NAMED)
        or _status_in(message[:300], _PASSING)
        or 503
    )
    return MendedAnswer(status, _json({"error": said}), json=True)


def _short(value: object) -> str | None:
    return None if value is None else str(value)[:100]


def _status(*codes: object) -> int | None:
    for code in codes:
        text = str(code).strip()
        if text.isascii() and text.isdigit() and len(text) == 3 and 400 <= int(text) < 600:
            return int(text)
    return None


def _status_in(words: str, statuses: Sequence[tuple[tuple[str, ...], int]]) -> int | None:
    words = words.casefold()
    for names, status in statuses:
        if any(name in words for name in names):
            return status
    return None


def _completion(data: Mapping[str, Any], choice: Mapping[str, Any]) -> dict[str, Any]:
    message, left_out = _message(choice["message"])
    finish = choice.get("finish_reason")
    created = data.get("created")
    return {
        "id": _text(data.get("id"))[:200],
        "object": "chat.completion",
        "created": created if type(created) is int and 0 < created < 10**11 else 0,
        "model": _text(data.get("model"))[:200],
        "choices": [
            {
                "index": 0,
                "message": message,
                "finish_reason": finish[:100] if isinstance(finish, str) and finish else None,
            }
        ],
        "usage": _usage(data.get("usage"), message, left_out),
    }


def _message(data: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    calls = _calls(data)
    refusal = data.get("refusal")
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _content(data.get("content")),
        "refusal": refusal[:_SAID] if isinstance(refusal, str) and refusal else None,
    }
    if calls:
        message["tool_calls"] = [_call(call) for call in calls[:_CALLS]]
    for name in ("reasoning_content", "reasoning"):
        thought = data.get(name)
        if isinstance(thought, str) and 0 < len(thought) <= _THOUGHTS:
            message[name] = thought
    return message, max(0, len(calls) - _CALLS)


def _content(content: Any) -> str | None:
    if content is None or isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    texts = (part.get("text") if isinstance(part, dict) else part for part in parts)
    joined = "".join(text for text in texts if isinstance(text, str))
    if not joined and parts and not any(isinstance(p, str | None) or _typed(p) for p in parts):
        return _json(content).decode()  # the JSON value that was asked for, not encoded as text
    return joined or None


def _typed(part: Any) -> bool:
    return isinstance(part, dict) and ("type" in part or "text" in part)


def _calls(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    calls = data.get("tool_calls")
    if isinstance(calls, dict):
        calls = [calls]
    found = [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    old = data.get("function_call")
    return found or ([{"function": old}] if isinstance(old, dict) else [])


def _call(data: Mapping[str, Any]) -> dict[str, Any]:
    function = data.get("function")
    function = function if isinstance(function, dict) else data
    arguments = function.get("arguments")
    if arguments is None:
        arguments = ""
    elif not isinstance(arguments, str):
        arguments = json.dumps(arguments)
    call = {
        "id": _text(data.get("id")),
        "type": "function",
        "function": {"name": _text(function.get("name")), "arguments": arguments},
    }
    extra = data.get("extra_content")  # Gemini's thought signature
    return call if extra is None else call | {"extra_content": extra}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _usage(data: Any, message: Mapping[str, Any], left_out: int) -> dict[str, Any]:
    """Return the usable counts, 0 for others; a count that is missing is derived from the total."""
    given = data if isinstance(data, dict) else {}
    counts = {
        name: countable(given.get(name))
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    }
    read, wrote, total = counts.values()
    details: dict[str, int] = {LEFT_OUT: left_out} if left_out else {}
    if read is None or wrote is None:
        details[ESTIMATED] = 1
    if total and not read and not wrote:
        wrote = min(total, 1 + tokens_of(_text(message["content"])))
    if total and not read:
        read = max(0, total - (wrote or 0))
    if total and not wrote:
        wrote = max(0, total - (read or 0))
    usage = {"prompt_tokens": read or 0, "completion_tokens": wrote or 0}
    return usage | {
        "total_tokens": sum(usage.values()),
        "prompt_tokens_details": _cached_tokens(given, read or 0),
        "completion_tokens_details": details or None,
    }


def _cached_tokens(given: Mapping[str, Any], read: int) -> dict[str, int] | None:
    details = given.get("prompt_tokens_details")
    cached = countable(details.get("cached_tokens")) if isinstance(details, dict) else None
    return {"cached_tokens": cached} if cached and cached <= read else None
