"""The chaos journey would notice: a test of what judges the platform."""

import random
from typing import Any

import pytest

from chaos.aftermath import Aftermath, Crew, Sent
from chaos.client import Watcher
from chaos.faults import embedded_plan, plan, short_plan
from chaos.report import Report
from chaos.script import CREWS, done_twice, left_out, read
from chaos.servers import Outside

CREW = CREWS[0]
TASKS = [f"task_{place}" for place in range(len(CREW.tasks))]


def whole_log() -> list[dict[str, Any]]:
    events = [("execution_start", None)]
    for task, task_id in zip(CREW.tasks, TASKS, strict=True):
        events.append(("task_start", task_id))
        for tools in task.turns:
            events.append(("llm_call", task_id))
            for _ in tools:
                events += [("tool_call", task_id), ("tool_result", task_id)]
        events += [("llm_call", task_id), ("task_complete", task_id)]
    events.append(("execution_complete", None))
    return [
        {"seq": seq, "type": kind, "task_id": task_id}
        for seq, (kind, task_id) in enumerate(events, start=1)
    ]


def judged(log: list[dict[str, Any]], shown: list[dict[str, Any]], **more: Any) -> Report:
    report = Report(seed=1, sent=1)
    job = Sent("1", Crew(CREW, "crew_1", TASKS), "job_1", log=log, **more)
    watcher = Watcher(None, "job_1", random.Random(1))
    for event in shown:
        watcher._take(event)
    Aftermath(None, None, [], [job], report)._judge(job, watcher)
    return report


def test_a_job_as_it_should_be_is_no_problem() -> None:
    report = judged(whole_log(), whole_log())
    assert report.kept, report.text()
    assert report.ended == {"completed": 1}


def test_a_stream_with_a_hole_a_repeat_or_two_ends_is_seen() -> None:
    log = whole_log()
    hole, repeat = [*log[:3], *log[4:]], [*log[:4], log[3], *log[4:]]
    two_ends = [*log, {"seq": len(log) + 1, "type": "error", "task_id": None, "code": "X"}]
    for shown in (hole, repeat):
        assert judged(log, shown).broken_streams
    for stored in (hole, repeat, two_ends, log[:-1]):
        assert judged(stored, log).broken_streams


@pytest.mark.parametrize("kind", ["task_start", "llm_call", "tool_call", "task_complete"])
def test_a_step_that_was_done_twice_is_seen(kind: str) -> None:
    log = whole_log()
    again = next(event for event in log if event["type"] == kind)
    assert done_twice(CREW, TASKS, log) == []
    assert len(done_twice(CREW, TASKS, [*log, again])) == 1
    without = [event for event in log if event is not again]
    assert kind == "tool_call" or len(left_out(CREW, TASKS, without)) == 1


def test_a_job_that_did_not_end_or_was_stopped_without_being_asked_is_seen() -> None:
    log = whole_log()
    assert not judged(log, log[:-1]).kept
    stopped = [*log[:-1], {**log[-1], "type": "execution_stopped"}]
    assert judged(stopped, stopped).problems
    assert judged(log, log, stopped=True).problems


def test_an_effect_under_two_keys_and_a_key_of_two_requests_are_seen() -> None:
    outside = Outside(1)
    outside.effects["charge", "1", 1, 0, 0] = {"a call 1", "a call 2"}
    outside.calls["key"] += [{"n": 1}, {"n": 2}]
    assert len(outside.effected_twice()) == len(outside.keys_of_several()) == 1


def test_what_a_task_says_is_what_the_model_reads() -> None:
    for crew in CREWS:
        for place, task in enumerate(crew.tasks, start=1):
            said = read(task.description(place).replace("{n}", "7-1"))
            assert said is not None
            assert (said.n, said.place, said.turns) == ("7-1", place, task.turns)


def test_a_seed_says_what_happens() -> None:
    assert plan(3, 2) == plan(3, 2) != plan(4, 2)
    assert short_plan(3) == short_plan(3)
    assert embedded_plan(3, 8) == embedded_plan(3, 8) != embedded_plan(4, 8)
    named = {(fault.how, fault.target) for fault in plan(3, 1)}
    assert {("kill", b) for b in ("amqp", "redis", "mongo", "worker", "events")} <= named
