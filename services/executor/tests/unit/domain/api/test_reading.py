"""How many jobs there are, whatever moment they are counted at; and a job's events, page by page."""

from dataclasses import replace

import pytest

from common.contracts.events import ExecutionStatus, ProgressUpdate, TaskComplete
from common.times import utc_now
from devkit.stores.executions import MemoryCounters, MemoryExecutions
from executor.domain.api.reading import Reading
from executor.domain.ending.tallies import Ending
from executor.domain.log.events import EventDraft
from executor.domain.log.execution import Execution
from executor.domain.log.records import Record, number


@pytest.mark.parametrize("closed", [False, True])
async def test_a_job_that_is_counted_and_not_yet_closed_is_one_job(closed: bool) -> None:
    executions, counters = MemoryExecutions(), MemoryCounters()
    reading = Reading(executions, executions, counters)
    job = Execution(job_id="job_1", workspace_id="ws_1", crew_id="crew_1", created_at=utc_now())
    await executions.insert(job)

    async def totals() -> list[int]:
        found = []
        for crew_id in (None, "crew_1"):
            found.append((await reading.page("ws_1", crew_id=crew_id, status=None, limit=9)).total)
        return found

    assert await totals() == [1, 1]
    ending = Ending("job_1", "2026-11", ExecutionStatus.STOPPED, tokens=0, seconds=1.0)
    await counters.count("ws_1", "crew_1", [ending])
    if closed:
        await executions.close(["job_1"])
    assert await totals() == [1, 1]


class Asked(MemoryExecutions):
    """Counts what a page asks of the store."""

    def __init__(self) -> None:
        super().__init__()
        self.heads_read = 0
        self.windows: list[tuple[int, int]] = []

    async def head(self, job_id: str) -> Execution | None:
        self.heads_read += 1
        found = await super().head(job_id)
        job = self.jobs[job_id]  # its writer goes on as soon as the head has been read
        await self.copy({job_id: job.tail})
        self.jobs[job_id] = replace(job, tail=())
        return found

    async def traced_records(
        self, job_id: str, after: int, upto: int, most_bytes: int
    ) -> list[Record]:
        self.windows.append((after, upto))
        return await super().traced_records(job_id, after, upto, most_bytes)


@pytest.mark.parametrize(
    ("after", "limit", "wanted", "windows"),
    [
        (0, 4, [1, 2, 3, 4], [(0, 4)]),
        (4, 4, [5, 6, 7, 8], [(4, 8)]),  # of which the tail had two
        (6, 9, [7, 8, 9], []),
        (9, 5, [], []),
        (99, 5, [], []),
    ],
)
async def test_a_page_is_one_head_and_one_bounded_window(
    after: int, limit: int, wanted: list[int], windows: list[tuple[int, int]]
) -> None:
    executions = Asked()
    drafts = [EventDraft(ProgressUpdate(progress=n)) for n in range(9)]
    records = number(drafts, "job_1", 0, 1, utc_now())
    job = Execution(job_id="job_1", workspace_id="ws_1", crew_id="crew_1", created_at=utc_now())
    await executions.insert(replace(job, seq=9, tail=records[6:]))
    await executions.copy({"job_1": records[:6]})
    found = await Reading(executions, executions, MemoryCounters()).events(
        "ws_1", "job_1", after, limit
    )
    assert [record.seq for record in found.records] == wanted
    assert executions.heads_read == 1
    assert executions.windows == windows


@pytest.mark.parametrize("copied", [0, 3, 7, 9], ids=lambda n: f"{n}-in-the-traces")
async def test_a_page_is_bounded_by_bytes_and_the_next_one_goes_on(copied: int) -> None:
    executions = MemoryExecutions()
    text = "x" * 1_000_000
    sizes = [text * 2, *[text] * 4, text * 5, "short", "short", text]
    drafts = [EventDraft(TaskComplete(task_id="t", result=result)) for result in sizes]
    records = number(drafts, "job_1", 0, 1, utc_now())
    job = Execution(job_id="job_1", workspace_id="ws_1", crew_id="crew_1", created_at=utc_now())
    await executions.insert(replace(job, seq=9, tail=records[copied:]))
    await executions.copy({"job_1": records[:copied]})
    reading = Reading(executions, executions, MemoryCounters())
    pages: list[list[int]] = []
    while (after := pages[-1][-1] if pages else 0) < 9:
        found = await reading.events("ws_1", "job_1", after, 200)
        pages.append([record.seq for record in found.records])
    assert pages == [[1, 2, 3], [4, 5], [6], [7, 8, 9]]
