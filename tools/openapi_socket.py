"""Schemas of what client and server send each other over the WebSocket, and of one event of SSE."""

from typing import Any, get_args

from event_schemas import UNION, delta_schema
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from events.routes.bodies import CLIENT_MESSAGES, SERVER_MESSAGES

Json = dict[str, Any]

_TEMPLATE = "#/components/schemas/{model}"


def socket_schemas() -> dict[str, Json]:
    """Return the schemas of all messages, and of what either side sends."""
    models: list[type[BaseModel]] = [*CLIENT_MESSAGES, *SERVER_MESSAGES]
    _, found = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_TEMPLATE
    )
    schemas: dict[str, Json] = {f"Socket{name}": schema for name, schema in found["$defs"].items()}
    client = [_ref(f"Socket{model.__name__}") for model in CLIENT_MESSAGES]
    server = [_ref(f"Socket{model.__name__}") for model in SERVER_MESSAGES]
    schemas["SocketClientMessage"] = {
        "title": "SocketClientMessage",
        "description": "What a client sends. Unknown fields of `subscribe` are refused; others are ignored.",
        "oneOf": client,
        "discriminator": {"propertyName": "type"} | _mapping(CLIENT_MESSAGES),
    }
    schemas["SocketServerMessage"] = {
        "title": "SocketServerMessage",
        "description": "What the server sends: answers, the events of the jobs that the client "
        "subscribed to, and deltas if it asked for them. An `error` with a `seq` is a job's end; one "
        "without answers a message.",
        "anyOf": [*server, _ref(UNION), _ref("TextDelta")],
    }
    schemas["TextDelta"] = delta_schema()
    schemas["StreamedEvent"] = _STREAMED
    return schemas


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _mapping(models: tuple[type[BaseModel], ...]) -> Json:
    kinds = [get_args(model.model_fields["type"].annotation)[0] for model in models]
    places = [f"#/components/schemas/Socket{model.__name__}" for model in models]
    return {"mapping": dict(zip(kinds, places, strict=True))}


_STREAMED: Json = {
    "title": "StreamedEvent",
    "description": "One event of the stream, as the HTML standard reads `text/event-stream`.",
    "type": "object",
    "properties": {
        "id": {
            "type": "string",
            "pattern": "^[0-9]+$",
            "description": "The `seq` of the event; a `text_delta` has none",
        },
        "event": {"type": "string", "description": "The `type` of the event"},
        "data": {
            "type": "string",
            "description": "The event, or the delta, as JSON",
            "contentMediaType": "application/json",
            "contentSchema": {"anyOf": [_ref(UNION), _ref("TextDelta")]},
        },
        "retry": {"type": "integer", "description": "Milliseconds until a client should come back"},
    },
    "required": ["event", "data"],
}
