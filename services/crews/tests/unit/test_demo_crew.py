from typing import Any

import pytest

from common.errors import Conflict
from crews.domain.demo_crew import CREW_ID, DemoCrew
from crews.domain.drafts import (
    CrewChanges,
)

WS = "ws_1"


async def test_the_demo_is_made_once_and_restored(world: Any) -> None:
    demo = DemoCrew(world.catalog, world.crews)
    await demo.ensure(WS)
    whole = world.crews.held[CREW_ID]
    assert {"web_search", "calculator"} <= set(whole.agents[0].tools)
    await demo.ensure(WS)
    assert world.crews.held[CREW_ID] == whole
    await world.catalog.update(WS, CREW_ID, CrewChanges(name="Mine"))
    await world.tasks.delete(WS, "task_011")
    await world.agents.delete(WS, "agent_011")
    await demo.ensure(WS)
    restored = world.crews.held[CREW_ID]
    assert (restored.name, restored.status) == ("Mine", "active")
    assert (restored.agents, restored.tasks) == (whole.agents, whole.tasks)
    with pytest.raises(Conflict):
        await demo.ensure("ws_2")
