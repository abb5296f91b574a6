"""JSON Schemas of trace events, made from their types: flat, as they are on the wire."""

from typing import Any

import msgspec

from common.contracts.deltas import TEXT_DELTA, TextDelta
from common.contracts.events import BODIES, TERMINAL_EVENTS, Header, KnownBody

Json = dict[str, Any]

UNION = "TraceEvent"
_TEMPLATE = "#/components/schemas/{name}"


def schema_name(kind: str) -> str:
    """Return the schema's name of an event type: `TaskStartEvent` of `task_start`."""
    return f"{kind.title().replace('_', '')}Event"


def event_schemas(template: str = _TEMPLATE) -> dict[str, Json]:
    """Return the schemas of all event types, of what they refer to, and of `TraceEvent`."""
    classes: list[Any] = [Header, *BODIES.values()]
    _, components = msgspec.json.schema_components(classes, ref_template=template)
    header = components.pop("Header")
    schemas = {UNION: _union(template)}
    for kind, body in BODIES.items():
        schemas[schema_name(kind)] = _flat(kind, body, header, components.pop(body.__name__))
    schemas |= {name: _plain(schema) for name, schema in components.items()}
    return schemas


def delta_schema() -> Json:
    """Return the schema of a delta, which is no event: it has no `seq` and is not stored."""
    _, components = msgspec.json.schema_components([TextDelta])
    schema = _plain(components["TextDelta"])
    fields = {**schema["properties"], "type": {"type": "string", "const": TEXT_DELTA}}
    return {**schema, "properties": fields, "required": list(fields)}


def _union(template: str) -> Json:
    names = {kind: template.format(name=schema_name(kind)) for kind in BODIES}
    return {
        "title": UNION,
        "description": "One event of a job. Its `type` says which. The last event of a job is one of "
        f"{', '.join(f'`{kind}`' for kind in sorted(TERMINAL_EVENTS))}. Newer versions may add types "
        "and fields: ignore those that you do not know. Events that an earlier version has stored "
        "may lack fields that came later.",
        "oneOf": [{"$ref": place} for place in names.values()],
        "discriminator": {"propertyName": "type", "mapping": names},
    }


def _flat(kind: str, body: type[KnownBody], header: Json, schema: Json) -> Json:
    own = {name: field for name, field in schema["properties"].items() if name != "type"}
    written = [field.encode_name for field in msgspec.structs.fields(body) if not _optional(field)]
    return {
        "title": schema_name(kind),
        "description": schema["description"],
        "type": "object",
        "properties": {
            "type": {"type": "string", "const": kind},
            **{name: _plain(field) for name, field in (header["properties"] | own).items()},
        },
        "required": ["type", *header["required"], *written],
    }


def _optional(field: msgspec.structs.FieldInfo) -> bool:
    return field.default is msgspec.UNSET


def _plain(schema: Any) -> Any:
    """Return the schema without defaults: they are for readers of old events, not for writers."""
    if isinstance(schema, dict):
        return {name: _plain(inner) for name, inner in schema.items() if name != "default"}
    return [_plain(inner) for inner in schema] if isinstance(schema, list) else schema
