"""Schemas of answers, sent to servers that may have no such thing.

Covers: executor.models.completions, executor.models.traits
"""

import pytest

from executor.models.model import ModelFault
from executor.tools.spec import ToolSpec

SCHEMA = {
    "type": "object",
    "properties": {"any": {"type": "object"}, "n": {"type": "integer", "minimum": 3}},
    "required": ["n"],
}


def refusing(kit, status=400):
    def answer(asked):
        if "response_format" in asked:
            return (status, {"error": {"message": "response_format is not supported"}}, {})
        return kit.said('{"n": 3}')

    return answer


async def test_the_schema_is_sent_as_it_is(server, model, talk, kit):
    server.answers = [kit.said('{"n": 3}')]
    await model.request(talk(output_schema=SCHEMA), [])
    told = server.asked[0]["response_format"]
    assert told["type"] == "json_schema"
    assert told["json_schema"]["schema"] == SCHEMA
    assert not told["json_schema"]["strict"]


@pytest.mark.parametrize("status", [400, 404, 415, 422, 500, 501])
async def test_a_server_that_refuses_it_is_asked_without_and_not_again_with_it(
    server, model, models, talk, kit, status
):
    server.answers = [refusing(kit, status)]
    assert (await model.request(talk(output_schema=SCHEMA), [])).text == '{"n": 3}'
    assert ["response_format" in asked for asked in server.asked] == [True, False]
    other = {**SCHEMA, "required": []}
    again = await models.resolve("openai:fake")
    assert (await again.request(talk(output_schema=other), [])).text == '{"n": 3}'
    assert "response_format" not in server.asked[2]
    assert len(server.asked) == 3
    elsewhere = await models.resolve("openai:other")
    await elsewhere.request(talk(output_schema=SCHEMA), [])
    assert "response_format" in server.asked[3]


async def test_what_is_refused_either_way_is_a_fault_and_not_remembered(server, model, talk, kit):
    server.answers = [(400, {"error": {"message": "Too long"}}, {})]
    with pytest.raises(ModelFault) as fault:
        await model.request(talk(output_schema=SCHEMA), [])
    assert fault.value.code == "MODEL_ERROR"
    assert len(server.asked) == 2
    server.answers, server.asked = [kit.said('{"n": 3}')], []
    await model.request(talk(output_schema=SCHEMA), [])
    assert "response_format" in server.asked[0]


@pytest.mark.parametrize(
    ("schema", "tools"),
    [
        (None, []), ({"type": "array"}, []), ({"anyOf": [{"type": "object"}]}, []),
        (SCHEMA, [ToolSpec("t", "A tool", {})]),
    ],
)  # fmt: skip
async def test_it_is_not_sent_where_it_does_not_go(server, model, talk, kit, schema, tools):
    """Beside tools, many servers would have the model answer when it should call."""
    server.answers = [kit.said("x")]
    await model.request(talk(output_schema=schema), tools)
    assert "response_format" not in server.asked[0]
