"""Ctrl-C of commands that wait in the main thread, beyond where Python loses it."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN = 0.2
"""Seconds after which an interrupt that was not heard is raised again."""


@contextmanager
def repeated_interrupts() -> Iterator[None]:
    """Raise `KeyboardInterrupt` at Ctrl-C, and again until it leaves this block.

    Python drops an exception out of a finalizer or a weak reference's callback, and a signal's handler may run
    in one. Where there are no timers (Windows), Ctrl-C is raised once, as ever.
    """
    if not hasattr(signal, "setitimer"):
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        raise KeyboardInterrupt

    before: list[tuple[signal.Signals, Any]] = [
        (number, signal.signal(number, interrupt)) for number in (signal.SIGALRM, signal.SIGINT)
    ]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in before:
            signal.signal(number, handler)
