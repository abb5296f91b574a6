"""The stored events, read from the executor over its internal API."""

from collections.abc import Mapping, Sequence
from typing import Any

from common.client import ServiceClient, ServiceTokens
from common.errors import Unavailable
from common.identity import ALL_WORKSPACES
from events.domain.event import from_facts
from events.domain.ports import LogHead, LogPage


class ExecutorLog:
    """The executor's execution log; an `ExecutionLog`."""

    def __init__(self, executor: ServiceClient, tokens: ServiceTokens) -> None:
        self._executor = executor
        self._tokens = tokens

    async def page(self, workspace_id: str, job_id: str, after_seq: int, limit: int) -> LogPage:
        """Return at most `limit` events that follow `after_seq`."""
        bounds = {"after_seq": str(after_seq), "limit": str(limit)}
        answer = await self._get(workspace_id, f"/internal/executions/{job_id}/events", bounds)
        try:
            events = [from_facts(facts) for facts in answer["events"]]
        except (KeyError, TypeError, ValueError) as fault:
            raise _unreadable() from fault
        return LogPage(events, _head(answer))

    async def heads(self, job_ids: Sequence[str]) -> Mapping[str, LogHead]:
        """Return the heads of these jobs; unknown ones are left out."""
        answer = await self._executor.request(
            "POST",
            "/internal/executions/heads",
            token=await self._tokens.token(ALL_WORKSPACES),
            json={"job_ids": list(job_ids)},
        )
        try:
            return {str(job_id): _head(facts) for job_id, facts in answer["heads"].items()}
        except (KeyError, TypeError, AttributeError) as fault:
            raise _unreadable() from fault

    async def _get(self, workspace_id: str, path: str, params: Mapping[str, str]) -> Any:
        token = await self._tokens.token(workspace_id)
        return await self._executor.request("GET", path, token=token, params=params)


def _head(answer: Any) -> LogHead:
    try:
        return LogHead(status=str(answer["status"]), last_seq=int(answer["last_seq"]))
    except (KeyError, TypeError, ValueError) as fault:
        raise _unreadable() from fault


def _unreadable() -> Unavailable:
    return Unavailable("The service executor answered something that cannot be understood.")
