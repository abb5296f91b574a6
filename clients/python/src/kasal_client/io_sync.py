"""What the client needs from threads; `io_async` is the same for asyncio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import httpx2

T = TypeVar("T")
R = TypeVar("R")

HttpClient = httpx2.Client
Transport = httpx2.BaseTransport
Lock = threading.Lock
sleep = time.sleep


def call(function: Callable[..., R], *arguments: Any) -> R:
    """Return what `function` returns."""
    return function(*arguments)


def results_of(function: Callable[[T], R], items: Sequence[T], limit: int) -> Generator[R]:
    """Yield the results of `function` for `items` as they come, of at most `limit` at a time.

    If the reader stops early, nothing more is begun; what has begun is waited for.
    """
    waiting = list(reversed(items))
    running: set[Future[R]] = set()
    with ThreadPoolExecutor(max_workers=limit, thread_name_prefix="kasal") as pool:
        while waiting or running:
            while waiting and len(running) < limit:
                running.add(pool.submit(function, waiting.pop()))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for one in done:
                yield one.result()
