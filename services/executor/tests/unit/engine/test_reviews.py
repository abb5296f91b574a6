"""A person's review of an answer: only a plain approval lets it through, as it was shown."""

import pytest

from common.contracts.events import ExecutionComplete, InputReceived, InputRequired
from executor.domain.log.events import LogEntry

WORDS = [
    "Approved",
    "approved",
    "yes",
    "LGTM",
    "It is good.",
    "No. Do not send this to anyone!",
    "retry",
]


def answered(events, outcome="answered", text=None, **more):
    asked = events[-1]
    fields = {"task_id": "task_1", "outcome": outcome, "by": "usr_1", **more}
    fields |= {} if text is None else {"input": text}
    fields["question_id"] = asked.body.question_id
    return [
        *events,
        LogEntry(len(events) + 1, asked.timestamp, asked.attempt, InputReceived(**fields)),
    ]


def drafts(stage):
    """Have the model write a new draft each time, and take down what it was told before."""
    stage.script.say = lambda *_: f"draft {len(stage.script.requests)}"


def last_word(stage):
    return [turn for turn in stage.script.dialogues[-1].turns if isinstance(turn, str)][-1]


async def asked(stage, crew, history=()):
    events = await stage.run(crew, history)
    assert events[-1].type == "input_required", events[-1]
    return events


async def test_what_is_approved_goes_on_letter_for_letter_and_no_model_is_asked(stage, kit):
    stage.script.say = lambda *_: "  Draft,\n\twith its *spaces*.  \n"
    crew = kit.crew(1, task_1={"human_input": True})
    events = await asked(stage, crew)
    question = events[-1].body
    assert (question.kind, question.task_id, question.agent) == (
        "review",
        "task_1",
        "Agent 1",
    )
    assert question.answer == "  Draft,\n\twith its *spaces*.  \n"
    assert "with its *spaces*" in question.prompt
    events = await stage.run(crew, answered(events, "approved"))
    assert events[-1].body == ExecutionComplete(result="  Draft,\n\twith its *spaces*.  \n")
    assert len(stage.script.requests) == 1


async def test_what_was_shown_is_approved_whatever_the_model_would_say_now(stage, kit):
    drafts(stage)
    crew = kit.crew(1, task_1={"human_input": True})
    events = answered(await asked(stage, crew), "approved")
    without = [e for e in events if e.type != "llm_call"]  # as if newer code read it otherwise
    events = await stage.run(crew, without)
    assert events[-1].body == ExecutionComplete(result="draft 1")


@pytest.mark.parametrize("text", WORDS)
async def test_a_text_is_never_a_yes_but_has_the_answer_written_and_asked_about_again(
    stage, kit, text
):
    drafts(stage)
    crew = kit.crew(2, task_1={"human_input": True})
    events = await asked(stage, crew)
    again = await asked(stage, crew, answered(events, text=text))
    assert again[-1].body.answer == "draft 2"
    assert again[-1].body.question_id != events[-1].body.question_id
    assert text in last_word(stage)
    assert kit.types(again).count("task_complete") == 0
    done = await stage.run(crew, answered(again, "approved"))
    results = [e.body.result for e in done if e.type == "task_complete"]
    assert results == ["draft 2", "draft 3"]
    assert kit.types(done).count("task_start") == 2


@pytest.mark.parametrize("most", [0, 1, 3])
async def test_an_answer_is_sent_back_so_often_and_no_more(stage, kit, most):
    drafts(stage)
    crew = kit.crew(1, task_1={"human_input": True, "max_reviews": most})
    events = await asked(stage, crew)
    for left in range(most, 0, -1):
        assert f"({left} more)" in events[-1].body.prompt
        events = await asked(stage, crew, answered(events, text="more"))
    assert "cannot be sent back" in events[-1].body.prompt
    ended = await stage.run(crew, answered(events, text="more"))
    assert ended[-1].body.code == "REVIEWS_EXHAUSTED"
    assert "max_reviews" in ended[-1].body.message
    approved = await stage.run(crew, answered(events, "approved"))
    assert approved[-1].body == ExecutionComplete(result=f"draft {most + 1}")


async def test_a_rejection_ends_the_run_whoever_folds_it(stage, kit):
    drafts(stage)
    crew = kit.crew(2, task_1={"human_input": True})
    events = await stage.run(crew, answered(await asked(stage, crew), "rejected", comment="no"))
    assert (events[-1].type, events[-1].body.code) == ("error", "REJECTED")
    assert len(stage.script.requests) == 1


async def test_people_see_only_what_has_been_checked_also_after_changes(stage, kit):
    said = iter(["rude", "FAIL: rude", "kind", "PASS", "rude again", "FAIL", "kind again", "PASS"])
    stage.script.say = lambda *_: next(said)
    crew = kit.crew(1, task_1={"human_input": True, "guardrail": "Be kind."})
    events = await asked(stage, crew)
    assert events[-1].body.answer == "kind"
    events = await asked(stage, crew, answered(events, text="shorter"))
    assert events[-1].body.answer == "kind again"
    assert (await stage.run(crew, answered(events, "approved")))[-1].body == ExecutionComplete(
        result="kind again"
    )


async def test_a_value_is_approved_as_a_value(stage, kit):
    stage.script.say = lambda *_: '{"n": 1, "text": "ü"}'
    schema = {"type": "object", "required": ["n"]}
    crew = kit.crew(1, task_1={"human_input": True, "output_schema": schema})
    events = await asked(stage, crew)
    assert events[-1].body.answer == {"n": 1, "text": "ü"}
    events = await stage.run(crew, answered(events, "approved"))
    assert events[-1].body == ExecutionComplete(result={"n": 1, "text": "ü"})


async def test_changes_asked_for_do_not_use_up_the_iterations(stage, kit):
    drafts(stage)
    crew = kit.crew(1, task_1={"human_input": True}, configuration={"max_iterations": 1})
    events = await asked(stage, crew)
    for _ in range(3):
        events = await asked(stage, crew, answered(events, text="more"))
    assert events[-1].body.answer == "draft 4"


async def test_a_history_of_before_outcomes_is_gone_on_with_and_asked_about_again(stage, kit):
    drafts(stage)
    crew = kit.crew(1, task_1={"human_input": True})
    *before, question = await asked(stage, crew)
    body = InputRequired(task_id="task_1", prompt=question.body.prompt)
    old = LogEntry(question.seq, question.timestamp, 1, body)
    reply = LogEntry(old.seq + 1, old.timestamp, 1, InputReceived(input="good"))
    events = await asked(stage, crew, [*before, old, reply])
    assert events[-1].body.answer == "draft 2"
    events = await stage.run(crew, answered([*before, old], "approved"))
    assert events[-1].body == ExecutionComplete(result="draft 1")


async def test_a_long_answer_is_marked_as_cut_in_the_prompt_and_whole_beside_it(stage, kit):
    stage.script.say = lambda *_: "x" * 300_000
    events = await asked(stage, kit.crew(1, task_1={"human_input": True}))
    assert "all 300000 characters" in events[-1].body.prompt
    assert events[-1].body.answer == "x" * 300_000
