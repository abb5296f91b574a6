"""Request and answer bodies of auth's routes."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from auth.domain.accounts.users import LONGEST_PASSWORD, SHORTEST_PASSWORD
from auth.domain.workspaces.workspaces import Tier
from common.contracts.ids import id_of
from common.contracts.texts import line
from common.security.tokens import LONGEST_OPAQUE
from common.web.models import AnswerModel, NextPage, RequestModel, Timestamp

RoleName = Literal["viewer", "editor", "admin", "owner"]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(line),
]
WorkspaceId: Any = id_of("workspace_id")
Email = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=3, max_length=254),
    Field(json_schema_extra={"format": "email"}),
]
Password = Annotated[
    str, StringConstraints(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]

InCookie = Annotated[
    Literal["cookie"],
    Field(
        description="For pages that the platform serves: the refresh token is kept in a cookie that scripts cannot read"
    ),
]
UnlessInCookie = Annotated[
    str | SkipJsonSchema[None], Field(description="Left out if the session is in a cookie")
]


class Registration(RequestModel):
    email: Email
    password: Password
    name: Name | None = None


class Registered(AnswerModel):
    id: str
    email: str
    workspace_id: str


class LoginRequest(RequestModel):
    email: Email
    password: Secret
    workspace_id: WorkspaceId | None = None
    """Which of the user's workspaces to enter; by default their own."""
    session: InCookie | None = None


class LoggedIn(AnswerModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a scheme
    expires_in: int
    refresh_token: UnlessInCookie = None
    refresh_expires_in: int


class LogoutRequest(RequestModel):
    refresh_token: Secret | None = None
    """Another session of the same user's that ends as well; the caller's own does in any case."""
    session: InCookie | None = None
    """The session in the browser's cookie ends as well, and the cookie goes."""


class KeySet(AnswerModel):
    """A JWK Set (RFC 7517, section 5)."""

    keys: list[dict[str, Any]]


class RefreshRequest(RequestModel):
    session: InCookie | None = None
    """The refresh token is read from the cookie, unless there is one here, and the new one kept there."""
    refresh_token: Secret | None = Field(default=None, validate_default=True)
    """Needed unless the session is in a cookie."""

    @field_validator("refresh_token")
    @classmethod
    def _is_somewhere(cls, value: str | None, told: ValidationInfo) -> str | None:
        if value is None and told.data.get("session") is None:
            raise PydanticCustomError("missing", "Field required")
        return value


class Refreshed(AnswerModel):
    access_token: str
    expires_in: int
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    refresh_token: UnlessInCookie = None


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
    next: NextPage


class InvitationRequest(RequestModel):
    email: Email
    role: RoleName = "editor"
    name: Name | None = None
    """What somebody who has no account yet is called, until they say otherwise."""


class MemberRequest(InvitationRequest):
    password: Password | None = None
    """No longer accepted: invited people choose their own."""


class InvitationView(AnswerModel):
    id: str
    email: str
    name: str | None
    role: str
    status: Literal["invited"] = "invited"
    invited_by: str
    created_at: Timestamp
    expires_at: Timestamp


class InvitationMade(InvitationView):
    mailed: bool
    """Whether it is also sent by e-mail."""
    token: str
    """What the invited person accepts with: shown this once."""


class InvitationList(AnswerModel):
    invitations: list[InvitationView]
    total: int
    page: int
    page_size: int
    next: NextPage


class Acceptance(RequestModel):
    token: Secret
    password: Password | None = None
    """Without a login: the account's or, where the address has none yet, a new one."""
    name: Name | None = None


class SwitchRequest(RequestModel):
    workspace_id: WorkspaceId
    session: InCookie | None = None


class BelongingView(AnswerModel):
    id: str
    name: str
    tier: Tier
    role: str
    current: bool
    """Whether it is the one that the caller's token is for."""
    joined_at: Timestamp


class BelongingList(AnswerModel):
    workspaces: list[BelongingView]
    total: int
    page: int
    page_size: int
    next: NextPage


class PasswordChange(RequestModel):
    current_password: Secret
    new_password: Password


class Forgotten(RequestModel):
    email: Email


class Noted(AnswerModel):
    status: Literal["accepted"] = "accepted"
    message: str = (
        "If this address has an account, and this installation sends e-mail, a token is on its way; "
        "otherwise ask its operator for one."
    )


class PasswordReset(RequestModel):
    token: Secret
    password: Password


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
    next: NextPage


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
