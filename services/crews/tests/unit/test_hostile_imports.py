"""Files that hold something else than is wanted, or too much of it, are refused or warned of.

Covers: crews.domain.importing, crews.domain.crewai_project, crews.domain.crewai_entries, crews.domain.crewai_values,
crews.domain.imported, crews.domain.crew_file, crews.domain.yaml_reading
"""

import asyncio
import json

import pytest
from crews_testkit.world import World
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InvalidRequest
from common.times import utc_now
from crews.domain.composition import new_crew
from crews.domain.crew_file import crew_file
from crews.domain.crew_rules import MOST_AGENTS, MOST_TASKS
from crews.domain.crewai_fields import AGENT_DEFAULTS, NO_COUNTERPART, SETTINGS, TASK_DEFAULTS
from crews.domain.drafts import AgentDraft, ConfigurationDraft, CrewDraft, TaskDraft
from crews.domain.imported import LONGEST_PATH, LONGEST_REASON, MOST_WARNINGS
from crews.routes.import_bodies import import_answer
from crews.routes.imports import _draft
from devkit.loop_lag import loop_lag

WS = "ws_1"
AGENT = {"role": "Writer", "goal": "Write about {topic}", "model": "offline"}
SCALARS = st.sampled_from([
    "", "~", "true", "yes", "0", "-1", "1", "1.5", "1e300", "1e999", "-1e999", "nan", ".inf", "999999999999999999",
    "99999999999999999999", "word", "t", "task_1", "function.name", "2024-01-15", "'no'", "''", "' '", "'0'",
    "'Two words'", "'{x}'", "'('", "'a{99999999999999999999}'", '"\\0"', '"\\a"', '"\\uFFFE"', "openai/gpt-4o", "object",
])  # fmt: skip
KEYS = st.sampled_from(
    ["kind", "type", "max", "min", "pattern", "properties", "text", "name", "model", "provider",
     "temperature", "stop", "per", "$ref", "$a", "a.b", "''", "1e999", '"\\0"', "enum", "const", "items"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda all_: f"[{', '.join(one or '~' for one in all_)}]")
        | st.dictionaries(KEYS, inner, max_size=3).map(
            lambda all_: "{" + ", ".join(f"{name}: {one}" for name, one in all_.items()) + "}"
        )
    ),
    max_leaves=6,
)
CREWAI = [
    *(("agents", name) for name in ("role", "goal", "backstory", "llm", "tools", "max_iter", "max_execution_time", "verbose", "name", "id", *AGENT_DEFAULTS, *NO_COUNTERPART)),
    *(("llm", name) for name in ("provider", "model", *SETTINGS)),
    *(("tasks", name) for name in ("description", "expected_output", "agent", "context", "tools", "async_execution", "human_input", "guardrail", "guardrails", "guardrail_max_retries", "max_retries", "output_json", "output_pydantic", "response_model", "markdown", "name", "id", *TASK_DEFAULTS, "config", "condition")),
    ("agents.yaml", ""), ("tasks.yaml", ""),
]  # fmt: skip
OURS = [
    *(("crew", name) for name in ("kasal", *CrewDraft.model_fields)),
    *(("agents", name) for name in AgentDraft.model_fields),
    *(("tasks", name) for name in TaskDraft.model_fields),
    *(("configuration", name) for name in ConfigurationDraft.model_fields),
]


def written(fields: dict[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"


def project(part: str, name: str, value: str) -> dict[str, str]:
    """Return a CrewAI project with a value in one of its fields."""
    agent, task = {"role": "A", "goal": "g", "llm": "offline"}, {"description": "d", "agent": "a"}
    if part == "agents":
        agent[name] = value
    elif part == "llm":
        agent["llm"] = written({"model": "offline", name: value})
    elif part == "tasks":
        task[name] = value
    texts = {
        "agents.yaml": written({"a": written(agent), "b": "{role: B, goal: g}"}),
        "tasks.yaml": written({"s": "{description: d}", "t": written(task)}),
    }
    return {**texts, part: value} if part in texts else texts


def our_file(part: str, name: str, value: str) -> dict[str, str]:
    """Return a file of our own format with a value in one of its fields."""
    agent = {"role": "A", "goal": "g", "model": "offline"}
    task = {"description": "d", "name": "t"}
    configuration: dict[str, str] = {}
    {"agents": agent, "tasks": task, "configuration": configuration}.get(part, {})[name] = value
    crew = {
        "kasal": "1",
        "name": "x",
        "agents": f"[{written(agent)}]",
        "tasks": f"[{{description: d, name: s}}, {written(task)}]",
        "configuration": written(configuration),
    }
    return {"crew.yaml": written({**crew, name: value} if part == "crew" else crew)}


async def made_or_refused(files: dict[str, str]) -> None:
    world = World()
    try:
        made = await world.importing.read(WS, files, None)
        crew = await world.importing.make(WS, made, _draft, None)
    except InvalidRequest as fault:
        faults = fault.details.get("errors", [fault.details])
        assert all(one["field"] for one in faults)
        return
    json.dumps(crew.model_dump(mode="python"), default=str, allow_nan=False)
    import_answer(crew, made.warnings).model_dump_json()
    again = await world.importing.read(WS, {"crew.yaml": crew_file(crew)}, None)
    assert crew_file(await world.importing.propose(WS, again, _draft)) == crew_file(crew)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(CREWAI), VALUES)
def test_any_value_in_a_project_is_taken_or_refused(field: tuple[str, str], value: str) -> None:
    asyncio.run(made_or_refused(project(*field, value)))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(OURS), VALUES)
