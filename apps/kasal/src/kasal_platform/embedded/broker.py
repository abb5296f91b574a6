"""What the buses of one process share: exchanges, bindings, and queues, whose durable ones may be kept in a file."""

import asyncio
import contextlib
from collections import Counter
from dataclasses import replace

from common.bus import BusUnavailable, Message
from common.bus.workers import WorkQueue
from common.contracts.topology import (
    DEAD_LETTERS,
    DEAD_LETTERS_QUEUE,
    EXCHANGES,
    QUEUES,
    Exchange,
    Queue,
)
from kasal_platform.embedded.queue_file import QueuedMessage, QueueFile
from kasal_platform.embedded.topics import TopicTable

_MOST_DEAD_LETTERS = 1_000
"""Dead letters that are kept, since nobody may ever take them from here."""


class DurableQueue(WorkQueue[QueuedMessage]):
    """A queue of the topology."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class InProcessBroker:
    """Puts messages into the queues of this process.

    With a `file`, messages in durable queues outlive the process: a message is in the file before its
    publisher is told that it was published, and until its consumer has handled it. The file is open while
    anybody uses the broker.
    """

    def __init__(self, file: QueueFile | None = None) -> None:
        self._file = file
        self._users = 0
        self._whole = file is None
        self._changing = asyncio.Lock()
        self._queues = {queue.name: DurableQueue(queue.name) for queue in QUEUES}
        self._bindings: dict[str, TopicTable[WorkQueue[Message] | DurableQueue]] = {
            exchange.name: TopicTable() for exchange in EXCHANGES
        }
        for queue in QUEUES:
            for key in queue.keys:
                self.bind(queue.exchange, key, self._queues[queue.name])

        self.consumers: Counter[str] = Counter()
        """How many consumers each queue has, without paused ones."""

    async def join(self) -> None:
        """Note another user. What the file cannot tell now is asked for again by `ready`."""
        self._users += 1
        with contextlib.suppress(BusUnavailable):
            await self.ready()

    async def ready(self) -> None:
        """Return when the queues hold what the file does. Raises `BusUnavailable`."""
        if not self._whole:
            async with self._changing:
                await self._fill()

    async def _fill(self) -> None:
        if self._whole or self._file is None:
            return
        found = [one async for one in self._file.open()]
        for name, queued in found:
            self._queues[name].put(queued)
        self._whole = True

    async def leave(self) -> None:
        """Note that a user is gone. With the last one the file is closed."""
        self._users -= 1
        if self._users or self._file is None:
            return
        async with self._changing:
            self._whole = False
            for queue in self._queues.values():
                queue.held.clear()
            await self._file.close()

    def queue(self, queue: Queue) -> DurableQueue:
        return self._queues[queue.name]

    def bind(
        self, exchange: Exchange, key: str, backlog: WorkQueue[Message] | DurableQueue
    ) -> None:
        self._bindings[exchange.name].bind(_pattern(exchange, key), backlog)

    def unbind(self, exchange: Exchange, key: str, backlog: WorkQueue[Message]) -> None:
        self._bindings[exchange.name].unbind(_pattern(exchange, key), backlog)

    async def publish(self, exchange: Exchange, key: str, message: Message) -> None:
        """Put a copy into each queue bound to `key`. Raises `BusUnavailable`.

        Subscriptions get theirs at once: they keep their order, and what they show waits for no disk.
        """
        copy = _copy(message, key)
        durable: list[DurableQueue] = []
        for backlog in self._bindings[exchange.name].match(key):
            if isinstance(backlog, DurableQueue):
                durable.append(backlog)
            else:
                backlog.put(copy)
        for queue in durable:
            queue.put(await self._keep(queue, copy))

    async def _keep(self, queue: DurableQueue, message: Message) -> QueuedMessage:
        if self._file is None or not message.persistent:
            return QueuedMessage(message)
        return await self._file.add(queue.name, message)

    def remove(self, handled: QueuedMessage) -> None:
        """Keep a message no longer."""
        if self._file is not None and handled.number is not None:
            self._file.remove(handled.number)

    async def bury(self, queued: QueuedMessage, dead: Message) -> None:
        """Replace a message by the dead letter that it has become."""
        try:
            await self.publish(DEAD_LETTERS, "", dead)
        except BusUnavailable:
            # It is here as long as the process; after that the message itself is tried again.
            self.queue(DEAD_LETTERS_QUEUE).put(replace(queued, message=dead))
        else:
            self.remove(queued)
        letters = self.queue(DEAD_LETTERS_QUEUE).held
        while len(letters) > _MOST_DEAD_LETTERS:
            self.remove(letters.popleft())


def _copy(message: Message, key: str) -> Message:
    """Return `message` as it is delivered first; `replace` takes four times as long, for each event of each job."""
    return Message(
        message.type,
        message.body,
        message.message_id,
        message.correlation_id,
        message.timestamp,
        message.headers,
        key,
        1,
        message.persistent,
    )


def _pattern(exchange: Exchange, key: str) -> str:
    # The keys of direct exchanges have no wildcards, so they match only themselves.
    return "#" if exchange.kind == "fanout" else key
