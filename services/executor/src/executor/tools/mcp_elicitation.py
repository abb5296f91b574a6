"""What servers ask people before they do what they were called for, and how the answers go back."""

from collections.abc import Mapping
from typing import Any

import orjson
from mcp_types import (
    CreateMessageRequest,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    InputRequest,
    InputRequiredResult,
)

from executor.tools.call import Heard, Inquiry
from executor.tools.secrets import Mask
from executor.tools.tool import ToolFault

_MESSAGE = 4_000
_STATE = 64 * 1024
_REQUESTS = 10
_ACTIONS = {"answered": "accept", "rejected": "decline", "expired": "cancel"}


def inquiry_of(result: InputRequiredResult, tool: str, mask: Mask) -> Inquiry:
    """Return what `tool` wants to hear. Raises `ToolFault` if no person can be asked that."""
    requests, state = result.input_requests or {}, result.request_state
    forms = {key: _form(tool, request) for key, request in requests.items()}
    if (
        len(requests) > _REQUESTS
        or len(state or "") > _STATE
        or any(len(k) > 200 for k in requests)
    ):
        raise ToolFault(f"{tool} is not done: it first asks more than a person can be asked.")
    messages = "\n".join(form.message for form in forms.values())[:_MESSAGE]
    return Inquiry(
        f"The tool {tool} asks before it goes on:\n{mask.hide(messages)}\n\n"
        "Answer with an `input` that meets the `response_schema`, or with the outcome `rejected`. The answer goes "
        "to the server of the tool.",
        _schema(forms, mask),
        tuple(forms),
        state,
    )


def _form(tool: str, request: InputRequest) -> ElicitRequestFormParams:
    if isinstance(request, ElicitRequest) and isinstance(request.params, ElicitRequestFormParams):
        return request.params
    if isinstance(request, ElicitRequest) and isinstance(request.params, ElicitRequestURLParams):
        what = f"a person to open a page in their browser: {request.params.url[:500]}"
    elif isinstance(request, CreateMessageRequest):
        what = "a text from a model (sampling)"
    else:
        what = "to know folders (roots)"
    raise ToolFault(f"{tool} is not done: it first wants {what}. That cannot be done here.")


def _schema(forms: Mapping[str, ElicitRequestFormParams], mask: Mask) -> dict[str, Any]:
    """Return the schema of an answer: one form's, or that of an object with an answer to each form.

    The library refuses forms whose schema is none of a flat object.
    """
    schemas = {key: form.requested_schema for key, form in forms.items()}
    schema: dict[str, Any] = next(iter(schemas.values()))
    if len(schemas) > 1:
        schema = {"type": "object", "properties": schemas, "required": [*schemas]}
    shown: dict[str, Any] = orjson.loads(mask.hide(orjson.dumps(schema).decode()))
    return shown


def responses(heard: Heard) -> dict[str, Any]:
    """Return what a person said, as the server gets it."""
    action = _ACTIONS[heard.outcome]
    if action != "accept":
        return {key: {"action": action} for key in heard.keys}
    several = len(heard.keys) > 1
    return {
        key: {"action": action, "content": heard.input[key] if several else heard.input}
        for key in heard.keys
    }
