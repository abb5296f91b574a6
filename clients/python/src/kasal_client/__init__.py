"""The Python client of Kasal: `Kasal` for threads, `AsyncKasal` for asyncio.

What it has is imported when it is first used, so that `kasal --help` need not wait for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio.client import AsyncKasal
    from .aio.executions import AsyncOutcome
    from .aio.handles import AsyncCrewHandle
    from .aio.runs import AsyncRun
    from .descriptions import Agent, Crew, Task
    from .errors import (
        ApiError,
        ConflictError,
        ConnectionFailedError,
        ForbiddenError,
        InvalidRequestError,
        KasalError,
        NotFoundError,
        ProfileError,
        RateLimitError,
        RunError,
        RunFailed,
        RunStopped,
        RunTimeoutError,
        ServiceUnavailableError,
        UnauthorizedError,
        UsageError,
    )
    from .events import Event, TextDelta
    from .sync.client import Kasal
    from .sync.executions import Outcome
    from .sync.handles import CrewHandle
    from .sync.runs import Run
    from .texts import TextChunk
    from .toolbox import tool

    __version__: str

__all__ = [
    "Agent",
    "ApiError",
    "AsyncCrewHandle",
    "AsyncKasal",
    "AsyncOutcome",
    "AsyncRun",
    "ConflictError",
    "ConnectionFailedError",
    "Crew",
    "CrewHandle",
    "Event",
    "ForbiddenError",
    "InvalidRequestError",
    "Kasal",
    "KasalError",
    "NotFoundError",
    "Outcome",
    "ProfileError",
    "RateLimitError",
    "Run",
    "RunError",
    "RunFailed",
    "RunStopped",
    "RunTimeoutError",
    "ServiceUnavailableError",
    "Task",
    "TextChunk",
    "TextDelta",
    "UnauthorizedError",
    "UsageError",
    "__version__",
    "tool",
]
_PLACES = {
    "Agent": "descriptions",
    "ApiError": "errors",
    "AsyncCrewHandle": "aio.handles",
    "AsyncKasal": "aio.client",
    "AsyncOutcome": "aio.executions",
    "AsyncRun": "aio.runs",
    "ConflictError": "errors",
    "ConnectionFailedError": "errors",
    "Crew": "descriptions",
    "CrewHandle": "sync.handles",
    "Event": "events",
    "ForbiddenError": "errors",
    "InvalidRequestError": "errors",
    "Kasal": "sync.client",
    "KasalError": "errors",
    "NotFoundError": "errors",
    "Outcome": "sync.executions",
    "ProfileError": "errors",
    "RateLimitError": "errors",
    "Run": "sync.runs",
    "RunError": "errors",
    "RunFailed": "errors",
    "RunStopped": "errors",
    "RunTimeoutError": "errors",
    "ServiceUnavailableError": "errors",
    "Task": "descriptions",
    "TextChunk": "texts",
    "TextDelta": "events",
    "UnauthorizedError": "errors",
    "UsageError": "errors",
    "tool": "toolbox",
}
"""The module of each name."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "__version__":
            from .addresses import version

            return version()
        if name not in _PLACES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found = getattr(import_module(f".{_PLACES[name]}", __name__), name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted(__all__)
