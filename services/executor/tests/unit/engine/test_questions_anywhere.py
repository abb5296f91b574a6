"""Random answers, restarts, expiries, stops and late messages: no unapproved call, none twice, no question lost.

A person answers while nothing runs, and also in the middle of a run, just before one of its writes.

Covers: common.contracts.question_events
"""

import asyncio
from collections import Counter, defaultdict

from executor_testkit.engine.people import JOB, Plan, World
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from common.contracts.events import ExecutionStatus
from executor.domain.log.projection import fold
from executor.engine import asking

MORTAL, ENDLESS = 12, 80


def check(world):
    entries = [record.entry() for record in world.all_records()]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    state = fold(entries)
    assert state == world.job.state
    check_questions(world, entries)
    check_calls(world, entries)


def check_questions(world, entries):
    asked = [e.body.question_id for e in entries if e.type == "input_required"]
    answered = [e.body.question_id for e in entries if e.type == "input_received"]
    assert len(set(asked)) == len(asked), "asked twice"
    assert len(set(answered)) == len(answered), "answered twice"
    assert set(answered) <= set(asked)
    left = [] if world.job.final else [name for name in asked if name not in answered]
    assert [place.question_id for place in world.job.open_questions] == left
    if world.job.status == ExecutionStatus.WAITING_FOR_INPUT:
        assert left, "nobody can wake it"
        last_claim = max(
            e.seq for e in entries if e.type in {"execution_start", "execution_resumed"}
        )
        unread = [e for e in entries if e.type == "input_received" and e.seq > last_claim]
        assert not unread, "an answer that no run has read"


def check_calls(world, entries):
    """Each call that was made was approved before, with just these arguments, and made once."""
    allowed = defaultdict(list)
    shown = {}
    for entry in entries:
        body = entry.body
        if entry.type == "input_required" and body.kind == "approval":
            shown[body.question_id] = body
        elif entry.type == "input_received" and body.question_id in shown:
            call = shown[body.question_id].tool_call
            if body.outcome == "approved":
                given = call.arguments if not body.arguments else body.arguments
                allowed[f"{JOB}:{body.task_id}:{call.call}"].append(given)
    for key, arguments in world.made:
        assert allowed[key] == [arguments], (key, arguments, allowed[key])
    assert all(count == 1 for count in Counter(key for key, _ in world.made).values())
    check_bookings(world, entries)


def check_bookings(world, entries):
    """What a tool asked for before it did anything is done once, with what was said last."""
    assert all(count == 1 for count in Counter(key for key, _ in world.booked).values())
    asked, said = {}, {}
    for entry in entries:
        body = entry.body
        if (
            entry.type == "input_required"
            and body.kind == "question"
            and body.tool_call is not UNSET
        ):
            asked[body.question_id] = f"{JOB}:{body.task_id}:{body.tool_call.call}"
        elif entry.type == "input_received" and body.question_id in asked:
            said.setdefault(asked[body.question_id], []).append(body.input)
    for key, day in world.booked:
        assert [one["day"] for one in said[key]][-1] == day
        assert len(said[key]) == 2


def check_end(world):
    """A job that has come to its end has made every call that was approved."""
    if world.job.status != ExecutionStatus.COMPLETED:
        return
    entries = [record.entry() for record in world.all_records()]
    kinds = {
        e.body.question_id: (e.body.kind, e.body.task_id, e.body.tool_call)
        for e in entries
        if e.type == "input_required"
    }
    approved = {
        f"{JOB}:{task}:{call.call}"
        for e in entries
        if e.type == "input_received" and e.body.outcome == "approved"
        for kind, task, call in [kinds[e.body.question_id]]
        if kind == "approval"
    }
    assert approved == {key for key, _ in world.made}


tasks = st.fixed_dictionaries(
    {"async_execution": st.sampled_from([True, True, False])},
    optional={"human_input": st.booleans()},
)
shapes = st.fixed_dictionaries(
    {
        "policy": st.sampled_from(["fail", "ask"]),
        "tasks": st.lists(tasks, min_size=2, max_size=4),
        "expiry": st.sampled_from([None, None, "reject", "approve", "fail", "answer:red"]),
    }
)
runs = st.tuples(st.sampled_from([0, 0, 1, 2, 3, 4, 6]), st.booleans(), st.integers(0, 5))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("run"), runs),
        st.tuples(st.just("say"), st.sampled_from(["yes", "yes", "edit", "no", "garbage"])),
        st.tuples(st.just("run"), runs),
        st.tuples(st.just("again"), st.none()),
        st.tuples(st.just("time"), st.sampled_from([1, 30, 61])),
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=60, deadline=None)
@given(
    shape=shapes,
    seed=st.integers(0, 10**9),
    story=happenings,
    stopped=st.sampled_from([None] * 9 + [3, 6, 9]),
    beside=st.booleans(),
)
def test_whatever_happens_only_approved_calls_are_made_and_once(
    shape, seed, story, stopped, beside
):
    was, asking._TOGETHER = asking._TOGETHER, 0 if beside else asking._TOGETHER
    try:
        asyncio.run(tell(World(shape, seed), story, stopped))
    finally:
        asking._TOGETHER = was


async def tell(world, story, stopped):
    await world.begin()
    for place, (what, detail) in enumerate(story):
        if place == stopped:
            await world.stop()
        await world.happen(what, detail)
        check(world)
    await bring_to_its_end(world)
    await world.say_again()
    check(world)
    check_end(world)


async def bring_to_its_end(world):
    """Bring the job to its end: workers go on dying for a while, and people never stop answering."""
    for number in range(ENDLESS):
        if world.job.final:
            return
        await world.run(world.some_plan() if number < MORTAL else Plan())
        await world.say_something()
        check(world)
    raise AssertionError(f"The job is stuck: {world.job.status}, {world.job.open_questions}")
