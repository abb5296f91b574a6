"""Publishes text while models write it, to those who want it."""

from common.bus import Bus, Message
from common.contracts.deltas import DELTA_MESSAGE_TYPE, TextDelta, delta_json, deltas_key
from common.contracts.topology import EVENTS
from executor.domain.worker.wishes import Wishes


class BusDeltas:
    """Fulfils `DeltaSink`. On the exchange of events, deltas arrive before the events that follow them."""

    def __init__(self, bus: Bus, wishes: Wishes) -> None:
        self._bus = bus
        self._wishes = wishes

    def wanted(self, job_id: str) -> bool:
        return self._wishes.wanted(job_id)

    def expected(self, workspace_id: str) -> bool:
        return self._wishes.expected(workspace_id)

    async def publish(self, workspace_id: str, delta: TextDelta) -> None:
        message = Message(
            DELTA_MESSAGE_TYPE,
            delta_json(delta),
            correlation_id=delta.job_id,
            persistent=False,
        )
        await self._bus.publish(EVENTS, deltas_key(workspace_id, delta.job_id), message)
