"""Turns what a server says about its tools into tools that models can be given."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson

from common.contracts.values import check_storable
from common.mcp.server import Listing, RemoteTool
from common.schemas.checking import schema_fault
from common.schemas.validation import beside_the_loop
from crews.domain.mcp_servers import MORE, SEPARATOR, Inventory, LeftOut, ServerTool

FRESH = 300.0
"""Seconds that a list holds whose server does not say how long it does."""
_SHORTEST, _LONGEST = 30.0, 86_400.0
_NAME = 64
"""How long a name may be that providers take (OpenAI, Anthropic)."""
_FOREIGN = re.compile(r"[^A-Za-z0-9_-]")
_PROPERTY = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_DESCRIPTION = 2_000
_ALL_SCHEMAS = 1024 * 1024
_BRANCHES = ("anyOf", "oneOf", "allOf")


class Unusable(Exception):  # noqa: N818 - it becomes the reason why a tool is left out
    """A tool that no model can be given; the message says why."""


async def inventory_of(server: str, listing: Listing, now: datetime) -> Inventory:
    """Return what `listing` says in a form that models can be given; works beside the event loop."""
    return await beside_the_loop(lambda: _inventory(server, listing, now))


def _inventory(server: str, listing: Listing, now: datetime) -> Inventory:
    listed = list({tool.name: tool for tool in listing.tools}.values())
    names = model_names(server, [tool.name for tool in listed])
    tools: list[ServerTool] = []
    left_out: list[LeftOut] = []
    room = _ALL_SCHEMAS
    for tool, name in zip(listed, names, strict=True):
        try:
            parameters, length = _parameters(tool, room)
            room -= length
            tools.append(_server_tool(tool, name, parameters))
        except Unusable as fault:
            left_out.append(LeftOut(name=_storable(tool.name)[:128], reason=str(fault)))
    if listing.cut:
        more = LeftOut(name=MORE, reason=f"only the first {len(listing.tools)} tools are read")
        left_out.append(more)
    kept = FRESH if listing.fresh_for is None else listing.fresh_for
    return Inventory(
        tools=tools,
        left_out=left_out,
        protocol=listing.protocol,
        title=_storable(listing.title),
        asked_at=now,
        fresh_until=now + timedelta(seconds=min(max(kept, _SHORTEST), _LONGEST)),
    )


def model_names(server: str, remote: Sequence[str]) -> list[str]:
    """Return the names by which models call a server's tools: each fits providers and is the only one.

    A name that is cut, or that would be another tool's too, ends with a part of its digest.
    """
    plain = [f"{server}{SEPARATOR}{_FOREIGN.sub('_', name)}" for name in remote]
    times = Counter(plain)
    return [
        name
        if len(name) <= _NAME and (times[name] == 1 or name.endswith(f"{SEPARATOR}{own}"))
        else _with_digest(name, own)
        for name, own in zip(plain, remote, strict=True)
    ]


def _with_digest(name: str, remote: str) -> str:
    source = remote.encode("utf-8", "replace")
    return f"{name[: _NAME - 9]}_{hashlib.blake2s(source, digest_size=4).hexdigest()}"


def _server_tool(tool: RemoteTool, name: str, parameters: dict[str, Any]) -> ServerTool:
    return ServerTool(
        name=name,
        remote=tool.name,
        description=_storable(tool.description)[:_DESCRIPTION],
        parameters=parameters,
        reads=tool.reads,
        idempotent=tool.idempotent,
    )


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8", "replace").replace("\x00", "")


def _parameters(tool: RemoteTool, room: int) -> tuple[dict[str, Any], int]:
    """Return a tool's schema as providers take it, and its length. Raises `Unusable`."""
    if not tool.name or len(tool.name) > 128 or tool.name != _storable(tool.name):
        raise Unusable("its name is empty, longer than 128 characters, or not a text")
    try:
        check_storable(tool.parameters)
        length = len(orjson.dumps(tool.parameters))
    except (TypeError, ValueError) as fault:
        raise Unusable(f"its schema cannot be stored: {fault}") from None
    if length > room:
        raise Unusable("the tools before it have used up the room for this server's tools")
    adapted = adapt(tool.parameters)
    wrong = schema_fault(adapted)
    if wrong is not None:
        raise Unusable(f"its schema cannot be used: {wrong}")
    return adapted, length


def adapt(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema that providers take in place of one that they may refuse. Raises `Unusable`.

    They want an object at the root, without alternatives there, and plain names of properties. The server
    still checks what it gets by its own schema.
    """
    adapted = {name: value for name, value in schema.items() if name not in {"$schema", "$id"}}
    if adapted.setdefault("type", "object") != "object":
        raise Unusable("its arguments are not an object")
    for word in _BRANCHES:
        if word in adapted:
            adapted = _merge(adapted, word)
    return _with_plain_names(adapted)


def _merge(schema: dict[str, Any], word: str) -> dict[str, Any]:
    """Return `schema` with the properties of all alternatives in one object."""
    rest = {name: value for name, value in schema.items() if name != word}
    given = schema[word] if isinstance(schema[word], list) else []
    # Each once: many references may lead to the same large one.
    branches = list(
        {id(branch): branch for branch in (_branch(schema, one) for one in given)}.values()
    )
    properties: dict[str, Any] = {}
    for branch in branches:
        properties |= _object(branch.get("properties"))
    needed = [set(map(str, _list(branch.get("required")))) for branch in branches]
    joint = set.union if word == "allOf" else set.intersection
    required = joint(*needed) if needed else set[str]()
    return {
        **rest,
        "properties": {**properties, **_object(rest.get("properties"))},
        "required": sorted({*map(str, _list(rest.get("required"))), *required}),
    }


def _branch(root: Mapping[str, Any], branch: Any) -> Mapping[str, Any]:
    pointer = _object(branch).get("$ref")
    found: Any = branch
    if isinstance(pointer, str) and pointer.startswith("#/"):
        found = root
        for step in pointer[2:].split("/")[:20]:
            found = _object(found).get(step)
    return _object(found)


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _with_plain_names(schema: dict[str, Any]) -> dict[str, Any]:
    properties = _object(schema.get("properties"))
    foreign = [name for name in properties if not _PROPERTY.fullmatch(name)]
    if not foreign:
        return schema
    if set(foreign) & set(map(str, _list(schema.get("required")))):
        raise Unusable(f"it needs an argument whose name providers refuse: {foreign[0][:64]!r}")
    kept = {name: value for name, value in properties.items() if _PROPERTY.fullmatch(name)}
    return {**schema, "properties": kept}
