"""The demo: a user, a crew under the API document's own ids, and one run of it to look at."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

from common.errors import KasalError
from common.identity import Role
from common.logs import get_logger
from kasal_platform.config import Settings
from kasal_platform.embedded.platform import Platform

WORKSPACE = "ws_demo"
CREW = "crew_abc123"
JOB = "job_qwerty123"
INPUTS = {"topic": "Q4 Marketing Strategy", "deadline": "2024-12-31"}


log = get_logger(__name__)


async def prepare(platform: Platform, settings: Settings) -> None:
    """Make whatever of the demo's user and crew is missing; a failure of it ends nothing."""
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
    """Runs the demo's crew, which `prepare` has made, through the front door."""

    def __init__(self, platform: Platform, settings: Settings, base: str) -> None:
        self._platform = platform
        self._settings = settings
        self._base = base
        self._token = ""

    async def run(self, http: aiohttp.ClientSession) -> AsyncIterator[dict[str, Any]] | None:
        """Start the demo crew's one run; return its events, or None when it has run before."""
        self._token = await self._login(http)
        if await self._has_run(http):
            return None
        submission = self._platform.apps["executor"].state.use_cases.submission
        await submission.submit(
            WORKSPACE, CREW, INPUTS, requested_by="demo", traceparent="", job_id=JOB
        )
        return self._events(http)

    async def _login(self, http: aiohttp.ClientSession) -> str:
        credentials = {
            "email": self._settings.demo_email,
            "password": self._settings.demo_password,
        }
        async with http.post(f"{self._base}/auth/login", json=credentials) as answer:
            body = await answer.json()
        if answer.status != 200:
            raise KasalError(f"The demo user cannot log in: {body['error']['message']}")
        return str(body["access_token"])

    async def _has_run(self, http: aiohttp.ClientSession) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with http.get(f"{self._base}/executions/{JOB}", headers=headers) as answer:
            return answer.status == 200

    async def _events(self, http: aiohttp.ClientSession) -> AsyncIterator[dict[str, Any]]:
        headers = {"Authorization": f"Bearer {self._token}"}
        async with http.ws_connect(f"{self._base}/ws", headers=headers) as socket:
            await socket.send_json({"type": "subscribe", "job_id": JOB})
            async for frame in socket:
                event = orjson.loads(frame.data)
                if "seq" not in event:
                    continue
                yield event
                if event["type"] in {"execution_complete", "error", "execution_stopped"}:
                    return
