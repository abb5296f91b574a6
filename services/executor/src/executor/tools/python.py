"""Calls the operator's own tools, written in Python: synchronous ones on threads, others on a loop of theirs.

Their code may block, hang or raise whatever it likes; the worker goes on. A thread cannot be stopped: a call that
takes too long is given up and keeps its place until it ends. One that blocks the loop of asynchronous tools holds up
all others there.
"""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, to_json

from common.logs import get_logger
from common.process.cancellation import told_to_stop
from common.python_tools.signatures import PythonTool
from executor.tools.call import Call
from executor.tools.tool import ToolFault
from kasal_tools import CallContext, ToolError

log = get_logger(__name__)

_AT_ONCE = 64
"""Calls of synchronous tools under way in one process, those that were given up among them."""
_REASON = 1_000
_LONGEST = 10_000_000


class PythonTools:
    """Runs Python tools for one worker process."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._at_once = at_once
        self._under_way = 0
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self, tool: PythonTool, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the function's result as text. Raises `ToolFault`."""
        this = CallContext(call.workspace_id, call.job_id, call.task_id, call.key)
        if inspect.iscoroutinefunction(tool.function):
            coroutine = _await(tool, arguments, this)
            return await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(coroutine, self._running_loop())
            )
        if self._under_way >= self._at_once:
            raise ToolFault("too many calls of Python tools are under way; try again in a moment.")
        return await self._on_thread(lambda: _call(tool, arguments, this))

    def _on_thread(self, work: Callable[[], str]) -> "asyncio.Future[str]":
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()

        def settle(text: str, fault: BaseException | None) -> None:
            self._under_way -= 1
            if not answer.done():
                answer.set_result(text) if fault is None else answer.set_exception(fault)

        def work_and_tell() -> None:
            text, fault = "", None
            try:
                text = work()
            except BaseException as raised:  # noqa: BLE001 - passed on to whoever waits
                fault = raised if isinstance(raised, Exception) else ToolFault(_reason(raised))
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(settle, text, fault)

        threading.Thread(target=work_and_tell, name="python tool", daemon=True).start()
        self._under_way += 1
        return answer

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop of asynchronous tools, on a thread of its own, so that none holds the worker's."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(
                target=_serve, args=(self._loop,), name="python tools", daemon=True
            ).start()
        return self._loop

    def close(self) -> None:
        """End the loop of asynchronous tools; what they are still doing is cancelled."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = None


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        for task in (tasks := asyncio.all_tasks(loop)):
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    finally:
        loop.close()


def _call(tool: PythonTool, arguments: Mapping[str, Any], call: CallContext) -> str:
    values = _values(tool, arguments, call)
    try:
        return _text(tool.function(**values))
    except ToolFault:
        raise
    except BaseException as fault:  # noqa: BLE001 - whatever it is, it ends no worker
        raise _fault(fault, tool, call) from None


async def _await(tool: PythonTool, arguments: Mapping[str, Any], call: CallContext) -> str:
    values = _values(tool, arguments, call)
    made: Coroutine[Any, Any, Any] = tool.function(**values)
    try:
        return _text(await made)
    except ToolFault:
        raise
    except BaseException as fault:
        if isinstance(fault, asyncio.CancelledError) and told_to_stop():
            raise
        raise _fault(fault, tool, call) from None


def _values(tool: PythonTool, arguments: Mapping[str, Any], call: CallContext) -> dict[str, Any]:
    try:
        return tool.values(arguments, call)
    except ValueError as fault:
        raise ToolFault(f"its arguments do not fit: {fault}.") from None


def _text(result: object) -> str:
    if isinstance(result, str):
        return result[:_LONGEST]
    if result is None:
        return "Done."
    try:
        return to_json(result)[:_LONGEST].decode("utf-8", "replace")
    except (PydanticSerializationError, ValueError, RecursionError):
        raise ToolFault(
            f"its result is a {type(result).__name__}, which cannot be written as JSON."
        ) from None


def _fault(fault: BaseException, tool: PythonTool, call: CallContext) -> ToolFault:
    if not isinstance(fault, ToolError):
        log.error("a Python tool raised", tool=tool.declaration.name, call=call.key, exc_info=fault)
    return ToolFault(_reason(fault))


def _reason(fault: BaseException) -> str:
    said = " ".join(str(fault).split())[:_REASON]
    if isinstance(fault, ToolError):
        return said or "it failed."
    return f"{type(fault).__name__}: {said}" if said else f"{type(fault).__name__}."
