"""How long a run has waited for people: time that no limit counts."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(slots=True)
class Waits:
    """How long people were waited for: the time in which at least one question was open."""

    over: timedelta = timedelta()
    open: int = 0
    since: datetime | None = None
    _watchers: list[Callable[[bool], None]] = field(default_factory=list)

    def begin(self, moment: datetime) -> None:
        """Count a question that was asked at `moment`."""
        self.open += 1
        if self.since is None:
            self.since = moment
            self._tell(True)

    def end(self, moment: datetime) -> None:
        """Count an answer that was given at `moment`."""
        self.open -= 1
        if not self.open and self.since is not None:
            # Never negative, even if the clocks of two machines disagree: it extends the time limits.
            self.over += max(moment - self.since, timedelta())
            self.since = None
            self._tell(False)

    @contextmanager
    def watch(self, watcher: Callable[[bool], None]) -> Iterator[None]:
        """Call `watcher` during the block whenever the waiting begins or ends; it begins with True."""
        self._watchers.append(watcher)
        try:
            if self.since is not None:
                watcher(True)
            yield
        finally:
            self._watchers.remove(watcher)

    def _tell(self, waiting: bool) -> None:
        for watcher in self._watchers:
            watcher(waiting)

    def upto(self, now: datetime) -> timedelta:
        """Return the time waited until `now`."""
        return self.over + (
            timedelta() if self.since is None else max(now - self.since, timedelta())
        )
