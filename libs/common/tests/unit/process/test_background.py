"""Work in the background is kept, logged when it fails, and over when its owner closes."""

import asyncio
import gc
import inspect
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from common.process.background import Background
from common.process.backoff import Backoff


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as entries:
        yield entries


async def test_a_task_is_referred_to_until_it_is_done() -> None:
    background, waits = Background(), asyncio.Event()

    async def work() -> None:
        await asyncio.shield(asyncio.get_running_loop().create_future())

    task = weakref.ref(background.start(work(), name="work"))
    await asyncio.sleep(0)
    gc.collect()
    assert task() is not None
    assert len(background) == 1
    done = background.start(waits.wait(), name="waiting")
    waits.set()
    await done
    assert len(background) == 1
    await background.close()
    assert len(background) == 0


async def test_a_fault_is_logged_with_its_ids_and_stops_nothing_else(logged: list[Any]) -> None:
    async def fail() -> None:
        raise KeyError("bug")

    async with Background() as background:
        await background.start(fail(), name="failing", job_id="job_1")
    [entry] = logged
    assert entry["event"] == "work in the background failed"
    assert (entry["work"], entry["job_id"]) == ("failing", "job_1")


async def test_closing_waits_until_what_was_cancelled_has_ended() -> None:
    ended: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    async with Background() as background:
        background.start(work(), name="work")
        await begun.wait()
    assert ended == ["work"]


async def test_finishing_lets_work_end_and_cancels_what_takes_too_long() -> None:
    done: list[str] = []

    async def soon() -> None:
        await asyncio.sleep(0)
        done.append("soon")

    background = Background()
    background.start(soon(), name="soon")
    late = background.start(asyncio.Event().wait(), name="never")
    await background.finish(timeout=0.05)
    assert done == ["soon"]
    assert late.cancelled()


async def test_what_is_kept_begins_again_until_it_ends_well(logged: list[Any]) -> None:
    tries: list[int] = []

    async def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("away")

    async with Background() as background:
        await background.keep(work, name="work", backoff=Backoff((0.0,)))
    assert len(tries) == 3
    assert [entry["event"] for entry in logged] == [
        "work in the background failed and starts again"
    ] * 2


async def test_what_repeats_goes_on_after_a_failure(logged: list[Any]) -> None:
    calls, enough = 0, asyncio.Event()

    async def call() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            enough.set()
        if calls == 1:
            raise OSError("away")

    async with Background() as background:
        background.repeat(call, every=0.0, name="look")
        await enough.wait()
    assert [entry["event"] for entry in logged] == [
        "work in the background failed and will be repeated"
    ]


async def test_a_cancellation_that_a_driver_turns_into_a_fault_ends_the_work() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        try:
            begun.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise OSError("connection lost") from None

    for way in ("keep", "repeat"):
        begun.clear()
        async with asyncio.timeout(60), Background() as background:
            if way == "keep":
                background.keep(work, name="work", backoff=Backoff((0.0,)))
            else:
                background.repeat(work, every=0.0, name="work")
            await begun.wait()


@pytest.mark.parametrize("way", ["keep", "repeat"])
async def test_a_cancellation_by_a_library_does_not_end_a_loop(way: str, logged: list[Any]) -> None:
    calls, again = 0, asyncio.Event()

    async def work() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            answer.cancel()
            await answer
        again.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(60), Background() as background:
        if way == "keep":
            background.keep(work, name="work", backoff=Backoff((0.0,)))
        else:
            background.repeat(work, every=0.0, name="work")
        await again.wait()
    [entry] = logged
    assert (entry["work"], entry["log_level"]) == ("work", "error")


async def test_a_cancellation_by_a_library_is_logged(logged: list[Any]) -> None:
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    answer.cancel()

    async def work() -> None:
        await answer

    async with Background() as background:
        await background.start(work(), name="work", job_id="job_1")
    [entry] = logged
    assert (entry["event"], entry["job_id"]) == ("work in the background failed", "job_1")


async def test_work_that_is_closed_before_it_begins_leaves_nothing_behind() -> None:
    async def work() -> None:
        raise AssertionError("it has not begun")

    coroutine = work()
    async with Background() as background:
        task = background.start(coroutine, name="work")
    assert task.cancelled()
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


async def test_a_task_may_close_its_owner() -> None:
    background = Background()
    async with asyncio.timeout(60):
        await background.start(background.close(), name="closing")
