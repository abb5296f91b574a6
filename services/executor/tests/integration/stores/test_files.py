"""Files over each kind of store: seen when whole, counted exactly, and gone without a trace.

Covers: executor.store.file_accounts
"""

import asyncio
from datetime import timedelta
from types import SimpleNamespace

import pytest
from executor_testkit.files import kept, made_by, new_file, parts, whole

from common.errors import Conflict, InvalidRequest, NotFound, PayloadTooLarge, Unavailable
from common.idempotency.once import Receipt
from common.storage.blobs import Blobs
from common.times import utc_now
from devkit.stores.files import MemoryContents, MemoryFileAccounts, MemoryFileRecords
from executor.domain.files import files as module
from executor.domain.files.files import FileLimits, WorkspaceFiles
from executor.store.file_accounts import MongoFileAccounts
from executor.store.files import MongoFileRecords
from executor.store.migrations import SCHEMA

MB = 1_000_000


@pytest.fixture
def limits():
    return FileLimits(file_mb=2, total_mb=3, count=6)


@pytest.fixture
async def site(in_memory, store_database, limits):
    given = {"most_bytes": limits.total_mb * MB, "most_files": limits.count}
    if in_memory:
        records, contents = MemoryFileRecords(), MemoryContents()
        accounts = MemoryFileAccounts(**given)
    else:
        database = store_database("executor")
        await SCHEMA.indexes(database)
        records, contents = MongoFileRecords(database), Blobs(database)
        accounts = MongoFileAccounts(database, **given)
    files = WorkspaceFiles(records, contents, accounts, limits)
    yield SimpleNamespace(records=records, contents=contents, accounts=accounts, files=files)
    await files.close()


@pytest.fixture
def files(site):
    return site.files


async def listed(files, **filters):
    return [file.name for file in (await files.page("ws_1", limit=50, **filters)).files]


async def test_a_file_is_kept_read_listed_and_deleted(site, files):
    file = await files.put(new_file("a.csv"), parts(b"name,n\n", b"tea,1\n"))
    assert (file.size, file.media_type, file.kind) == (13, "text/csv", "upload")
    found = await files.get("ws_1", file.file_id)
    assert found.sha256 == file.sha256
    assert await whole(files, found) == b"name,n\ntea,1\n"
    assert await whole(files, found, 5, 9) == b"n\nte"
    with pytest.raises(NotFound):
        await files.get("ws_2", file.file_id)
    with pytest.raises(NotFound):
        await files.delete("ws_2", file.file_id)
    assert await site.accounts.usage("ws_1") == (13, 1)
    await files.delete("ws_1", file.file_id)
    assert await site.accounts.usage("ws_1") == (0, 0)
    for gone in (files.get("ws_1", file.file_id), files.delete("ws_1", file.file_id)):
        with pytest.raises(NotFound):
            await gone
    with pytest.raises(NotFound, match="was deleted"):
        await whole(files, found)


async def test_lists_have_filters_and_cursors(files):
    for number in range(4):
        await kept(files, f"{number}.txt", b"x")
    await files.put(new_file("made.md", origin=made_by()), parts(b"m"))
    await kept(files, "theirs.txt", b"x", "ws_2")
    assert await listed(files) == ["made.md", "3.txt", "2.txt", "1.txt", "0.txt"]
    assert await listed(files, kind="upload") == ["3.txt", "2.txt", "1.txt", "0.txt"]
    assert await listed(files, job_id="job_1") == ["made.md"]
    shown, after = [], None
    while True:
        page = await files.page("ws_1", kind="upload", limit=3, after=after)
        shown, after = shown + [file.name for file in page.files], page.next
        assert page.total == 4
        if after is None:
            break
        with pytest.raises(InvalidRequest):
            await files.page("ws_1", limit=3, after=after)
    assert shown == ["3.txt", "2.txt", "1.txt", "0.txt"]
    assert [file.name for file in (await files.page("ws_1", skip=3, limit=1)).files] == ["1.txt"]


async def test_a_name_means_the_newest_and_of_artifacts_only_the_jobs_own(files):
    await kept(files, "a.txt", b"old")
    newer = await kept(files, "a.txt", b"new")
    made = await files.put(new_file("a.txt", origin=made_by("job_1")), parts(b"made"))
    assert (await files.of_name("ws_1", "a.txt", "job_2")).file_id == newer.file_id
    assert (await files.of_name("ws_1", "a.txt", "job_1")).file_id == made.file_id
    assert (await files.of_name("ws_1", made.file_id, "job_2")).file_id == made.file_id
    with pytest.raises(NotFound):
        await files.of_name("ws_2", "a.txt", "job_1")


