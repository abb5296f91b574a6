"""A crew file that is applied and run again on each save."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kasal_client.command.exits import ExitCode
from kasal_client.command.link import Link
from kasal_client.command.options import inputs_of
from kasal_client.command.output import Output, as_json
from kasal_client.command.platform_here import end, is_answering, platform_for
from kasal_client.command.verbs.running import Shown

if TYPE_CHECKING:
    from kasal_client import AsyncRun

LOOK = 0.25
"""Seconds between two looks at the files."""


def develop(
    link: Link,
    file: Path,
    inputs: list[str] | None,
    tools: Path | None,
    tools_port: int,
    watches: bool | None,
) -> None:
    """Apply `file` and run it, again on each save, until Ctrl-C. Raises `CommandError`."""
    output = Output()
    settings = _settings(tools_port) if tools else {}
    with platform_for(link, output, settings) as way:
        loop = _Development(way, file, inputs, output, watches)
        with _serving(tools, tools_port, loop):
            try:
                asyncio.run(loop.repeat())
            except (asyncio.CancelledError, KeyboardInterrupt):
                output.note("Ended.")


def _settings(port: int) -> dict[str, str]:
    """Return the settings with which a platform takes tools at a port of this machine."""
    allowed = os.environ.get("KASAL_TOOL_ALLOWED_HOSTS", "")
    hosts = [*filter(None, allowed.split(",")), f"127.0.0.1:{port}"]
    return {"KASAL_TOOL_ALLOWED_HOSTS": ",".join(hosts)}


class _Development:
    """The file, and what is done with it."""

    def __init__(
        self,
        link: Link,
        file: Path,
        inputs: list[str] | None,
        output: Output,
        watches: bool | None,
    ) -> None:
        self._link = link
        self._file = file
        self._inputs = inputs
        self._output = output
        self._shown = Shown(output, watches, is_quiet=False, keeps_waiting=True)
        self.tools: _ServedTools | None = None

    async def repeat(self) -> None:
        """Run again whenever a file is saved."""
        while True:
            self._end_by_signals()
            stamp = self._stamp()
            run = await asyncio.to_thread(self._start)
            if run is not None:
                await self._watch(run, stamp)
            self._output.note(f"Waiting for {self._file} to be saved. Ctrl-C ends this.")
            self._end_by_signals()
            await self._await_save(stamp)

    def _end_by_signals(self) -> None:
        """Have signals end this in order: an exception out of a handler is lost in some places of Python."""
        task = asyncio.current_task()
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            with suppress(NotImplementedError):  # Windows
                if task is not None and hasattr(signal, name):
                    asyncio.get_running_loop().add_signal_handler(
                        getattr(signal, name), task.cancel
                    )

    def _stamp(self) -> tuple[Any, ...]:
        """Return what is different once a file was saved."""
        paths = [self._file, *([self.tools.path] if self.tools else [])]
        return tuple(_stamp_of(path) for path in paths)

    async def _await_save(self, stamp: tuple[Any, ...]) -> None:
        while self._stamp() == stamp:  # noqa: ASYNC110 - files tell nobody that they were saved
            await asyncio.sleep(LOOK)

    def _start(self) -> str | None:
        """Apply the file, and start a run; return its id, None if something is wrong, which is told."""
        from kasal_client.command.faults import fault_lines, fault_of
        from kasal_client.command.files_of_crews import applying
        from kasal_client.errors import KasalError

        try:
            with self._link.session() as kasal:
                if self.tools is not None:
                    self.tools.serve(kasal)
                with applying(self._file):
                    crew = kasal.crews.apply(self._file)
                if crew.is_changed:
                    what = "Made" if crew.is_new else "Changed"
                    self._output.note(f"{what} {crew.name}, version {crew.version}.")
                return kasal.executions.start(crew.id, inputs_of(kasal, self._inputs)).id
        except (KasalError, OSError) as error:
            lines = fault_lines(fault_of(error), with_request=self._link.is_verbose)
            self._output.note("\n".join(lines))
            return None

    async def _watch(self, job_id: str, stamp: tuple[Any, ...]) -> None:
        """Watch a run up to its end; stop it if a file is saved, or if its watcher leaves."""
        async with self._link.client() as kasal:
            run = kasal.executions.run(job_id)
            watching = asyncio.ensure_future(self._show(run))
            saving = asyncio.ensure_future(self._await_save(stamp))
            try:
                await asyncio.wait({watching, saving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                saving.cancel()
                is_left = not watching.done() or watching.result() == ExitCode.INTERRUPTED
                watching.cancel()
                await asyncio.gather(watching, saving, return_exceptions=True)
                if is_left:
                    await _stop(run)
            if watching.done() and not watching.cancelled() and is_left:
                raise KeyboardInterrupt

    async def _show(self, run: AsyncRun) -> ExitCode:
        if self._shown.is_live:
            from kasal_client.command.live import LiveWatch

            return await LiveWatch(run, self._output, keeps_waiting=True).watch()
        from kasal_client.command.record import record_lines
        from kasal_client.command.run_view import RunView
        from kasal_client.command.watching import finish

        view = RunView(run.id)
        async with aclosing(run.events()) as events:
            async for event in events:
                told = as_json(event)
                view.apply(told)
                for line in record_lines(told, view):
                    self._output.line(line.text)
                sys.stdout.flush()
        return finish(self._output, view)


class _ServedTools:
    """A file of tools, served by a process of its own, which begins anew when the file was saved."""

    def __init__(self, path: Path, port: int) -> None:
        self.path = path
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._served: Any = None

    def serve(self, kasal: Any) -> None:
        """Serve the file as it is now, and register it. Raises `CommandError` if it is wrong."""
        from kasal_client.command.serving import PATH, functions_of, register_server

        if self._served == _stamp_of(self.path):
            return
        self.end()
        self._served = _stamp_of(self.path)
        command = [sys.executable, "-m", "kasal_client.command.main", "tools", "serve"]
        self._process = subprocess.Popen(  # noqa: S603 - this program itself
            [*command, str(self.path), "--port", str(self._port)],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{self._port}"
        while not is_answering(url):
            if self._process.poll() is not None:
                self._served = None
                functions_of(self.path)  # it says what is wrong
                return
        name = self.path.stem.replace(".", "_")
        register_server(kasal, {"name": name, "url": url + PATH})
        for one in kasal.tools.mcp.list():
            if one.name == name:
                kasal.tools.mcp.refresh(one.server_id)

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            end(self._process)
            self._process = None


@contextmanager
def _serving(path: Path | None, port: int, loop: _Development) -> Iterator[None]:
    if path is None:
        yield
        return
    loop.tools = _ServedTools(path, port)
    try:
        yield
    finally:
        loop.tools.end()


async def _stop(run: AsyncRun) -> None:
    from kasal_client.errors import KasalError

    with suppress(KasalError):
        await run.stop()


def _stamp_of(path: Path) -> tuple[int, int]:
    try:
        seen = path.stat()
    except OSError:
        return (0, 0)
    return (seen.st_mtime_ns, seen.st_size)
