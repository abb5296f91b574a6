"""A clock that tests set."""

from datetime import UTC, datetime, timedelta


class SetClock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)
