"""Request and answer bodies of auth's routes."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from auth.domain.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from auth.domain.workspaces import Tier
from common.models import AnswerModel, RequestModel, Timestamp
from common.tokens import LONGEST_OPAQUE

RoleName = Literal["viewer", "editor", "admin", "owner"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    Field(json_schema_extra={"format": "email"}),
]
Password = Annotated[
    str, StringConstraints(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Registration(RequestModel):
    email: Email
    password: Password
    name: Name | None = None


class Registered(AnswerModel):
    id: str
    email: str
    workspace_id: str


class Credentials(RequestModel):
    email: Email
    password: Secret
    workspace_id: str | None = Field(default=None, max_length=100)
    """Which of the user's workspaces to enter; by default their first."""


class LoggedIn(AnswerModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class LogoutRequest(RequestModel):
    refresh_token: Secret | None = None
    """Another session of the same user's that ends as well; the caller's own does in any case."""


class KeySet(AnswerModel):
    """A JWK Set (RFC 7517, section 5)."""

    keys: list[dict[str, Any]]


class RefreshRequest(RequestModel):
    refresh_token: Secret


class Refreshed(AnswerModel):
    access_token: str
    expires_in: int
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    refresh_token: str


class WorkspaceView(AnswerModel):
    id: str
    name: str
    tier: Tier


class Me(AnswerModel):
    id: str
    email: str
    name: str
    role: RoleName
    workspace: WorkspaceView


class ApiKeyRequest(RequestModel):
    name: Name
    role: RoleName = "editor"


class ApiKeyView(AnswerModel):
    id: str
    name: str
    role: str
    hint: str
    created_at: Timestamp


class ApiKeyMade(ApiKeyView):
    key: str
    """The secret: shown this once."""


class ApiKeyList(AnswerModel):
    api_keys: list[ApiKeyView]
    total: int
    page: int
    page_size: int


class MemberRequest(RequestModel):
    email: Email
    role: RoleName = "editor"
    password: Password | None = None
    """A first password, for somebody who has no account yet."""
    name: Name | None = None


class RoleRequest(RequestModel):
    role: RoleName


class MemberView(AnswerModel):
    id: str
    email: str
    name: str
    role: str
    added_at: Timestamp


class MemberList(AnswerModel):
    members: list[MemberView]
    total: int
    page: int
    page_size: int


class LimitsBody(RequestModel):
    per_hour: int = Field(ge=1, le=1_000_000_000)
    per_minute: int = Field(ge=1, le=1_000_000_000)


class PlanRequest(RequestModel):
    tier: Tier
    limits: LimitsBody | None = None


class Plan(AnswerModel):
    workspace_id: str
    tier: Tier
    limits: LimitsBody | None


class ServiceTokenRequest(RequestModel):
    service: Name
    workspace_id: Annotated[str, StringConstraints(pattern=r"^(\*|ws_[A-Za-z0-9_-]{1,60})$")]


class ExchangeRequest(RequestModel):
    token: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_OPAQUE)]


class ShortToken(AnswerModel):
    access_token: str
    expires_in: int
