"""The bus inside one process. It promises the same as RabbitMQ's; what survives is up to its broker's file."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from common.bus import (
    BusUnavailable,
    Consumer,
    Depth,
    Handler,
    IsAway,
    Message,
    Subscription,
    never_away,
)
from common.bus.handling import STOP_GRACE, Handling, Returned
from common.bus.workers import Workers, WorkQueue
from common.contracts.topology import Exchange, Queue
from common.telemetry import Telemetry
from kasal_platform.embedded.broker import InProcessBroker
from kasal_platform.embedded.queue_file import QueuedMessage


class _Consumer:
    def __init__(
        self,
        broker: InProcessBroker,
        handling: Handling,
        queue: Queue,
        handler: Handler,
        prefetch: int,
    ) -> None:
        self._broker = broker
        self._handling = handling
        self._queue = queue
        self._handler = handler
        self._cancelled = False
        self.workers = Workers(broker.queue(queue), self._work, prefetch)

    def start(self) -> None:
        self.workers.start()
        self._broker.consumers[self._queue.name] += 1

    def _stop(self) -> None:
        if not self.workers.stopped:
            self._broker.consumers[self._queue.name] -= 1
        self.workers.stop()

    async def _work(self, queued: QueuedMessage, stopping: asyncio.Event) -> None:
        message, backlog = queued.message, self._broker.queue(self._queue)
        try:
            dead = await self._handling.deal(self._queue, self._handler, message, stopping)
            if dead is None:
                self._broker.remove(queued)
            else:
                await self._broker.bury(queued, dead)
        except Returned as returned:
            backlog.put_back(replace(queued, message=returned.message))
        except asyncio.CancelledError:
            again = replace(message, deliveries=message.deliveries + 1)
            backlog.put_back(replace(queued, message=again))
            raise

    async def pause(self) -> None:
        self._stop()

    async def resume(self) -> None:
        if self.workers.stopped and not self._cancelled:
            self.start()

    async def cancel(self) -> None:
        await self.finish()

    async def finish(self, grace: float | None = None) -> None:
        self._cancelled = True
        self._stop()
        await self.workers.finish(grace)


class _Subscription:
    def __init__(
        self,
        broker: InProcessBroker,
        handling: Handling,
        exchange: Exchange,
        handler: Handler,
        max_length: int,
    ) -> None:
        self._broker = broker
        self._handling = handling
        self._exchange = exchange
        self._handler = handler
        self._backlog: WorkQueue[Message] = WorkQueue(max_length)
        self._keys: set[str] = set()
        self.workers = Workers(self._backlog, self._work, 1)

    async def _work(self, message: Message, stopping: asyncio.Event) -> None:
        if not stopping.is_set():
            await self._handling.watch(self._exchange, self._handler, message)

    async def bind(self, key: str) -> None:
        self._keys.add(key)
        self._broker.bind(self._exchange, key, self._backlog)

    async def unbind(self, key: str) -> None:
        self._keys.discard(key)
        self._broker.unbind(self._exchange, key, self._backlog)

    def drop(self) -> None:
        for key in self._keys:
            self._broker.unbind(self._exchange, key, self._backlog)
        self._keys.clear()

    async def cancel(self) -> None:
        await self.finish()

    async def finish(self, grace: float | None = None) -> None:
        self.drop()
        await self.workers.finish(grace)


class InProcessBus:
    """A service's side of the broker in this process."""

    def __init__(
        self, broker: InProcessBroker, telemetry: Telemetry, store_is_away: IsAway = never_away
    ) -> None:
        self._broker = broker
        self._handling = Handling(telemetry, "memory", store_is_away)
        self._started = False
        self._consumers: list[_Consumer] = []
        self._subscriptions: list[_Subscription] = []

    async def start(self) -> None:
        await self._broker.join()
        self._started = True

    async def close(self) -> None:
        for subscription in self._subscriptions:
            subscription.drop()
        attached: list[_Consumer | _Subscription]
        attached = [*self._consumers, *self._subscriptions]
        await asyncio.gather(*(one.finish(STOP_GRACE) for one in attached))
        self._consumers.clear()
        self._subscriptions.clear()
        if self._started:
            self._started = False
            await self._broker.leave()

    async def ping(self) -> None:
        self._check_started()
        await self._broker.ready()

    def _check_started(self) -> None:
        if not self._started:
            raise BusUnavailable("The bus is not started.")

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        await self.ping()
        with self._handling.sending(exchange, key, message) as sent:
            await self._broker.publish(exchange, key, sent)
        self._handling.count_published(exchange)

    async def depth(self, queue: Queue) -> Depth:
        await self.ping()
        return Depth(len(self._broker.queue(queue).held), self._broker.consumers[queue.name])

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        self._check_started()
        consumer = _Consumer(self._broker, self._handling, queue, handler, prefetch)
        consumer.start()
        self._consumers.append(consumer)
        return consumer

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        self._check_started()
        subscription = _Subscription(self._broker, self._handling, exchange, handler, max_length)
        if exchange.kind == "fanout":
            await subscription.bind("")
        subscription.workers.start()
        self._subscriptions.append(subscription)
        return subscription

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Never called, as there is no connection to lose."""
