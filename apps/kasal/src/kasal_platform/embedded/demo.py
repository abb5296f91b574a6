"""The demo: a user, a crew with the API document's own ids, and one run of it."""

from collections.abc import AsyncIterator

import aiohttp

from common.contracts.events import Event
from common.errors import KasalError
from common.identity import Role
from common.logs import get_logger
from kasal_platform.api_client import ApiClient, ApiError
from kasal_platform.config import Settings
from kasal_platform.embedded.platform import Platform

WORKSPACE = "ws_demo"
CREW = "crew_abc123"
JOB = "job_qwerty123"
INPUTS = {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"}


log = get_logger(__name__)


async def prepare(platform: Platform, settings: Settings) -> None:
    """Create the demo's user and crew if they are missing; a failure is only logged."""
    try:
        await platform.apps["auth"].state.accounts.ensure(
            email=settings.demo_email,
            password=settings.demo_password,
            name="Demo User",
            workspace_id=WORKSPACE,
            tier="pro",
            role=Role.OWNER,
        )
        await platform.apps["crews"].state.demo.ensure(WORKSPACE)
    except Exception:
        log.exception("the demo could not be made")


class Demo:
    """Runs the demo's crew, which `prepare` has created, through the public API."""

    def __init__(self, platform: Platform, settings: Settings, base: str) -> None:
        self._platform = platform
        self._settings = settings
        self._base = base

    async def run(self, http: aiohttp.ClientSession) -> AsyncIterator[Event] | None:
        """Start the demo crew's only run; return its events, or None if it has run before."""
        client = ApiClient(self._base, http)
        await self._log_in(client)
        if (await client.send("GET", f"/executions/{JOB}")).status == 200:
            return None
        submission = self._platform.apps["executor"].state.use_cases.submission
        await submission.submit(
            WORKSPACE, CREW, INPUTS, requested_by="demo", traceparent="", job_id=JOB
        )
        return client.events(JOB)

    async def _log_in(self, client: ApiClient) -> None:
        try:
            await client.log_in(self._settings.demo_email, self._settings.demo_password)
        except ApiError as refused:
            message = refused.response.json()["error"]["message"]
            raise KasalError(f"The demo user cannot log in: {message}") from refused
