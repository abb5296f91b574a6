"""What the broker's queues hold."""

from collections.abc import Mapping

from common.bus import Bus
from common.contracts.topology import QUEUES


class BusQueues:
    """Fulfils `Queues`: asks for all queues of the platform on the connection that is there."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def depths(self) -> Mapping[str, tuple[int, int]]:
        found = {queue.name: await self._bus.depth(queue) for queue in QUEUES}
        return {name: (depth.messages, depth.consumers) for name, depth in found.items()}
