"""Crews as files: our own format there and back, and CrewAI projects of many shapes.

Covers: crews.domain.importing, crews.domain.crew_file, crews.domain.crewai_project, crews.domain.crewai_fields,
crews.domain.crewai_crew, crews.domain.crewai_models, crews.domain.typed_reading, crews.domain.identities
"""

import asyncio
from typing import Any

import pytest
from crews_testkit.world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidRequest
from common.times import utc_now
from crews.domain.composition import new_crew
from crews.domain.crew import Crew
from crews.domain.crew_file import crew_file
from crews.domain.drafts import CrewChanges, CrewDraft
from crews.domain.imported import Imported
from crews.routes.imports import _draft

WS = "ws_1"
AGENT = {"role": "Writer", "goal": "Write about {topic}", "model": "offline"}


async def imported(world: Any, name: str | None = None, /, **files: str) -> tuple[Crew, Imported]:
    made = await world.importing.read(
        WS, {f"{stem}.yaml": text for stem, text in files.items()}, name
    )
    return await world.importing.make(WS, made, _draft, None), made


def told(made: Imported) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in made.warnings}


WORDS = st.sampled_from(
    ["no", "1e3", "2024-01-15", "Write {topic}", "a: b #c", "line\n\n  two", "w " * 80 + "w"]
)
TEXTS = (WORDS | st.text(min_size=1, max_size=20)).map(str.strip).filter(bool)
NAMES = st.sampled_from(["research", "step 2", "no", "true", "x-1", "é", "007"])
SCHEMAS = st.sampled_from(
    [{"type": "object", "required": ["no", "1"], "properties": {"a": {"const": 1.5}}}, {"const": "null"}]
)  # fmt: skip
AGENTS = st.lists(
    st.fixed_dictionaries(
        {"role": NAMES, "goal": TEXTS, "model": st.just("offline")},
        optional={
            "name": NAMES,
            "backstory": TEXTS,
            "tools": st.just(["calculator"]),
            "model_settings": st.just({"temperature": 0.5, "stop": ["no"]}),
            "fallback_models": st.just(["gpt-4o"]),
        },
    ),
    min_size=1,
    max_size=3,
)
TASKS = st.lists(
    st.fixed_dictionaries(
        {"description": TEXTS},
        optional={
            "expected_output": TEXTS,
            "output_schema": SCHEMAS,
            "guardrail": st.sampled_from(["no", ["Be brief", {"kind": "length", "max": 9}]]),
            "async_execution": st.booleans(),
            "timeout": st.sampled_from([1.5, 60]),
            "for_each": st.just("{topics}"),
        },
    ),
    max_size=4,
)


def drawn(agents: Any, tasks: Any, more: Any) -> Crew:
    """Return a crew whose tasks read, wait for and name each other in every way."""
    names = ["first", "tâche 2", None, "no"]
    described = []
    for place, task in enumerate(tasks):
        extra: dict[str, Any] = (
            {"agent": place % len(agents)} if place % 3 or len(agents) == 1 else {}
        )
        if place:
            extra |= {"context": [0, {"text": "first"}, "Keep it short"], "depends_on": [place - 1]}
        if place == 3:
            extra |= {"condition": "outputs.first.score > 7 and outputs.task_named == 'a'"}
        described.append({**task, **extra, "name": names[place]})
    if len(described) > 3:
        described[2]["id"] = "task_named"
    body = {"name": "Crew", "agents": agents, "tasks": described, **more}
    return new_crew(CrewDraft.model_validate(body), WS, utc_now())


