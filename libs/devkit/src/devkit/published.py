"""The published schemas of events, for tests to check real events against."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs


def check_event(event: Mapping[str, Any]) -> None:
    """Raise `jsonschema_rs.ValidationError` if the OpenAPI document does not allow `event`."""
    _validator(str(event.get("type"))).validate(dict(event))


@cache
def _validator(kind: str) -> Any:
    text = (files("gateway") / "documents/openapi.json").read_text()
    schemas = json.loads(text)["components"]["schemas"]
    place = schemas["TraceEvent"]["discriminator"]["mapping"][kind]
    return jsonschema_rs.validator_for({"$ref": place, "components": {"schemas": schemas}})
