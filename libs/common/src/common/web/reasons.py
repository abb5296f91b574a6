"""Why a part of a request is refused, in words for whoever sent it."""

import difflib
import re
from collections.abc import Mapping
from typing import Any

from common.web.unknown_fields import fields_at, unknown_field

_OBJECTS = frozenset({"dict_type", "model_type", "model_attributes_type"})
_CHOICES = frozenset({"literal_error", "enum"})
_CHOICE = re.compile(r"'([^']+)'")


def reason_of(error: Mapping[str, Any], body: Any = None) -> str:
    """Return the reason for one of pydantic's errors; `body` is the type of what was sent."""
    kind, place = error["type"], error["loc"]
    in_body = bool(place) and place[0] == "body"
    if kind == "extra_forbidden" and in_body:
        return unknown_field(body, place[1:])
    if kind == "json_invalid":
        return f"The body is not JSON: {error.get('ctx', {}).get('error', 'it cannot be read')}"
    if kind in _OBJECTS:
        fields = fields_at(body, place[1:]) if in_body else []
        return "It must be an object" + (f" with {', '.join(fields)}" if fields else "")
    if kind in _CHOICES:
        return f"{error['msg']}{_suggestion(error)}"
    return str(error["msg"]).removeprefix("Value error, ")


def _suggestion(error: Mapping[str, Any]) -> str:
    """Return a suggestion for a text that is none of the choices."""
    choices = {one.lower(): one for one in _CHOICE.findall(error["ctx"]["expected"])}
    sent = error.get("input")
    if not isinstance(sent, str):
        return ""
    close = difflib.get_close_matches(sent[:100].lower(), list(choices), 1, 0.6)
    return f"; did you mean '{choices[close[0]]}'?" if close else ""
