"""The bodies of what a workspace's jobs have used."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Self, get_args

from fastapi import Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from common.storage.cursors import LONGEST
from common.web.models import AnswerModel
from executor.domain.api.usage import Group, UsageRow, UsageTable

_SHARE = Field(ge=0, le=1, description="Completed runs among all that have ended, without replays")
_SECONDS = Field(ge=0, description="Seconds from start to end")
_COST = Field(
    description="US dollars; null if no price is known for any of it, or if that was not counted yet",
    examples=[31.4],
)
_ONLY: dict[str, Any] = {"exclude_if": lambda value: value is None}
_MONTH = re.compile(r"[1-9][0-9]{3}-(0[1-9]|1[0-2])", re.ASCII)
_UNPRICED = Field(
    description="Tokens of models without a known price, which `cost_usd` leaves out, if any",
    examples=[1_200],
    **_ONLY,
)
_TOO_LATE = "9999"
"""The calendar ends with this year, so what follows its last day cannot be computed."""
_GROUPS = frozenset(get_args(Group))


def _month(value: str | None) -> str | None:
    if value is not None and not _MONTH.fullmatch(value):
        raise PydanticCustomError(
            "period", "it is a month such as 2026-11; days are since and until"
        )
    return value


class UsageQuery(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    period: Annotated[
        str | None,
        Query(
            description="A month such as `2026-11`; this one by default",
            json_schema_extra={"pattern": f"^{_MONTH.pattern}$"},
        ),
        AfterValidator(_month),
    ] = None
    group_by: Annotated[
        str | None,
        Query(
            max_length=100,
            description="One or more of `crew`, `model`, `day`, `month`, with commas; or `job`: the jobs one by one",
        ),
    ] = None
    since: Annotated[date | None, Query(description="The first day, in UTC")] = None
    until: Annotated[date | None, Query(description="The last day; today by default")] = None
    limit: Annotated[int, Query(ge=1, le=100, description="Jobs on a page")] = 20
    after: Annotated[
        str | None,
        Query(min_length=1, max_length=LONGEST, description="The `next` of a page of jobs"),
    ] = None

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        unknown = [one for one in self.groups if one not in _GROUPS]
        if unknown or len(set(self.groups)) < len(self.groups):
            raise PydanticCustomError(
                "group_by", "group_by takes crew, model, day and month, each once, or job"
            )
        if "job" in self.groups and len(self.groups) > 1:
            raise PydanticCustomError("group_by", "group_by=job goes with nothing else")
        if self.period is not None and (self.since or self.until):
            raise PydanticCustomError("period", "period and since/until both say when: send one")
        if self.since and self.until and self.since > self.until:
            raise PydanticCustomError("since", "since is after until")
        for name in ("period", "since", "until"):
            if str(getattr(self, name) or "") >= _TOO_LATE:
                raise PydanticCustomError(name, f"{name} is after the year 9998")
        return self

    @property
    def groups(self) -> list[Group]:
        return [one.strip() for one in self.group_by.split(",")] if self.group_by else []  # type: ignore[misc]

    @property
    def table(self) -> bool:
        return bool(self.group_by or self.since or self.until)

    def span(self, today: date) -> tuple[date, date]:
        """Return the first and the last day."""
        if self.period is not None or (self.since is None and self.until is None):
            first = date.fromisoformat(f"{self.period or today.isoformat()[:7]}-01")
            return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        until = self.until or max(today, self.since or today)
        return self.since or until.replace(day=1), until


class UsageEntry(AnswerModel):
    month: Annotated[str | None, Field(examples=["2026-11"], **_ONLY)] = None
    day: Annotated[str | None, Field(examples=["2026-11-27"], **_ONLY)] = None
    crew_id: Annotated[str | None, Field(examples=["crew_01jd7v"], **_ONLY)] = None
    model: Annotated[str | None, Field(examples=["gpt-4o"], **_ONLY)] = None
    job_id: Annotated[str | None, Field(examples=["job_01jd7v"], **_ONLY)] = None
    status: Annotated[str | None, Field(examples=["completed"], **_ONLY)] = None
    executions: Annotated[
        int | None,
        Field(
            description="Runs that ended, without replays; not told by model: a run may use several",
            **_ONLY,
        ),
    ] = None
    tokens: Annotated[int, Field(description="Read and written", examples=[124_000])]
    requests: Annotated[int, Field(description="Requests to models", examples=[420])]
    input_tokens: Annotated[int, Field(examples=[90_000])]
    output_tokens: Annotated[int, Field(examples=[34_000])]
    cost_usd: Annotated[float | None, _COST]
    unpriced_tokens: Annotated[int | None, _UNPRICED] = None


class UsageFigures(AnswerModel):
    period: Annotated[str, Field(description="The month, or the first and the last day")]
    executions: Annotated[int, Field(description="Runs that ended in the period, without replays")]
    tokens_used: int
    success_rate: Annotated[float, _SHARE]
    avg_duration: Annotated[float, _SECONDS]
    cost_usd: Annotated[float | None, _COST]
    unpriced_tokens: Annotated[int | None, _UNPRICED] = None
    rows: Annotated[
        list[UsageEntry] | None,
        Field(description="With `group_by`: at most 5,000; jobs are in pages", **_ONLY),
    ] = None
    next: Annotated[
        str | None,
        Field(
            description="With `group_by=job`: what to send as `after` for the next page", **_ONLY
        ),
    ] = None


def usage_figures(period: str, row: UsageRow) -> UsageFigures:
    """Return the figures of a period."""
    return UsageFigures(**_figures(period, row))


def usage_table(table: UsageTable) -> UsageFigures:
    """Return the figures of some days, with rows."""
    period = f"{table.since.isoformat()}/{table.until.isoformat()}"
    return UsageFigures(
        **_figures(period, table.total),
        rows=[_entry(row) for row in table.rows] if table.groups else None,
        next=table.next,
    )


def _figures(period: str, row: UsageRow) -> dict[str, Any]:
    tally = row.tally
    return {
        "period": period,
        "executions": 0 if tally is None else tally.runs,
        "tokens_used": _tokens(row),
        "success_rate": 0.0 if tally is None else tally.success_rate,
        "avg_duration": 0.0 if tally is None else tally.avg_duration,
        "cost_usd": _cost(row),
        "unpriced_tokens": row.use.unpriced or None,
    }


def _entry(row: UsageRow) -> UsageEntry:
    names = {"crew": "crew_id", "job": "job_id"}
    return UsageEntry(
        **{names.get(name, name): value for name, value in row.keys.items()},
        executions=None if row.tally is None else row.tally.runs,
        tokens=_tokens(row),
        requests=row.use.requests,
        input_tokens=row.use.input,
        output_tokens=row.use.output,
        cost_usd=_cost(row),
        unpriced_tokens=row.use.unpriced or None,
    )


def _cost(row: UsageRow) -> float | None:
    return None if row.nano is None else row.nano / 1e9


def _tokens(row: UsageRow) -> int:
    """Return all tokens: older releases counted only their sum."""
    return max(row.use.input + row.use.output, 0 if row.tally is None else row.tally.tokens)
