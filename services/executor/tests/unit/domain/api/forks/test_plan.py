"""What a fork keeps of a history that it does not go on with as it was.

Covers: executor.domain.api.forks.keeping, executor.domain.api.forks.plan
"""

from datetime import timedelta

import pytest
from executor_testkit.engine.ledger import START
from executor_testkit.engine.stage import make_crew
from msgspec import UNSET, structs

from common.contracts.events import (
    ExecutionStart,
    InputReceived,
    InputRequired,
    LlmCall,
    ProposedCall,
    TaskStart,
    ToolCall,
    ToolResult,
)
from executor.domain.api.forks.copying import Copier
from executor.domain.api.forks.keeping import Cut, events_to_copy
from executor.domain.api.forks.plan import ForkSource, plan_of
from executor.domain.api.forks.survey import Survey
from executor.domain.api.forks.wish import ForkWish
from executor.domain.log.events import (
    CallKept,
    EventDraft,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
)
from executor.domain.log.records import number


def survey_of(*drafts):
    """Return a survey of events, each a body or a body with its private part."""
    found = Survey()
    for seq, draft in enumerate(drafts, 1):
        body, private = draft if isinstance(draft, tuple) else (draft, None)
        found.add(LogEntry(seq, START + timedelta(seconds=seq), 1, body, private), 0)
    return found


@pytest.mark.parametrize("before", [{"xs": ["a", "b"]}, {"xs": ["a", "b"], "ys": ["c"]}])
def test_a_task_over_another_list_begins_anew(before):
    """Version 2 works through an input which version 1 did not know, or knew as a shorter list."""
    crews = [make_crew(1, task_1={"for_each": listed}) for listed in ("{xs}", "{ys}")]
    survey = survey_of(
        TaskStart(task_id="task_1", items=2),
        TaskStart(task_id="task_1-0", item_of="task_1"),
    )
    wish = ForkWish(inputs={"ys": ["c", "d"]}, version=2)
    plan = plan_of(ForkSource(*crews, before, 2, survey), wish)
    assert (plan.anew, plan.seqs) == (["task_1"], [])


CALL = ProposedCall(tool="pay", arguments={"x": 1}, call=1, digest="d")
PAID = [
    (LlmCall(task_id="task_1"), ReplyKept(scope="")),
    (
        InputRequired(question_id="q_1", task_id="task_1", kind="approval", tool_call=CALL),
        QuestionKept(call=1, scope="", turn=0, entry=0),
    ),
    InputReceived(question_id="q_1", task_id="task_1", outcome="approved"),
    (
        ToolCall(task_id="task_1", action="pay"),
        CallKept(call=1, scope="", turn=0, entry=0),
    ),
    (ToolResult(task_id="task_1", action="pay"), ResultKept(call=1, text="paid")),
]


@pytest.mark.parametrize(
    ("recorded", "events", "kept"), [(False, 4, True), (True, 4, False), (True, 5, True)]
)
def test_a_yes_from_a_recording_is_kept_only_with_the_result(recorded, events, kept):
    said = structs.replace(PAID[2], recorded=recorded)
    survey = survey_of(*[*PAID[:2], said, *PAID[3:]][:events])
    copied = events_to_copy(survey, Cut(events, set(), {}, set(), managed=False))
    assert ({2, 3} <= {*copied}) == kept


@pytest.mark.parametrize(("version", "told"), [(2, 2), (None, UNSET)])
def test_the_copied_start_tells_the_version_that_goes_on(version, told):
    crew = make_crew(1).model_copy(update={"version": version})
    start = EventDraft(ExecutionStart(crew="Old", version=1))
    (record,) = number([start], "job_1", 0, 1, START)
    copied = Copier("job_2", crew, {}).copy(record).entry().body
    assert (copied.crew, copied.version) == ("Crew", told)


BOOK = ToolCall(task_id="task_1", action="book"), CallKept(call=1, scope="", turn=0, entry=0)
BOOKED = [
    (LlmCall(task_id="task_1"), ReplyKept(scope="")),
    BOOK,
    (
        InputRequired(question_id="q_1", task_id="task_1", kind="question", tool_call=CALL),
        QuestionKept(call=1, scope="", turn=0, entry=0, keys=["day"]),
    ),
    InputReceived(question_id="q_1", task_id="task_1", outcome="answered", input={"day": "Mon"}),
    BOOK,
    (ToolResult(task_id="task_1", action="book"), ResultKept(call=1, text="booked")),
]


@pytest.mark.parametrize(
    ("events", "after", "kept"),
    [
        (3, 3, [1]),
        (4, 3, [1]),
        (4, 4, [1, 2, 3, 4]),
        (5, 3, [1, 5]),
        (6, 3, [1, 5, 6]),
        (6, 6, [1, 2, 3, 4, 5, 6]),
    ],
    ids=[
        "it waits",
        "it was answered later",
        "it was answered",
        "it may have been made later",
        "it was made later",
        "it was made",
    ],
)
def test_a_call_whose_server_asked_is_kept_with_the_answer_or_with_what_it_did(events, after, kept):
    survey = survey_of(*BOOKED[:events])
    assert events_to_copy(survey, Cut(after, set(), {}, set(), managed=False)) == kept
