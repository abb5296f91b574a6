"""The bus inside one process: the same promises as RabbitMQ's, but that nothing outlives the process."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace

from common.bus import BusUnavailable, Consumer, Handler, Message, Subscription
from common.bus.handling import Handling, Returned
from common.bus.topics import TopicTable
from common.contracts.topology import DEAD_LETTERS, EXCHANGES, QUEUES, Exchange, Queue
from common.telemetry import Telemetry

_STOP_GRACE = 10.0
"""Seconds that handler calls under way get when the bus is closed."""


class _Store:
    """The messages of one queue, oldest first; with a length, the oldest falls out."""

    def __init__(self, max_length: int | None = None) -> None:
        self.held: deque[Message] = deque(maxlen=max_length)
        self._takers: deque[asyncio.Future[Message]] = deque()

    def put(self, message: Message) -> None:
        taker = self._next_taker()
        if taker is None:
            self.held.append(message)
        else:
            taker.set_result(message)

    def put_back(self, message: Message) -> None:
        taker = self._next_taker()
        if taker is None:
            self.held.appendleft(message)
        else:
            taker.set_result(message)

    def _next_taker(self) -> asyncio.Future[Message] | None:
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                return taker
        return None

    def take(self) -> asyncio.Future[Message]:
        """Return the oldest message, or the promise of the next one; cancel it to give up."""
        taker: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        if self.held:
            taker.set_result(self.held.popleft())
        else:
            self._takers.append(taker)
        return taker


class MemoryBroker:
    """What the buses of one process share: exchanges with their bindings, and the queues."""

    def __init__(self) -> None:
        self._bindings: dict[str, TopicTable[_Store]] = {e.name: TopicTable() for e in EXCHANGES}
        self._queues = {queue.name: _Store() for queue in QUEUES}
        for queue in QUEUES:
            for key in queue.keys:
                self.bind(queue.exchange, key, self._queues[queue.name])

    def queue(self, queue: Queue) -> _Store:
        return self._queues[queue.name]

    def depth(self, queue: Queue) -> int:
        """Return how many messages wait in `queue`."""
        return len(self._queues[queue.name].held)

    def bind(self, exchange: Exchange, key: str, store: _Store) -> None:
        self._bindings[exchange.name].bind(_pattern(exchange, key), store)

    def unbind(self, exchange: Exchange, key: str, store: _Store) -> None:
        self._bindings[exchange.name].unbind(_pattern(exchange, key), store)

    def route(self, exchange: Exchange, key: str, message: Message) -> None:
        """Put a copy into each queue that is bound to `key`."""
        copy = replace(message, routing_key=key, deliveries=1)
        for store in self._bindings[exchange.name].match(key):
            store.put(copy)


def _pattern(exchange: Exchange, key: str) -> str:
    # The keys of the direct exchanges have no wildcards, so they match themselves alone.
    return "#" if exchange.kind == "fanout" else key


class _Workers:
    """The tasks that take messages and hand them on, at most `count` at a time."""

    def __init__(
        self, store: _Store, work: Callable[[Message], Awaitable[None]], count: int
    ) -> None:
        self._store = store
        self._work = work
        self._count = count
        self.stopping = asyncio.Event()
        self._takers: set[asyncio.Future[Message]] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self.stopping = asyncio.Event()
        for _ in range(self._count):
            task = asyncio.create_task(self._run(self.stopping))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, stopping: asyncio.Event) -> None:
        while not stopping.is_set():
            taker = self._store.take()
            self._takers.add(taker)
            try:
                await asyncio.wait({taker})
                # A full queue and a handler that never waits must not hold up the whole loop.
                await asyncio.sleep(0)
            finally:
                self._takers.discard(taker)
                if stopping.is_set() and not taker.cancelled() and taker.done():
                    self._store.put_back(taker.result())
            if not taker.cancelled() and not stopping.is_set():
                await self._work(taker.result())

    def stop_taking(self) -> None:
        self.stopping.set()
        for taker in self._takers:
            taker.cancel()

    async def finish(self, grace: float | None = None) -> None:
        """Take no more, and wait for the calls under way; after `grace` seconds cancel them."""
        self.stop_taking()
        # A handler may stop its own consumer; it cannot wait for itself.
        others = self._tasks - {asyncio.current_task()}
        if not others:
            return
        _, late = await asyncio.wait(others, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)


class _MemoryConsumer:
    def __init__(
        self,
        broker: MemoryBroker,
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
        self.workers = _Workers(broker.queue(queue), self._work, prefetch)

    async def _work(self, message: Message) -> None:
        stopping = self.workers.stopping
        try:
            dead = await self._handling.deal(self._queue, self._handler, message, stopping)
        except (Returned, asyncio.CancelledError) as fault:
            again = replace(message, deliveries=message.deliveries + 1)
            self._broker.queue(self._queue).put_back(again)
            if isinstance(fault, asyncio.CancelledError):
                raise
            return
        if dead is not None:
            self._broker.route(DEAD_LETTERS, "", dead)

    async def pause(self) -> None:
        self.workers.stop_taking()

    async def resume(self) -> None:
        if self.workers.stopping.is_set() and not self._cancelled:
            self.workers.start()

    async def cancel(self) -> None:
        self._cancelled = True
        await self.workers.finish()


class _MemorySubscription:
    def __init__(
        self,
        broker: MemoryBroker,
        handling: Handling,
        exchange: Exchange,
        handler: Handler,
        max_length: int,
    ) -> None:
        self._broker = broker
        self._exchange = exchange
        self._store = _Store(max_length)
        self._keys: set[str] = set()

        async def work(message: Message) -> None:
            await handling.watch(exchange.name, handler, message)

        self.workers = _Workers(self._store, work, 1)

    async def bind(self, key: str) -> None:
        self._keys.add(key)
        self._broker.bind(self._exchange, key, self._store)

    async def unbind(self, key: str) -> None:
        self._keys.discard(key)
        self._broker.unbind(self._exchange, key, self._store)

    def drop(self) -> None:
        for key in self._keys:
            self._broker.unbind(self._exchange, key, self._store)
        self._keys.clear()

    async def cancel(self) -> None:
        self.drop()
        await self.workers.finish()


class MemoryBus:
    """A service's side of the broker in this process."""

    def __init__(self, broker: MemoryBroker, telemetry: Telemetry) -> None:
        self._broker = broker
        self._handling = Handling(telemetry)
        self._started = False
        self._consumers: list[_MemoryConsumer] = []
        self._subscriptions: list[_MemorySubscription] = []

    async def start(self) -> None:
        self._started = True

    async def close(self) -> None:
        self._started = False
        for subscription in self._subscriptions:
            subscription.drop()
        workers = [consumer.workers for consumer in self._consumers]
        workers += [subscription.workers for subscription in self._subscriptions]
        await asyncio.gather(*(one.finish(_STOP_GRACE) for one in workers))
        self._consumers.clear()
        self._subscriptions.clear()

    async def ping(self) -> None:
        if not self._started:
            raise BusUnavailable("The bus is not started.")

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        await self.ping()
        self._broker.route(exchange, key, message)
        self._handling.count_published(exchange)

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        await self.ping()
        consumer = _MemoryConsumer(self._broker, self._handling, queue, handler, prefetch)
        consumer.workers.start()
        self._consumers.append(consumer)
        return consumer

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        await self.ping()
        subscription = _MemorySubscription(
            self._broker, self._handling, exchange, handler, max_length
        )
        if exchange.kind == "fanout":
            await subscription.bind("")
        subscription.workers.start()
        self._subscriptions.append(subscription)
        return subscription

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Never called: there is no connection that could be lost."""
