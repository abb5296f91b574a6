"""What a workspace's runs add up to."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field

from common.access import Viewer
from common.models import AnswerModel
from executor.routes.access import use_cases

router = APIRouter(tags=["Analytics"])

_SHARE = Field(ge=0, le=1, description="Completed runs among all that have ended")
_SECONDS = Field(ge=0, description="Seconds from start to end")


class UsageFigures(AnswerModel):
    period: str
    executions: Annotated[int, Field(description="Runs that ended in the period")]
    tokens_used: int
    success_rate: Annotated[float, _SHARE]
    avg_duration: Annotated[float, _SECONDS]


class CrewFigures(AnswerModel):
    crew_id: str
    executions: int
    success_rate: Annotated[float, _SHARE]
    avg_duration: Annotated[float, _SECONDS]


class PerformanceFigures(AnswerModel):
    crews: list[CrewFigures]


@router.get("/analytics/usage", summary="Usage of a month")
async def get_usage(
    caller: Viewer,
    request: Request,
    period: Annotated[
        str | None,
        Query(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="A month; this one by default"),
    ] = None,
) -> UsageFigures:
    month = period or datetime.now(UTC).strftime("%Y-%m")
    tally = await use_cases(request).reading.usage(caller.workspace_id, month)
    return UsageFigures(
        period=month,
        executions=tally.executions,
        tokens_used=tally.tokens,
        success_rate=tally.success_rate,
        avg_duration=tally.avg_duration,
    )


@router.get("/analytics/performance", summary="Figures of each crew")
async def get_performance(caller: Viewer, request: Request) -> PerformanceFigures:
    crews = await use_cases(request).reading.performance(caller.workspace_id)
    return PerformanceFigures(
        crews=[
            CrewFigures(
                crew_id=crew.crew_id,
                executions=crew.total.executions,
                success_rate=crew.total.success_rate,
                avg_duration=crew.total.avg_duration,
            )
            for crew in crews
        ]
    )
