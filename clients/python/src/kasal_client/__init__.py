"""The Python client of Kasal: `Kasal` for threads, `AsyncKasal` for asyncio."""

from .addresses import version as _version
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
]


def __getattr__(name: str) -> str:
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
