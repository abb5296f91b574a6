"""One suite for blobs, over every database that may keep them."""

import asyncio
import hashlib
import os
import tracemalloc
from datetime import timedelta

import pytest
from gridfs.asynchronous import AsyncGridFSBucket
from pymongo.errors import ConnectionFailure

from common.errors import (
    Conflict,
    DatabaseUnavailable,
    InternalError,
    NotFound,
    PayloadTooLarge,
    Unavailable,
)
from common.storage import blobs as module
from common.storage.blobs import PIECE, BlobGone, Blobs, indexes
from common.times import utc_now
from devkit.databases import ON_MONGO

MB = 1024 * 1024
LIMIT = 8 * MB


@pytest.fixture
def database(store_database):
    return store_database("blobs")


@pytest.fixture
async def blobs(database):
    await indexes(database)
    return Blobs(database)


def content(size):
    return (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


async def parts(data, size=64 * 1024):
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def whole(blobs, blob, *bounds):
    return b"".join([piece async for piece in blobs.read(blob, *bounds)])


async def remains(database):
    return [await database[f"blobs.{name}"].count_documents({}) for name in ("files", "chunks")]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 4 * MB + 7])
async def test_what_was_put_is_read_again(blobs, database, size):
    data = content(size)
    put = await blobs.put("ws_1", "files/a.bin", parts(data), limit=LIMIT)
    assert (put.size, put.sha256) == (size, hashlib.sha256(data).hexdigest())
    found = await blobs.stat("ws_1", "files/a.bin")
    assert found == put
    assert await whole(blobs, found) == data
    assert await remains(database) == [1, -(-size // PIECE)]


@pytest.mark.parametrize("part", [1, 1000, PIECE, PIECE + 1, 3 * MB])
async def test_the_sizes_of_a_sources_parts_do_not_matter(blobs, part):
    data = content(PIECE + 300 if part == 1 else 3 * MB)
    blob = await blobs.put("ws_1", "a", parts(data, part), limit=LIMIT)
    assert await whole(blobs, blob) == data


async def test_a_range_is_read_without_the_pieces_around_it(blobs, database, work):
    data = content(3 * PIECE + 100)
    blob = await blobs.put("ws_1", "a", parts(data), limit=LIMIT)
    edges = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 3 * PIECE, len(data) - 1, len(data)]
    for start in edges:
        for stop in (*edges, len(data) + 5):
            assert await whole(blobs, blob, start, stop) == data[start:stop], (start, stop)
    assert await whole(blobs, blob, len(data) + 1) == b""
    with pytest.raises(ValueError, match="from 0"):
        await whole(blobs, blob, -1)
    await database["blobs.chunks"].delete_one({"files_id": blob.id, "n": 0})
    assert await whole(blobs, blob, PIECE, 2 * PIECE) == data[PIECE : 2 * PIECE]


async def test_nothing_is_seen_before_it_is_whole(blobs):
    came, may_end = asyncio.Event(), asyncio.Event()

    async def source():
        yield content(2 * PIECE)
        came.set()
        await may_end.wait()
        yield b"end"

    putting = asyncio.create_task(blobs.put("ws_1", "a", source(), limit=LIMIT))
    await came.wait()
    with pytest.raises(NotFound):
        await blobs.stat("ws_1", "a")
    assert await blobs.list("ws_1") == []
    assert not await blobs.delete("ws_1", "a")
    may_end.set()
    blob = await putting
    assert await blobs.list("ws_1") == [blob]


class BrokenError(Exception):
    pass


async def failing(data, fault):
    yield data
    raise fault


@pytest.mark.parametrize("before", [0, 1, 3 * PIECE + 5])
async def test_a_source_that_fails_leaves_nothing(blobs, database, before):
    with pytest.raises(BrokenError):
        await blobs.put("ws_1", "a", failing(content(before), BrokenError()), limit=LIMIT)
    assert await remains(database) == [0, 0]
    blob = await blobs.put("ws_1", "a", parts(b"again"), limit=LIMIT)
    assert await whole(blobs, blob) == b"again"


async def test_a_put_that_is_cancelled_leaves_nothing(blobs, database):
    came = asyncio.Event()

    async def source():
        yield content(2 * PIECE)
        came.set()
        await asyncio.Event().wait()

    putting = asyncio.create_task(blobs.put("ws_1", "a", source(), limit=LIMIT))
    await came.wait()
    putting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await putting
    assert await remains(database) == [0, 0]


@pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False)])
async def test_a_source_may_be_as_long_as_the_limit(blobs, database, size, fits):
    putting = blobs.put("ws_1", "a", parts(content(size)), limit=LIMIT)
    if fits:
        assert (await putting).size == LIMIT
    else:
        with pytest.raises(PayloadTooLarge, match="8,388,608"):
            await putting
        assert await remains(database) == [0, 0]