async def test_what_breaks_off_leaves_nothing(site, files):
    async def broken():
        yield b"x" * 1000
        raise RuntimeError("the client is gone")

    with pytest.raises(RuntimeError):
        await files.put(new_file(), broken())
    with pytest.raises(PayloadTooLarge):
        await files.put(new_file(), parts(b"x" * MB, b"x" * MB, b"x"))
    assert await site.accounts.usage("ws_1") == (0, 0)
    assert await listed(files) == []
    assert await site.records.take_unfinished(utc_now() + timedelta(days=9), 9) == []


@pytest.mark.parametrize("told", [True, False])
async def test_no_upload_beside_others_takes_more_than_there_is(site, files, told, limits):
    data = b"x" * 700_000
    expected = len(data) if told else None
    done = await asyncio.gather(
        *(
            files.put(new_file(f"{n}.bin"), parts(data[:1000], data[1000:]), expected=expected)
            for n in range(10)
        ),
        return_exceptions=True,
    )
    refused = [one for one in done if isinstance(one, Conflict)]
    held = [one for one in done if not isinstance(one, BaseException)]
    assert len(refused) + len(held) == 10
    assert 0 < len(held) <= 4, "3 MB hold four, and none is torn away for those that do not fit"
    if told:
        assert len(held) == 4
    assert all("KASAL_WORKSPACE_FILES" in str(one) for one in refused)
    assert await site.accounts.usage("ws_1") == (700_000 * len(held), len(held))
    assert (await files.put(new_file(workspace_id="ws_2"), parts(data))).size == 700_000


async def test_artifacts_of_a_fork_come_with_those_of_its_copied_history(files):
    made = [
        await files.put(new_file(f"{n}.md", origin=made_by(job)), parts(b"x"))
        for n, job in enumerate(("job_1", "job_1", "job_1", "job_2", "job_2"))
    ]
    ids = [file.file_id for file in made]
    named = [ids[0], ids[1], ids[3], "file_none"]  # the third came after the fork
    shown, after = [], None
    while shown == [] or after is not None:
        page = await files.artifacts("ws_1", "job_2", named, limit=1, after=after)
        shown, after = shown + [file.name for file in page.files], page.next
        assert page.total == 4
    assert shown == ["4.md", "3.md", "1.md", "0.md"]
    second = await files.artifacts("ws_1", "job_2", named, skip=1, limit=2)
    assert [file.name for file in second.files] == ["3.md", "1.md"]
    assert (await files.artifacts("ws_2", "job_2", named, limit=5)).files == []
    await files.delete("ws_1", ids[1])
    left = await files.artifacts("ws_1", "job_2", named, limit=5)
    assert ([file.name for file in left.files], left.total) == (["4.md", "3.md", "0.md"], 3)
    assert (await files.of_name("ws_1", "0.md", "job_2", {"0.md": ids[0]})).file_id == ids[0]
    assert (await files.of_name("ws_1", "4.md", "job_2", {"4.md": ids[0]})).file_id == ids[4]


async def test_so_many_files_and_no_more(site, files, limits):
    done = await asyncio.gather(
        *(kept(files, f"{n}.txt", b"x") for n in range(12)), return_exceptions=True
    )
    assert sum(isinstance(one, Conflict) for one in done) == 6
    assert await site.accounts.usage("ws_1") == (6, 6)
    await files.delete("ws_1", (await files.page("ws_1", limit=1)).files[0].file_id)
    assert (await kept(files, "again.txt", b"x")).size == 1


async def test_a_dead_process_leaves_nothing_after_the_sweep(site, files, monkeypatch):
    """It may die after each of the steps by which a file is kept or deleted."""
    await site.records.begin(new_file(file_id="file_1"), "content_1")
    await site.records.begin(new_file(file_id="file_2"), "content_2")
    await site.accounts.hold("ws_1", "content_2", 500)
    await site.records.begin(new_file(file_id="file_3"), "content_3")
    await site.accounts.hold("ws_1", "content_3", 3)
    await site.contents.put("ws_1", "content_3", parts(b"abc"), limit=9)
    whole_one = await kept(files, "whole.txt", b"whole")
    deleted = await kept(files, "deleted.txt", b"deleted")
    await site.records.doom("ws_1", deleted.file_id)
    assert await files.sweep() == 0, "they may be going on"
    assert await site.accounts.usage("ws_1") == (515, 4)
    monkeypatch.setattr(module, "_ABANDONED_AFTER", timedelta(seconds=-5))
    assert await files.sweep() == 4
    assert await site.accounts.usage("ws_1") == (5, 1)
    for gone in ("content_3", deleted.content):
        with pytest.raises(NotFound):
            await site.contents.stat("ws_1", gone)
    assert await whole(files, whole_one) == b"whole"
    assert await files.sweep() == 0


