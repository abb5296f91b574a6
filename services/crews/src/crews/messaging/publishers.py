"""Tells workers what has changed."""

from common.bus import Bus, BusUnavailable, encode
from common.contracts.messages import ModelsChanged
from common.contracts.topology import CONTROL
from common.logs import get_logger

log = get_logger(__name__)


class BusModelNews:
    """Fulfils `ModelNews`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def tell(self, workspace_id: str) -> None:
        message = encode(ModelsChanged(workspace_id=workspace_id))
        try:
            await self._bus.publish(CONTROL, ModelsChanged.message_type, message)
        except BusUnavailable as fault:  # workers look again within seconds
            log.warning("workers were not told of changed keys", reason=str(fault))
