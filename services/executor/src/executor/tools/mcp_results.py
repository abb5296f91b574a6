"""Turns what an MCP server returns into the text that a model reads."""

from collections.abc import Sequence
from typing import Any

import orjson
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

_EMPTY = "Done: the result is empty."


def text_of(result: CallToolResult | InputRequiredResult) -> str:
    """Return a result as text: what models cannot read is named, with its size."""
    if isinstance(result, InputRequiredResult):
        return "Error: the server wants to ask a person something that is not supported here."
    parts = [_block(block) for block in result.content]
    structured = result.structured_content
    if structured is not None and not _repeats(parts, structured):
        parts.append(orjson.dumps(structured).decode())
    return "\n".join(part for part in parts if part) or _EMPTY


def _block(block: Any) -> str:
    match block:
        case TextContent(text=text) | EmbeddedResource(resource=TextResourceContents(text=text)):
            told = text
        case ImageContent(data=data, mime_type=kind):
            told = _note_of("image", kind, data)
        case AudioContent(data=data, mime_type=kind):
            told = _note_of("sound", kind, data)
        case EmbeddedResource(resource=BlobResourceContents(blob=data, mime_type=kind, uri=uri)):
            told = _note_of(f"file {uri}", kind or "", data)
        case ResourceLink(uri=uri, name=name):
            told = f"[link to {name}: {uri}]"
        case _:
            told = "[something that is not shown]"
    return told


def _note_of(what: str, kind: str, data: str) -> str:
    size = len(data) * 3 // 4
    return f"[{what}, {kind}, {size:,} bytes: not shown]".replace(", ,", ",")


def _repeats(parts: Sequence[str], structured: Any) -> bool:
    """Return whether a text block holds the structured content, as servers do for older clients."""
    for part in parts:
        try:
            if orjson.loads(part) == structured:
                return True
            if isinstance(structured, dict) and structured == {"result": orjson.loads(part)}:
                return True
        except orjson.JSONDecodeError:
            if isinstance(structured, dict) and structured == {"result": part}:
                return True
    return False
