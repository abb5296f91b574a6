"""The life of the platform in one process: start, greet, watch, stop."""

import asyncio
import contextlib
import gc
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from common.logs import configure_logging, get_logger
from common.settings import load
from common.web.server import bind_tcp, on_stop_signal
from kasal_platform.config import Settings, secrets_in
from kasal_platform.console import say
from kasal_platform.data_folder import earlier_files_note, hold, refuse_earlier_data

if TYPE_CHECKING:
    from kasal_platform.embedded.platform import Platform

log = get_logger(__name__)


async def serve_until_stopped() -> None:
    """Serve until told to stop; exit with one line if that cannot continue.

    Raises `FolderRefused` if the data folder is another process' or of an earlier release.
    """
    settings = load(Settings)
    configure_logging(settings.log_level, settings.log_format, "embedded")
    with hold(settings.data_dir):
        refuse_earlier_data(settings.data_dir)
        note = earlier_files_note(settings.data_dir)
        if note is not None:
            say(note)
        ended = await _start(settings)
    if ended is not None:
        sys.exit(ended)


async def _start(settings: Settings) -> str | None:
    """Bind the ports and serve; return why that could not continue, or None."""
    entry = bind_tcp(settings.host, settings.port)
    metrics = None
    if settings.metrics_port is not None:
        metrics = bind_tcp(settings.host, settings.metrics_port)
    say("Kasal is starting ...")
    stopping = _Stopping()
    on_stop_signal(stopping.begin, lambda: stopping.hasten())
    stopping.starting = asyncio.create_task(_serve(settings, entry, metrics, stopping))
    try:
        return await stopping.starting
    except asyncio.CancelledError:
        if not stopping.told.is_set():
            raise
        return None


class _Stopping:
    """What signals mean: the first stops the platform, each further one hastens the stop.

    A start in progress is given up, since it may wait for what does not come, such as room on a disk.
    """

    def __init__(self) -> None:
        self.told = asyncio.Event()
        self.starting: asyncio.Task[str | None] | None = None
        self.hasten: Callable[[], object] = lambda: None

    def begin(self) -> None:
        say("\nKasal is stopping ...")
        self.told.set()
        if self.starting is not None:
            self.starting.cancel()


def _say_waits(jobs: Sequence[str]) -> None:
    say(
        f"Waiting for calls that must not be made twice, of {', '.join(jobs)}. "
        "Press Ctrl-C again to cut them off; their outcome will then be unknown."
    )


async def _serve(
    settings: Settings,
    entry: socket.socket,
    metrics: socket.socket | None,
    stopping: _Stopping,
) -> str | None:
    """Serve until told to stop; return why it could not continue, or None."""
    # What the services' libraries create stays for good; garbage collections of it took a quarter of the
    # time of the start.
    gc.disable()
    from kasal_platform.embedded import demo
    from kasal_platform.embedded.platform import Platform, PlatformFailed, import_services

    import_services()
    gc.freeze()
    gc.enable()

    secrets = secrets_in(settings.data_dir)

    async def prepare(platform: Platform) -> None:
        if settings.demo:
            await demo.prepare(platform, settings)

    try:
        async with Platform(settings, secrets, entry, metrics, prepare) as platform:
            stopping.starting = None
            platform.on_wait, stopping.hasten = _say_waits, platform.hasten
            greeting = asyncio.create_task(_greet(platform, settings, entry))
            try:
                await _until_end(stopping.told, platform)
            finally:
                greeting.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await greeting
    except PlatformFailed as fault:
        return str(fault)
    return None


async def _until_end(stopped: asyncio.Event, platform: "Platform") -> None:
    """Wait until told to stop. Raises `PlatformFailed` if a service ends by itself."""
    told = asyncio.create_task(stopped.wait())
    failed = asyncio.create_task(platform.wait_for_failure())
    try:
        await asyncio.wait((told, failed), return_when=asyncio.FIRST_COMPLETED)
        if failed.done():
            failed.result()
    finally:
        told.cancel()
        failed.cancel()


async def _greet(platform: "Platform", settings: Settings, entry: socket.socket) -> None:
    """Show the demo's first run, and say where to go next; a failure is only logged."""
    import aiohttp

    from kasal_platform.embedded.demo import Demo
    from kasal_platform.terminal import Terminal, show_addresses, show_run

    console = Terminal()
    base = f"http://{settings.host}:{entry.getsockname()[1]}/api/v1"
    if settings.demo:
        demo = Demo(platform, settings, base)
        try:
            async with aiohttp.ClientSession() as http:
                events = await demo.run(http)
                if events is not None:
                    console.print("[bold]The demo crew's first run:[/]")
                    with _silence_catalogue():
                        await show_run(console, events)
        except Exception:
            log.exception("the demo could not be shown")
    show_addresses(
        console,
        base,
        settings.demo_email,
        settings.demo_password,
        str(settings.data_dir),
        page=settings.console is not None,
    )


@contextlib.contextmanager
def _silence_catalogue() -> Iterator[None]:
    """Keep the warning about the offline model out of the log: the shown run says so itself."""
    catalogue = logging.getLogger("executor.models.catalogue")
    catalogue.setLevel(logging.ERROR)
    try:
        yield
    finally:
        catalogue.setLevel(logging.NOTSET)
