"""Turns what an MCP server returns into the text that a model reads, and files for people."""

import base64
import binascii
import json
import mimetypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

_EMPTY = "Done: the result is empty."
_MOST_FILES = 20
"""How many files of one result are kept."""


@dataclass(frozen=True, slots=True)
class ReturnedFile:
    """An image, a sound or a file in a result. `line` is its place in the text."""

    line: int
    name: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A result as lines of text, in which each file has one."""

    lines: list[str]
    files: list[ReturnedFile] = field(default_factory=list)

    def text(self) -> str:
        return "\n".join(line for line in self.lines if line) or _EMPTY


def read_result(result: CallToolResult) -> ReadResult:
    """Return what a result says, and the files in it; blocks."""
    read = ReadResult([])
    for block in result.content:
        _add(read, block)
    structured = result.structured_content
    if structured is not None and not _repeats(read.lines, structured):
        read.lines.append(_as_json(structured))
    return read


def _as_json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, or half a surrogate pair
        return json.dumps(value)


def _add(read: ReadResult, block: Any) -> None:
    match block:
        case TextContent(text=text) | EmbeddedResource(resource=TextResourceContents(text=text)):
            read.lines.append(text)
        case ImageContent(data=data, mime_type=kind):
            _add_file(read, "image", kind, data)
        case AudioContent(data=data, mime_type=kind):
            _add_file(read, "sound", kind, data)
        case EmbeddedResource(resource=BlobResourceContents(blob=data, mime_type=kind, uri=uri)):
            _add_file(read, str(uri).rpartition("/")[2] or "file", kind or "", data)
        case ResourceLink(uri=uri, name=name):
            read.lines.append(f"[link to {name}: {uri}]")
        case _:
            read.lines.append("[something that is not shown]")


def _add_file(read: ReadResult, name: str, kind: str, data: str) -> None:
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        read.lines.append(f"[{name}, {kind}: it is not base64 and is left out]")
        return
    if len(read.files) >= _MOST_FILES:
        read.lines.append(f"[{name}, {kind}: only {_MOST_FILES} files of a result are kept]")
        return
    place = len(read.files) + 1
    if "." not in name:
        name = f"{name}-{place}{mimetypes.guess_extension(kind) or ''}"
    read.files.append(ReturnedFile(len(read.lines), name[:200], kind[:100], content))
    read.lines.append(f"[{name}, {kind}, {len(content):,} bytes]")


def _repeats(lines: Sequence[str], structured: Any) -> bool:
    """Return whether a text holds the structured content, as servers do for older clients."""
    return any(_value(line) in (structured, _inner(structured)) for line in lines)


def _value(line: str) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return line


def _inner(structured: Any) -> Any:
    """Return the value that a server wraps because structured content was to be an object."""
    wrapped = isinstance(structured, dict) and structured.keys() == {"result"}
    return structured["result"] if wrapped else structured
