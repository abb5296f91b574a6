"""The durable queues of the bus in their file.

Covers: kasal_platform.embedded.broker, kasal_platform.embedded.queue_file
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import OperationFailure

from common.bus import BusUnavailable, DeadLetter, Depth, Message
from common.contracts.topology import DEAD_LETTERS_QUEUE, JOBS, JOBS_QUEUE
from common.telemetry import Telemetry
from kasal_platform.embedded import broker as brokers
from kasal_platform.embedded import queue_file
from kasal_platform.embedded.broker import InProcessBroker
from kasal_platform.embedded.bus import InProcessBus
from kasal_platform.embedded.databases import SharedFiles
from kasal_platform.embedded.queue_file import QueueFile
from kasal_platform.embedded.sqlite.errors import OUT_OF_DISK_SPACE

JOB = "job.submitted.v1"


class Moody:
    """A collection that refuses what it is told to, as on a full disk."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.refused: set[str] = set()
        self.asked = asyncio.Event()

    def __getitem__(self, name: str) -> "Moody":
        self.collection = self._database[name]
        return self

    def __getattr__(self, name: str) -> Any:
        if name in self.refused:
            self.asked.set()
            raise OperationFailure("database or disk is full", OUT_OF_DISK_SPACE)
        return getattr(self.collection, name)

    def hold(self, name: str) -> asyncio.Event:
        """Let these calls wait for the event that this returns."""
        go_on = asyncio.Event()

        async def call(*arguments: Any) -> Any:
            self.asked.set()
            await go_on.wait()
            return await getattr(self.collection, name)(*arguments)

        setattr(self, name, call)
        return go_on

    def tell(self, name: str) -> asyncio.Event:
        """Return an event that is set once such a call has been answered."""
        answered = asyncio.Event()

        async def call(*arguments: Any) -> Any:
            answer = await getattr(self.collection, name)(*arguments)
            answered.set()
            return answer

        setattr(self, name, call)
        return answered

    def count(self, name: str) -> list[int]:
        """Return a list to which each of these calls adds how many documents it has."""
        counts: list[int] = []

        async def call(documents: list[Any]) -> Any:
            counts.append(len(documents))
            return await getattr(self.collection, name)(documents)

        setattr(self, name, call)
        return counts


class Disk:
    """A folder with the file of a bus."""

    def __init__(self, folder: Path, telemetry: Telemetry) -> None:
        self._folder = folder
        self._telemetry = telemetry
        self.refused: set[str] = set()
        self.moody: Moody | None = None

    def _open(self) -> Any:
        opened = SharedFiles(self._folder).open("bus", 60.0, None)
        self.moody = moody = Moody(opened.database)
        moody.refused = self.refused

        class Opened:
            database = moody
            close = staticmethod(opened.close)

        return Opened

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[InProcessBus]:
        """A bus on a broker of its own, as the next process has it."""
        bus = InProcessBus(InProcessBroker(QueueFile(self._open)), self._telemetry)
        await bus.start()
        try:
            yield bus
        finally:
            await bus.close()

    async def holds(self) -> list[bytes]:
        """Return what is in the file."""
        opened = SharedFiles(self._folder).open("bus", 60.0, None)
        found = [bytes(one["body"]) async for one in opened.database["messages"].find({})]
        await opened.close()
        return found


@pytest.fixture
def disk(tmp_path: Path, telemetry: Telemetry) -> Disk:
    return Disk(tmp_path, telemetry)


def job(body: bytes = b"{}") -> Message:
    return Message(JOB, body)


async def test_what_was_handled_is_in_the_file_no_longer(disk: Disk) -> None:
    handled = asyncio.Event()

    async def handler(message: Message) -> None:
        if message.body == b"last":
            handled.set()

    async with disk.bus() as bus:
        await bus.publish(JOBS, JOB, job(b"first"))
        await bus.publish(JOBS, JOB, job(b"last"))
        await bus.consume(JOBS_QUEUE, handler)
        await asyncio.wait_for(handled.wait(), 60)
    assert await disk.holds() == []


async def test_a_dead_letter_takes_the_place_of_its_message(disk: Disk) -> None:
    buried = await _bury(disk)
    assert await disk.holds() == [b"bad"]
    async with disk.bus() as bus:
        assert await bus.depth(JOBS_QUEUE) == Depth(0, 0)
        assert await bus.depth(DEAD_LETTERS_QUEUE) == Depth(1, 0)
    assert buried == 1


async def _bury(disk: Disk, *refused: str) -> int:
    """Let a message become a dead letter, and return how many there are then."""
    came = asyncio.Event()

    async def handler(_: Message) -> None:
        disk.refused.update(refused)
        came.set()
        raise DeadLetter("no")

    async with disk.bus() as bus:
        await bus.publish(JOBS, JOB, job(b"bad"))
        consumer = await bus.consume(JOBS_QUEUE, handler)
        await asyncio.wait_for(came.wait(), 60)
        await consumer.cancel()
        found = await bus.depth(DEAD_LETTERS_QUEUE)
    disk.refused.clear()
    return found.messages


async def test_a_dead_letter_that_cannot_be_written_leaves_its_message(disk: Disk) -> None:
    assert await _bury(disk, "insert_one") == 1
    async with disk.bus() as bus:
        assert (await bus.depth(JOBS_QUEUE)).messages == 1


