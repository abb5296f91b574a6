"""Calls of an operator's own tools, written in Python.

Covers: executor.tools.python
"""

import asyncio
import threading
from datetime import date

import pytest
from structlog.testing import capture_logs

from common.python_tools.signatures import python_tool
from executor.tools.call import Call
from executor.tools.python import PythonTools
from executor.tools.tool import ToolFault
from kasal_tools import CallContext, ToolError

CALL = Call("ws_1", "job_1", "task_1", 1)


@pytest.fixture
def tools():
    made = PythonTools(at_once=2)
    yield made
    made.close()


@pytest.fixture
def run(tools):
    async def run(function, **arguments):
        return await tools.run(python_tool("mine", function), arguments, CALL)

    return run


async def test_a_synchronous_function_runs_on_a_thread(run):
    def where(day: date, call: CallContext) -> dict[str, str]:
        """Tell where it runs."""
        return {"day": str(day), "key": call.key, "main": str(_is_main())}

    assert await run(where, day="2026-11-27") == (
        '{"day":"2026-11-27","key":"job_1:task_1:1","main":"False"}'
    )


async def test_an_asynchronous_function_runs_on_a_loop_of_its_own(run):
    async def where() -> str:
        """Tell where it runs."""
        await asyncio.sleep(0)
        return str(_is_main())

    assert await run(where) == "False"
    assert await run(where) == "False"


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


async def test_what_a_function_returns_is_text_or_json(run):
    def text() -> str:
        """Return text."""
        return "as it is"

    def nothing() -> None:
        """Return nothing."""

    def odd() -> object:
        """Return what is no JSON."""
        return object()

    assert await run(text) == "as it is"
    assert await run(nothing) == "Done."
    with pytest.raises(ToolFault, match="its result is a object"):
        await run(odd)


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(
    ("fault", "told", "logs"),
    [
        (ToolError("there is no order A-17."), "there is no order A-17.", 0),
        (KeyError("A-17"), "KeyError: 'A-17'", 1),
        (StopIteration(), "StopIteration.", 1),
        (SystemExit(3), "SystemExit: 3", 1),
        (asyncio.CancelledError(), "CancelledError.", 1),
    ],
)
async def test_what_a_function_raises_is_told_to_the_agent(run, asynchronous, fault, told, logs):
    if asynchronous and isinstance(fault, StopIteration):
        told = "RuntimeError: coroutine raised StopIteration"

    def failing() -> str:
        """Fail."""
        raise fault

    async def failing_later() -> str:
        """Fail."""
        raise fault

    with capture_logs() as lines, pytest.raises(ToolFault) as raised:
        await run(failing_later if asynchronous else failing)
    assert str(raised.value) == told
    raised_lines = [line for line in lines if line["event"] == "a Python tool raised"]
    assert len(raised_lines) == logs


async def test_a_thread_that_cannot_be_started_takes_no_place(run, monkeypatch):
    def quick() -> str:
        """Return."""
        return "there"

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", _refuse)
        for _ in range(3):
            with pytest.raises(RuntimeError, match="can't start"):
                await run(quick)
    assert await run(quick) == "there"


def _refuse(_):
    raise RuntimeError("can't start new thread")


async def test_arguments_that_do_not_fit_are_told(run):
    def double(number: int) -> int:
        """Double it."""
        return 2 * number

    with pytest.raises(ToolFault, match="its arguments do not fit: number: "):
        await run(double, number="many")


async def test_calls_that_were_given_up_keep_their_places_until_they_end(run, eventually):
    let_go = threading.Event()

    def hang() -> str:
        """Wait."""
        let_go.wait()
        return "late"

    def quick() -> str:
        """Return."""
        return "there"

    hanging = [asyncio.create_task(run(hang)) for _ in range(2)]
    await asyncio.sleep(0)
    for one in hanging:
        one.cancel()
    await asyncio.wait(hanging)
    with pytest.raises(ToolFault, match="too many calls"):
        await run(quick)
    let_go.set()

    async def has_a_place():
        try:
            return await run(quick) == "there"
        except ToolFault:
            return False

    await eventually(has_a_place)


async def test_a_cancelled_asynchronous_call_is_cancelled_in_its_loop(run):
    begun, cancelled = threading.Event(), threading.Event()

    async def hang() -> str:
        """Wait."""
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise
        return "never"

    call = asyncio.create_task(run(hang))
    await asyncio.to_thread(begun.wait)
    call.cancel()
    await asyncio.wait([call])
    assert await asyncio.to_thread(cancelled.wait, 60)
