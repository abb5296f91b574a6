"""What `make run` prints of a run."""

import io
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rich.text import Text

from common.contracts.event_json import read_event
from common.contracts.events import Event
from kasal_platform.terminal import Terminal, event_line, show_addresses, show_run


def _event(seq: int, fields: dict[str, Any]) -> Event:
    header = {"job_id": "job_1", "seq": seq, "timestamp": "2026-01-01T00:00:00Z", "attempt": 1}
    return read_event(json.dumps({**header, "task_id": "task_1", **fields}))


async def _events(*events: dict[str, Any]) -> AsyncIterator[Event]:
    for number, fields in enumerate(events, 1):
        yield _event(number, fields)


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"type": "execution_start", "crew": "Tea", "tasks_count": 1}, "Tea begins: 1 task"),
        ({"type": "task_start", "agent": "A", "description": "Brew\nit"}, "A: Brew it"),
        ({"type": "llm_call", "action": "gpt-4", "result": "calls calculator"}, "gpt-4 calls calc"),
        ({"type": "llm_call", "action": "gpt-4", "result": "Tea is."}, "gpt-4 answers"),
        ({"type": "tool_call", "action": "add", "result": '{"a": 1, "b": "x"}'}, 'add(a=1, b="x")'),
        ({"type": "tool_call", "action": "add", "result": '{"a": 1, "b…'}, 'add({"a": 1, "b…)'),
        ({"type": "tool_result", "action": "add", "result": "[1]"}, "add = [1]"),
        ({"type": "progress", "progress": 33}, "━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌╌╌ 33 %"),
        ({"type": "error", "message": "No [bold]key[/]", "code": "X"}, "No [bold]key[/]"),
        ({"type": "execution_stopped", "reason": "asked to"}, "asked to"),
        ({"type": "input_required", "agent": "A", "prompt": "Which\none?"}, "A asks: Which one?"),
        (
            {
                "type": "input_required",
                "agent": "A",
                "tool_call": {"tool": "pay", "arguments": {"x": 7}, "call": 1, "digest": "d"},
            },
            "A asks: may it call pay(x=7)?",
        ),
        (
            {"type": "input_received", "by": "usr_1", "outcome": "rejected", "comment": "No"},
            "usr_1: rejected (No)",
        ),
        (
            {"type": "input_received", "by": "usr_1", "outcome": "approved", "arguments": {"x": 5}},
            "usr_1: approved with x=5",
        ),
        (
            {"type": "input_received", "outcome": "answered", "input": "Red", "expired": True},
            "nobody answered in time: answered Red",
        ),
        ({"type": "input_received", "input": "good"}, "a person: answered good"),
        ({"type": "execution_waiting", "questions": ["q"]}, "waits for a person: 1 question"),
        ({"type": "something_new"}, ""),
    ],
)
def test_an_event_is_told_in_words(event: dict[str, Any], told: str) -> None:
    line = Text.from_markup(event_line(_event(7, event))).plain
    assert line.startswith("    7 ")
    assert event["type"] in line
    assert told in line


async def test_every_event_is_one_line_however_narrow_the_terminal() -> None:
    console = Terminal(file=io.StringIO(), width=60)
    long = {"type": "task_complete", "result": "word " * 100}
    await show_run(console, _events(long, {"type": "progress", "progress": 100}))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2
    assert all(len(line) <= 60 for line in lines)


async def test_what_a_model_writes_is_shown_as_it_is() -> None:
    console = Terminal(file=io.StringIO(), width=100)
    await show_run(console, _events({"type": "task_complete", "result": "Tea :smile: [b]"}))
    assert "Tea :smile: [b]" in console.file.getvalue()  # type: ignore[attr-defined]


def test_what_to_try_fits_a_narrow_terminal() -> None:
    console = Terminal(file=io.StringIO(), width=80)
    base = "http://127.0.0.1:8000/api/v1"
    show_addresses(console, base, "user@example.com", "secure_password", ".kasal")
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert max(map(len, lines)) <= 80
    assert "Console" not in console.file.getvalue()  # type: ignore[attr-defined]
    show_addresses(console, base, "user@example.com", "secure_password", ".kasal", page=True)
    assert "  Console    http://127.0.0.1:8000/console/\n" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_reader_that_left_ends_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    file = os.fdopen(writing, "w", buffering=1)
    console = Terminal(file=file)
    console.print("Is anybody there?")
    console.print("Nobody.")
    assert console.quiet
    with pytest.raises(BrokenPipeError):  # what it still holds is nobody's
        file.close()
