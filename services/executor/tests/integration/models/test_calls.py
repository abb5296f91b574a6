"""Tool calls as models make them, taken up and shown again to a server that checks what it is sent."""

import json

import pytest
from msgspec.json import decode, encode

from executor.domain.log.events import StoredReply
from executor.models.dialogue import Reply, ToolReturn
from executor.tools.spec import ToolSpec

TOOL = ToolSpec("calculator", "Calculates", {"type": "object", "properties": {"x": {}}})
OTHER = ToolSpec("web_search", "Searches", {"type": "object", "properties": {}})


def call(call_id="c0", name="calculator", arguments='{"x": 1}', **given):
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    } | given


async def there_and_back(server, model, talk, kit, *turns, stored=False):
    """Have the model ask for each turn's calls, give results, and end; return what was asked for."""
    server.answers = [*(kit.said(None, turn) for turn in turns), kit.said("done")]
    dialogue = talk()
    taken = []
    for _ in turns:
        reply = await model.request(dialogue, [TOOL, OTHER])
        taken.append(reply.calls)
        if stored:
            reply = Reply.load(decode(encode(reply.dump()), type=StoredReply))
        results = tuple(ToolReturn(one.id, one.name, "r \ud83d") for one in reply.calls)
        dialogue.turns += [reply, results]
    assert (await model.request(dialogue, [TOOL, OTHER])).text == "done"
    return taken


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("calculator", "calculator"),
        ("functions.calculator", "calculator"),
        ("calculator<|channel|>commentary", "calculator"),
        ("<|constrain|>calculator", "calculator"),
        ("functions.calculator<|channel|>json", "calculator"),
        ("default_api.calculator", "calculator"),
        ("functions.calculator:0", "calculator"),
        ("tools/calculator", "calculator"),
        (" calculator() ", "calculator"),
        ("Calculator", "calculator"),
        ("web-search", "web_search"),
        ("web search", "web_search"),
        ("", "unnamed"),
        ("no such tool", "no_such_tool"),
        ("x" * 200, "x" * 64),
        ("\ud83d", "unnamed"),
        ("計算", "unnamed"),
        (None, "unnamed"),
    ],
)
async def test_names_are_known_by_what_is_meant_and_can_be_sent_again(
    server, model, talk, kit, given, name, stored
):
    turn = [call(name=given)]
    [(taken,)] = await there_and_back(server, model, talk, kit, turn, stored=stored)
    assert taken.name == name


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    "ids",
    [("c", "c"), ("", ""), (None, None), ("x" * 65, "x" * 65), ("a b", "a/b"), ("\ud83d", "é")],
)
async def test_ids_are_made_unique_within_a_reply_and_a_dialogue(
    server, model, talk, kit, ids, stored
):
    turn = [call(one) for one in ids]
    turns = await there_and_back(server, model, talk, kit, turn, turn, stored=stored)
    made = [one.id for taken in turns for one in taken]
    assert len(set(made)) == 4


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ({"x": 1}, {"x": 1}),
        ('{"x": "\\ud83d"}', {"x": "?"}),
        ('{"x": "\ud83d"}', {"x": "?"}),
        ('{"\\ud83d": ["\\udc00a"]}', {"?": ["?a"]}),
        ('{"x": "\\ud83c\\udf75"}', {"x": "\U0001f375"}),
        ('"{\\"x\\": 1}"', {"x": 1}),
        ("", {}),
        (None, {}),
        ("null", {}),
        ('{"x": 18446744073709551615}', {"x": 2**64 - 1}),
        ("[1]", None),
        ("broken", None),
        ('{"x": 1', None),
        ('{"x": NaN}', None),
        ('{"x": -Infinity}', None),
        ('{"x": 1e999}', None),
        ('{"x": 123456789012345678901234567890}', None),
        ('{"x": ' + "9" * 5_000 + "}", None),
        ('{"x": ' + "[" * 300 + "]" * 300 + "}", None),
        ('{"x": ' * 300 + "1" + "}" * 300, None),
        ("[" * 200_000, None),
        ('{"x": "' + "a" * 300_000 + '"}', None),
        (float("nan"), None),
        ([1], None),
        (7, None),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "replace").decode(),
)
async def test_arguments_are_taken_or_said_to_be_broken(
    server, model, talk, kit, given, arguments, stored
):
    turn = [call(arguments=given)]
    [(taken,)] = await there_and_back(server, model, talk, kit, turn, stored=stored)
    assert taken.arguments == arguments
    assert bool(taken.fault) == (arguments is None) == bool(taken.broken)
    assert len(taken.broken) <= 2_001


