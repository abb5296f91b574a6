"""What the client needs from asyncio; `io_sync` is the same without it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
R = TypeVar("R")

HttpClient = httpx2.AsyncClient
Transport = httpx2.AsyncBaseTransport
Lock = asyncio.Lock
sleep = asyncio.sleep


async def call(function: Callable[..., R], *arguments: Any) -> R:
    """Return what `function`, which may block, returns; other tasks go on meanwhile."""
    return await asyncio.to_thread(function, *arguments)


async def results_of(
    function: Callable[[T], Awaitable[R]], items: Sequence[T], limit: int
) -> AsyncGenerator[R]:
    """Yield the results of `function` for `items` as they come, of at most `limit` at a time."""
    waiting = list(reversed(items))
    running: set[asyncio.Future[R]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                running.add(asyncio.ensure_future(function(waiting.pop())))
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                yield one.result()
    finally:
        for one in running:
            one.cancel()
        for one in running:
            with suppress(asyncio.CancelledError, Exception):
                await one
