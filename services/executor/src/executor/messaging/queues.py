"""The depths of the broker's queues."""

from collections.abc import Mapping

from common.bus import Bus
from common.contracts.topology import QUEUES


class BusQueues:
    """Fulfils `BrokerQueues` for all queues of the platform, over the existing connection."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def depths(self) -> Mapping[str, tuple[int, int]]:
        found = {queue.name: await self._bus.depth(queue) for queue in QUEUES}
        return {name: (depth.messages, depth.consumers) for name, depth in found.items()}
