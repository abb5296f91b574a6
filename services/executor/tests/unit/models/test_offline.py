"""The offline model: deterministic, plain about itself, and using the tools it is given."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.schemas.validation import complaint_within as complaint
from devkit.loop_lag import loop_lag
from executor.models.dialogue import Coworker, Dialogue, Reply, ToolReturn, Topic
from executor.models.offline import OfflineModel
from executor.models.offline_calls import expression_in
from executor.models.schemas import minimal_instance
from executor.tools.spec import ToolSpec


def tool(name, **properties):
    required = list(properties)
    return ToolSpec(name, name, {"type": "object", "properties": properties, "required": required})


def dialogue(description, **given):
    return Dialogue("You are it.", description, Topic("Ann", description, **given))


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("What is 2 + 2?", "2 + 2"),
        ("Compute (3 + 4) * 5 please", "(3 + 4) * 5"),
        ("Revenue of 1,200 * 12 a year", "1200 * 12"),
        ("15% of 200", "15 / 100 * 200"),
        ("7.5 percent of 1,000", "7.5 / 100 * 1000"),
        ("10 - 4 apples", "10 - 4"),
        ("2^10", "2**10"),
        ("6 \u00d7 7", "6 * 7"),
        ("100 / 8", "100 / 8"),
        ("Due 2024-12-31", None),
        ("24/7 support", None),
        ("pages 10-20", None),
        ("version 3.11", None),
        ("call 555-1234-567", None),
        ("Q4 Marketing Strategy", None),
        ("C++ and 5 things", None),
        ("", None),
    ],
)
def test_it_finds_arithmetic_and_nothing_that_only_looks_like_it(text, expression):
    assert expression_in(text) == expression


@given(st.text(alphabet="0123456789 +-*/().,%^abc", max_size=3_000))
def test_looking_for_arithmetic_never_fails_or_hangs(text):
    expression_in(text)


@pytest.mark.parametrize(
    ("name", "description", "arguments"),
    [
        ("calculator", "Work out 6 * 7", {"expression": "6 * 7"}),
        ("calculator", "Write a poem", None),
        ("file_reader", "Summarise data/sales.csv.", {"path": "data/sales.csv"}),
        ("file_reader", "Read https://example.com/a.txt", None),
        ("web_fetch", "See https://example.com/a.", {"url": "https://example.com/a"}),
        ("web_fetch", "See nothing", None),
        ("web_search", "Find news", {"query": "Find news"}),
    ],
)
async def test_it_calls_a_built_in_tool_with_what_the_task_says(name, description, arguments):
    reply = await OfflineModel().request(dialogue(description), [tool(name)])
    assert [call.arguments for call in reply.calls] == ([] if arguments is None else [arguments])


async def test_inputs_are_what_it_looks_for_too():
    asked = dialogue("Research", inputs={"topic": "Q4 Strategy", "sum": "3 + 4"})
    reply = await OfflineModel().request(asked, [tool("web_search"), tool("calculator")])
    assert [call.arguments for call in reply.calls] == [
        {"query": "Q4 Strategy"}, {"expression": "3 + 4"}
    ]  # fmt: skip


async def test_a_custom_tool_is_called_with_arguments_that_fit():
    spec = tool("crm", account={"type": "string"}, limit={"type": "integer", "minimum": 2})
    asked = dialogue("Look up", inputs={"account": "acme"})
    reply = await OfflineModel().request(asked, [spec])
    assert reply.calls[0].arguments == {"account": "acme", "limit": 2}


async def test_it_answers_from_task_inputs_context_and_results():
    asked = dialogue(
        "Work out 6 * 7", expected_output="A number", inputs={"topic": "tea"}, context=("before",)
    )
    first = await OfflineModel("gpt-4").request(asked, [tool("calculator")])
    asked.turns += [first, (ToolReturn(first.calls[0].id, "calculator", "42"),)]
    reply = await OfflineModel("gpt-4").request(asked, [tool("calculator")])
    assert reply.calls == ()
    for part in ("[offline] Ann", "Work out 6 * 7", "A number", "topic = tea", "42", "before"):
        assert part in reply.text
    assert reply.tokens.cost_usd == 0
    assert await OfflineModel("gpt-4").request(asked, [tool("calculator")]) == reply


def test_it_names_what_it_stands_for():
    assert OfflineModel().label == "offline"
    assert OfflineModel("gpt-4").label == "offline (for gpt-4)"


@pytest.mark.parametrize(
    ("description", "suggested", "name"),
    [
        ("Analyze the sales numbers", "", "Data"),
        ("Write", "Data", "Data"),
        ("Write text", "", "Pen"),
    ],
)
async def test_a_manager_hands_work_to_the_agent_that_fits(description, suggested, name):
    people = (
        Coworker("Pen", "Writer", "Write text"),
        Coworker("Data", "Analyst", "Analyze sales numbers"),
    )
    asked = dialogue(description, purpose="manage", coworkers=people, suggested=suggested)
    reply = await OfflineModel().request(asked, [tool("delegate_work")])
    assert reply.calls[0].arguments["coworker"] == name


async def test_a_judge_lets_pass():
    reply = await OfflineModel().request(dialogue("Be kind", purpose="judge"), [])
    assert reply.text == "PASS"


SCHEMAS = [
    {"type": "object", "properties": {"a": {"type": "string", "minLength": 90}}, "required": ["a"]},
    {"type": "array", "items": {"type": "integer", "exclusiveMinimum": 3}, "minItems": 2},
    {"$defs": {"x": {"enum": ["p", "q"]}}, "$ref": "#/$defs/x"},
    {"anyOf": [{"type": "number", "multipleOf": 2.5, "minimum": 1}, {"type": "null"}]},
    {"type": ["null", "string"]},
    {"const": {"a": 1}},
    {"allOf": [{"required": ["a"], "properties": {"a": {"type": "boolean"}}}], "type": "object"},
    {"type": "string", "format": "date", "maxLength": 10},
    {"type": "integer", "maximum": -5},
    {"required": ["free"]},
    {"anyOf": [True, {"type": "integer"}]},
    {"oneOf": [False, {"type": "integer"}]},
    {"anyOf": [{"type": "string", "maxLength": 2, "minLength": 5}, {"type": "boolean"}]},
    {"allOf": [True, {"type": "array", "prefixItems": [True, {"const": 1}], "minItems": 3}]},
    {"properties": {"a": True}, "required": ["a"], "additionalProperties": False},
    {"type": "array", "contains": {"const": 5}},
    {"type": ["array", "null"], "items": False},
    {"type": "number", "exclusiveMaximum": -2},
    {"enum": [10**30]},
    {"type": "integer", "minimum": 10**30},
    {},
]
HOSTILE = [
    {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
    {"type": "string", "minLength": 10**12},
    {"type": "number", "minimum": 1e308, "multipleOf": 1e-308},
    {
        "type": "array",
        "items": {"anyOf": [{"const": n} for n in range(600)]},
        "default": [-1] * 3000,
    },
    {"required": [str(n) for n in range(4000)]},
    {"allOf": [{"allOf": [{"required": [f"{n}{k}" for k in range(20)]}]} for n in range(100)]},
    {"anyOf": [False, False]},
    {"not": {}},
    {"pattern": "^x{3}$"},
    {"$ref": "#/$defs/none"},
]


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
async def test_no_schema_holds_or_breaks_it(schema):
    async with loop_lag():
        reply = await OfflineModel().request(dialogue("x" * 90_000, output_schema=schema), [])
    assert len(reply.text) < 100_000
    json.loads(reply.text)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
async def test_what_it_makes_for_a_schema_is_valid(schema):
    made = minimal_instance(schema, "offline: x")
    assert complaint(schema, made) is None
    reply = await OfflineModel().request(dialogue("x", output_schema=schema), [])
    assert json.loads(reply.text) == made


def test_a_schema_without_an_end_still_ends():
    minimal_instance({"$ref": "#"}, "x")
    names = [str(number) for number in range(50)]
    again = {"required": names, "properties": {name: {"$ref": "#"} for name in names}}
    assert len(str(minimal_instance(again, "x"))) < 100_000


def test_replies_can_be_stored_and_read_back():
    reply = Reply("text", raw={"kind": "response"})
    assert Reply.load(reply.dump()) == reply