async def test_an_endless_source_is_cut_off_at_the_limit(blobs):
    given = 0

    async def source():
        nonlocal given
        while True:
            given += 1000
            yield bytes(1000)

    with pytest.raises(PayloadTooLarge):
        await blobs.put("ws_1", "a", source(), limit=MB)
    assert given <= MB + 1000


async def test_of_two_puts_of_one_name_one_wins(blobs, database):
    data = [content(PIECE + number) for number in range(1, 5)]
    putting = (blobs.put("ws_1", "a", parts(one), limit=LIMIT) for one in data)
    ended = await asyncio.gather(*putting, return_exceptions=True)
    won = [one for one in ended if not isinstance(one, BaseException)]
    assert len(won) == 1
    assert sum(isinstance(one, Conflict) for one in ended) == 3
    found = await blobs.stat("ws_1", "a")
    assert found == won[0]
    assert await whole(blobs, found) == data[ended.index(found)]
    assert await remains(database) == [1, 2]


async def test_a_name_belongs_to_its_owner(blobs):
    await blobs.put("ws_1", "a", parts(b"one"), limit=LIMIT)
    await blobs.put("ws_2", "a", parts(b"two"), limit=LIMIT)
    assert await whole(blobs, await blobs.stat("ws_1", "a")) == b"one"
    assert await blobs.delete("ws_1", "a")
    assert await whole(blobs, await blobs.stat("ws_2", "a")) == b"two"
    with pytest.raises(NotFound):
        await blobs.stat("ws_1", "a")
    assert not await blobs.delete("ws_1", "a")


@pytest.mark.parametrize("name", ["", "/a", ".a", "a\x00", "ä", "a\n", "a" * 257])
async def test_a_name_that_is_none_is_a_bug_of_the_caller(blobs, database, name):
    with pytest.raises(ValueError, match="not the name"):
        await blobs.put("ws_1", name, parts(b"one"), limit=LIMIT)
    assert await remains(database) == [0, 0]


async def test_a_list_goes_on_behind_a_name_and_keeps_to_its_prefix(blobs):
    names = ["a", "b/1", "b/10", "b/2", "b/z", "b0", "c"]
    for name in reversed(names):
        await blobs.put("ws_1", name, parts(name.encode()), limit=LIMIT)
    await blobs.put("ws_2", "b/3", parts(b"another's"), limit=LIMIT)
    assert [blob.name for blob in await blobs.list("ws_1")] == names
    assert [blob.name for blob in await blobs.list("ws_1", "b/")] == ["b/1", "b/10", "b/2", "b/z"]
    page = await blobs.list("ws_1", "b/", limit=2)
    assert [blob.name for blob in page] == ["b/1", "b/10"]
    page = await blobs.list("ws_1", "b/", after=page[-1].name, limit=2)
    assert [blob.name for blob in page] == ["b/2", "b/z"]
    assert await blobs.list("ws_1", "b/", after="b/z") == []
    assert len(await blobs.list("ws_1", limit=0)) == 1


async def test_a_reader_of_a_deleted_blob_is_told_and_never_reads_a_short_one(blobs):
    blob = await blobs.put("ws_1", "a", parts(content(3 * PIECE)), limit=LIMIT)
    reading = blobs.read(blob)
    await anext(reading)
    await blobs.delete("ws_1", "a")
    await blobs.put("ws_1", "a", parts(content(3 * PIECE)), limit=LIMIT)
    with pytest.raises(BlobGone):
        await anext(reading)


