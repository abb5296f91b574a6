"""The fold of a run's events, and its record."""

import json
from pathlib import Path
from typing import Any

import pytest

from kasal_client.command.exits import ExitCode
from kasal_client.command.output import Output
from kasal_client.command.record import record_lines
from kasal_client.command.run_view import RunView
from kasal_client.command.watching import finish

_EXAMPLES: dict[str, Any] = json.loads(
    (Path(__file__).parents[4] / "docs/reference/event-examples.json").read_text()
)


class _Job:
    """Events of a job, one after another."""

    def __init__(self) -> None:
        self.view = RunView("job_1")
        self.lines: list[str] = []

    def add(self, kind: str, **fields: Any) -> None:
        seq = self.view.seq + 1
        at = f"2026-11-27T14:44:{seq:02}.000Z"
        event = {"type": kind, "job_id": "job_1", "seq": seq, "timestamp": at, **fields}
        self.view.apply(event)
        self.lines += [line.text for line in record_lines(event, self.view, 100)]

    def write(self, text: str, offset: int, turn: int = 1, task_id: str = "t1") -> None:
        delta = {"task_id": task_id, "attempt": 1, "turn": turn, "offset": offset, "text": text}
        self.view.apply({"type": "text_delta", "job_id": "job_1", **delta})


def _started() -> _Job:
    job = _Job()
    job.add("execution_start", crew="Tea", version=3, tasks=["t1", "t2"])
    job.add("task_start", task_id="t1", agent="Researcher", description="Find tea")
    return job


def test_every_type_of_event_has_a_line_but_progress() -> None:
    for kind, event in _EXAMPLES.items():
        view = RunView(event["job_id"])
        view.apply(event)
        lines = [line.text for line in record_lines(event, view, 80)]
        assert bool(lines) == (kind not in ("progress", "text_delta")), kind
        assert all(len(line) <= 80 for line in lines[:1]), kind
        assert not any(kind in line for line in lines), f"{kind} is shown as an unknown one"


def test_an_unknown_event_is_shown_and_changes_nothing() -> None:
    job = _started()
    job.add("moon_phase", phase="full")

    assert "moon_phase" in job.lines[-1]
    assert job.view.status == "running"


def test_tokens_and_cost_add_up_without_what_was_recorded() -> None:
    job = _started()
    usage = {"requests": 1, "input_tokens": 10, "output_tokens": 5, "cost_usd": 0.5}
    job.add("llm_call", task_id="t1", action="m", result="x", usage=usage)
    job.add("llm_call", task_id="t1", action="m", result="x", usage=usage, recorded=True)
    job.add("llm_call", task_id="t1", action="m", result="x", usage={**usage, "cost_usd": None})
    job.add("execution_complete", result="Tea.")

    assert job.view.totals.tokens == 30
    assert "30 tokens, $0.5000 and what has no known price" in job.lines[-1]


def test_a_result_finds_its_call_among_calls_of_the_same_tool() -> None:
    job = _started()
    for call in (1, 2):
        job.add("tool_call", task_id="t1", action="search", result="{}", call=call)
    job.add("tool_result", task_id="t1", action="search", result="b", call=2, duration=0.5)

    first, second = job.view.lanes["t1"].calls
    assert first.is_open
    assert (second.result, second.seconds) == ("b", 0.5)


def test_events_without_numbers_of_calls_are_matched_by_tool_and_timed_by_clock() -> None:
    job = _started()
    job.add("tool_call", task_id="t1", action="search", result="{}")
    job.add("tool_result", task_id="t1", action="search", result="b", failed=True)

    (call,) = job.view.lanes["t1"].calls
    assert (call.seconds, call.has_failed) == (1.0, True)


def test_a_question_is_open_until_it_is_answered() -> None:
    job = _started()
    job.add("input_required", task_id="t1", question_id="q1", prompt="Blue?\nOr red?", agent="R")
    assert job.view.status == "waiting_for_input"
    assert job.view.lanes["t1"].state == "asking"
    assert job.lines[-1].strip() == "Or red?"

    job.add("input_received", task_id="t1", question_id="q1", outcome="answered", input="Red")
    assert not job.view.questions
    assert job.view.lanes["t1"].state == "running"


def test_text_is_kept_while_it_is_written_and_begins_anew_with_a_turn() -> None:
    job = _started()
    job.write("Tea ", 0)
    job.write("is", 4)
    assert job.view.lanes["t1"].text == "Tea is"
    job.write("Green", 0, turn=2)
    job.write("late", 6, turn=1)
    assert job.view.lanes["t1"].text == "Green"
    job.add("llm_call", task_id="t1", action="m", result="Green tea")
    assert job.view.lanes["t1"].text == ""


def test_a_text_of_any_length_takes_no_more_memory() -> None:
    job = _started()
    for _ in range(100):
        job.write("x" * 1000, 0)
    assert len(job.view.lanes["t1"].text) <= 4000


def test_entries_of_a_list_are_counted_and_forgotten() -> None:
    job = _started()
    job.add("task_start", task_id="t2", agent="W", description="Each", items=3)
    for n in range(3):
        job.add("task_start", task_id=f"t2-{n}", agent="W", description="One", item_of="t2")
        assert job.view.name_of(f"t2-{n}") == f"2#{n}"
        job.add("task_complete", task_id=f"t2-{n}", agent="W", result="x", item_of="t2")

    assert job.view.lanes["t2"].items_done == 3
    assert set(job.view.lanes) == {"t1", "t2"}


def test_an_event_that_was_seen_changes_nothing() -> None:
    job = _started()
    job.view.apply({"type": "error", "seq": 1, "message": "x", "code": "Y"})
    assert not job.view.has_ended


def test_the_record_holds_no_line_that_a_model_broke() -> None:
    job = _started()
    job.add("task_complete", task_id="t1", agent="R", result="a\n\x1b[31mb")
    assert job.lines[-1].endswith("a ␛[31mb")


def test_a_question_is_broken_between_words() -> None:
    job = _started()
    job.add("input_required", task_id="t1", question_id="q1", prompt="tea " * 60, agent="R")

    told = job.lines[-3:]
    assert all(len(line) <= 100 for line in told)
    assert all(set(line.split()) == {"tea"} for line in told)


def test_a_failure_is_told_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    view = RunView("job_1")
    view.apply({"type": "error", "seq": 1, "code": "TIMEOUT", "message": "Too\nlong\nago."})
    assert finish(Output(), view) == ExitCode.FAILED
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Error: The run failed with TIMEOUT: Too long ago."
    assert "kasal runs fork job_1" in second
