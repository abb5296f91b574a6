"""A body of a megabyte that is wrong everywhere is refused without holding the event loop."""

import pytest
from pydantic import ValidationError

from crews.domain.drafts import CrewDraft
from devkit.loop_lag import loop_lag

AGENT = {"role": "r", "goal": "g"}
BODIES = {
    "empty agents": {"name": "c", "agents": [{}] * 330_000},
    "numbers for tasks": {"name": "c", "tasks": [1] * 480_000},
    "unknown fields": {f"k{number}": 1 for number in range(90_000)},
    "unknown fields of an agent": {"agents": [{f"k{n}": 1 for n in range(90_000)}]},
    "an unknown configuration": {"configuration": {f"k{n}": 1 for n in range(90_000)}},
    "numbers for tools": {"agents": [{**AGENT, "tools": [1] * 480_000}]},
    "tools of many agents": {"agents": [{**AGENT, "tools": [1] * 240}] * 240},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_faults_without_number_are_not_all_named(body):
    with pytest.raises(ValidationError):
        CrewDraft.model_validate({})
    async with loop_lag():
        with pytest.raises(ValidationError) as told:
            CrewDraft.model_validate(body)
        assert len(told.value.errors()) < 2_000
