"""Placeholders and the inputs that fill them in."""

import pytest

from common.contracts.crew import MemorySnapshot
from common.contracts.memory import shelf_of
from common.errors import InvalidRequest
from executor.domain.api.submission import check_storable
from executor.domain.inputs.checks import check_runnable, runnable_crew


def test_a_missing_input_is_named(crew_about):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew_about("{topic} {deadline}"), {"topic": ""})
    assert caught.value.details["field"] == "inputs.deadline"


def test_all_missing_inputs_are_named(crew_about):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew_about("{topic} {deadline}"), {})
    named = [fault["field"] for fault in caught.value.details["errors"]]
    assert named == ["inputs.topic", "inputs.deadline"]


def test_a_crew_that_is_not_active_is_refused(make_crew):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(make_crew(status="configuring"), {"topic": 1})
    assert caught.value.details["field"] == "crew_id"


@pytest.mark.parametrize("value", ["\ud800", 2**70, {"deep": ["\udfff"]}])
def test_inputs_that_cannot_be_stored_are_refused(value):
    with pytest.raises(InvalidRequest) as caught:
        check_storable({"topic": value})
    assert caught.value.details["field"] == "inputs"


class _Crews:
    def __init__(self, crew):
        self.crew, self.asked = crew, []

    async def snapshot(self, _workspace_id, _crew_id, _version=None):
        return self.crew

    async def memory(self, workspace_id, crew_id, shelf):
        self.asked.append((workspace_id, crew_id, shelf))
        return MemorySnapshot(short_term=["likes mail"])


def _remembering(make_crew, scope, *, on=True):
    crew = make_crew()
    memory = {"short_term": on, "scope": scope}
    configuration = type(crew.configuration).model_validate({"memory": memory})
    return _Crews(crew.model_copy(update={"configuration": configuration}))


async def test_a_keyed_crew_reads_the_memory_of_its_inputs(make_crew):
    crews = _remembering(make_crew, "{customer_id}")
    crew = await runnable_crew(crews, "ws_1", "crew_1", {"topic": "t", "customer_id": "42"})
    shelf = shelf_of("customer_id", "42")
    assert crews.asked == [("ws_1", "crew_1", shelf)]
    assert (crew.memory.shelf, crew.memory.short_term) == (shelf, ["likes mail"])


@pytest.mark.parametrize("value", ["", " ", None, True, {"a": 1}, "x" * 201])
async def test_a_key_that_tells_nobody_apart_is_refused(make_crew, value):
    crews = _remembering(make_crew, "{customer_id}")
    with pytest.raises(InvalidRequest) as caught:
        await runnable_crew(crews, "ws_1", "crew_1", {"topic": "t", "customer_id": value})
    assert caught.value.details["field"] == "inputs.customer_id"
    with pytest.raises(InvalidRequest) as caught:
        await runnable_crew(crews, "ws_1", "crew_1", {"topic": "t", "customerid": "42"})
    assert caught.value.details["field"] == "inputs.customer_id"
    assert crews.asked == []


@pytest.mark.parametrize(("scope", "on"), [("crew", True), ("{customer_id}", False)])
async def test_no_key_is_asked_for_where_none_is_used(make_crew, scope, on):
    crews = _remembering(make_crew, scope, on=on)
    await runnable_crew(crews, "ws_1", "crew_1", {"topic": "t"})
    assert crews.asked == []


def test_a_misspelt_input_is_named(crew_about):
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew_about("{topic}"), {"topci": "tea"})
    assert "it was sent topci" in caught.value.details["reason"]


def test_a_crew_that_is_not_active_says_why(make_crew):
    crew = make_crew(status="configuring")
    with pytest.raises(InvalidRequest) as caught:
        check_runnable(crew.model_copy(update={"tasks": []}), {})
    assert [one["field"] for one in caught.value.details["missing"]] == ["tasks"]
    assert "is not active. tasks: At least one task required" in caught.value.message
