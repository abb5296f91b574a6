"""A job's events as they happen, over connections that break."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Generic, Self, TypeVar, cast

import httpx2

from kasal_client import io_sync
from kasal_client.addresses import segment
from kasal_client.errors import ApiError, ConnectionFailedError, RunTimeoutError
from kasal_client.events import Event, TextDelta, read_event
from kasal_client.retries import LONGEST_WAIT, backoff

from .transport import Transport

T = TypeVar("T")
SILENCE = 45.0
"""Seconds without a byte after which a connection is taken for dead; the platform sends one each fifteen."""
PATIENCE = 300.0
"""Seconds for which a platform that is away is asked again before the stream ends with an error."""
LONGEST_EVENT = 64 * 1024 * 1024


class Stream(Generic[T]):
    """What comes one after another. Iterate over it; leave it with `aclose`, or use it in a `with` block."""

    def __init__(self, source: Generator[T]) -> None:
        self._source = source

    def __iter__(self) -> Iterator[T]:
        return self._source

    def __next__(self) -> T:
        return self._source.__next__()

    def close(self) -> None:
        """Close the connection."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class _Deadline(Exception):  # noqa: N818 - it says what has come
    """The connection would wait past the deadline: it is opened again, to wait for as long as is left."""


class _Timed:
    """An answer that is read up to a moment. `EventSource` reads no more of it than this."""

    def __init__(
        self, response: httpx2.Response, deadline: float | None, read_timeout: float
    ) -> None:
        self._response = response
        self._deadline = deadline
        self._read_timeout = read_timeout
        self.request = response.request
        self.headers = response.headers

    def iter_text(self) -> Iterator[str]:
        for text in self._response.iter_text():
            yield text
            if self._deadline is not None:
                left = self._deadline - time.monotonic()
                if self._read_timeout > 1.25 * left + 0.5:
                    raise _Deadline


class Watch:
    """The events of a job after `after_seq`, each once and in order, whatever happens to connections."""

    def __init__(
        self,
        transport: Transport,
        job_id: str,
        *,
        after_seq: int = 0,
        deltas: bool = False,
        timeout: float | None = None,
    ) -> None:
        self._transport = transport
        self._path = f"/executions/{segment(job_id)}/events"
        self._job_id = job_id
        self._seq = after_seq
        self._deltas = deltas
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._timeout = timeout
        self._failures = 0
        self._away_since: float | None = None
        self._is_over = False

    def items(self) -> Generator[Event | TextDelta]:
        """Yield the events, and the pieces of live text if they were asked for, up to the job's last event.

        Raises `ApiError`, `ConnectionFailedError` and `RunTimeoutError`.
        """
        while not self._is_over:
            try:
                with closing(self._connection()) as items:
                    for item in items:
                        yield item
                wait = backoff(self._failures)
            except _Deadline:
                continue
            except httpx2.SSEError as fault:
                raise ConnectionFailedError(
                    f"The events of {self._job_id} cannot be read: {fault}"
                ) from fault
            except (ApiError, ConnectionFailedError, httpx2.TransportError) as fault:
                wait = self._wait_after(fault)
            self._failures += 1
            if not self._is_over:
                io_sync.sleep(min(wait, self._seconds_until_deadline()))

    def _wait_after(self, fault: ApiError | ConnectionFailedError | httpx2.TransportError) -> float:
        """Return the seconds to wait after a fault that passes; raise any other, or when it lasts too long."""
        wait = backoff(self._failures)
        if isinstance(fault, ApiError):
            if fault.status < 500 and fault.status != 429:
                raise fault
            if fault.retry_after is not None:
                wait = min(fault.retry_after, LONGEST_WAIT)
        now = time.monotonic()
        if self._away_since is None:
            self._away_since = now
        elif now - self._away_since > PATIENCE:
            raise ConnectionFailedError(
                f"The events of {self._job_id} could not be read for {PATIENCE:g} s: {fault}"
            ) from fault
        return wait

    def _seconds_until_deadline(self) -> float:
        """Return the seconds until the deadline. Raises `RunTimeoutError` when there are none."""
        if self._deadline is None:
            return SILENCE
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise RunTimeoutError(
                f"{self._job_id} has not ended within {self._timeout:g} s; it goes on."
            )
        return left

    def _connection(self) -> Generator[Event | TextDelta]:
        params = {"after_seq": self._seq, "deltas": "true" if self._deltas else None}
        read_timeout = min(SILENCE, self._seconds_until_deadline())
        with self._transport.stream(
            "GET",
            self._path,
            params=params,
            headers={"Accept": "text/event-stream"},
            read_timeout=read_timeout,
            repeat=False,
        ) as response:
            self._away_since = None
            if response.status_code == 204:
                self._is_over = True
                return
            timed = cast("httpx2.Response", _Timed(response, self._deadline, read_timeout))
            for sent in httpx2.EventSource(timed, max_event_size=LONGEST_EVENT):
                item = self._read(sent.data)
                if item is not None:
                    yield item
                if self._is_over:
                    return

    def _read(self, text: str) -> Event | TextDelta | None:
        """Return what was sent, None if it was seen before or is no event."""
        try:
            data = json.loads(text)
        except ValueError:
            return None
        if not isinstance(data, dict):
            return None
        if data.get("type") == "text_delta":
            return TextDelta.model_validate(data) if self._deltas else None
        seq = data.get("seq")
        if not isinstance(seq, int) or seq <= self._seq:
            return None
        self._seq = seq
        self._failures = 0
        event = read_event(data)
        self._is_over = event.is_last
        return event
