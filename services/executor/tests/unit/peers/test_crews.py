"""What crews answers, and what a worker makes of an answer that it does not understand."""

from dataclasses import replace

import pytest

from common.contracts.events import ExecutionStatus
from common.errors import Forbidden, NotFound, Unavailable
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.ending.settlement import Settlement
from executor.domain.log.execution import Execution
from executor.domain.worker.intake import Intake
from executor.peers.crews import CrewsOverHttp


class Peer:
    def __init__(self, answer):
        self.answer = answer

    async def request(self, method, path, *, token):
        return self.answer

    async def token(self, workspace_id):
        return "token"


@pytest.mark.parametrize("answer", [None, [], {}, {"id": "crew_1"}, {"credentials": 3}])
async def test_an_answer_that_cannot_be_understood_is_no_answer(answer):
    """As of a version that is newer or older by too much, or of something else at its address."""
    crews = CrewsOverHttp(Peer(answer), Peer(None))
    with pytest.raises(Unavailable):
        await crews.snapshot("ws_1", "crew_1")
    with pytest.raises(Unavailable):
        await crews.tool_credentials("ws_1", "tool_1", "https://a.example")


class Restarting(Peer):
    """It is away for the first `refusals` requests."""

    def __init__(self, answer, refusals):
        super().__init__(answer)
        self.refusals = refusals

    async def request(self, method, path, *, token):
        self.refusals -= 1
        if self.refusals >= 0:
            raise Unavailable("starting")
        return self.answer


async def test_a_tool_waits_for_its_credentials_while_crews_starts_again():
    peer = Restarting({"credentials": {"token": "t"}}, 2)
    assert await CrewsOverHttp(peer, Peer(None)).tool_credentials(
        "ws_1", "tool_1", "https://a.example"
    ) == {"token": "t"}
    gone = Restarting({}, 1_000)
    with pytest.raises(Unavailable, match="starting"):
        await CrewsOverHttp(gone, Peer(None), patience=0.3).tool_credentials(
            "ws_1", "tool_1", "https://a.example"
        )
    assert gone.refusals > 990, "it is asked with pauses"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Unavailable("away"), ExecutionStatus.QUEUED),
        (Forbidden("of a service without the secret"), ExecutionStatus.QUEUED),
        (NotFound("no such crew"), ExecutionStatus.FAILED),
    ],
)
async def test_a_job_waits_for_its_crew_where_that_may_yet_be_told(fault, status):
    asked = 0

    class Crews:
        async def snapshot(self, workspace_id, crew_id, version=None):
            nonlocal asked
            asked += 1
            raise fault

    store = MemoryExecutions()
    settlement = Settlement(store, MemoryCounters(), None)
    intake = Intake("worker_1", store, Crews(), settlement)
    job = Execution("job_1", "ws_1", "crew_1", utc_now())
    await store.insert(job)
    assert await intake.claim(job) is None
    assert store.jobs["job_1"].status == status
    assert await intake.claim(replace(store.jobs["job_1"])) is None
    assert asked == 1, "not again at once"
