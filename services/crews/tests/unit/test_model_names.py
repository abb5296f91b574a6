"""Which models may be named: what is refused, with what was meant, and what is taken."""

from typing import Any

import pytest

from common.contracts.crew import Budget, Configuration
from common.errors import InvalidRequest
from crews.domain.crew import Agent, Crew
from crews.domain.drafts import AgentChanges, AgentRequest, CrewChanges, CrewDraft
from crews.domain.model_names import ModelNames
from crews.models.price_list import PriceList
from devkit.loop_lag import loop_lag


def draft(model: str, limit: float | None = None, **more: object) -> CrewDraft:
    agent = {"role": "Writer", "goal": "Write", "model": model}
    budget = {} if limit is None else {"max_cost_usd": limit}
    body = {"name": "C", "agents": [agent], "configuration": {"budget": budget, **more}}
    return CrewDraft.model_validate(body)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpt-4oo", "gpt-4o"),
        ("gpt-5-mimi", "gpt-5-mini"),
        ("gpt-4o-mni", "gpt-4o-mini"),
        ("gpt-4-trubo", "gpt-4-turbo"),
        ("gpt-4omini", "gpt-4o-mini"),
        ("o3-mimi", "o3-mini"),
        ("claude-3-opuss", "claude-3-opus"),
        ("claude-sonet-4-5", "claude-sonnet-4-5"),
        ("claude-sonet-9-9", "claude-sonnet-"),
        ("gemini-2.0-flsh", "gemini-2.0-flash"),
        ("gemini-2.5-por", "gemini-2.5-pro"),
        ("chatgpt-4o-lastest", "chatgpt-4o-latest"),
    ],
)
async def test_a_slip_of_the_pen_is_refused_with_what_was_meant(
    world: Any, name: str, meant: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.catalog.create("ws_1", draft(name))
    told = refused.value.details
    assert told["field"] == "agents.0.model"
    assert f"did you mean {meant}" in told["reason"]
    insisted = told["reason"].rpartition(" ")[2]
    await world.catalog.create("ws_1", draft(insisted))


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4", "gpt-4o", "gpt-4o-2024-08-06", "gpt-9.9", "gpt-7-mini", "gpt-7-omega", "gpt-scripted",
        "gpt-away", "ft:gpt-4o:acme::abc", "o9", "claude-x", "claude-opus-9-1", "claude-sonata-9",
        "gemini-x", "gemini-9-flash", "ollama/llam3", "openai:gpt-4oo", "groq:llama-3", "offline",
    ],
)  # fmt: skip
async def test_names_that_may_be_are_taken(world: Any, name: str) -> None:
    await world.catalog.create("ws_1", draft(name))


async def test_with_a_server_of_ones_own_openai_names_are_taken_as_they_are(world: Any) -> None:
    names = ModelNames(PriceList(), {"openai"})
    crew = await world.catalog.create("ws_1", draft("gpt-4"))
    mine = crew.model_copy(update={"agents": (_like(crew, "gpt-4oo"),)})
    assert names.faults(mine, None) == []
    (fault,) = names.faults(_limited(mine), None)
    assert "KASAL_OPENAI_BASE_URL" in fault["reason"]


@pytest.mark.parametrize("name", ["gpt-4", "gpt-4o-2024-08-06", "claude-opus-4-6", "gemini-2.5-pro",
                                  "offline", "groq:llama-3.1-8b-instant", "openai/gpt-4o"])  # fmt: skip
async def test_what_has_a_price_may_be_bounded_by_it(world: Any, name: str) -> None:
    await world.catalog.create("ws_1", draft(name, 1.0))


@pytest.mark.parametrize("name", ["ollama/llama3.2", "ollama:llama3.2", "openai:my-own", "gpt-77",
                                  "huggingface:some/model", "groq:none"])  # fmt: skip
async def test_what_has_no_price_cannot_be_bounded_by_it(world: Any, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await world.catalog.create("ws_1", draft(name, 1.0))
    told = refused.value.details
    assert told["field"] == "configuration.budget.max_cost_usd"
    assert name in told["reason"]
    assert "max_tokens" in told["reason"]
    with pytest.raises(InvalidRequest):
        await world.catalog.create("ws_1", draft("gpt-4", 1.0, manager_model=name))
    await world.catalog.create("ws_1", draft(name))


async def test_each_way_of_saving_a_crew_is_looked_at(world: Any) -> None:
    crew = await world.catalog.create("ws_1", draft("ollama/x"))
    limit = CrewChanges.model_validate({"configuration": {"budget": {"max_cost_usd": 1}}})
    with pytest.raises(InvalidRequest) as refused:
        await world.catalog.update("ws_1", crew.id, limit)
    assert refused.value.details["field"] == "configuration.budget.max_cost_usd"

    paid = await world.catalog.create("ws_1", draft("gpt-4", 1.0))
    local = AgentRequest.model_validate(
        {"crew_id": paid.id, "role": "R", "goal": "G", "model": "ollama/x"}
    )
    with pytest.raises(InvalidRequest) as refused:
        await world.agents.add("ws_1", local)
    assert refused.value.details["field"] == "model"
    for name in ("ollama/x", "gpt-4oo"):
        changes = AgentChanges(model=name)
        with pytest.raises(InvalidRequest) as refused:
            await world.agents.update("ws_1", paid.agents[0].id, changes)
        assert refused.value.details["field"] == "model"


async def test_what_was_stored_before_can_be_changed_elsewhere(world: Any) -> None:
    crew = await world.catalog.create("ws_1", draft("gpt-4"))
    old = _limited(crew.model_copy(update={"agents": (_like(crew, "claude-3-opuss"),)}))
    world.crews.held[crew.id] = old.model_copy(
        update={"agents": (_like(crew, "ollama/x"), _like(crew, "claude-3-opuss", "agent_2"))}
    )
    changed = await world.catalog.update("ws_1", crew.id, CrewChanges(name="Another"))
    assert changed.name == "Another"


async def test_loading_what_is_published_holds_up_nobody(world: Any) -> None:
    async with loop_lag():
        with pytest.raises(InvalidRequest):
            await world.catalog.create("ws_1", draft("gpt-4oo" + "o" * 100, 1.0))


def _like(crew: Crew, model: str, agent_id: str | None = None) -> Agent:
    agent = crew.agents[0]
    return agent.model_copy(update={"model": model, "id": agent_id or agent.id})


def _limited(crew: Crew) -> Crew:
    return crew.model_copy(update={"configuration": Configuration(budget=Budget(max_cost_usd=1))})
