import pytest

from common.errors import InvalidRequest
from devkit.cpu_time import cpu_limit
from executor.domain.inputs.checks import check_runnable

HOSTILE = [
    ("{a}" * 6_000, {"a": "x" * 150_000}),
    ("{a}" * 6_000, {"a": {"x": ["y"] * 40_000}}),
    ("{a}{b}" * 3_000, {"a": "x" * 2_000, "b": "y" * 2_000}),
    ("{{" * 9_000 + "{a}", {"a": "x" * 2_000_000}),
]


@pytest.mark.parametrize(("text", "inputs"), HOSTILE, ids=range(4))
def test_what_inputs_would_fill_in_without_bounds_is_refused_at_once(crew_about, text, inputs):
    crew = crew_about(text)
    with cpu_limit(0.05), pytest.raises(InvalidRequest) as caught:
        check_runnable(crew, inputs)
    assert caught.value.details["field"] == "inputs.a"
    assert "characters" in caught.value.details["reason"]


def test_texts_count_together(make_crew):
    crew = make_crew()
    part = "{a}" * 300
    agent = crew.agents[0].model_copy(update={"role": part, "goal": part, "backstory": part})
    context = {"description": part, "expected_output": part, "context": [part] * 5}
    crew = crew.model_copy(
        update={"agents": [agent], "tasks": [crew.tasks[0].model_copy(update=context)]}
    )
    check_runnable(crew, {"a": "x" * 600})
    with pytest.raises(InvalidRequest):
        check_runnable(crew, {"a": "x" * 700})
