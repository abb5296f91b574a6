"""Jobs that are queued in the store without a message at hand."""

from datetime import timedelta

import pytest

from common.errors import Unavailable
from common.times import utc_now
from executor.domain.log.execution import Execution
from executor.domain.worker.intake import Intake
from executor.domain.worker.queued import Queued


async def test_a_search_that_fails_loses_no_workspace_that_another_search_had_found(
    store, make_crew, monkeypatch
):
    """Their jobs are not claimed then, and a job left here would wait until it is overdue."""
    crew, just_now = make_crew(), utc_now() - timedelta(milliseconds=50)
    for name in ("one", "two"):
        await store.insert(
            Execution(f"job_{name}", f"ws_{name}", "crew_1", just_now, snapshot=crew)
        )
    queued = Queued(store, Intake("worker_1", store, None, None), lambda _: 1)
    queued.remember(["ws_one", "ws_two"], left_here=True)

    async def search():
        return await queued.next(lambda held: dict.fromkeys(held, 2), idle=False, elsewhere=False)

    stored = store.queued_jobs_of

    async def queued_jobs_of(workspace_id, before, limit):
        if workspace_id == "ws_two":
            raise Unavailable("The database does not answer.")
        return await stored(workspace_id, before, limit)

    with monkeypatch.context() as away:
        away.setattr(store, "queued_jobs_of", queued_jobs_of)
        with pytest.raises(Unavailable):
            await search()
    assert sorted(await search()) == ["job_one", "job_two"]
    assert not queued.known
