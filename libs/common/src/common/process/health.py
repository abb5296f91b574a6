"""Whether what a process needs is there: what `/readyz` answers, in every service."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

from common.errors import Unavailable
from common.logs import get_logger

log = get_logger(__name__)

_WITHIN = 2.0
"""Seconds that each backend gets to answer; all are asked at once."""

Check = Callable[[], Awaitable[None]]
"""A readiness check: returns when the backend answers, raises when it does not."""


Purpose = Literal["traffic"]
"""What `/readyz?for=` may ask: whether requests should be sent to this process."""


async def ready(
    checks: Mapping[str, Check], needed: Collection[str] | None = None
) -> dict[str, Any]:
    """Return what answers and what is missing, by name.

    Raises `Unavailable` naming what is missing if one of `needed` is; all are needed by default.
    """
    missing = {name: reason for name, reason in (await ask_all(checks)).items() if reason}
    for name, reason in missing.items():
        log.warning("a backend does not answer", backend=name, reason=reason)
    if missing and (needed is None or not set(needed).isdisjoint(missing)):
        raise Unavailable(
            f"Not ready: {', '.join(missing)} does not answer.", details={"missing": list(missing)}
        )
    told = dict.fromkeys(checks, "ok") | dict.fromkeys(missing, "missing")
    return {"status": "degraded" if missing else "ready", "checks": told}


async def ask_all(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask every backend; return by name why it does not answer, an empty text where it does."""
    reasons = await asyncio.gather(*(_reason(check) for check in checks.values()))
    return dict(zip(checks, reasons, strict=True))


async def _reason(check: Check) -> str:
    try:
        async with asyncio.timeout(_WITHIN):
            await check()
    except Exception as fault:  # noqa: BLE001 - whatever a backend raises, it is not ready
        return repr(fault)
    return ""
