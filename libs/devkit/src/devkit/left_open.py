"""Fails a test that leaves a connection open when its event loop closes.

Otherwise the garbage collector would find the connection while another test runs, and fail that one. What it finds
before a loop that several tests share closes is told with the name of the test that made it.
"""

import os
import warnings
from asyncio import selector_events
from collections.abc import Iterator
from typing import Any

import pytest

_left: list[str] = []


def _transports(loop: Any) -> Iterator[Any]:
    """Yield the transports of sockets and pipes that a loop still has."""
    yield from list(loop._transports.values())  # noqa: SLF001 - no public name has them
    for key in list(loop._selector.get_map().values()):  # noqa: SLF001
        for handle in key.data or ():
            owner = getattr(getattr(handle, "_callback", None), "__self__", None)
            if getattr(owner, "_pipe", None) is not None:
                yield owner


def _close_left(loop: Any) -> None:
    """Note the transports that nobody has closed, and close what they hold.

    One that was told to close only lacks a turn of the loop: it is no fault.
    """
    for transport in _transports(loop):
        held = getattr(transport, "_sock", None) or getattr(transport, "_pipe", None)
        if held is None:
            continue
        if not transport.is_closing():
            protocol = type(transport.get_protocol()).__qualname__
            _left.append(
                f"{transport!r} of {protocol}, peer {transport.get_extra_info('peername')}"
            )
        transport._sock = transport._pipe = None  # noqa: SLF001
        transport._closing = True  # noqa: SLF001
        held.close()


def _note_makers() -> None:
    """Have each transport know its test, for when nobody refers to it any more and it is open."""
    base: Any = selector_events._SelectorTransport  # type: ignore[attr-defined]  # noqa: SLF001
    make = base.__init__

    def remember_maker(self: Any, *args: Any, **options: Any) -> None:
        self._maker = os.environ.get("PYTEST_CURRENT_TEST", "no test")
        make(self, *args, **options)

    def forget(self: Any) -> None:
        held, self._sock = getattr(self, "_sock", None), None
        if held is None:
            return
        held.close()
        if not self._closing:
            told = f"{self._maker} has left {self!r} open"
            warnings.warn(told, ResourceWarning, source=self, stacklevel=2)

    base.__init__, base.__del__ = remember_maker, forget


def pytest_configure() -> None:
    """Look at each event loop that closes, and at each transport."""
    _note_makers()
    close = selector_events.BaseSelectorEventLoop.close

    def close_watched(loop: Any) -> None:
        if not loop.is_closed() and not loop.is_running():
            _close_left(loop)
        close(loop)

    selector_events.BaseSelectorEventLoop.close = close_watched  # type: ignore[assignment, method-assign]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """Fail the test after whose fixtures a connection is left."""
    _left.clear()
    yield
    found = list(_left)
    _left.clear()
    if found:
        pytest.fail("This test has left connections open:\n" + "\n".join(found), pytrace=False)
