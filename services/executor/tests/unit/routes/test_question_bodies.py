"""Answers as callers send them: large values are read whole, and without holding the event loop."""

import pytest
from pydantic import ValidationError

from common.web.http import invalid_request
from devkit.loop_lag import loop_lag
from executor.routes.bodies import StartExecution
from executor.routes.question_bodies import ExecutionInput

LARGE = {
    "objects": [{}] * 300_000,
    "lists in an object": {"a": [[]] * 330_000},
}


def test_a_list_that_was_asked_for_may_be_long():
    said = ExecutionInput.model_validate({"input": list(range(1_000))})
    assert said.as_answer().input == list(range(1_000))


def test_only_a_text_is_stripped():
    for sent, kept in ((" tea ", "tea"), ([" tea "], [" tea "]), (False, False), (None, None)):
        assert ExecutionInput.model_validate({"input": sent}).input == kept


@pytest.mark.parametrize("value", LARGE.values(), ids=LARGE)
async def test_no_answer_holds_the_loop(value):
    ExecutionInput.model_validate({"input": 1})
    async with loop_lag():
        ExecutionInput.model_validate({"input": value})


def test_a_list_for_a_text_is_named_by_its_own_path():
    with pytest.raises(ValidationError) as told:
        StartExecution.model_validate({"crew_id": ["x"] * 300})
    fault = invalid_request(told.value.errors())
    assert fault.details["field"] == "crew_id"
