"""The bodies of a workspace's budget."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from common.web.models import AnswerModel, RequestModel, Timestamp
from executor.domain.budgets.amounts import Amount, Limits, nano_of
from executor.domain.budgets.budget import WorkspaceBudget, month_end, month_of

_MAX_COST = Field(
    description="US dollars that the calls to models of all jobs together may cost in a month; null is no limit",
    examples=[50],
)
_MAX_TOKENS = Field(
    description="Tokens, read and written, that all jobs together may use in a month; null is no limit",
    examples=[2_000_000],
)
_PER = Field(description="A calendar month in UTC", examples=["month"])


class BudgetOfWorkspace(RequestModel):
    max_cost_usd: Annotated[float | None, _MAX_COST, Field(gt=0, le=1_000_000)] = None
    max_tokens: Annotated[int | None, _MAX_TOKENS, Field(ge=1, le=10**12)] = None
    per: Annotated[Literal["month"], _PER] = "month"

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.max_cost_usd is None and self.max_tokens is None:
            raise PydanticCustomError(
                "no_limit",
                "set max_cost_usd, max_tokens or both; DELETE /workspace/budget removes the budget",
            )
        return self

    def limits(self) -> Limits:
        cost = self.max_cost_usd
        return Limits(None if cost is None else max(1, nano_of(cost)), self.max_tokens)


class BudgetAmount(AnswerModel):
    cost_usd: Annotated[float, Field(description="US dollars", examples=[12.5])]
    tokens: Annotated[int, Field(examples=[830_000])]


class BudgetStatus(AnswerModel):
    max_cost_usd: Annotated[float | None, _MAX_COST]
    max_tokens: Annotated[int | None, _MAX_TOKENS]
    per: Annotated[Literal["month"], _PER]
    month: Annotated[str, Field(description="The month that is counted", examples=["2026-11"])]
    spent: Annotated[
        BudgetAmount | None,
        Field(description="Used in this month, a second ago at most; null without a budget"),
    ]
    reserved: Annotated[
        BudgetAmount | None,
        Field(
            description="Set aside for running jobs beyond that: for calls under way and the next ones"
        ),
    ]
    resets_at: Annotated[Timestamp, Field(description="When the next month begins")]


def budget_status(budget: WorkspaceBudget | None, now: datetime) -> BudgetStatus:
    """Return a budget, or that there is none."""
    month = month_of(now) if budget is None else budget.month
    limits = Limits() if budget is None else budget.limits
    return BudgetStatus(
        max_cost_usd=None if limits.nano is None else limits.nano / 1e9,
        max_tokens=limits.tokens,
        per="month",
        month=month,
        spent=None if budget is None else _amount(budget.spent),
        reserved=None if budget is None else _amount(budget.leased),
        resets_at=month_end(month),
    )


def _amount(amount: Amount) -> BudgetAmount:
    return BudgetAmount(cost_usd=amount.usd, tokens=amount.tokens)
