"""Whether what a process needs is there: what `/readyz` answers, in every service."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from common.errors import Unavailable
from common.logs import get_logger

log = get_logger(__name__)

_WITHIN = 2.0
"""Seconds that each backend gets to answer; all are asked at once."""

Check = Callable[[], Awaitable[None]]
"""A readiness check: returns when the backend answers, raises when it does not."""


async def ready(checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return what answers, by name. Raises `Unavailable` naming what does not."""
    missing = [name for name, answered in (await answers(checks)).items() if not answered]
    if missing:
        raise Unavailable(
            f"Not ready: {', '.join(missing)} does not answer.", details={"missing": missing}
        )
    return {"status": "ready", "checks": dict.fromkeys(checks, "ok")}


async def answers(checks: Mapping[str, Check]) -> dict[str, bool]:
    """Return whether each backend answers, by name."""
    found = await asyncio.gather(*(_answers(name, check) for name, check in checks.items()))
    return dict(zip(checks, found, strict=True))


async def _answers(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(_WITHIN):
            await check()
    except Exception as fault:  # noqa: BLE001 - whatever a backend raises, it is not ready
        log.warning("a backend does not answer", backend=name, reason=repr(fault))
        return False
    return True
