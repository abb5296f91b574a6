"""Writes docs/reference/asyncapi.yaml (AsyncAPI 3.0) from the message models and the topology.

`--check` writes nothing and fails when the committed document is not what would be written.
"""

import sys
from pathlib import Path
from typing import Any

import yaml
from event_schemas import UNION, delta_schema, event_schemas

from common.contracts import topology
from common.contracts.deltas import DELTA_MESSAGE_TYPE, DELTAS
from common.contracts.events import EventType
from common.contracts.messages import (
    TRACE_EVENT_TYPE,
    BusMessage,
    DeltasWanted,
    JobStop,
    JobSubmitted,
    MemoryRemembered,
    ModelsChanged,
    SessionRevoked,
)

TARGET = Path(__file__).parent.parent / "docs/reference/asyncapi.yaml"
HEADERS = {
    "type": "object",
    "properties": {
        "traceparent": {"type": "string", "description": "W3C Trace Context of the publisher"},
        topology.HEADER_REQUEST: {
            "type": "string",
            "description": "Id of the HTTP request the message goes back to, if there is one",
        },
        topology.HEADER_WORKSPACE: {"type": "string"},
        topology.HEADER_CREW: {"type": "string"},
    },
}
CHANNELS: dict[str, tuple[topology.Exchange, str, list[type[BusMessage]]]] = {
    "jobs": (topology.JOBS, "Jobs to run; may be published to the queue itself.", [JobSubmitted]),
    "control": (
        topology.CONTROL,
        "Tells every worker that a job was stopped, or that a workspace has other keys of models.",
        [JobStop, ModelsChanged],
    ),
    "watching": (
        topology.WATCHING,
        "Tells every worker whose texts somebody watches while they are written. Not persistent.",
        [DeltasWanted],
    ),
    "sessions": (topology.SESSIONS, "Access tokens that no longer hold.", [SessionRevoked]),
    "memory": (topology.MEMORY, "What a run wants its crew to remember.", [MemoryRemembered]),
}


def document() -> dict[str, Any]:
    """Return the whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Kasal bus",
            "version": "1.0.0",
            "description": "Every message on RabbitMQ: JSON, persistent, published with confirms. "
            "A message that cannot be processed ends in the queue `dead-letters`, with its reason "
            f"in the header `{topology.HEADER_REASON}`.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "rabbitmq": {"host": "localhost:5672", "protocol": "amqp", "protocolVersion": "0.9.1"}
        },
        "channels": {
            **{name: _channel(name) for name in CHANNELS},
            "events": _events_channel(),
            "deltas": _deltas_channel(),
        },
        "operations": _operations(),
        "components": {
            "messages": {
                **_messages(),
                TRACE_EVENT_TYPE: _event_message(),
                DELTA_MESSAGE_TYPE: _delta_message(),
            },
            "schemas": {**_schemas(), **_event_schemas(), "TextDelta": delta_schema()},
        },
    }


def _channel(name: str) -> dict[str, Any]:
    exchange, description, models = CHANNELS[name]
    return {
        "address": exchange.name,
        "description": description,
        "messages": {m.message_type: {"$ref": _ref("messages", m.message_type)} for m in models},
        "bindings": {"amqp": _amqp(exchange)},
    }


def _events_channel() -> dict[str, Any]:
    return {
        "address": "{workspace_id}.{job_id}.{type}",
        "description": "Every trace event of every job, stored before it is published. Bind a queue "
        "of your own to the exchange `events`; read what you missed from the API by `seq`.",
        "parameters": {
            "workspace_id": {"description": "The tenant"},
            "job_id": {"description": "The job"},
            "type": {"description": "The event's type", "enum": [str(kind) for kind in EventType]},
        },
        "messages": {TRACE_EVENT_TYPE: {"$ref": _ref("messages", TRACE_EVENT_TYPE)}},
        "bindings": {"amqp": _amqp(topology.EVENTS)},
    }


def _deltas_channel() -> dict[str, Any]:
    return {
        "address": f"{DELTAS}.{{workspace_id}}.{{job_id}}",
        "description": "Text while a model writes it, on the exchange `events`. Not persistent, and only "
        "while somebody says on `watching` that it is wanted.",
        "parameters": {
            "workspace_id": {"description": "The tenant"},
            "job_id": {"description": "The job"},
        },
        "messages": {DELTA_MESSAGE_TYPE: {"$ref": _ref("messages", DELTA_MESSAGE_TYPE)}},
        "bindings": {"amqp": _amqp(topology.EVENTS)},
    }


def _amqp(exchange: topology.Exchange) -> dict[str, Any]:
    return {
        "is": "routingKey",
        "exchange": {"name": exchange.name, "type": exchange.kind, "durable": True},
        "bindingVersion": "0.3.0",
    }


def _operations() -> dict[str, Any]:
    names = [*CHANNELS, "events", "deltas"]
    return {
        f"{action}-{name}": {"action": action, "channel": {"$ref": f"#/channels/{name}"}}
        for name in names
        for action in ("send", "receive")
    }


def _messages() -> dict[str, Any]:
    return {
        model.message_type: {
            "name": model.message_type,
            "title": model.__name__,
            "summary": (model.__doc__ or "").strip().splitlines()[0],
            "correlationId": {"location": "$message.header#/correlation_id"},
            "headers": HEADERS,
            "payload": {"$ref": _ref("schemas", model.__name__)},
        }
        for _, _, models in CHANNELS.values()
        for model in models
    }


def _event_message() -> dict[str, Any]:
    return {
        "name": TRACE_EVENT_TYPE,
        "title": UNION,
        "summary": "One event of a job, byte for byte what a WebSocket client gets.",
        "headers": HEADERS,
        "payload": {"$ref": _ref("schemas", UNION)},
    }


def _delta_message() -> dict[str, Any]:
    return {
        "name": DELTA_MESSAGE_TYPE,
        "title": "TextDelta",
        "summary": "The next piece of a text, byte for byte what a WebSocket client gets.",
        "payload": {"$ref": _ref("schemas", "TextDelta")},
    }


def _schemas() -> dict[str, Any]:
    return {
        model.__name__: model.model_json_schema(ref_template="#/components/schemas/{model}")
        for _, _, models in CHANNELS.values()
        for model in models
    }


def _event_schemas() -> dict[str, Any]:
    schemas = event_schemas()
    # Here a discriminator is the property alone; which type has which schema, `const` says.
    return {**schemas, UNION: {**schemas[UNION], "discriminator": "type"}}


def _ref(kind: str, name: str) -> str:
    return f"#/components/{kind}/{name}"


def main() -> None:
    text = "# Generated by tools/asyncapi.py; `make docs` writes it anew.\n" + yaml.safe_dump(
        document(), sort_keys=False, allow_unicode=True, width=100
    )
    if "--check" not in sys.argv:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit(f"{TARGET} is out of date: run `make docs`.")


if __name__ == "__main__":
    main()
