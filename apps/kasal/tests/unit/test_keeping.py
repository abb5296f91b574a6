"""Parts that end are started again, ever later; one that fails again and again is given up."""

import asyncio

import pytest

from kasal_platform.keeping import MOST_TRIES, WELL_AFTER, Keeper, KeptPart
from kasal_platform.local.program import ProgramFailed


class Part:
    """A part that lives for each of `lives` seconds in turn, then for good."""

    def __init__(self, *lives: float) -> None:
        self.now, self.lives, self.pauses = 0.0, list(lives), []
        self.starts = 0
        self.fault: Exception | None = None
        self.settled = asyncio.Event()
        self.lines: list[str] = []

    async def wait_for_exit(self) -> str:
        if not self.lives:
            self.settled.set()
            await asyncio.Event().wait()
        self.now += self.lives.pop(0)
        return "ended with 1"

    async def start(self) -> None:
        self.starts += 1
        if self.fault is not None:
            raise self.fault

    async def ready(self) -> None:
        pass

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    async def keep(self) -> None:
        kept = KeptPart("worker-1", self.wait_for_exit, self.start, self.ready)
        await Keeper(self.lines.append, lambda: self.now, self.sleep).keep([kept])


async def until_settled(part: Part) -> None:
    keeping = asyncio.create_task(part.keep())
    await asyncio.wait_for(part.settled.wait(), 60)
    keeping.cancel()


async def test_what_ends_is_started_again_later_each_time():
    part = Part(1.0, 1.0, 1.0)
    await until_settled(part)
    assert part.starts == 3
    assert part.pauses == [0.5, 1.0, 2.0]
    assert part.lines[0] == "worker-1 ended with 1; it is started again in 0.5 s"
    assert part.lines[1] == "worker-1 is up again"


async def test_one_that_had_begun_well_is_started_again_at_once_every_time():
    part = Part(*[WELL_AFTER] * 20)
    await until_settled(part)
    assert part.starts == 20
    assert set(part.pauses) == {0.5}


@pytest.mark.parametrize("fault", [None, ProgramFailed("there is no such program"), OSError("no")])
async def test_one_that_fails_again_and_again_is_given_up_with_a_line_that_says_why(fault):
    part = Part(*[0.1] * 50)
    part.fault = fault
    await asyncio.wait_for(part.keep(), 60)
    assert part.starts == MOST_TRIES - 1
    assert part.lines[-1].startswith("worker-1 is given up: it has ended 6 times in a row")
    assert part.lines[-1].endswith("ended with 1" if fault is None else str(fault))
