"""A field that nobody knows is told what was meant.

Covers: common.web.declared, common.web.reasons
"""

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from common.web.http import invalid_request


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Agent(_Strict):
    model: str = ""
    backstory: str = ""


class _Task(_Strict):
    output_schema: dict[str, int] | None = None
    async_execution: bool = False


class _Crew(_Strict):
    agents: list[_Agent] = []
    task: _Task | None = None


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"agents": [{}, {"llm": "x"}]}, "agents.1.llm", "it is called model"),
        ({"agents": [{"max_iter": 3}]}, "agents.0.max_iter", "configuration.max_iterations"),
        ({"agents": [{"backstroy": "x"}]}, "agents.0.backstroy", "did you mean backstory?"),
        ({"task": {"output_pydantic": "X"}}, "task.output_pydantic", "called output_schema"),
        ({"task": {"async": True}}, "task.async", "async_execution"),
        ({"task": {"llm": "x"}}, "task.llm", "There are async_execution, output_schema"),
        ({"task": {"output_file": "a.md"}}, "task.output_file", "the tool file_writer"),
        ({"agents": [{"memory": True}]}, "agents.0.memory", "configuration.memory of the crew"),
        ({"manager_agent": "x"}, "manager_agent", "configuration.manager_model"),
        ({"agent": []}, "agent", "did you mean agents?"),
        ({"x" * 1000: 1}, "x" * 1000, "There are agents, task"),
    ],
)
def test_the_right_field_is_named(body: object, field: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Crew.model_validate(body)
    errors = [{**one, "loc": ("body", *one["loc"])} for one in caught.value.errors()]
    details = invalid_request(errors, _Crew).details
    assert details["field"] == field
    assert told in details["reason"]


@pytest.mark.parametrize(
    ("body", "field", "told"),
    [
        ({"task": 3}, "task", "It must be an object with async_execution, output_schema"),
        ({"agents": [3]}, "agents.0", "It must be an object with backstory, model"),
        ({"task": {"output_schema": 3}}, "task.output_schema", "It must be an object"),
    ],
)
def test_an_object_is_asked_for_with_its_own_fields(body: object, field: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        _Crew.model_validate(body)
    errors = [{**one, "loc": ("body", *one["loc"])} for one in caught.value.errors()]
    details = invalid_request(errors, _Crew).details
    assert details == {"field": field, "reason": told}