@pytest.mark.parametrize("given", [{"type": None}, {"type": "other"}, {"index": 0}, {"custom": 1}])
async def test_a_call_of_no_type_is_a_call(server, model, talk, kit, given):
    [(taken,)] = await there_and_back(server, model, talk, kit, [call(**given)])
    assert taken.arguments == {"x": 1}


async def test_old_and_flat_forms_of_calls_are_calls(server, model, talk, kit):
    flat = {"name": "calculator", "arguments": {"x": 1}}
    [(taken,)] = await there_and_back(server, model, talk, kit, [flat])
    assert (taken.name, taken.arguments) == ("calculator", {"x": 1})
    old = kit.said(None, message={"function_call": flat})
    server.answers = [old]
    [taken] = (await model.request(talk(), [TOOL])).calls
    assert (taken.name, taken.arguments) == ("calculator", {"x": 1})


async def test_a_call_cut_at_the_length_limit_is_said_to_be_cut(server, model, talk, kit):
    server.answers = [kit.said(None, [call(arguments='{"x": 1')], finish="length")]
    [taken] = (await model.request(talk(), [TOOL])).calls
    assert "length limit" in taken.fault


NESTED = {
    "type": "object",
    "properties": {
        "any": {"type": "object"},
        "many": {"type": "array", "items": {"type": "object"}},
        "either": {"anyOf": [{"type": "object"}, {"type": "null"}]},
        "named": {"$ref": "#/$defs/thing", "description": "A thing"},
        "titled": {"type": "string", "title": "T", "default": "d", "format": "date"},
    },
    "$defs": {"thing": {"type": "object"}},
    "required": ["any"],
}


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        ({}, {"type": "object", "properties": {}, "additionalProperties": True}),
        ({"type": "object"}, {"type": "object", "properties": {}, "additionalProperties": True}),
        ({"type": "object", "properties": {}}, None),
        (NESTED, None),
        ({"type": "object", "additionalProperties": {"type": "object"}},
         {"type": "object", "properties": {}, "additionalProperties": {"type": "object"}}),
    ],
)  # fmt: skip
async def test_parameters_are_sent_as_registered(server, model, talk, kit, schema, sent):
    server.answers = [kit.said("done")]
    await model.request(talk(), [ToolSpec("t", "A tool", schema)])
    function = server.asked[0]["tools"][0]["function"]
    assert function["parameters"] == (schema if sent is None else sent)
    assert not function.get("strict")


@pytest.mark.parametrize("stored", [False, True])
async def test_calls_with_thoughts_are_shown_again_clean_too(server, model, talk, kit, stored):
    turn = [call("a b", "functions.calculator", '{"x": "\\ud83d"}')]
    thought = {"reasoning_content": "hm \ud83d"}
    odd = kit.said(None, turn, message=thought)
    server.answers = [odd, odd, kit.said("done")]
    dialogue = talk()
    for _ in range(2):
        reply = await model.request(dialogue, [TOOL])
        assert reply.raw is not None
        if stored:
            reply = Reply.load(decode(encode(reply.dump()), type=StoredReply))
        results = tuple(ToolReturn(one.id, one.name, "r") for one in reply.calls)
        dialogue.turns += [reply, results]
    assert (await model.request(dialogue, [TOOL])).text == "done"
    assert "hm ?" in json.dumps(server.asked[-1]["messages"])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("let me see\n</think>\n\nThe answer.", "The answer."),
        ("<think>let me see</think>\nThe answer.", "The answer."),
        (
            "```\n<think>a</think>\n```\nis how it looks",
            "```\n<think>a</think>\n```\nis how it looks",
        ),
    ],
)
@pytest.mark.parametrize("name", ["openai:fake", "openai:deepseek-r1", "openai:qwen/qwen3-8b"])
async def test_thoughts_in_a_text_are_left_out(server, models, talk, kit, text, answer, name):
    server.answers = [kit.said(text)]
    dialogue = talk()
    reply = await (await models.resolve(name)).request(dialogue, [])
    assert reply.text == answer
    dialogue.turns += [reply, "Go on"]
    await (await models.resolve(name)).request(dialogue, [])
    assert server.asked[1]["messages"][2] == {"role": "assistant", "content": answer}