CONFIGURATIONS = st.sampled_from(
    [{}, {"configuration": {"max_iterations": 3, "budget": {"max_tokens": 5}}}, {"description": "no"}]
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(AGENTS, TASKS, CONFIGURATIONS)
def test_a_file_makes_the_crew_whose_file_it_is(agents: Any, tasks: Any, more: Any) -> None:
    crew = drawn(agents, tasks, more)
    text = crew_file(crew)

    async def there_and_back() -> None:
        world = World()
        again, made = await imported(world, crew=text)
        assert crew_file(again) == text
        assert made.warnings == []
        assert again.configuration == crew.configuration
        for one, other in zip(crew.tasks, again.tasks, strict=True):
            kept = {"id", "agent_id", "context", "depends_on", "condition", "name"}
            assert one.model_dump(exclude=kept) == other.model_dump(exclude=kept)
        after = await world.importing.apply(WS, again.id, made, _draft)
        assert after.version == 1, "nothing is different"

    asyncio.run(there_and_back())


async def test_a_file_is_applied_again_and_again(world: Any) -> None:
    tasks = [
        {"name": "draft", "description": "Write"},
        {"description": "Edit", "context": ["draft"]},
    ]
    crew = await world.catalog.create(WS, CrewDraft(name="Crew", agents=[AGENT], tasks=tasks))
    changed = crew_file(crew).replace(
        "description: Edit", "description: Edit\n    human_input: yes"
    )
    made = await world.importing.read(WS, {"crew.yaml": changed}, None)
    before, after = await world.importing.compare(WS, crew.id, made, _draft)
    assert (before.version, after.tasks[1].human_input) == (1, True)
    for _ in range(2):
        after = await world.importing.apply(WS, crew.id, made, _draft)
        assert (after.version, after.tasks[1].human_input) == (2, True)
    assert [one.id for one in after.tasks] == [one.id for one in crew.tasks]
    assert after.agents == crew.agents


async def test_lists_without_ids_keep_those_of_the_same_name(world: Any) -> None:
    body = {
        "name": "Crew",
        "agents": [AGENT, {**AGENT, "role": "Editor"}],
        "tasks": [
            {"name": "draft", "description": "Write", "agent": "Writer"},
            {"description": "Edit", "agent": 1},
        ],
    }
    crew = await world.catalog.create(WS, CrewDraft.model_validate(body))
    for _ in range(2):
        same = await world.catalog.update(WS, crew.id, CrewChanges.model_validate(body))
        assert same == crew
    body["tasks"] = [{"description": "Edit", "agent": "Editor", "name": "edit"}]
    after = await world.catalog.update(WS, crew.id, CrewChanges.model_validate(body))
    assert [one.id for one in after.tasks] == [crew.tasks[1].id]


AGENTS_YAML = """
researcher:
  role: >
    {topic} Senior
    Researcher
  goal: >
    Find what is new in {topic}
  backstory: |
    Has read {"everything": true}.
    Twice.
  llm: openai/gpt-4o
  tools: [SerperDevTool, my_search, calculator]
  max_iter: 5
  max_rpm: 10
  allow_delegation: true
  max_execution_time: 120
  verbose: True
  cache: true
writer:
  role: Writer
  goal: no
  backstory: 2024-01-15
  llm: my_llm_function
  max_iter: 25
  allow_delegation: false
  unheard_of: 1
"""
TASKS_YAML = """
report_task:
  description: Write a report
  expected_output: A report of {pages} pages
  agent: writer
  context: [research_task, missing_task]
  markdown: true
  output_file: report.md
  output_pydantic: Report
  guardrail: validate_report
  guardrail_max_retries: 30
  callback: notify
research_task:
  description: Research {topic}
  expected_output: Ten points
  agent: researcher
  async_execution: yes
  human_input: true
  guardrail: It names its sources
  tools:
    - calculator
"""


async def test_a_project_with_all_that_there_is(world: Any) -> None:
    crew, made = await imported(world, "Research", agents=AGENTS_YAML, tasks=TASKS_YAML)
    assert (crew.name, crew.status) == ("Research", "active")
    researcher, writer = crew.agents
    assert researcher.role == "{topic} Senior Researcher"
    assert researcher.model == "openai:gpt-4o"
    assert researcher.tools == ["web_search", "calculator"]
    assert (writer.goal, writer.backstory, writer.model) == ("no", "2024-01-15", "gpt-4o-mini")
    research, report = crew.tasks
    assert (research.name, research.timeout, research.guardrail) == (
        "research_task",
        120,
        "It names its sources",
    )
    assert research.async_execution
    assert research.human_input
    assert report.context == [research.id]
    assert report.max_retries == 10
    assert report.expected_output.startswith(
        "A report of {pages} pages\n\nThe answer is formatted as Markdown"
    )
    assert (crew.configuration.max_iterations, crew.configuration.verbose) == (25, True)
    assert set(told(made)) == {
        "agents.researcher.tools",
        "agents.researcher.max_rpm",
        "agents.researcher.allow_delegation",
        "agents.researcher.max_iter",
        "agents.writer.max_iter",
        "agents.writer.llm",
        "agents.writer.unheard_of",
        "tasks.report_task.context",
        "tasks.report_task.markdown",
        "tasks.report_task.output_file",
        "tasks.report_task.output_pydantic",
        "tasks.report_task.guardrail",
        "tasks.report_task.guardrail_max_retries",
        "tasks.report_task.callback",
    }
    assert "my_search" in told(made)["agents.researcher.tools"]


MINIMAL = "a:\n  role: A\n  goal: g\n  backstory: b\n"
SHAPES = {
    "agents in Python": (MINIMAL + "b:\n  role: B\n  goal: g\n", "t:\n  description: d\n  expected_output: e\n"),
    "lists": ("agents:\n- role: A\n  goal: g\n", "tasks:\n- description: d\n  agent: A\n"),
    "lists with names": ("- name: a\n  role: A\n  goal: g\n", "- id: t\n  description: d\n  agent: a\n"),
    "one context": (MINIMAL, "t:\n  description: d\nu:\n  description: d\n  context: t\n"),
    "a model as an object": (MINIMAL + "  llm: {provider: openai, model: gpt-4o, temperature: 0.2}\n", "t:\n  description: d\n"),
    "a schema": (MINIMAL, "t:\n  description: d\n  output_json: {type: object}\n"),
    "merge keys": ("x: &x {goal: g, role: X}\ny:\n  <<: *x\n  role: Y\n", "t:\n  description: d\n  agent: y\n"),
    "no tasks": (MINIMAL, "{}"),
    "nothing in it": (MINIMAL, ""),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
async def test_projects_of_many_shapes(world: Any, shape: str) -> None:
    agents, tasks = SHAPES[shape]
    crew, made = await imported(world, agents=agents, tasks=tasks)
    paths = set(told(made))
    if shape == "agents in Python":
        assert crew.status == "configuring"
        assert "tasks.t.agent" in paths
    elif shape == "one context":
        assert crew.tasks[1].context == [crew.tasks[0].id]
    elif shape == "a model as an object":
        assert crew.agents[0].model == "openai:gpt-4o"
        assert crew.agents[0].model_settings == {"temperature": 0.2}
        assert paths == set()
    elif shape == "a schema":
        assert crew.tasks[0].output_schema == {"type": "object"}
    elif shape == "merge keys":
        assert [(one.role, one.goal) for one in crew.agents] == [("X", "g"), ("Y", "g")]
    elif shape in {"no tasks", "nothing in it"}:
        assert crew.tasks == ()
    else:
        assert crew.tasks[0].agent_id == crew.agents[0].id
    again, _ = await imported(world, crew=crew_file(crew))
    assert crew_file(again) == crew_file(crew)


async def test_both_parts_may_be_in_one_file(world: Any) -> None:
    text = "agents:\n  a: {role: A, goal: g}\ntasks:\n  t: {description: d}\nflow: {x: 1}\n"
    crew, made = await imported(world, crew=text)
    assert (len(crew.agents), len(crew.tasks), crew.name) == (1, 1, "Imported crew")
    assert set(told(made)) == {"agents", "flow"}


PAIR = MINIMAL + "b:\n  role: B\n  goal: g\n  max_iter: 3\n"
WHOLE = """
name: Support
process: Process.hierarchical
manager_llm: {model: openai/gpt-4o, temperature: 0.3}
verbose: yes
memory: true
cache: true
manager_agent: a
"""


@pytest.mark.parametrize("apart", [False, True], ids=["in one file", "in a file of its own"])
async def test_what_is_said_of_the_crew_comes_over(world: Any, *, apart: bool) -> None:
    tasks = "t: {description: d}\n"
    parts = "".join(
        f"{name}:\n" + "".join(f"  {line}\n" for line in text.splitlines())
        for name, text in (("agents", PAIR), ("tasks", tasks))
    )
    files = {"agents": PAIR, "tasks": tasks, "crew": WHOLE} if apart else {"crew": WHOLE + parts}
    crew, made = await imported(world, **files)
    assert (crew.name, crew.process, crew.status) == ("Support", "hierarchical", "active")
    assert crew.configuration.manager_model == "openai:gpt-4o"
    assert crew.configuration.manager_model_settings == {"temperature": 0.3}
    assert crew.configuration.verbose
    at = "crew." if apart else ""
    assert set(told(made)) == {"agents", "agents.b.max_iter", f"{at}memory", f"{at}manager_agent"}
    assert "configuration.memory" in told(made)[f"{at}memory"]


async def test_one_agents_few_iterations_do_not_bind_the_others(world: Any) -> None:
    crew, made = await imported(world, agents=PAIR, tasks="t: {description: d, agent: a}\n")
    assert crew.configuration.max_iterations == 15
    assert "here 15 holds" in told(made)["agents.b.max_iter"]


async def test_an_unknown_process_is_told(world: Any) -> None:
    crew, made = await imported(world, agents=MINIMAL, tasks="", crew="process: consensual\n")
    assert crew.process == "sequential"
    assert "consensual" in told(made)["crew.process"]


async def test_what_a_models_settings_cannot_say_has_advice(world: Any) -> None:
    llm = "{model: gpt-4o, api_key: k, base_url: u, top_k: 3, odd: 1}"
    crew, made = await imported(world, agents=MINIMAL + f"  llm: {llm}\n", tasks="")
    assert crew.agents[0].model_settings == {"top_k": 3}
    assert "PUT /models/providers" in told(made)["agents.a.llm.api_key"]
    assert "PUT /models/endpoints" in told(made)["agents.a.llm.base_url"]
    assert "no such setting" in told(made)["agents.a.llm.odd"]


async def test_code_beside_the_files_is_told_with_what_to_do(world: Any) -> None:
    files = {"agents.yaml": MINIMAL, "tasks.yaml": "", "crew.py": "print()"}
    made = await world.importing.read(WS, files, None)
    assert "crew.yaml beside them" in told(made)["crew.py"]


@pytest.mark.parametrize(
    ("files", "field", "reason"),
    [
        ({"agents.yaml": "a:\n  role: A\n"}, "agents.a.goal", "Field required"),
        ({"agents.yaml": MINIMAL, "tasks.yaml": "t:\n  expected_output: e\n"}, "tasks.t.description", "at least 1"),
        ({"tasks.yaml": "t: {}"}, "files", "send agents.yaml with it"),
        ({"x.yaml": "t: {}"}, "files", "kasal: 1"),
        ({"agents.yaml": "a: ["}, "agents.yaml", "line"),
        ({"c.yaml": "kasal: 2\nname: x\n"}, "kasal", "reads format 1"),
        ({"c.yaml": "kasal: 1\nname: x\nagents:\n- {role: A, goal: g, modle: m}\n"}, "agents.0.model", "required"),
        ({"c.yaml": "kasal: 1\nname: x\nagents: no\n"}, "agents", "list"),
        ({"c.yaml": "kasal: 1\n"}, "agents", "At least one agent"),
        ({"crew.py": "print()"}, "files", "agents.yaml"),
    ],
)  # fmt: skip
async def test_faults_name_the_place_in_the_file(
    world: Any, files: dict[str, str], field: str, reason: str
) -> None:
    async def run() -> None:
        made = await world.importing.read(WS, files, None)
        await world.importing.make(WS, made, _draft, None)

    with pytest.raises(InvalidRequest) as fault:
        await run()
    assert fault.value.details["field"] == field
    assert reason in str(fault.value.details["reason"])
    assert world.crews.held == {}


async def test_a_circle_of_contexts_is_refused(world: Any) -> None:
    tasks = "t: {description: d, context: [u]}\nu: {description: d, context: [t]}\n"
    with pytest.raises(InvalidRequest) as fault:
        await imported(world, agents=MINIMAL, tasks=tasks)
    assert str(fault.value.details["field"]).startswith("tasks.t.context")


async def test_a_dry_run_makes_nothing(world: Any) -> None:
    made = await world.importing.read(WS, {"agents.yaml": MINIMAL}, None)
    crew = await world.importing.propose(WS, made, _draft)
    assert (crew.agents[0].role, world.crews.held) == ("A", {})
