"""A server that is a program on this machine, asked over its standard input and output.

The program leads a process group of its own, gets none of the platform's environment, and ends with whoever
started it: its input ends, even if that process was killed.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from common.mcp.bounds import CALL, CALL_METHOD, OTHER, Bounds, Measure

_GRACE = 2.0
"""Seconds that a program gets to end once its input has ended, and again after SIGTERM."""
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")
_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError)


@asynccontextmanager
async def program(command: Sequence[str]) -> AsyncIterator[tuple[Any, Any]]:
    """Run `command` and yield the streams that the library reads and writes. Raises `OSError`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        cwd="/",
        start_new_session=True,
        limit=OTHER.size,
        pass_fds=(),
    )
    into, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, out = anyio.create_memory_object_stream[SessionMessage](0)
    asked = _Asked()
    reading = asyncio.create_task(_read(process, into, asked), name="mcp stdout")
    writing = asyncio.create_task(_write(process, out, into, asked), name="mcp stdin")
    try:
        yield read, write
    finally:
        for stream in (read, write):
            stream.close()
        writing.cancel()
        # Shielded: a cancelled caller must not leave a program behind.
        await asyncio.shield(asyncio.ensure_future(_end(process, reading, writing)))
        for left in (into, out):
            left.close()


class _Asked:
    """What a program has been asked so far."""

    def __init__(self) -> None:
        self.calls = False

    @property
    def bounds(self) -> Bounds:
        return CALL if self.calls else OTHER


async def _read(process: asyncio.subprocess.Process, into: Any, asked: _Asked) -> None:
    if process.stdout is None:
        return
    with contextlib.suppress(*_BROKEN):
        async with into:
            while True:
                try:
                    line = await process.stdout.readline()
                except ValueError:  # a line beyond the limit: what follows cannot be trusted
                    return
                if not line or _excessive(line, asked.bounds):
                    return
                if line.strip():
                    await into.send(_message(line))


def _excessive(line: bytes, bounds: Bounds) -> bool:
    """Return whether reading a line would hold up the event loop: a program that sends one is left."""
    measure = Measure()
    measure.add(line)
    return measure.excess(bounds) is not None


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as fault:
        return fault


async def _write(process: asyncio.subprocess.Process, out: Any, into: Any, asked: _Asked) -> None:
    if process.stdin is None:
        return
    try:
        async for sent in out:
            line = sent.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
            asked.calls = asked.calls or CALL_METHOD in line
            process.stdin.write(line + b"\n")
            await process.stdin.drain()
    except (OSError, *_BROKEN):
        into.close()  # otherwise its answers would be waited for


async def _end(
    process: asyncio.subprocess.Process,
    reading: "asyncio.Task[None]",
    writing: "asyncio.Task[None]",
) -> None:
    """End the program: close its input, then SIGTERM and SIGKILL for its whole group."""
    if process.stdin is not None:
        process.stdin.close()
    if not await _ended(process):
        _signal(process, signal.SIGTERM)
        await _ended(process)
    # What it started may outlive it, and is in its group.
    _signal(process, signal.SIGKILL)
    reading.cancel()
    await asyncio.wait({reading, writing})
    await _ended(process)
    with contextlib.suppress(AttributeError, PermissionError):
        # Something that left the group may hold the pipes: nothing waits for it.
        process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no other way


async def _ended(process: asyncio.subprocess.Process) -> bool:
    try:
        async with asyncio.timeout(_GRACE):
            await process.wait()
    except TimeoutError:
        return False
    return True


def _signal(process: asyncio.subprocess.Process, number: int) -> None:
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