async def test_the_newest_dead_letters_are_kept(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brokers, "_MOST_DEAD_LETTERS", 2)
    last = asyncio.Event()

    async def handler(message: Message) -> None:
        if message.body == b"4":
            last.set()
        raise DeadLetter("no")

    async with disk.bus() as bus:
        for number in range(5):
            await bus.publish(JOBS, JOB, job(b"%d" % number))
        consumer = await bus.consume(JOBS_QUEUE, handler)
        await asyncio.wait_for(last.wait(), 60)
        await consumer.cancel()
    assert await disk.holds() == [b"3", b"4"]


async def test_a_full_disk_is_told_to_the_publisher_and_the_message_is_not_taken(
    disk: Disk,
) -> None:
    async with disk.bus() as bus:
        disk.refused.add("insert_one")
        with pytest.raises(BusUnavailable, match="disk is full"):
            await bus.publish(JOBS, JOB, job(b"refused"))
        assert (await bus.depth(JOBS_QUEUE)).messages == 0
        disk.refused.clear()
        await bus.publish(JOBS, JOB, job(b"taken"))
        assert (await bus.depth(JOBS_QUEUE)).messages == 1
    assert await disk.holds() == [b"taken"]


async def test_what_is_published_at_once_is_written_at_once_and_in_order(disk: Disk) -> None:
    bodies = [b"%d" % n for n in range(100)]
    async with disk.bus() as bus:
        disk.refused.add("insert_one")
        await asyncio.gather(*(bus.publish(JOBS, JOB, job(body)) for body in bodies))
    assert await disk.holds() == bodies


async def test_a_message_that_never_fits_fails_alone(disk: Disk) -> None:
    strange = replace(job(b"strange"), headers={"x": object()})  # type: ignore[dict-item]
    messages = [job(b"before"), strange, job(b"after")]
    async with disk.bus() as bus:
        told = await asyncio.gather(
            *(bus.publish(JOBS, JOB, one) for one in messages), return_exceptions=True
        )
        assert (await bus.depth(JOBS_QUEUE)).messages == 2
    assert [type(one) for one in told] == [type(None), InvalidDocument, type(None)]
    assert await disk.holds() == [b"before", b"after"]


async def test_a_publisher_that_gives_up_has_published_nothing(disk: Disk) -> None:
    async with disk.bus() as bus:
        publishing = asyncio.create_task(bus.publish(JOBS, JOB, job(b"given up")))
        await asyncio.sleep(0)  # it has handed its message to the thread of the file
        publishing.cancel()
        await asyncio.wait({publishing})
        assert publishing.cancelled()
        assert (await bus.depth(JOBS_QUEUE)).messages == 0
    assert await disk.holds() == []


async def test_a_publisher_that_gives_up_in_line_has_published_nothing(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_file, "_LINGER", 0.0)
    async with disk.bus() as bus:
        assert disk.moody is not None
        written = disk.moody.hold("insert_one")
        removed = disk.moody.tell("delete_many")
        first = asyncio.create_task(bus.publish(JOBS, JOB, job(b"first")))
        await asyncio.wait_for(disk.moody.asked.wait(), 60)
        second = asyncio.create_task(bus.publish(JOBS, JOB, job(b"given up")))
        await asyncio.sleep(0)  # it is in line behind the first
        second.cancel()
        await asyncio.wait_for(removed.wait(), 60)
        written.set()
        await first
        await bus.publish(JOBS, JOB, job(b"last"))
    assert second.cancelled()
    assert await disk.holds() == [b"first", b"last"]


async def test_large_messages_are_not_all_inserted_at_once(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_file, "_MOST_BYTES", 10)
    bodies = [b"12345", b"67890", b"1", b"larger than all of it", b"2", b"3", b"4"]
    async with disk.bus() as bus:
        assert disk.moody is not None
        together = disk.moody.count("insert_many")
        await asyncio.gather(*(bus.publish(JOBS, JOB, job(body)) for body in bodies))
    assert together == [2, 3]
    assert await disk.holds() == bodies


async def test_what_cannot_be_removed_is_removed_later(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_file, "_PAUSE", 0.0)
    handled = asyncio.Event()

    async def handler(_: Message) -> None:
        handled.set()

    async with disk.bus() as bus:
        await bus.publish(JOBS, JOB, job())
        disk.refused.add("delete_many")
        await bus.consume(JOBS_QUEUE, handler)
        assert disk.moody is not None
        await asyncio.wait_for(disk.moody.asked.wait(), 60)
        disk.refused.clear()
    assert handled.is_set()
    assert await disk.holds() == []


async def test_a_file_that_cannot_be_read_is_read_when_it_can(disk: Disk) -> None:
    async with disk.bus() as bus:
        await bus.publish(JOBS, JOB, job(b"waits"))
    came: asyncio.Queue[bytes] = asyncio.Queue()

    async def handler(message: Message) -> None:
        came.put_nowait(message.body)

    disk.refused.add("find")
    async with disk.bus() as bus:
        await bus.consume(JOBS_QUEUE, handler)
        with pytest.raises(BusUnavailable, match="cannot be read"):
            await bus.ping()
        with pytest.raises(BusUnavailable):
            await bus.publish(JOBS, JOB, job(b"refused"))
        disk.refused.clear()
        await bus.ping()
        assert await asyncio.wait_for(came.get(), 60) == b"waits"


async def test_what_need_not_last_is_not_written(disk: Disk) -> None:
    async with disk.bus() as bus:
        await bus.publish(JOBS, JOB, Message(JOB, b"{}", persistent=False))
        assert (await bus.depth(JOBS_QUEUE)).messages == 1
    assert await disk.holds() == []
