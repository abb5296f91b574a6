"""What the gateway asks auth for, besides what every door does; see docs/reference/internal-api.md."""

from pydantic import BaseModel

from common.client import ServiceClient, ServiceTokens, model_from_answer
from common.identity import ALL_WORKSPACES
from gateway.domain.windows import UNLIMITED, RateLimits


class _LimitsAnswer(BaseModel):
    per_hour: int | None = None
    per_minute: int | None = None


class _PlanAnswer(BaseModel):
    tier: str
    limits: _LimitsAnswer | None = None


class AuthPlans:
    """The plans of workspaces; a `PlanSource`."""

    def __init__(self, auth: ServiceClient, tokens: ServiceTokens) -> None:
        self._auth = auth
        self._tokens = tokens

    async def limits(self, workspace_id: str) -> RateLimits:
        """Return the rate limits of a workspace. Raises a `KasalError`."""
        token = await self._tokens.token(ALL_WORKSPACES)
        path = f"/internal/workspaces/{workspace_id}/plan"
        plan = model_from_answer(
            _PlanAnswer, await self._auth.request("GET", path, token=token), "auth"
        )
        if plan.limits is None:
            return UNLIMITED
        return RateLimits(plan.limits.per_hour, plan.limits.per_minute)