def test_any_value_in_our_format_is_taken_or_refused(field: tuple[str, str], value: str) -> None:
    asyncio.run(made_or_refused(our_file(*field, value)))


ODD = [
    ("tasks", "guardrail_max_retries", "1e999"),
    ("tasks", "output_json", "[a]"),
    ("tasks", "output_json", "{a: [b]}"),
    ("agents", "max_iter", "0.7"),
    ("agents", "max_iter", "1e999"),
    ("agents", "max_execution_time", "1e999"),
    ("agents", "role", "{a: b}"),
    ("agents", "tools", "[[a], 1, {x: y}]"),
    ("tasks", "guardrails", "[[a], 1]"),
    ("tasks", "description", "[a]"),
]


@pytest.mark.parametrize(("part", "name", "value"), ODD)
async def test_odd_values_of_a_project_are_taken_or_refused(
    part: str, name: str, value: str
) -> None:
    await made_or_refused(project(part, name, value))


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("tasks", "description", "[a]"),
        ("agents", "role", "{a: b}"),
        ("agents", "verbose", "perhaps"),
        ("tasks", "guardrail", "1"),
        ("tasks", "context", "[[a]]"),
        ("tasks", "max_retries", "many"),
    ],
)
async def test_a_value_that_means_nothing_is_warned_of(part: str, name: str, value: str) -> None:
    made = await World().importing.read(WS, project(part, name, value), None)
    place = "agents.a" if part == "agents" else "tasks.t"
    assert f"{place}.{name}" in {one["path"] for one in made.warnings}


async def test_words_for_yes_are_understood() -> None:
    made = await World().importing.read(WS, project("agents", "verbose", "yes"), None)
    assert made.fields["configuration"] == {"verbose": True}


async def refusal(files: dict[str, str]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as fault:
        await World().importing.read(WS, files, None)
    return fault.value


async def test_more_than_a_crew_may_have_is_refused_at_once() -> None:
    backwards = "".join(f"t{n}: {{context: t{n + 1}}}\n" for n in range(MOST_TASKS + 1))
    refused = await refusal({"agents.yaml": "a: {role: A, goal: g}", "tasks.yaml": backwards})
    assert refused.details["field"] == "tasks"
    agents = "".join(f"a{n}: {{role: A, goal: g}}\n" for n in range(MOST_AGENTS + 1))
    assert (await refusal({"agents.yaml": agents})).details["field"] == "agents"


async def test_tasks_in_the_wrong_order_are_moved() -> None:
    backwards = "".join(f"t{n}: {{description: d, context: t{n + 1}}}\n" for n in range(MOST_TASKS))
    files = {"agents.yaml": "a: {role: A, goal: g}", "tasks.yaml": backwards}
    made = await World().importing.read(WS, files, None)
    assert [one["name"] for one in made.fields["tasks"]] == [
        f"t{n}" for n in reversed(range(MOST_TASKS))
    ]


async def test_warnings_have_a_bound() -> None:
    fields = "".join(f"  x{n}: 1\n" for n in range(20_000))
    agents = f"? {'n' * 5_000}\n: role: A\n  goal: g\n{fields}"
    made = await World().importing.read(WS, {"agents.yaml": agents}, None)
    assert len(made.warnings) == MOST_WARNINGS + 1
    assert str(MOST_WARNINGS) in made.warnings[-1]["reason"]
    assert max(len(one["path"]) for one in made.warnings) <= LONGEST_PATH
    made.warnings.clear()
    made.warn("p" * 5_000, "r" * 5_000)
    assert made.warnings == [{"path": "p" * LONGEST_PATH, "reason": "r" * LONGEST_REASON}]


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\ufffe", "\u2028"])
async def test_an_export_can_be_imported_whatever_a_description_holds(character: str) -> None:
    tasks = [
        {"description": f"a{character}b"},
        {"description": "d", "name": "t", "context": [0]},
    ]
    draft = CrewDraft.model_validate({"name": "c", "agents": [AGENT], "tasks": tasks})
    crew = new_crew(draft, WS, utc_now())
    world = World()
    made = await world.importing.read(WS, {"crew.yaml": crew_file(crew)}, None)
    again = await world.importing.make(WS, made, _draft, None)
    assert again.tasks[0].description == crew.tasks[0].description


AGENTS_YAML = "a: {role: A, goal: g}\n"
HOSTILE = {
    "tasks that wait for later ones": {
        "agents.yaml": AGENTS_YAML,
        "tasks.yaml": "".join(f"t{n}: {{context: t{n + 1}}}\n" for n in range(12_000)),
    },
    "unknown fields": {
        "agents.yaml": f"{'n' * 290}:\n" + "".join(f"  x{n}: 1\n" for n in range(24_000))
    },
    "aliases of tools": {
        "agents.yaml": f"x: &x [{'t, ' * 4_000}]\na:\n  role: A\n  goal: g\n  tools: *x\n"
        + "".join(f"b{n}: {{tools: *x}}\n" for n in range(8))
    },
    "unknown fields of our format": {
        "crew.yaml": "kasal: 1\nname: x\n" + "".join(f"x{n}: 1\n" for n in range(24_000))
    },
    "agents of our format": {"crew.yaml": f"kasal: 1\nname: x\nagents: [{'{}, ' * 45_000}]"},
}


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
async def test_no_file_holds_the_loop(files: dict[str, str]) -> None:
    await made_or_refused({"agents.yaml": AGENTS_YAML})
    async with loop_lag():
        await made_or_refused(files)