async def test_an_upload_that_was_swept_is_not_seen(site, files, monkeypatch):
    monkeypatch.setattr(module, "_ABANDONED_AFTER", timedelta(seconds=-5))

    async def slow():
        yield b"a"
        assert await files.sweep() == 1
        yield b"b"

    with pytest.raises(Unavailable):
        await files.put(new_file(), slow())
    assert await files.sweep() == 0
    assert await site.accounts.usage("ws_1") == (0, 0)


async def test_one_id_is_kept_once_whoever_tries(site, files):
    """A call's artifact: made again it is the same, and a half-made one is taken over."""
    new = new_file("r.md", file_id="file_x", origin=made_by())
    await site.records.begin(new, "content_dead")
    await site.accounts.hold("ws_1", "content_dead", 900)
    first = await files.put(new, parts(b"once"))

    async def unread():
        raise AssertionError("it is there already")
        yield b""

    assert (await files.put(new, unread())).content == first.content
    assert await listed(files, job_id="job_1") == ["r.md"]
    assert await site.accounts.usage("ws_1") == (4, 1)
    both = new_file("s.md", file_id="file_y", origin=made_by(call=2))
    done = await asyncio.gather(
        *(files.put(both, parts(b"twice")) for _ in range(2)), return_exceptions=True
    )
    assert [type(one) for one in done if isinstance(one, BaseException)] in ([], [Unavailable])
    assert (await files.get("ws_1", "file_y")).size == 5
    assert await site.accounts.usage("ws_1") == (9, 2)


async def test_a_try_that_lost_its_id_before_it_took_room_gives_the_room_back(
    site, files, monkeypatch
):
    new = new_file("s.md", file_id="file_y", origin=made_by())
    hold = site.accounts.hold

    async def hold_late(workspace_id, content, size):
        monkeypatch.setattr(site.accounts, "hold", hold)
        await files.put(new, parts(b"other"))
        return await hold(workspace_id, content, size)

    monkeypatch.setattr(site.accounts, "hold", hold_late)
    with pytest.raises(Unavailable):
        await files.put(new, parts(b"mine"))
    assert await site.accounts.usage("ws_1") == (5, 1)
    assert (await files.get("ws_1", "file_y")).size == 5


async def test_a_removal_that_is_repeated_counts_once(site, files):
    file = await kept(files, "a.txt", b"abc")
    await kept(files, "b.txt", b"de")
    left = await site.records.doom("ws_1", file.file_id)
    for _ in range(2):
        await files._count_out(left)
    await files._remove(left)
    assert await site.accounts.usage("ws_1") == (2, 1)


async def test_a_removal_that_was_cut_off_counts_once_however_many_come_between(site, files):
    file, other = await kept(files, "a.txt", b"abc"), await kept(files, "b.txt", b"de")
    left = await site.records.doom("ws_1", file.file_id)
    await files._count_out(left)  # and there its process died
    await files.delete("ws_1", other.file_id)
    for number in range(3):
        await files.delete("ws_1", (await kept(files, f"{number}.txt", b"x")).file_id)
    await files._remove(left)
    assert await site.accounts.usage("ws_1") == (0, 0)


async def test_receipts_are_found_and_run_out(site, files):
    now = utc_now()
    receipt = Receipt("key", "body", b"{}", now + timedelta(hours=1))
    new = new_file(file_id="file_1")
    await site.records.begin(new, "content_1")
    file = await kept(files, "b.txt", b"x")
    published = type(file)(**{**_fields(file), "file_id": "file_1", "content": "content_1"})
    assert await site.records.publish(published, receipt)
    assert await site.records.receipt("key", now) == receipt
    await site.records.begin(new_file(file_id="file_2"), "content_2")
    second = type(file)(**{**_fields(file), "file_id": "file_2", "content": "content_2"})
    with pytest.raises(Conflict):
        await site.records.publish(second, receipt)
    await site.records.forget(now + timedelta(hours=2))
    assert await site.records.receipt("key", now) is None


def _fields(file):
    return {name: getattr(file, name) for name in file.__dataclass_fields__}
