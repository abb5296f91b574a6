"""What jobs have used, by whatever is asked for: the rows always add up.

Covers: executor.routes.usage_bodies, executor.store.usage
"""

from dataclasses import replace
from datetime import date

import pytest

from common.contracts.events import ExecutionStatus, ModelUsage
from common.errors import InvalidRequest
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.api import usage
from executor.domain.api.usage import UsageTables
from executor.domain.ending.tallies import Ending

SPAN = date(2026, 1, 1), date(2026, 3, 31)


def ending(number, day, **models):
    usages = {
        n: ModelUsage(input_tokens=c, output_tokens=1, cost_usd=c / 100) for n, c in models.items()
    }
    tokens = sum(one.input_tokens + one.output_tokens for one in usages.values())
    told = day[:7], ExecutionStatus.COMPLETED, tokens, 1.0
    return Ending(f"job_{number}", *told, day=day, models=usages)


@pytest.fixture
async def tables():
    counters, executions = MemoryCounters(), MemoryExecutions()
    await counters.count("ws_1", "crew_1", [ending(1, "2026-01-31", a=10, b=20)])
    await counters.count("ws_1", "crew_1", [ending(2, "2026-02-01", a=30)])
    await counters.count("ws_1", "crew_2", [ending(3, "2026-02-01", b=40)])
    await counters.count("ws_2", "crew_3", [ending(4, "2026-02-01", b=999)])
    return UsageTables(counters, executions)


def rows(table):
    return {tuple(row.keys.values()): (row.use.input, row.use.nano) for row in table.rows}


CASES = [
    (["crew"], {("crew_1",): 60, ("crew_2",): 40}),
    (["month", "crew"], {("2026-01", "crew_1"): 30, ("2026-02", "crew_1"): 30, ("2026-02", "crew_2"): 40}),
    (["day"], {("2026-01-31",): 30, ("2026-02-01",): 70}),
    (["model"], {("a",): 40, ("b",): 60}),
    (["month", "crew", "model"], {("2026-01", "crew_1", "a"): 10, ("2026-01", "crew_1", "b"): 20,
                                  ("2026-02", "crew_1", "a"): 30, ("2026-02", "crew_2", "b"): 40}),
    ([], {}),
]  # fmt: skip


@pytest.mark.parametrize(("groups", "wanted"), CASES)
async def test_rows_add_up(tables, groups, wanted):
    table = await tables.table("ws_1", SPAN, groups, limit=20, after=None)
    assert rows(table) == {key: (count, count * 10**7) for key, count in wanted.items()}
    assert (table.total.use.input, table.total.use.nano) == (100, 10**9)
    assert table.total.tally.executions == 3


async def test_a_part_of_a_month_is_told_by_days(tables):
    span = date(2026, 1, 15), date(2026, 2, 15)
    table = await tables.table("ws_1", span, ["month", "crew"], limit=20, after=None)
    assert len(table.rows) == 3


async def test_a_month_of_an_older_release_has_tokens_and_no_cost():
    counters = MemoryCounters()
    old = Ending("job_1", "2026-01", ExecutionStatus.COMPLETED, tokens=500, seconds=1.0)
    await counters.count("ws_1", "crew_1", [old])
    tables = UsageTables(counters, MemoryExecutions())
    assert not (await tables.month("ws_1", "2026-01")).priced
    table = await tables.table("ws_1", SPAN, ["month", "crew"], limit=20, after=None)
    assert [(row.tally.tokens, row.priced) for row in table.rows] == [(500, False)]


async def test_tokens_without_a_price_are_told_and_cost_nothing_that_is_known():
    counters, executions = MemoryCounters(), MemoryExecutions()
    free = ModelUsage(input_tokens=7, output_tokens=3)
    done = ExecutionStatus.COMPLETED
    alone = Ending("job_1", "2026-01", done, 10, 1.0, day="2026-01-31", models={"free": free})
    both = replace(ending(2, "2026-01-31", a=10), tokens=21)
    await counters.count("ws_1", "crew_1", [alone])
    await counters.count("ws_1", "crew_2", [replace(both, models={**both.models, "free": free})])
    tables = UsageTables(counters, executions)
    table = await tables.table("ws_1", SPAN, ["crew"], limit=20, after=None)
    told = {row.keys["crew"]: (row.nano, row.use.unpriced) for row in table.rows}
    assert told == {"crew_1": (None, 10), "crew_2": (10**8, 10)}
    table = await tables.table("ws_1", SPAN, ["model"], limit=20, after=None)
    assert [(row.keys["model"], row.nano) for row in table.rows] == [("a", 10**8), ("free", None)]
    assert (table.total.nano, table.total.use.unpriced) == (10**8, 20)


async def test_a_page_of_jobs_has_the_totals_of_the_whole_time(tables):
    table = await tables.table("ws_1", SPAN, ["job"], limit=1, after=None)
    assert (table.total.use.input, table.total.tally.executions) == (100, 3)


async def test_too_much_is_refused(tables, monkeypatch):
    with pytest.raises(InvalidRequest, match="366 days"):
        await tables.table(
            "ws_1", (date(2024, 1, 1), date(2026, 1, 1)), ["day"], limit=20, after=None
        )
    monkeypatch.setattr(usage, "_ROWS", 2)
    with pytest.raises(InvalidRequest, match="2 rows"):
        await tables.table("ws_1", SPAN, ["month", "crew"], limit=20, after=None)
