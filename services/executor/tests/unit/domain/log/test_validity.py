"""What may be said to each kind of question: the 400 names the field, down to the part that is wrong."""

import pytest

from common.contracts.events import ProposedCall
from common.errors import InvalidRequest
from common.times import utc_now
from executor.domain.log.questions import Answer, Question
from executor.domain.log.validity import validate_answer

SCHEMA = {
    "type": "object",
    "required": ["amount"],
    "properties": {
        "amount": {"type": "integer"},
        "lines": {"type": "array", "items": {"type": "string"}},
    },
}
CALL = ProposedCall(tool="pay", arguments={"amount": 7, "exact": True}, call=1, digest="d")


def question(kind, **more):
    return Question("question_1", kind, "task_1", "Agent", "?", None, utc_now(), **more)


APPROVAL = question("approval", tool_call=CALL)
ASKED = question("question")
SHAPED = question("question", response_schema=SCHEMA)
CHOSEN = question("question", choices=("red", "blue"))


@pytest.mark.parametrize(
    ("asked", "said", "field"),
    [
        (APPROVAL, Answer("answered", "yes"), "outcome"),
        (APPROVAL, Answer("retry"), "outcome"),
        (APPROVAL, Answer("approved", "yes"), "input"),
        (APPROVAL, Answer("rejected", arguments={"amount": 1}), "arguments"),
        (APPROVAL, Answer("approved", arguments={"amount": "1"}), "arguments.amount"),
        (
            APPROVAL,
            Answer("approved", arguments={"amount": 1, "lines": ["a", 2]}),
            "arguments.lines.1",
        ),
        (APPROVAL, Answer("approved", arguments={}), "arguments"),
        (APPROVAL, Answer("approved", arguments={"amount": 1, "x": "x" * 200_000}), "arguments"),
        (question("review"), Answer("approved", arguments={}), "arguments"),
        (question("review"), Answer("answered", {"text": "x"}), "input"),
        (question("unknown_outcome"), Answer("answered", 5), "input"),
        (ASKED, Answer("approved"), "outcome"),
        (ASKED, Answer("answered"), "input"),
        (ASKED, Answer("answered", 5), "input"),
        (ASKED, Answer("rejected", "no"), "input"),
        (SHAPED, Answer("answered", {"amount": "much"}), "input.amount"),
        (SHAPED, Answer("answered", "much"), "input"),
        (CHOSEN, Answer("answered", "green"), "input"),
    ],
)
async def test_what_cannot_be_meant_is_refused_at_its_place(asked, said, field):
    with pytest.raises(InvalidRequest) as refused:
        await validate_answer(said, asked, SCHEMA)
    assert refused.value.details["field"] == field
    assert refused.value.details["reason"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (APPROVAL, Answer("approved")),
        (APPROVAL, Answer("approved", comment="Fine", arguments={"amount": 8, "exact": True})),
        (APPROVAL, Answer("rejected", comment="No")),
        (ASKED, Answer("answered", "42")),
        (ASKED, Answer("rejected")),
        (SHAPED, Answer("answered", {"amount": 5})),
        (CHOSEN, Answer("answered", "red")),
    ],
)
async def test_what_fits_is_taken_as_it_is(asked, said):
    assert await validate_answer(said, asked, SCHEMA) == said


async def test_a_missing_argument_is_told_of_in_a_sentence():
    schema = {"type": "object", "required": ["order"]}
    with pytest.raises(InvalidRequest) as told:
        await validate_answer(Answer("approved", arguments={"oder": 1}), APPROVAL, schema)
    assert told.value.details["reason"] == "'order' is a required property"


async def test_the_same_arguments_again_change_nothing_but_a_number_for_a_yes_does():
    same = Answer("approved", arguments={"exact": True, "amount": 7.0})
    assert (await validate_answer(same, APPROVAL)).arguments is None
    other = Answer("approved", arguments={"exact": 1, "amount": 7})
    assert (await validate_answer(other, APPROVAL)).arguments == other.arguments
