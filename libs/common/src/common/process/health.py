"""Whether a process's backends answer: the `/readyz` of every service."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Literal

from common.errors import Unavailable, cause_text
from common.logs import get_logger

log = get_logger(__name__)

_WITHIN = 2.0
"""Seconds that each backend has to answer; all are asked at once."""

Check = Callable[[], Awaitable[None]]
"""A readiness check: returns when the backend answers, raises when it does not."""


Purpose = Literal["traffic"]
"""The values of `/readyz?for=`: whether requests should be sent to this process."""


async def ready(
    checks: Mapping[str, Check], needed: Collection[str] | None = None
) -> dict[str, Any]:
    """Return which backends answer and which are missing, by name.

    Raises `Unavailable` with their names if one of `needed` is missing; by default all are needed.
    """
    missing = {name: reason for name, reason in (await ask_all(checks)).items() if reason}
    for name, reason in missing.items():
        log.warning("a backend does not answer", backend=name, reason=reason)
    if missing and (needed is None or not set(needed).isdisjoint(missing)):
        raise Unavailable(
            f"Not ready: {', '.join(missing)} does not answer.", details={"missing": list(missing)}
        )
    answers = dict.fromkeys(checks, "ok") | dict.fromkeys(missing, "missing")
    return {"status": "degraded" if missing else "ready", "checks": answers}


async def ask_all(checks: Mapping[str, Check]) -> dict[str, str]:
    """Ask every backend; return by name why it does not answer, or an empty string."""
    reasons = await asyncio.gather(*(_reason(check) for check in checks.values()))
    return dict(zip(checks, reasons, strict=True))


async def _reason(check: Check) -> str:
    try:
        async with asyncio.timeout(_WITHIN):
            await check()
    except Exception as fault:  # noqa: BLE001 - whatever a backend raises, it is not ready
        return cause_text(fault)
    return ""
