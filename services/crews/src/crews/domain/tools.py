"""Custom tools: HTTP endpoints that a workspace registers for its agents."""

import difflib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from common.contracts.crew import ToolSnapshot
from common.contracts.crew_fields import (
    ANSWERED_BY,
    EXPIRES_IN,
    ON_EXPIRY,
    ExpiresIn,
    JsonSchema,
    OnExpiry,
)
from common.contracts.events import AnsweredBy
from common.contracts.fields import Fields, partial, plain
from common.contracts.texts import WrittenAs
from common.contracts.tools import PATH_ARGUMENT
from crews.domain.drafts import CatalogInput
from crews.domain.origins import Origin, endpoint_fault, origin

AuthType = Literal["none", "bearer", "api_key", "basic"]
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")  # RFC 9110, section 5.6.2
_OURS = {"authorization", "content-length", "host", "idempotency-key", "transfer-encoding"}
NEEDED: dict[AuthType, tuple[str, ...]] = {
    "none": (),
    "bearer": ("token",),
    "api_key": ("key",),
    "basic": ("username", "password"),
}
"""The fields that each kind of credentials must have; `api_key` may name a `header` too."""


def _endpoint(value: str) -> str:
    fault = endpoint_fault(value)
    if fault is not None:
        raise ValueError(fault)
    return value


def _headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if not _HEADER.fullmatch(name) or any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise ValueError(f"{name!r} is not a header that can be sent")
        if name.lower() in _OURS:
            raise ValueError(f"The header {name} is set by the platform")
    return value


def _object_schema(value: dict[str, Any] | None) -> dict[str, Any] | None:
    if value is not None and value.get("type", "object") != "object":
        raise ValueError("It must describe an object")
    return value


ToolName = Annotated[
    str,
    WrittenAs(
        r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$",
        "a name that models can call: a letter or _, then letters, digits, _ and -, 64 at most",
    ),
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)
]
Endpoint = Annotated[str, StringConstraints(max_length=2_000), AfterValidator(_endpoint)]
Headers = Annotated[dict[str, str], Field(max_length=30), AfterValidator(_headers)]
Parameters = Annotated[JsonSchema, AfterValidator(_object_schema)]
Credentials = Annotated[
    dict[str, Annotated[str, StringConstraints(max_length=8_000)]], Field(max_length=5)
]


_OF_TOOLS = frozenset({"id", "tool_id", "status", "has_credentials", "warnings", "created_at"})


class ToolFields(Fields):
    """A custom tool. A new field needs a default, or else tools stored before it cannot be read."""

    name: ToolName
    description: Description
    endpoint: Endpoint
    auth_type: AuthType = "none"
    method: Method = "POST"
    parameters: Parameters = None
    headers: Headers = Field(default_factory=dict)
    idempotent: bool = False
    requires_approval: bool = Field(
        default=False,
        description="A person must approve each call before it is made",
        examples=[True],
    )
    expires_in: ExpiresIn | None = Field(default=None, description=EXPIRES_IN, examples=[3_600])
    on_expiry: OnExpiry | None = Field(default=None, description=ON_EXPIRY, examples=["reject"])
    answered_by: AnsweredBy | None = Field(
        default=None, description=ANSWERED_BY, examples=["admin"]
    )


def fitting_credentials(
    value: Mapping[str, str] | None, info: ValidationInfo
) -> Mapping[str, str] | None:
    """Return the credentials if they fit the `auth_type` that was sent with them."""
    if "auth_type" in info.data:
        check_credentials(info.data["auth_type"], value)
    return value


class ToolDraft(ToolFields, CatalogInput):
    READ_ONLY = _OF_TOOLS

    credentials: Credentials | None = None

    _credentials = field_validator("credentials")(fitting_credentials)


@partial
class ToolChanges(ToolFields, CatalogInput):
    READ_ONLY = _OF_TOOLS

    credentials: Credentials | None = None


@plain
class RegisteredTool(ToolFields):
    """A registered tool; its credentials are kept apart from it, sealed."""

    model_config = ConfigDict(frozen=True)

    id: str
    workspace_id: str
    created_at: datetime
    has_credentials: bool = False
    """As the store has it; changes nothing there."""

    @property
    def origin(self) -> Origin:
        return origin(self.endpoint)

    @property
    def lacks_credentials(self) -> bool:
        return self.auth_type != "none" and not self.has_credentials

    def snapshot(self) -> ToolSnapshot:
        return ToolSnapshot(
            tool_id=self.id,
            **self.model_dump(exclude={"id", "workspace_id", "created_at", "has_credentials"}),
        )


_OPEN = frozenset(
    {"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "additionalProperties"}
)
"""Keywords with which a schema may allow more arguments than its `properties` name."""


def path_fault(endpoint: str, parameters: Mapping[str, Any] | None) -> str | None:
    """Return why no call can fill in the path of `endpoint`: an argument of it is none of `parameters`."""
    properties = (parameters or {}).get("properties")
    if not isinstance(properties, dict) or not _OPEN.isdisjoint(parameters or {}):
        return None
    for name in PATH_ARGUMENT.findall(urlsplit(endpoint).path):
        if name not in properties:
            known = [str(one)[:40] for one in properties][:40]
            close = difflib.get_close_matches(name[:40], known, 1, 0.6)
            meant = f"; did you mean {{{close[0]}}}?" if close else ""
            return f"Its path needs the argument {{{name[:80]}}}, and `parameters` has none of that name{meant}"
    return None


def check_credentials(kind: AuthType, credentials: Mapping[str, str] | None) -> None:
    """Raise ValueError when given credentials do not fit their kind. None may come later."""
    if credentials is None:
        return
    if kind == "none" and credentials:
        kinds = ", ".join(name for name in NEEDED if name != "none")
        raise ValueError(f"With auth_type none they are not sent: set it to one of {kinds}")
    missing = [name for name in NEEDED[kind] if not credentials.get(name)]
    if missing:
        raise ValueError(f"Credentials of kind {kind} need {', '.join(missing)}")
    for text in credentials.values():
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            raise ValueError("Credentials must not have control characters")
    header = credentials.get("header")
    if kind == "api_key" and header is not None and not _HEADER.fullmatch(header):
        raise ValueError(f"{header!r} is not the name of a header")
