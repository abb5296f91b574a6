"""Crews of all kinds, each with the inputs of a job, and with what people say in it.

Their model is the offline one, or `gpt-4`, which the scripted model answers for.
"""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Case:
    """A crew and its job. `answers` are said in turn; `end` is the type of the last event."""

    name: str
    crew: dict[str, Any]
    inputs: dict[str, Any] = field(default_factory=dict)
    answers: list[dict[str, Any]] = field(default_factory=list)
    end: str = "execution_complete"
    beside: bool = False
    """Something runs beside something else: the order of the events is open."""
    crew_id: str = ""


def agent(model: str = "gpt-4", **rest: Any) -> dict[str, Any]:
    return {"role": f"Analyst {len(rest)}", "goal": "Know", "model": model, **rest}


def call(tool: str, **arguments: Any) -> str:
    return f"call:{tool}:{json.dumps(arguments)}"


def case(name: str, *tasks: dict[str, Any] | str, **rest: Any) -> Case:
    """Return the case of a crew with one agent, unless `agents` are given."""
    made = [{"description": task} if isinstance(task, str) else task for task in tasks]
    told = {key: rest.pop(key) for key in ("inputs", "answers", "end", "beside") if key in rest}
    crew = {"name": name, "agents": [rest.pop("agent", agent())], "tasks": made, **rest}
    return Case(name, crew, **told)


OFFLINE = agent("offline")
YES, NO = {"outcome": "approved"}, {"outcome": "rejected", "comment": "Too dear"}
SUMS = agent("offline", tools=["calculator"])
PAYER = agent(tools=["pay"], approvals=["pay"])

ORDERS = [
    case(
        "one after the other",
        "Find {topic}",
        "Judge it",
        "Write",
        inputs={"topic": "bees"},
        configuration={"memory": {"short_term": True, "long_term": True}},
        agent=OFFLINE,
    ),
    case(
        "beside one another",
        {"name": "one", "description": "What is 12 * 2?", "async_execution": True},
        {"name": "two", "description": "What is 30 + 3?", "async_execution": True},
        {"description": "Sum up", "context": ["one", "two"]},
        agent=SUMS,
        beside=True,
    ),
    case(
        "with a manager",
        "What is 6 * 7?",
        "Write it down",
        agents=[SUMS, {**agent("offline"), "role": "Writer"}],
        process="hierarchical",
        configuration={"manager_model": "offline"},
    ),
    case(
        "over a list",
        {"name": "each", "description": "Look at {item}", "for_each": "{shops}"},
        {"name": "again", "description": "Sum up {item}", "for_each": "each"},
        {"description": "Write", "condition": "len(outputs.again) == 3"},
        {"description": "Never", "condition": "inputs.deep"},
        inputs={"shops": ["Anna", "Bert", "Carl"], "deep": False},
        configuration={"items_at_once": 2},
        beside=True,
    ),
]
ANSWERS = [
    case("judged in words", {"description": "Write", "guardrail": "Be kind"}, agent=OFFLINE),
    case(
        "sent back once",
        {"description": "Write", "guardrail": {"kind": "contains", "all": ["Taking into account"]}},
        agent=OFFLINE,
    ),
    case(
        "sent back too often",
        {"description": "Write", "guardrail": {"kind": "length", "min": 9_000}, "max_retries": 1},
        "Never",
        agent=OFFLINE,
        end="error",
    ),
    case(
        "by a schema",
        {
            "description": "Write",
            "output_schema": {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "of": {"type": "string"}},
                "required": ["n", "of"],
            },
        },
        agent=OFFLINE,
    ),
]
TOOLS = [
    case(
        "tools of all kinds",
        "Look "
        + call(
            "time__convert_time", source_timezone="UTC", time="12:00", target_timezone="Asia/Tokyo"
        ),
        "Ask " + call("order_status", order="A-17"),
        "Ask again " + call("order_status", order="A-18"),
        "Note " + call("note", text="Bees"),
        "Run " + call("code_runner", code="print(6 * 7)"),
        "Keep " + call("file_writer", path="a.txt", content="Bees"),
        "Miss " + call("calculator", expression="1 /"),
        "Take " + call("gone", x=1),
        agent=agent(
            tools=[
                "time__convert_time",
                "order_status",
                "note",
                "code_runner",
                "file_writer",
                "calculator",
            ]
        ),
    ),
    case(
        "many calls in one reply",
        "What is 6 * 7? Write it to a.txt",
        agent=agent("offline", tools=["calculator", "file_writer", "order_status"]),
        beside=True,
    ),
    case(
        "without an end",
        "Loop " + call("calculator", expression="1 + 1"),
        configuration={"max_iterations": 1},
        agent=agent(tools=["calculator"]),
        end="error",
    ),
]
PEOPLE = [
    case(
        "approved, changed and rejected",
        *(f"Pay {n} " + call("pay", amount=n) for n in (1, 2, 3)),
        agent=PAYER,
        answers=[YES, {**YES, "arguments": {"amount": 20}}, NO],
    ),
    case(
        "asked and reviewed",
        {"description": "Ask " + call("ask_person", prompt="Which?", choices=["red", "blue"])},
        {"description": "Write", "human_input": True},
        agent=agent(tools=["ask_person"]),
        answers=[{"input": "blue"}, {"input": "Shorter"}, YES],
    ),
    case(
        "ended by a review",
        {"description": "Write", "human_input": True},
        answers=[NO],
        end="error",
    ),
    case(
        "with nobody there",
        {"description": "Write", "human_input": True, "expires_in": 1, "on_expiry": "approve"},
        {"description": "Write more", "human_input": True, "expires_in": 1, "on_expiry": "fail"},
        end="error",
    ),
    case(
        "asked beside one another",
        *(
            {"description": f"Pay {n} " + call("pay", amount=n), "async_execution": True}
            for n in (1, 2)
        ),
        agent=PAYER,
        answers=[YES, YES],
        beside=True,
    ),
]
ENDS = [
    case(
        "out of its budget",
        "Write",
        "Write more",
        configuration={"budget": {"max_tokens": 20}},
        end="error",
    ),
    case("refused by its model", "Write", "Write fail:400", end="error"),
    case("with another model", "Write fail:404", agent=agent(fallback_models=["offline"])),
    case("asked again", "Write flaky:replayed"),
    case("cut off", "Write finish:length"),
    case("too slow", {"description": "Wait hold:never", "timeout": 1}, end="error"),
    case(
        "with a condition that fails",
        "Write",
        {"description": "Never", "condition": "len(inputs.n) > 1"},
        inputs={"n": 1},
        end="error",
    ),
]
CASES = [*ORDERS, *ANSWERS, *TOOLS, *PEOPLE, *ENDS]
