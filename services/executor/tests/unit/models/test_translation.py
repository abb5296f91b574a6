"""Replies as a run gets them, and as the provider's library is shown them again."""

from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart

from executor.models import translation
from executor.models.dialogue import Dialogue, Reply, Topic

TALK = Dialogue("Be brief.", "Tea?", Topic("Ann", "Tea?"))


def shown_again(reply: Reply) -> ModelResponse:
    dialogue = Dialogue("Be brief.", "Tea?", Topic("Ann", "Tea?"), [reply])
    found = translation.messages(dialogue)[-1]
    assert isinstance(found, ModelResponse)
    return found


def test_half_a_surrogate_pair_in_an_answer_can_be_sent_on():
    """As a provider says it that cuts an answer in the midst of a sign: no request can hold it."""
    signed = ThinkingPart("hm", signature="s1")
    for parts in ([], [signed]):
        response = ModelResponse([*parts, TextPart("Tea \ud83c"), ToolCallPart("look", {}, "c1")])
        reply = translation.reply(response, TALK, [])
        assert reply.text == "Tea ?"
        again = shown_again(reply)
        assert again.text == "Tea ?"
        assert [call.tool_name for call in again.tool_calls] == ["look"]
        assert [part for part in again.parts if isinstance(part, ThinkingPart)] == parts


def test_an_answer_is_shown_again_as_it_came():
    response = ModelResponse([TextPart("Tea\n\U0001f375")])
    reply = translation.reply(response, TALK, [])
    assert shown_again(reply) is response
