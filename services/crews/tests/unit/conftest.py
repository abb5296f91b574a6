"""A crew of two agents and two tasks."""

from typing import Any

import pytest


@pytest.fixture
def body(crew_body: Any) -> Any:
    crew_body["agents"].append({"role": "Editor", "goal": "Shorten", "model": "offline"})
    crew_body["tasks"] = [
        {"description": "Write", "agent": "Content Writer"},
        {"description": "Edit", "agent": 1, "context": [0, "Keep it short"]},
    ]
    return crew_body
