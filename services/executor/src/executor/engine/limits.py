"""Time limits that span all attempts of a job."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from executor.engine.faults import RunFault


@asynccontextmanager
async def time_limit(
    now: datetime, started: datetime | None, seconds: float, waited: timedelta, fault: RunFault
) -> AsyncIterator[None]:
    """Raise `fault` in the block at `seconds` after `started`, or after now if that is None.

    The time `waited` for a person does not count.
    """
    used = timedelta() if started is None else now - started - waited
    left = seconds - max(used, timedelta()).total_seconds()
    if left <= 0:
        raise fault
    limit = asyncio.timeout(left)
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise fault from None
        raise
