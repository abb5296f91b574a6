"""Whether the gateway and what it needs are up."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from common.errors import Unavailable
from common.logs import get_logger

log = get_logger(__name__)

Check = Callable[[], Awaitable[None]]


async def ready(checks: Mapping[str, Check]) -> dict[str, object]:
    """Return what answers. Raises `Unavailable` naming what does not."""
    answers = await asyncio.gather(*(_answers(name, check) for name, check in checks.items()))
    missing = [name for name, there in zip(checks, answers, strict=True) if not there]
    if missing:
        raise Unavailable(
            f"Not ready: {', '.join(missing)} does not answer.", details={"missing": missing}
        )
    return {"status": "ready", "checks": dict.fromkeys(checks, "ok")}


async def _answers(name: str, check: Check) -> bool:
    try:
        async with asyncio.timeout(2):
            await check()
    except Exception as fault:  # noqa: BLE001 - whatever it raises, it is not ready
        log.warning("a backend does not answer", backend=name, reason=repr(fault))
        return False
    return True
