"""What a new job passes before it is stored, and who hears of it then."""

import pytest

from common.errors import BudgetExceeded, InvalidRequest
from executor.domain.api.intake import JobIntake
from executor.domain.log.journal import TooLarge


class Store:
    """Stores a job with the answer that it is given, or raises it."""

    def __init__(self, answer):
        self.answer = answer

    async def insert(self, job, receipt):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Gate:
    """Quotas that let each job in, and a budget that is used up; notes what is asked."""

    def __init__(self):
        self.asked = []

    async def check(self, *about):
        self.asked.append(about)
        if len(about) > 1:
            raise BudgetExceeded("the budget is used up")


class Outbox:
    def __init__(self):
        self.sent = []

    def send_submission(self, job):
        self.sent.append(job)


def intake(answer=True, gate=None):
    gate = gate or Gate()
    return JobIntake(Store(answer), None, None, Outbox(), gate, None, gate)


@pytest.mark.parametrize("stored", [True, False])
async def test_a_worker_is_woken_for_just_what_is_stored_now(stored):
    into = intake(stored)
    assert await into.store("a job", "crew and the inputs") is stored
    assert into.outbox.sent == ["a job"] * stored


async def test_a_job_that_is_too_large_is_refused_by_what_it_is_made_of():
    into = intake(TooLarge("it takes 17 MB"))
    with pytest.raises(InvalidRequest, match="The crew and the outputs together are too large"):
        await into.store("a job", "crew and the outputs")
    assert into.outbox.sent == []


async def test_what_may_cost_needs_a_budget_and_what_costs_nothing_does_not():
    gate = Gate()
    with pytest.raises(BudgetExceeded):
        await intake(gate=gate).check_room("ws_1", "crew_1", 2)
    await intake(gate=gate).check_room("ws_1", "crew_1", 2, may_cost=False)
    assert gate.asked == [("ws_1",), ("ws_1", "crew_1", 2), ("ws_1",)]
