"""Another model answers when the first cannot, and settings reach the model.

Covers: executor.engine.fallbacks
"""

from datetime import timedelta

import pytest

from executor.models.model import ModelFault


def _crew(kit, tasks=1, **agent):
    crew = kit.crew(tasks)
    agents = [one.model_copy(update=agent) for one in crew.agents]
    return crew.model_copy(update={"agents": agents})


def _asked(stage):
    return [name for name, _ in stage.script.requests]


def _told(events):
    return [one.body for one in events if one.type == "warning"]


@pytest.fixture
def failing(stage):
    """Return a function that has models fail with the given faults."""

    def make(**faults):
        def say(model, *_):
            if model in faults:
                raise faults[model]
            return f"said {model}"

        stage.script.say = say

    return make


@pytest.mark.parametrize(
    "fault",
    [
        ModelFault("MODEL_UNAVAILABLE", "The model m cannot be reached."),
        ModelFault("RATE_LIMIT", "The model m is over its limit."),
        ModelFault("MODEL_ERROR", "The model m does not accept the key.", unusable=True),
    ],
)
async def test_the_next_model_answers_and_a_warning_says_why(stage, kit, failing, fault):
    failing(m=fault)
    events = await stage.run(_crew(kit, fallback_models=["b"]))
    assert _asked(stage) == ["m", "b"]
    (warning,) = _told(events)
    assert warning.code == "MODEL_FALLBACK"
    assert warning.message == f"{fault.message} The model b is asked instead."
    assert events[-1].type == "execution_complete"
    assert events[-1].body.result == "said b"


async def test_a_request_without_a_reply_is_told_of_though_another_model_answers(
    stage, kit, failing
):
    failing(m=ModelFault("RATE_LIMIT", "Over its limit."))
    events = await stage.run(_crew(kit, fallback_models=["b"]))
    asked = [one.body for one in events if one.type == "llm_call"]
    assert [(one.action, one.finish_reason) for one in asked] == [("m", "cut_off"), ("b", "stop")]
    assert sum(one.usage.requests for one in asked) == len(stage.script.requests) == 2


async def test_a_refused_request_is_not_sent_to_another_model(stage, kit, failing):
    failing(m=ModelFault("MODEL_ERROR", "The request is wrong."))
    events = await stage.run(_crew(kit, fallback_models=["b"]))
    assert _asked(stage) == ["m"]
    assert (events[-1].type, events[-1].body.code) == ("error", "MODEL_ERROR")


async def test_the_last_models_fault_ends_the_run(stage, kit, failing):
    failing(
        m=ModelFault("RATE_LIMIT", "Over its limit."),
        b=ModelFault("MODEL_UNAVAILABLE", "It is away."),
    )
    events = await stage.run(_crew(kit, fallback_models=["b", "unknown"]))
    assert _asked(stage) == ["m", "b"]
    assert events[-1].body.message == "The model unknown is not known."


async def test_a_model_that_failed_is_passed_over_for_a_minute(stage, kit, failing):
    failing(m=ModelFault("RATE_LIMIT", "Over its limit."))
    await stage.run(_crew(kit, tasks=3, fallback_models=["b"]))
    assert _asked(stage) == ["m", "b", "b", "b"]

    def later(model, *_):
        stage.now += timedelta(seconds=61)
        if model == "m":
            raise ModelFault("RATE_LIMIT", "Over its limit.")
        return "done"

    stage.script.requests.clear()
    stage.script.say = later
    await stage.run(_crew(kit, tasks=2, fallback_models=["b"]))
    assert _asked(stage) == ["m", "b", "m", "b"]


async def test_only_the_last_model_is_waited_for_as_long_as_usual(stage, kit, failing):
    failing(m=ModelFault("RATE_LIMIT", "Over its limit."))
    await stage.run(_crew(kit, fallback_models=["b"]))
    assert [one.patience for one in stage.script.listeners] == [20.0, None]


async def test_a_resumed_run_uses_the_stored_reply_of_the_fallback(stage, kit, failing):
    failing(m=ModelFault("RATE_LIMIT", "Over its limit."))
    crew = _crew(kit, tasks=2, fallback_models=["b"])
    whole = await stage.run(crew)
    until = next(n for n, one in enumerate(whole) if getattr(one.body, "action", "") == "b") + 1
    stage.script.requests.clear()
    failing()
    resumed = await stage.run(crew, whole[:until])
    assert _asked(stage) == ["m"], "the first task's reply is in the log; the second asks m again"
    assert resumed[-1].type == "execution_complete"


async def test_settings_reach_the_agents_model_and_not_the_judge(stage, kit, failing):
    settings = {"temperature": 0.2, "max_tokens": 5}
    stage.script.say = lambda _m, dialogue, _t: (
        "PASS" if dialogue.topic.purpose == "judge" else "text"
    )
    crew = kit.crew(1, task={"guardrail": "It is short"})
    agents = [one.model_copy(update={"model_settings": settings}) for one in crew.agents]
    await stage.run(crew.model_copy(update={"agents": agents}))
    assert [one.settings for one in stage.script.dialogues] == [settings, {}]
