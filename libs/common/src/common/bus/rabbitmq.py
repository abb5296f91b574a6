"""The bus over RabbitMQ: confirmed publishing, quorum queues, a connection that reconnects."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

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
from common.bus.handling import STOP_GRACE, Handling
from common.bus.rabbitmq_link import ANSWER_WITHIN, FAULTS, Link, unless_lost
from common.bus.rabbitmq_properties import MessageProperties
from common.bus.rabbitmq_queues import Attached, RabbitConsumer, RabbitSubscription
from common.contracts.topology import DEAD_LETTERS, Exchange, Queue
from common.logs import get_logger
from common.process.background import Background
from common.process.backoff import Backoff
from common.process.cancellation import told_to_stop
from common.telemetry import Telemetry

log = get_logger(__name__)

T = TypeVar("T")

_BACKOFF = Backoff.doubling(0.1, 2.0)
_STEADY = 5.0
"""Seconds that a connection must last for the bus to reconnect without a pause."""
_ATTACH_WITHIN = 30.0
"""Seconds without progress in restoring consumers, subscriptions and bindings after which a new connection
is given up."""


class RabbitBus:
    """A service's connection to RabbitMQ.

    In the first seconds after the connection was lost, a call waits for the next one. When the broker has
    been down for longer, calls fail at once.
    """

    def __init__(self, url: str, telemetry: Telemetry, store_is_away: IsAway = never_away) -> None:
        self.handling = Handling(telemetry, "rabbitmq", store_is_away)
        self.link: Link | None = None
        self._url = url
        self._name = telemetry.service
        self._attached: list[Attached] = []
        self._callbacks: list[Callable[[], Awaitable[None]]] = []
        self._background = Background()
        self._connected = asyncio.Event()
        self._refused = asyncio.Event()
        self._patient_until = 0.0

    async def start(self) -> None:
        self._patient_until = asyncio.get_running_loop().time() + ANSWER_WITHIN
        self._background.keep(self._keep_connected, name="connection to the broker")
        waits = [asyncio.create_task(e.wait()) for e in (self._connected, self._refused)]
        await asyncio.wait(waits, timeout=ANSWER_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        if self.link is None:
            self._patient_until = 0.0

    async def close(self) -> None:
        await asyncio.gather(*(one.finish(STOP_GRACE) for one in self._attached))
        self._attached.clear()
        await self._background.close()

    async def ping(self) -> None:
        if self.link is None:
            raise BusUnavailable("The message broker is not connected.")
        self._check_open(self.link)
        await _in_time(self.link.ping())

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        with self.handling.sending(exchange, key, message) as sent:
            await _in_time(self._publish_confirmed(exchange, key, sent))
        self.handling.count_published(exchange)

    async def _publish_confirmed(self, exchange: Exchange, key: str, message: Message) -> None:
        properties = MessageProperties(message)
        while True:
            link = await self.wait_for_link()
            self._check_open(link)  # a message written now would sit in memory and be sent later
            try:
                await link.publisher.basic_publish(
                    message.body,
                    exchange=exchange.name,
                    routing_key=key,
                    properties=properties,
                    wait=False,
                )
                return
            except (*FAULTS, asyncio.CancelledError):
                # Send it again on the next connection: consumers expect duplicates.
                if told_to_stop() or not link.broken:
                    raise

    async def depth(self, queue: Queue) -> Depth:
        if self.link is None:
            raise BusUnavailable("The message broker is not connected.")
        self._check_open(self.link)
        return await _in_time(self.link.depth(queue))

    async def bury(self, dead: Message) -> None:
        await self.publish(DEAD_LETTERS, "", dead)

    async def consume(self, queue: Queue, handler: Handler, *, prefetch: int = 1) -> Consumer:
        consumer = RabbitConsumer(self, queue, handler, prefetch)
        await self._attach(consumer)
        return consumer

    async def subscribe(
        self, exchange: Exchange, handler: Handler, *, max_length: int = 10_000
    ) -> Subscription:
        subscription = RabbitSubscription(self, exchange, handler, max_length)
        await self._attach(subscription)
        return subscription

    async def _attach(self, one: Attached) -> None:
        self._attached.append(one)
        link = self.link
        if link is not None:
            try:
                await _in_time(one.attach(link))
            except BusUnavailable:  # it would receive nothing on this link and needs another
                self._drop(link)

    def forget(self, one: Attached) -> None:
        if one in self._attached:
            self._attached.remove(one)

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        self._callbacks.append(callback)

    async def wait_for_link(self) -> Link:
        """Return the connection; if it was just lost, wait for the next. Raises `BusUnavailable`."""
        if self.link is not None and self.link.broken:
            self._drop(self.link)
        while self.link is None:
            try:
                async with asyncio.timeout_at(self._patient_until):
                    await self._connected.wait()
            except TimeoutError:
                raise BusUnavailable("The message broker cannot be reached.") from None
        return self.link

    def _check_open(self, link: Link) -> None:
        """Raise `BusUnavailable` while the broker blocks `link`; log that once."""
        if not link.blocked:
            return
        if not link.told_blocked:
            link.told_blocked = True
            log.warning("the message broker accepts nothing: it is short of memory or disk")
            self._background.start(self._report_unblocked(link), name="wait until unblocked")
        raise BusUnavailable(
            "The message broker accepts nothing: it is short of memory or disk (`rabbitmqctl status`)."
        )

    async def _report_unblocked(self, link: Link) -> None:
        freed = asyncio.create_task(link.wait_until_unblocked())
        lost = asyncio.create_task(link.lost.wait())
        try:
            await asyncio.wait({freed, lost}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            freed.cancel()
            lost.cancel()
        link.told_blocked = False
        if not link.lost.is_set():
            log.info("the message broker accepts messages again")

    def _drop(self, link: Link) -> None:
        link.lost.set()
        if self.link is link:
            self.link = None
            self._connected.clear()
            self._patient_until = asyncio.get_running_loop().time() + ANSWER_WITHIN

    async def _keep_connected(self) -> None:
        failures, away, loop = 0, False, asyncio.get_running_loop()
        while not told_to_stop():  # the client library may turn a cancellation into another fault
            began = loop.time()
            link = await self._try_to_connect(quietly=away)
            if link is not None:
                if away:
                    log.info("the message broker is back")
                    self._tell_reconnected()
                await self._hold(link)
            away = True
            if link is not None and loop.time() - began >= _STEADY:
                failures = 0
            else:
                failures += 1
                await asyncio.sleep(_BACKOFF.pause(failures))

    async def _try_to_connect(self, *, quietly: bool) -> Link | None:
        try:
            return await unless_lost(self._connect())
        except FAULTS as fault:
            if not quietly:
                log.warning("the message broker cannot be reached", reason=repr(fault))
        except Exception:
            log.exception("connecting to the message broker failed with a bug")
        self._refused.set()
        return None

    async def _hold(self, link: Link) -> None:
        """Return when `link` is lost and closed."""
        try:
            await link.lost.wait()
            log.warning("the connection to the message broker was lost")
        finally:
            self._drop(link)
            try:
                await unless_lost(link.close())
            except Exception as fault:  # noqa: BLE001 - it is given up, whatever it says to that
                log.debug("a lost connection did not close", reason=repr(fault))

    async def _connect(self) -> Link:
        link = await Link.open(self._url, self._name)
        try:
            async with asyncio.timeout(_ATTACH_WITHIN) as limit:

                def progress() -> None:
                    limit.reschedule(asyncio.get_running_loop().time() + _ATTACH_WITHIN)

                for one in (
                    self._attached
                ):  # it may grow during the loop, which then includes the new ones
                    await one.attach(link, progress)
        except BaseException:
            await link.close()
            raise
        self.link = link
        self._connected.set()
        return link

    def _tell_reconnected(self) -> None:
        for callback in self._callbacks:
            self._background.start(_run_callback(callback), name="after a reconnect")


async def _run_callback(callback: Callable[[], Awaitable[None]]) -> None:
    try:
        await callback()
    except Exception:
        log.exception("a callback after a reconnect failed")


async def _in_time(call: Coroutine[Any, Any, T]) -> T:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            return await unless_lost(call)
    except FAULTS as fault:
        raise BusUnavailable(f"The message broker did not answer: {fault!r}") from None
