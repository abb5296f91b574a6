"""Crews of a real platform, through both surfaces.

Covers: kasal_client.aio.crews, kasal_client.aio.parts, kasal_client.aio.pages
"""

import secrets
from pathlib import Path
from typing import Any

import pytest

from kasal_client import Agent, Crew, Task, UsageError
from kasal_client.errors import NotFoundError, PreconditionFailedError

PROJECT = Path(__file__).parents[1] / "project"


def described(name: str) -> Crew:
    return Crew(
        name=name,
        agents=[Agent(name="ada", role="Researcher", goal="Find", model="offline")],
        tasks=[
            Task(name="facts", description="Find facts about {topic}", agent="ada"),
            Task(name="report", description="Report on {topic}", context=["facts"]),
        ],
    )


@pytest.fixture
def name() -> str:
    return f"Crew {secrets.token_hex(4)}"


async def test_applying_makes_changes_or_leaves_a_crew(client: Any, name: str, tmp_path: Path):
    crew = described(name)
    preview = await client.crews.preview(crew)
    assert (preview.id, preview.changes, preview.crew.name) == (None, None, name)
    first = await client.crews.apply(crew)
    assert (first.is_new, first.is_changed, first.version, first.status) == (
        True,
        True,
        1,
        "active",
    )

    again = await client.crews.apply(crew.to_dict())
    assert (again.id, again.is_new, again.is_changed) == (first.id, False, False)

    crew.tasks[1].description = "Write a short report on {topic}"
    preview = await client.crews.preview(crew)
    assert [one["path"] for one in preview.changes] == ["/tasks/1/description"]
    path = tmp_path / "crew.yaml"
    path.write_text(crew.to_yaml())
    changed = await client.crews.apply(path)
    assert (changed.id, changed.version, changed.is_changed) == (first.id, 2, True)
    ids = [task.id for task in (await first.get()).tasks]

    renamed = crew.to_yaml().replace(name, f"{name} renamed")
    assert (await client.crews.apply(renamed, id=first.id)).id == first.id
    assert [task.id for task in (await first.get()).tasks] == ids

    await client.crews.create(described(name))
    await client.crews.create(described(name))
    with pytest.raises(UsageError, match="Several crews"):
        await client.crews.apply(described(name))


async def test_a_crew_has_versions(client: Any, name: str):
    crew = await client.crews.apply(described(name))
    await client.crews.update(crew.id, description="Better", if_version=1)
    with pytest.raises(PreconditionFailedError):
        await client.crews.update(crew.id, description="Best", if_version=1)

    assert [one.version async for one in client.crews.versions(crew.id)] == [2, 1]
    assert (await client.crews.version(crew.id, 1)).description == ""
    diff = await client.crews.diff(crew.id, 1, 2)
    assert diff == [{"op": "replace", "path": "/description", "value": "Better"}]
    await crew.publish(1)
    assert (await crew.get()).published_version == 1
    await client.crews.unpublish(crew.id, 1)
    assert (await client.crews.restore(crew.id, 1)).version == 3
    graph = await client.crews.graph(crew.id)
    assert (len(graph.nodes), len(graph.edges)) == (2, 1)


async def test_a_crew_goes_out_and_comes_in(client: Any, name: str):
    crew = await client.crews.apply(described(name))
    text = await client.crews.export(crew.id)
    assert Crew.from_yaml(text).name == name
    assert not (await client.crews.apply(text)).is_changed
    await crew.delete()
    with pytest.raises(NotFoundError):
        await crew.get()
    with pytest.raises(NotFoundError):
        await client.crews.handle(crew.id)
    made = await client.crews.import_files({"crew.yaml": text})
    assert (await client.crews.handle(made.id)).name == name


async def test_a_crewai_project_comes_over_with_its_report(client: Any, name: str):
    crew = await client.crews.from_crewai(PROJECT, name=name)
    assert crew.name == name
    paths = {one.path for one in crew.warnings}
    assert "agents.researcher.max_rpm" in paths
    assert "tasks.report_task.output_file" in paths
    assert crew.status == "active", crew.missing
    run = await crew.start({"topic": "tea"})
    assert "tea" in await run.result(timeout=60)


async def test_agents_and_tasks_are_changed_one_by_one(client: Any, name: str):
    crew = await client.crews.apply(described(name))
    made = await client.agents.create(crew_id=crew.id, role="Editor", goal="Edit", model="offline")
    await client.agents.update(made.id, goal="Edit well")
    assert (await client.agents.get(made.id)).goal == "Edit well"
    assert {one.role async for one in client.agents.list(crew_id=crew.id)} == {
        "Researcher",
        "Editor",
    }
    task = await client.tasks.create(
        crew_id=crew.id, description="Edit it", expected_output="A text", agent_id=made.id
    )
    await client.tasks.update(task.id, expected_output="A good text")
    assert (await client.tasks.get(task.id)).expected_output == "A good text"
    assert len(await client.tasks.list(crew_id=crew.id, page_size=2).to_list()) == 3
    await client.tasks.delete(task.id)
    await client.agents.delete(made.id)
    with pytest.raises(NotFoundError):
        await client.agents.get(made.id)
