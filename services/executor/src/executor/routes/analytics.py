"""Totals of a workspace's runs."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from common.web.access import Viewer
from executor.routes.bodies import PerformanceFigures, crew_figures
from executor.routes.usage_bodies import UsageFigures, UsageQuery, usage_figures, usage_table
from executor.routes.use_cases import Use

router = APIRouter(tags=["Analytics"])


@router.get("/analytics/usage", summary="Usage of a month, or by job, crew, model and day")
async def get_usage(
    asked: Annotated[UsageQuery, Query()], caller: Viewer, use: Use
) -> UsageFigures:
    today = datetime.now(UTC).date()
    if not asked.table:
        month = asked.period or today.strftime("%Y-%m")
        return usage_figures(month, await use.usage.month(caller.workspace_id, month))
    table = await use.usage.table(
        caller.workspace_id, asked.span(today), asked.groups, limit=asked.limit, after=asked.after
    )
    return await asyncio.to_thread(usage_table, table)  # of up to 5,000 rows


@router.get("/analytics/performance", summary="Figures of each crew")
async def get_performance(caller: Viewer, use: Use) -> PerformanceFigures:
    crews = await use.reading.performance(caller.workspace_id)
    return PerformanceFigures(crews=[crew_figures(crew) for crew in crews])
