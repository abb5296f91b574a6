"""A truth value where a number is wanted is refused by its place in the body."""

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"configuration": {"max_iterations": True}}, "configuration.max_iterations"),
        ({"configuration": {"budget": {"max_tokens": True}}}, "configuration.budget.max_tokens"),
        ({"agents": [{"model_settings": {"seed": False}}]}, "agents.0.model_settings.seed"),
        ({"tasks": [{"description": "d", "timeout": True}]}, "tasks.0.timeout"),
        (
            {"tasks": [{"description": "d", "guardrail": [{"kind": "length", "max": True}]}]},
            "tasks.0.guardrail.0.max",
        ),
    ],
)
async def test_true_is_no_number(service: Any, more: Any, field: str) -> None:
    agent = {"role": "r", "goal": "g", "model": "offline"}
    body = {"name": "c", **more, "agents": [agent | one for one in more.get("agents", [{}])]}
    told = await service.call("POST", "/crews", body, expect=400)
    details = told["error"]["details"]
    assert details["field"] == field
    assert "not true or false" in details["reason"]
