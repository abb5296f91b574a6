"""What the gateway asks of auth; see docs/reference/internal-api.md."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common.client import ServiceClient, ServiceTokens
from common.contracts.messages import SessionRevoked
from common.errors import Unavailable
from common.identity import ALL_WORKSPACES
from gateway.domain.windows import UNLIMITED, Limits

ModelT = TypeVar("ModelT", bound=BaseModel)


class _PlanLimits(BaseModel):
    per_hour: int | None = None
    per_minute: int | None = None


class _Plan(BaseModel):
    tier: str
    limits: _PlanLimits | None = None


class _Revocations(BaseModel):
    revocations: list[SessionRevoked]


class _Exchanged(BaseModel):
    access_token: str


class AuthDirectory:
    """Plans, revocations and the exchange of opaque tokens."""

    def __init__(self, auth: ServiceClient, tokens: ServiceTokens, secret: str) -> None:
        self._auth = auth
        self._tokens = tokens
        self._secret = secret

    async def limits(self, workspace_id: str) -> Limits:
        """Return the rate limits of a workspace. Raises a `KasalError`."""
        token = await self._tokens.token(ALL_WORKSPACES)
        path = f"/internal/workspaces/{workspace_id}/plan"
        plan = _read(_Plan, await self._auth.request("GET", path, token=token))
        if plan.limits is None:
            return UNLIMITED
        return Limits(plan.limits.per_hour, plan.limits.per_minute)

    async def revocations(self) -> list[SessionRevoked]:
        """Return the revocations that have not expired. Raises a `KasalError`."""
        token = await self._tokens.token(ALL_WORKSPACES)
        answer = await self._auth.request("GET", "/internal/revocations", token=token)
        return _read(_Revocations, answer).revocations

    async def exchange(self, token: str) -> str:
        """Return a JWT for an opaque token. Raises `Unauthorized` when it does not hold."""
        answer = await self._auth.request(
            "POST",
            "/internal/tokens/exchange",
            json={"token": token},
            headers={"X-Kasal-Service-Secret": self._secret},
        )
        return _read(_Exchanged, answer).access_token


def _read(kind: type[ModelT], answer: Any) -> ModelT:
    try:
        return kind.model_validate(answer)
    except ValidationError as fault:
        raise Unavailable(f"Auth's answer is no {kind.__name__.strip('_')}: {fault}") from None
