"""Tools whose servers ask a person first: the question outlives everything, and the call is made once.

Covers: executor.engine.elicitations, executor.engine.doubts
"""

from dataclasses import replace

import pytest

from common.contracts.crew import QuestionRules
from common.contracts.events import ExecutionComplete, ExecutionStatus, InputReceived
from executor.domain.log.events import EventDraft, LogEntry
from executor.domain.log.execution import ELICITATION, Execution
from executor.domain.log.moves import append
from executor.domain.log.records import number
from executor.engine.asking import Asking
from executor.engine.faults import QuestionDraft
from executor.engine.history import Progress, TaskRecord
from executor.tools.call import Heard, InputWanted, Inquiry

SCHEMA = {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]}
WANTED = Inquiry("Which day?", SCHEMA, ("day",), "sealed")


def answered(events, outcome="answered", **more):
    asked = events[-1].body
    fields = {"question_id": asked.question_id, "task_id": asked.task_id, **more}
    body = InputReceived(outcome=outcome, by="usr_1", **fields)
    return [*events, LogEntry(len(events) + 1, events[-1].timestamp, events[-1].attempt, body)]


@pytest.fixture
def books(stage, kit):
    """A crew whose agent books; the tool asks until it has heard `rounds` answers. Effects are in `stage.booked`."""
    stage.booked, stage.rounds = [], 1
    stage.drawer.unsafe = frozenset({"book"})

    def book(arguments):
        heard = stage.drawer.heard[-1]
        answers = sum(one is not None for one in stage.drawer.heard)
        if heard is None or (heard.outcome == "answered" and answers < stage.rounds):
            raise InputWanted(WANTED)
        if heard.outcome != "answered":
            return "nothing is booked"
        stage.booked.append((arguments["x"], heard.input["day"]))
        return f"booked for {heard.input['day']}"

    stage.drawer.tools = {"book": book}
    stage.script.say = lambda _model, dialogue, _tools: (
        dialogue.results()[-1].text if dialogue.turns else kit.calls(("book", {"x": 4}))
    )

    def crew(**given):
        return kit.crew(1, tools_1=["book"], **given)

    return crew


async def test_a_call_waits_for_what_its_tool_asks_and_goes_on_with_the_answer(stage, books, kit):
    events = await stage.run(books())
    asked = events[-1].body
    assert (asked.type, asked.kind, asked.prompt) == ("input_required", "question", "Which day?")
    assert (asked.response_schema, asked.tool_call.arguments) == (SCHEMA, {"x": 4})
    assert "sealed" not in repr(asked), "what goes back to the server is for it alone"
    done = await stage.run(books(), answered(events, input={"day": "Monday"}))
    assert stage.booked == [(4, "Monday")]
    assert stage.drawer.heard == [None, Heard(("day",), "sealed", "answered", {"day": "Monday"})]
    assert done[-1].body == ExecutionComplete(result="booked for Monday")
    assert kit.types(done)[len(events) :][:4] == [
        "input_received",
        "execution_resumed",
        "tool_call",
        "tool_result",
    ]


async def test_a_run_that_goes_on_before_the_answer_calls_nothing(stage, books):
    events = await stage.run(books())
    again = await stage.run(books(), events)
    assert [event.type for event in again].count("input_required") == 1
    assert len(stage.drawer.calls) == 1


async def test_a_worker_that_is_lost_with_the_answer_on_its_way_leaves_an_unknown_outcome(
    stage, books
):
    events = await stage.run(books())
    done = await stage.run(books(), answered(events, input={"day": "Monday"}))
    sent = [event.type for event in done].index("tool_result")
    lost = await stage.run(books(), done[:sent])
    assert (lost[-1].body.code, len(stage.booked)) == ("OUTCOME_UNKNOWN", 1)


async def test_a_tool_may_ask_again_with_what_it_was_told(stage, books):
    stage.rounds = 3
    events = await stage.run(books())
    ids = set()
    for day in ("Monday", "Tuesday", "Wednesday"):
        ids.add(events[-1].body.question_id)
        events = await stage.run(books(), answered(events, input={"day": day}))
    assert (stage.booked, len(ids)) == ([(4, "Wednesday")], 3)
    assert events[-1].body == ExecutionComplete(result="booked for Wednesday")


async def test_a_tool_that_asks_on_and_on_is_not_answered_for_ever(stage, books):
    stage.rounds = 1_000
    events = await stage.run(books())
    for _ in range(10):
        events = await stage.run(books(), answered(events, input={"day": "Monday"}))
    assert "has asked 10 times" in events[-1].body.result


async def test_a_call_that_was_approved_is_not_asked_about_twice(stage, books):
    crew = books(task_1={"approvals": ["book"]})
    events = await stage.run(crew)
    assert (events[-1].body.kind, stage.drawer.calls) == ("approval", [])
    events = await stage.run(crew, answered(events, "approved", arguments={"x": 5}))
    assert (events[-1].body.kind, events[-1].body.tool_call.arguments) == ("question", {"x": 5})
    events = await stage.run(crew, answered(events, input={"day": "Monday"}))
    assert stage.booked == [(5, "Monday")]
    assert [event.type for event in events].count("input_required") == 2


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({"outcome": "rejected", "comment": "Not my day"}, "rejected"),
        ({"outcome": "rejected", "expired": True}, "expired"),
    ],
)
async def test_a_tool_gets_to_know_that_nobody_answers(stage, books, said, outcome):
    events = await stage.run(books())
    done = await stage.run(books(), answered(events, **said))
    assert stage.drawer.heard[-1].outcome == outcome
    told = done[-1].body.result
    assert told.startswith("nothing is booked")
    assert ("Not my day" in told) is ("comment" in said)


async def test_a_schema_that_cannot_be_used_is_told_to_the_agent(stage, books):
    def ask(_):
        raise InputWanted(Inquiry("?", {"type": "nothing"}, ("a",), None))

    stage.drawer.tools = {"book": ask}
    events = await stage.run(books())
    assert "schema that cannot be used" in events[-1].body.result


async def test_older_workers_leave_a_job_alone_whose_tool_has_asked(stage, books):
    entry = (await stage.run(books()))[-1]
    draft, now = EventDraft(entry.body, entry.private), entry.timestamp
    job = replace(Execution("job_1", "ws_1", "crew_1", now), status=ExecutionStatus.RUNNING)
    step = append(job, number([draft], "job_1", 0, 1, now), copied=0, published=0)
    assert step.after.format == ELICITATION


async def test_what_a_server_wants_back_is_kept_however_many_questions_are_open(stage):
    written = []

    class Written:
        def write_question(self, question_id, draft, asked_at, *, goes_on):
            written.append(draft)

    record = TaskRecord("task_1")
    asking = Asking("job_1", Progress({"task_1": record}), Written(), lambda: stage.now)
    for place in range(60):
        wanted = None if place < 55 else WANTED
        given = {"rules": QuestionRules(), "call": place, "wanted": wanted}
        asking.ask(QuestionDraft("question", "task_1", "A", "?", str(place), **given))
    asking.park()
    assert [draft.call for draft in written] == [*range(50), *range(55, 60)]
