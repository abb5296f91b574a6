from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.contracts.messages import MemoryRemembered
from common.errors import NotFound
from crews.domain.memory import Memory
from crews.domain.remembering import Remembering

START = datetime(2026, 1, 1, tzinfo=UTC)


EMPTY = Memory("crew_1", "ws_1")


def told(number: int, kind: Any, category: str = "general", text: str = "") -> MemoryRemembered:
    return MemoryRemembered(
        memory_id=f"job_1:{number}",
        workspace_id="ws_1",
        crew_id="crew_1",
        job_id="job_1",
        kind=kind,
        category=category,
        content=text or f"thing {number}",
        timestamp=START + timedelta(seconds=number),
    )


async def test_a_crew_that_is_not_there_has_no_memory(world: Any) -> None:
    remembering = Remembering(world.memories)
    await remembering.remember("ws_1", "crew_1", "crew", [told(1, "short_term")])
    assert world.memories.held == {}
    await world.memories.add(EMPTY)
    await remembering.remember("ws_other", "crew_1", "crew", [told(1, "short_term")])
    assert world.memories.held["crew_1"] == EMPTY
    with pytest.raises(NotFound):
        await remembering.memory("ws_other", "crew_1")
    with pytest.raises(NotFound):
        await remembering.clear("ws_1", "crew_gone", "all")


async def test_what_this_process_wrote_last_is_not_read_again(world: Any) -> None:
    await world.memories.add(EMPTY)
    remembering = Remembering(world.memories)
    for number in range(3):
        await remembering.remember("ws_1", "crew_1", "crew", [told(number, "short_term")])
    assert world.memories.reads == 1
    assert len(world.memories.held["crew_1"].short_term) == 3


async def test_what_was_cleared_or_written_elsewhere_meanwhile_is_read(world: Any) -> None:
    await world.memories.add(EMPTY)
    here, there = Remembering(world.memories), Remembering(world.memories)
    await here.remember("ws_1", "crew_1", "crew", [told(1, "long_term")])
    await there.remember("ws_1", "crew_1", "crew", [told(2, "long_term")])
    await here.remember("ws_1", "crew_1", "crew", [told(3, "long_term")])
    assert len(world.memories.held["crew_1"].long_term) == 3
    await there.clear("ws_1", "crew_1", "all")
    await here.remember("ws_1", "crew_1", "crew", [told(4, "short_term")])
    assert world.memories.held["crew_1"].long_term == ()


async def test_a_crew_that_was_removed_is_not_written_from_what_is_kept(world: Any) -> None:
    await world.memories.add(EMPTY)
    remembering = Remembering(world.memories)
    await remembering.remember("ws_1", "crew_1", "crew", [told(1, "short_term")])
    await world.memories.remove("crew_1")
    await remembering.remember("ws_1", "crew_1", "crew", [told(2, "short_term")])
    assert world.memories.held == {}
