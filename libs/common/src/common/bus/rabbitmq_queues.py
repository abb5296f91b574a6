"""Consumers and subscriptions on RabbitMQ: they outlive the links they are attached to."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from common.bus import BusUnavailable, Handler, Message
from common.bus.handling import Handling, Returned
from common.bus.rabbitmq_link import ANSWER_WITHIN, FAULTS, Link, message_from, unless_lost
from common.bus.workers import Workers, WorkQueue
from common.contracts.topology import Exchange, Queue
from common.logs import get_logger

log = get_logger(__name__)

Progress = Callable[[], None]

_BOUND_AT_ONCE = 100
"""Bindings of a new queue between two answers of the broker."""
_WINDOW = 500
"""The most messages of a subscription in transit or waiting in this process."""


def _nothing() -> None:
    pass


class Home(Protocol):
    """What a consumer or subscription needs from its bus."""

    handling: Handling

    @property
    def link(self) -> Link | None:
        """The connection, or None."""

    async def wait_for_link(self) -> Link:
        """Return the connection, waiting briefly for it. Raises `BusUnavailable`."""

    async def bury(self, dead: Message) -> None:
        """Publish a dead letter. Raises `BusUnavailable`."""

    def forget(self, one: "RabbitConsumer | RabbitSubscription") -> None:
        """Stop attaching `one` to new links."""


class RabbitConsumer:
    """A consumer of a durable queue."""

    def __init__(self, home: Home, queue: Queue, handler: Handler, prefetch: int) -> None:
        self._home = home
        self._queue = queue
        self._handler = handler
        self._prefetch = prefetch
        self._backlog: WorkQueue[AbstractIncomingMessage] = WorkQueue()
        self._workers = Workers(self._backlog, self._work, prefetch)
        self._changing = asyncio.Lock()
        self._link: Link | None = None
        self._channel: AbstractChannel | None = None
        self._consuming: tuple[AbstractQueue, str] | None = None
        self._paused = self._cancelled = False
        self._workers.start()

    async def attach(self, link: Link, progress: Progress = _nothing) -> None:
        """Consume messages from `link`. Raises one of `FAULTS`."""
        progress()
        async with self._changing:
            if self._link is not link:
                self._link, self._consuming = link, None
                self._backlog.held.clear()  # from a lost link; the broker delivers them again
                self._channel = await link.channel(self._prefetch)
            if self._paused or self._consuming is not None or self._channel is None:
                return
            queue = await self._channel.get_queue(self._queue.name, ensure=False)
            self._consuming = (queue, await queue.consume(self._on_message))

    async def pause(self) -> None:
        self._paused = True
        self._workers.stop()
        async with self._changing:
            consuming, self._consuming = self._consuming, None
            if consuming is not None:
                queue, tag = consuming
                await _attempt(queue.cancel(tag, timeout=ANSWER_WITHIN))
            while self._backlog.held:
                await _attempt(self._backlog.held.popleft().nack(requeue=True))

    async def resume(self) -> None:
        if not self._paused or self._cancelled:
            return
        self._paused = False
        self._workers.start()
        link = self._home.link
        if link is not None:
            await _attempt(self.attach(link))

    async def cancel(self) -> None:
        await self.finish()
        self._home.forget(self)
        if self._link is not None and self._channel is not None:
            await _attempt(self._link.release(self._channel))

    async def finish(self, grace: float | None = None) -> None:
        """Stop for good; calls in progress get `grace` seconds."""
        self._cancelled = True
        await self.pause()
        await self._workers.finish(grace)

    async def _on_message(self, incoming: AbstractIncomingMessage) -> None:
        self._backlog.put(incoming)

    async def _work(self, incoming: AbstractIncomingMessage, stopping: asyncio.Event) -> None:
        try:
            message = message_from(incoming)
            dead = await self._home.handling.deal(self._queue, self._handler, message, stopping)
            if dead is not None:
                await self._home.bury(dead)
        except (Returned, BusUnavailable):
            await _attempt(incoming.nack(requeue=True))
        except Exception:  # the broker counts its deliveries and dead-letters it in the end
            log.exception("a message cannot be processed", queue=self._queue.name)
            await _attempt(incoming.nack(requeue=True))
        else:
            await _attempt(incoming.ack())


class RabbitSubscription:
    """A private queue of this process: exclusive, deleted with its link, created again on the next."""

    def __init__(self, home: Home, exchange: Exchange, handler: Handler, max_length: int) -> None:
        self._home = home
        self._exchange = exchange
        self._handler = handler
        self._max_length = max_length
        self._keys: set[str] = {""} if exchange.kind == "fanout" else set()
        self._backlog: WorkQueue[AbstractIncomingMessage] = WorkQueue()
        self._workers = Workers(self._backlog, self._work, 1)
        self._link: Link | None = None
        self._channel: AbstractChannel | None = None
        self._queue: AbstractQueue | None = None
        self._handled = 0
        self._workers.start()

    async def attach(self, link: Link, progress: Progress = _nothing) -> None:
        """Create the queue on `link` with all bindings. Raises one of `FAULTS`.

        It calls `progress` from time to time, as thousands of bindings can take minutes when every
        relay restores its own.
        """
        self._link, self._handled = link, 0
        self._backlog.held.clear()
        self._channel = await link.channel(_WINDOW)
        queue = await self._channel.declare_queue(
            exclusive=True,
            auto_delete=True,
            arguments={"x-queue-type": "classic", "x-max-length": self._max_length},
        )
        underlay = await self._channel.get_underlay_channel()
        for count, key in enumerate(tuple(self._keys), 1):
            if key not in self._keys:  # unbound in the meantime
                continue
            # A channel is ordered: an answer to one binding confirms those before it.
            if count % _BOUND_AT_ONCE:
                await underlay.queue_bind(queue.name, self._exchange.name, key, nowait=True)
            else:
                await underlay.queue_bind(queue.name, self._exchange.name, key)
                progress()
        # Its answer also confirms all bindings.
        await queue.consume(self._on_message)
        self._queue = queue

    async def bind(self, key: str) -> None:
        self._keys.add(key)
        try:
            await self._home.wait_for_link()
            if self._queue is None:
                raise BusUnavailable("The queue does not exist yet.")
            await unless_lost(self._queue.bind(self._exchange.name, key, timeout=ANSWER_WITHIN))
        except (BusUnavailable, *FAULTS) as fault:
            self._keys.discard(key)
            raise BusUnavailable(f"The message broker did not bind {key}: {fault!r}") from None

    async def unbind(self, key: str) -> None:
        self._keys.discard(key)
        if self._home.link is not None and self._queue is not None:
            await _attempt(self._queue.unbind(self._exchange.name, key, timeout=ANSWER_WITHIN))

    async def cancel(self) -> None:
        await self.finish()
        self._home.forget(self)
        if self._link is not None and self._channel is not None:
            await _attempt(self._link.release(self._channel))

    async def finish(self, grace: float | None = None) -> None:
        """Stop for good; a call in progress gets `grace` seconds."""
        await self._workers.finish(grace)

    async def _on_message(self, incoming: AbstractIncomingMessage) -> None:
        self._backlog.put(incoming)

    async def _work(self, incoming: AbstractIncomingMessage, stopping: asyncio.Event) -> None:
        if stopping.is_set():
            return
        await self._home.handling.watch(self._exchange, self._handler, message_from(incoming))
        self._handled += 1
        if self._handled >= _WINDOW // 4 or not self._backlog.held:
            self._handled = 0
            await _attempt(incoming.ack(multiple=True))


async def _attempt(call: Awaitable[object]) -> None:
    """Await `call`. If the link is lost there is nothing left to do: the broker requeues by itself."""
    try:
        await unless_lost(call)
    except FAULTS as fault:
        log.debug("the link was lost during a call", reason=repr(fault))


Attached = RabbitConsumer | RabbitSubscription
