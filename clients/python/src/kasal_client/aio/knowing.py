"""What waits for people, what crews remember, and what was used."""

from __future__ import annotations

from typing import Any

from kasal_client.addresses import segment
from kasal_client.bodies import without_none
from kasal_client.models import InboxEntry, MemoryView, PerformanceFigures, UsageFigures

from .pages import AsyncPages
from .transport import AsyncTransport


class AsyncQuestions:
    """The inbox: the open questions of all runs."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self, *, crew_id: str | None = None, kind: str | None = None, page_size: int = 100
    ) -> AsyncPages[InboxEntry]:
        """Return the open questions, oldest first. Answer one with `executions.run(job_id).approve(…)`."""
        params = {"crew_id": crew_id, "kind": kind}
        return AsyncPages(self._transport, "/questions", "questions", InboxEntry, params, page_size)


class AsyncMemory:
    """What crews remember."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def get(
        self,
        crew_id: str,
        *,
        scope: str | None = None,
        key: str | None = None,
        key_type: str | None = None,
    ) -> MemoryView:
        """Return what a crew remembers; by default its own memory, or that of a scope and key."""
        params = {"scope": scope, "key": key, "key_type": key_type}
        return await self._transport.get(f"/memory/{segment(crew_id)}", MemoryView, params=params)

    async def clear(
        self,
        crew_id: str,
        type: str = "all",  # noqa: A002 - as the API calls it
        *,
        scope: str | None = None,
        key: str | None = None,
        key_type: str | None = None,
    ) -> None:
        """Forget `short_term`, `long_term` or `all`."""
        await self._transport.json(
            "POST",
            f"/memory/{segment(crew_id)}/clear",
            json={"type": type},
            params={"scope": scope, "key": key, "key_type": key_type},
            repeat=True,
        )


class AsyncAnalytics:
    """What was used, and how crews do."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def usage(
        self,
        period: str | None = None,
        *,
        group_by: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> UsageFigures:
        """Return the figures of a month (`YYYY-MM`), or of days; `group_by` job, crew, model or day adds `rows`."""
        params: dict[str, Any] = without_none(
            period=period, group_by=group_by, since=since, until=until, after=after, limit=limit
        )
        return await self._transport.get("/analytics/usage", UsageFigures, params=params)

    async def performance(self) -> PerformanceFigures:
        """Return the figures of each crew."""
        return await self._transport.get("/analytics/performance", PerformanceFigures)
