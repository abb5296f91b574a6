"""Windows over waiting jobs return what one large sort would."""

import asyncio
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from common.times import utc_now
from executor.store.windowed_queue import WindowedQueue

NOW = utc_now().replace(microsecond=0)


class Waiting:
    """The waiting jobs, as ages in seconds before NOW; `read` is the most rows of one window."""

    def __init__(self, ages):
        self.rows = {f"job_{n}": NOW - timedelta(seconds=age) for n, age in enumerate(ages)}
        self.windows = []

    async def __call__(self, after, upto):
        found = [
            {"_id": job, "created_at": at} for job, at in self.rows.items() if after < at <= upto
        ]
        self.windows.append(len(found))
        return found[::-1]

    def sorted(self, before, limit):
        known = sorted((at, job) for job, at in self.rows.items() if at <= before)
        return [job for _, job in known][:limit]


ages = st.lists(st.floats(0, 10**8), max_size=30)


@given(ages, ages, st.lists(st.tuples(st.integers(1, 8), st.floats(-5, 5)), max_size=6))
def test_the_oldest_come_first_whatever_is_taken_and_comes_late(first, late, looks):
    async def look() -> None:
        waiting = Waiting(first)
        queue = WindowedQueue(waiting)
        coming = [NOW - timedelta(seconds=age) for age in late]
        for place, (limit, ahead) in enumerate(looks):
            before = NOW + timedelta(seconds=ahead)
            found = [row["_id"] for row in await queue.oldest(before, limit)]
            assert found == waiting.sorted(before, limit)
            for job in found[::2]:
                del waiting.rows[job]
            if coming:
                waiting.rows[f"late_{place}"] = coming.pop()

    asyncio.run(look())


async def test_a_look_at_a_long_backlog_reads_about_what_it_returns():
    waiting = Waiting(n / 100 for n in range(20_000))
    queue = WindowedQueue(waiting)
    await queue.oldest(NOW, 50)
    assert max(waiting.windows) < 12_001
    for _ in range(5):
        waiting.windows.clear()
        for row in await queue.oldest(NOW, 50):
            del waiting.rows[row["_id"]]
    assert sum(waiting.windows) <= 300
    assert len(waiting.windows) < 5
