"""Totals of a workspace's runs."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from common.web.access import Viewer
from executor.routes.bodies import PerformanceFigures, UsageFigures, crew_figures, usage_figures
from executor.routes.use_cases import Use

router = APIRouter(tags=["Analytics"])


@router.get("/analytics/usage", summary="Usage of a month")
async def get_usage(
    caller: Viewer,
    use: Use,
    period: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="A month; this one by default"),
    ] = None,
) -> UsageFigures:
    month = period or datetime.now(UTC).strftime("%Y-%m")
    tally = await use.reading.usage(caller.workspace_id, month)
    return usage_figures(month, tally)


@router.get("/analytics/performance", summary="Figures of each crew")
async def get_performance(caller: Viewer, use: Use) -> PerformanceFigures:
    crews = await use.reading.performance(caller.workspace_id)
    return PerformanceFigures(crews=[crew_figures(crew) for crew in crews])
