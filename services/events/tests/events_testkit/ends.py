"""The timers of tokens, which go off when a test says so."""

import time
from collections.abc import Callable
from unittest.mock import Mock

from events.domain.token_lifetime import TokenLifetime


class Ends:
    """Keeps what is to happen when a token expires."""

    def __init__(self) -> None:
        self._timers: list[tuple[float, Callable[[], None], Mock]] = []

    def add(self, lifetime: TokenLifetime) -> Mock:
        timer = Mock()
        self._timers.append((lifetime.identity.expires_at, lifetime._expire, timer))
        return timer

    def pass_time(self, seconds: float) -> None:
        """Let every token expire that lives less than so many seconds from now."""
        for expires_at, end, timer in list(self._timers):
            if expires_at <= time.time() + seconds and not timer.cancel.called:
                end()