async def test_many_pieces_are_deleted_a_few_at_a_time(blobs, database, monkeypatch):
    monkeypatch.setattr(module, "_DELETED_TOGETHER", 4)
    for pieces in (4, 9):
        await blobs.put("ws_1", "a", parts(content(pieces * PIECE)), limit=LIMIT)
        assert await blobs.delete("ws_1", "a")
        assert await remains(database) == [0, 0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda pieces: pieces.delete_one({"n": 1}),
        lambda pieces: pieces.update_one({"n": 1}, {"$set": {"data": b"short"}}),
        lambda pieces: pieces.update_one({"n": 1}, {"$set": {"data": bytes(PIECE)}}),
    ],
    ids=["missing", "short", "changed"],
)
async def test_a_damaged_blob_is_never_read_to_its_end(blobs, database, damage):
    blob = await blobs.put("ws_1", "a", parts(content(3 * PIECE)), limit=LIMIT)
    await damage(database["blobs.chunks"])
    with pytest.raises(InternalError, match="damaged"):
        await whole(blobs, blob)


class Killed(BaseException):
    """The process ends: nothing that it would still do happens."""


@pytest.fixture
def killed(monkeypatch):
    async def nothing(self, blob_id):
        pass

    monkeypatch.setattr(Blobs, "_discard", nothing)


async def test_what_a_killed_put_left_is_swept_once_it_is_surely_dead(blobs, database, killed):
    with pytest.raises(Killed):
        await blobs.put("ws_1", "a", failing(content(3 * PIECE), Killed()), limit=LIMIT)
    kept = await blobs.put("ws_1", "b", parts(content(PIECE)), limit=LIMIT)
    assert await remains(database) == [2, 4]
    with pytest.raises(NotFound):
        await blobs.stat("ws_1", "a")
    assert await blobs.sweep() == 0
    assert await blobs.sweep(utc_now() + timedelta(seconds=1)) == 1
    assert await remains(database) == [1, 1]
    assert await whole(blobs, kept) == content(PIECE)


async def test_a_killed_delete_is_finished_by_the_sweep(blobs, database, monkeypatch):
    await blobs.put("ws_1", "a", parts(content(3 * PIECE)), limit=LIMIT)

    async def dies(self, blob_id):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Blobs, "_remove", dies)
        with pytest.raises(Killed):
            await blobs.delete("ws_1", "a")
    with pytest.raises(NotFound):
        await blobs.stat("ws_1", "a")
    assert await blobs.sweep() == 1
    assert await remains(database) == [0, 0]


async def test_a_put_that_outlives_its_sweep_is_not_published(blobs, database):
    async def source():
        yield content(2 * PIECE)
        assert await blobs.sweep(utc_now() + timedelta(seconds=1)) == 1
        yield content(PIECE)

    with pytest.raises(Unavailable, match="too long"):
        await blobs.put("ws_1", "a", source(), limit=LIMIT)
    assert await remains(database) == [0, 0]


async def test_a_sweep_removes_a_hundred_at_a_time(blobs, database, killed, monkeypatch):
    monkeypatch.setattr(module, "_SWEPT_TOGETHER", 3)
    for number in range(5):
        with pytest.raises(Killed):
            await blobs.put("ws_1", f"a{number}", failing(b"x", Killed()), limit=LIMIT)
    late = utc_now() + timedelta(seconds=1)
    assert [await blobs.sweep(late) for _ in range(3)] == [3, 2, 0]
    assert await remains(database) == [0, 0]


async def test_the_drivers_errors_become_ours_while_reading_too(blobs, monkeypatch):
    blob = await blobs.put("ws_1", "a", parts(content(PIECE)), limit=LIMIT)

    def is_down(*_, **__):
        raise ConnectionFailure("gone")

    monkeypatch.setattr(blobs._pieces, "find_one", is_down, raising=False)
    with pytest.raises(DatabaseUnavailable):
        await whole(blobs, blob)


async def test_a_large_blob_takes_the_memory_of_a_few_pieces(blobs):
    size, part = 8 * MB, os.urandom(64 * 1024)

    async def source():
        for _ in range(size // len(part)):
            yield part

    tracemalloc.start()
    try:
        blob = await blobs.put("ws_1", "a", source(), limit=size)
        read = 0
        async for piece in blobs.read(blob):
            read += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert read == size
    assert peak < 12 * PIECE


@ON_MONGO
async def test_mongodbs_own_reader_of_gridfs_reads_a_blob(blobs, store_database, database):
    data = content(2 * PIECE + 9)
    blob = await blobs.put("ws_1", "a", parts(data), limit=LIMIT)
    stream = await AsyncGridFSBucket(database, "blobs").open_download_stream(blob.id)
    assert await stream.read() == data
    assert stream.filename == "a"
