"""The stored events, read from the executor over its internal API."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from common.client import ServiceClient, ServiceTokens
from common.contracts.replay import EVENT_LINES, split_lines
from common.errors import Unavailable
from common.identity import ALL_WORKSPACES
from events.domain.event import frame_from_json, frames_from_lines
from events.domain.ports import LogHead, LogPage


class ExecutorLog:
    """The executor's execution log; an `ExecutionLog`."""

    def __init__(self, executor: ServiceClient, tokens: ServiceTokens) -> None:
        self._executor = executor
        self._tokens = tokens

    async def page(self, workspace_id: str, job_id: str, after_seq: int, limit: int) -> LogPage:
        """Return at most `limit` events that follow `after_seq`."""
        answer = await self._executor.exchange(
            "GET",
            f"/internal/executions/{job_id}/events",
            token=await self._tokens.token(workspace_id),
            params={"after_seq": str(after_seq), "limit": str(limit)},
            headers={"Accept": EVENT_LINES},
        )
        try:
            if answer.content_type == EVENT_LINES:
                return _page_from_lines(answer.body)
            return _page_from_json(answer.body)  # from an executor of an older release
        except (KeyError, TypeError, ValueError) as fault:
            raise _unreadable() from fault

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


def _page_from_lines(body: bytes) -> LogPage:
    head, lines = split_lines(body)
    events = frames_from_lines(head.first_seq, head.types, lines)
    return LogPage(events, LogHead(head.status, head.last_seq))


def _page_from_json(body: bytes) -> LogPage:
    page = orjson.loads(body)
    return LogPage([frame_from_json(facts) for facts in page["events"]], _head(page))


def _head(answer: Any) -> LogHead:
    try:
        return LogHead(status=str(answer["status"]), last_seq=int(answer["last_seq"]))
    except (KeyError, TypeError, ValueError) as fault:
        raise _unreadable() from fault


def _unreadable() -> Unavailable:
    return Unavailable("The service executor answered something that cannot be understood.")
