"""The files of workspaces: kept, read, listed and deleted.

A file is a record and its bytes. An upload writes the record first, which nobody sees, then its place in the
workspace's account, then the bytes; it becomes visible by one write to the record. So a process that dies
leaves a record by which a sweep finds all that has to go.
"""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from common.contracts.uploads import MB
from common.errors import Conflict, KasalError, NotFound, Unavailable
from common.idempotency.once import Once, Receipts, at_most_once, receipt_of
from common.ids import new_id
from common.logs import get_logger
from common.process.background import Background
from common.storage.cursors import Place, check_reach, cursor, place_of
from common.times import utc_now
from executor.domain.files.file import FileKind, NewFile, StoredFile, media_type_of
from executor.domain.files.ports import Contents, FileAccounts, FileRecords, Unfinished

log = get_logger(__name__)

SWEPT_EVERY = 600.0
"""Seconds between two sweeps of a process."""
_ABANDONED_AFTER = timedelta(days=1)
_SWEPT_TOGETHER = 100
_GROWTH = 8 * MB
"""Bytes that an upload of unknown length takes from the account at a time."""
_BEGINNING = 64
_NONE: Mapping[str, str] = {}
_SMALL = 10 * MB
"""Bytes up to which a delete waits until all of them are gone."""

OnceFor = Callable[[StoredFile], Once[StoredFile] | None]
"""Makes the request with an Idempotency-Key of a file: what was sent is known when all of it has come."""


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a workspace may keep; 0 is no limit for `total_mb` and `count`. An MB is a million bytes."""

    file_mb: int = 1_000
    total_mb: int = 10_000
    count: int = 10_000


@dataclass(frozen=True, slots=True)
class FilePage:
    """A page of a list of files. `next` is the cursor of the next page, None at the end."""

    files: Sequence[StoredFile]
    total: int
    next: str | None


class WorkspaceFiles:
    """The files of all workspaces. A file never changes; what is written anew is another file."""

    def __init__(
        self, records: FileRecords, contents: Contents, accounts: FileAccounts, limits: FileLimits
    ) -> None:
        self._records = records
        self._contents = contents
        self._accounts = accounts
        self._limits = limits
        self._removals = Background()

    @property
    def receipts(self) -> Receipts:
        return self._records

    async def put(
        self,
        new: NewFile,
        source: AsyncIterable[bytes],
        *,
        expected: int | None = None,
        once: "OnceFor | None" = None,
    ) -> StoredFile:
        """Keep what `source` yields and return the file; `expected` is its length if that is known.

        If there is a whole file of that id, return it and read nothing. Whatever `source` raises is
        raised again, and nothing stays. Raises `PayloadTooLarge` beyond the largest file, `Conflict`
        beyond what the workspace may keep, `Unavailable`, and as `at_most_once`.
        """
        content = new_id("content")
        earlier = await self._records.begin(new, content)
        if isinstance(earlier, StoredFile):
            return earlier
        if earlier is not None:
            await self._remove(earlier, erase=False)
        try:
            return await self._upload(_Upload(new, content, source, expected), once)
        except BaseException:
            await self._give_up(new, content)
            raise

    async def _upload(self, upload: "_Upload", once: "OnceFor | None") -> StoredFile:
        new, content = upload.new, upload.content
        workspace_id = new.workspace_id
        if not await self._accounts.hold(workspace_id, content, upload.held):
            raise await self._full(workspace_id)
        limit = self._limits.file_mb * MB
        blob = await self._contents.put(
            workspace_id, content, self._count_parts(upload), limit=limit
        )
        await self._resize(upload, blob.size)
        file = StoredFile(
            new.file_id,
            workspace_id,
            new.name,
            new.created_at,
            new.created_by,
            media_type_of(new.name, bytes(upload.beginning), new.media_type),
            blob.size,
            blob.sha256,
            content,
            new.origin,
        )
        given = None if once is None else once(file)
        await at_most_once(given, self._records, lambda: self._publish(file, given))
        await self._accounts.settle(workspace_id, content)
        return file

    async def _publish(self, file: StoredFile, once: Once[StoredFile] | None) -> StoredFile:
        if not await self._records.publish(file, receipt_of(once, file)):
            raise _too_late(file.name)
        return file

    async def _count_parts(self, upload: "_Upload") -> AsyncIterator[bytes]:
        """Yield the source's bytes; take more from the account before they exceed what is held."""
        async for part in upload.source:
            upload.taken += len(part)
            if len(upload.beginning) < _BEGINNING:
                upload.beginning += part[: _BEGINNING - len(upload.beginning)]
            if upload.taken > upload.held:
                await self._resize(upload, upload.taken + _GROWTH)
            yield part

    async def _resize(self, upload: "_Upload", size: int) -> None:
        before, workspace_id = upload.held, upload.new.workspace_id
        if size == before:
            return
        fits = await self._accounts.resize(workspace_id, upload.content, before, size)
        if fits is None:
            raise _too_late(upload.new.name)
        if not fits:
            if size <= upload.taken:
                raise await self._full(workspace_id)
            await self._resize(upload, upload.taken)  # not for more than has come
            return
        upload.held = size

    async def _full(self, workspace_id: str) -> Conflict:
        stored, count = await self._accounts.usage(workspace_id)
        limits = self._limits
        setting, limit = "KASAL_WORKSPACE_FILES_MB", limits.total_mb
        what = f"takes {stored / MB:,.1f} MB with its files, and may keep {limit:,} MB"
        if limits.count and count >= limits.count:
            setting, limit = "KASAL_WORKSPACE_FILES", limits.count
            what = f"has {count:,} files, as many as it may keep"
        return Conflict(
            f"This workspace {what} ({setting}). Delete files that are not needed; the operator can raise it.",
            reason="the workspace's files take as much as they may",
            details={"setting": setting, "limit": limit},
        )

    async def _give_up(self, new: NewFile, content: str) -> None:
        try:
            left = _Left(new.file_id, new.workspace_id, content)
            if await self._records.give_up(new.file_id, content):
                await self._remove(left)
                return
            kept = await self._records.find(new.workspace_id, new.file_id)
            if kept is None or kept.content != content:
                # Another try took the id over, perhaps before this one took its room.
                await self._remove(left, erase=False)
        except KasalError as fault:
            log.warning("an upload is left to the sweep", file=new.file_id, reason=str(fault))

    async def _remove(self, left: Unfinished, *, erase: bool = True) -> None:
        await self._count_out(left)
        await self._contents.delete(left.workspace_id, left.content)
        if erase:
            await self._records.erase(left.file_id, left.content)
        if left.size is not None:
            await self._accounts.forget(left.workspace_id, left.content)

    async def _count_out(self, left: Unfinished) -> None:
        if left.size is None:
            await self._accounts.release(left.workspace_id, left.content)
        else:
            await self._accounts.remove(left.workspace_id, left.content, left.size)

    async def get(self, workspace_id: str, file_id: str) -> StoredFile:
        """Return a file of the workspace. Raises `NotFound`."""
        found = await self._records.find(workspace_id, file_id)
        if found is None:
            raise NotFound(f"There is no file {file_id}.")
        return found

    async def of_name(
        self, workspace_id: str, name: str, job_id: str, copied: Mapping[str, str] = _NONE
    ) -> StoredFile:
        """Return what a job means by `name`: a file's id, its own newest artifact, the newest upload.

        Between these two come the artifacts in its `copied` history, whose ids are told by their names. Raises
        `NotFound`.
        """
        found = await self._records.find(workspace_id, name) if name.startswith("file_") else None
        found = found or await self._records.newest(workspace_id, name, job_id)
        if found is None and name in copied:
            found = await self._records.find(workspace_id, copied[name])
        found = found or await self._records.newest(workspace_id, name, None)
        if found is None:
            raise NotFound(f"There is no file {name}.")
        return found

    async def read(
        self, file: StoredFile, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        """Yield a file's bytes from `start` up to `stop`, a piece at a time. Raises `NotFound` if it is gone."""
        try:
            blob = await self._contents.stat(file.workspace_id, file.content)
        except NotFound:
            raise NotFound(f"The file {file.name} was deleted.") from None
        async for piece in self._contents.read(blob, start, stop):
            yield piece

    async def page(
        self,
        workspace_id: str,
        *,
        kind: FileKind | None = None,
        job_id: str | None = None,
        skip: int = 0,
        limit: int,
        after: str | None = None,
    ) -> FilePage:
        """Return a page of files, newest first: of a workspace, or the artifacts of a job.

        Raises `InvalidRequest` for a cursor of another list and for a page too far down.
        """
        scope = ("files", workspace_id, kind, job_id)
        before = None if after is None else place_of(after, scope)
        check_reach(skip)
        total = await self._records.count(workspace_id, kind=kind, job_id=job_id)
        found = await self._records.page(
            workspace_id, kind=kind, job_id=job_id, skip=skip, limit=limit + 1, before=before
        )
        shown = found[:limit]
        more = len(found) > limit
        last = (shown[-1].created_at, shown[-1].file_id) if more else None
        return FilePage(shown, total, None if last is None else cursor(last, scope))

    async def artifacts(
        self,
        workspace_id: str,
        job_id: str,
        named: Sequence[str],
        *,
        skip: int = 0,
        limit: int,
        after: str | None = None,
    ) -> FilePage:
        """Return a page of what a job has made, newest first, with what another has made of the `named` files.

        These are in its log, as it is a fork or a replay: a list of at most some hundred ids. Raises as `page`.
        """
        others = await self._made_elsewhere(workspace_id, job_id, named)
        if not others:
            return await self.page(workspace_id, job_id=job_id, skip=skip, limit=limit, after=after)
        scope = ("files", workspace_id, None, job_id)
        before = None if after is None else place_of(after, scope)
        check_reach(skip)
        most = skip + limit + 1
        own = await self._records.page(
            workspace_id, kind=None, job_id=job_id, skip=0, limit=most, before=before
        )
        behind = [one for one in others if before is None or _place(one) < before]
        found = sorted([*own, *behind], key=_place, reverse=True)[skip:most]
        total = await self._records.count(workspace_id, kind=None, job_id=job_id) + len(others)
        next_page = cursor(_place(found[limit - 1]), scope) if len(found) > limit else None
        return FilePage(found[:limit], total, next_page)

    async def _made_elsewhere(
        self, workspace_id: str, job_id: str, named: Sequence[str]
    ) -> list[StoredFile]:
        found = await self._records.find_all(workspace_id, named) if named else ()
        return [one for one in found if one.origin is not None and one.origin.job_id != job_id]

    async def delete(self, workspace_id: str, file_id: str) -> None:
        """Delete a file, which nobody sees from now on. Raises `NotFound`."""
        left = await self._records.doom(workspace_id, file_id)
        if left is None:
            raise NotFound(f"There is no file {file_id}.")
        await self._count_out(left)
        removal = self._removals.start(self._remove(left), name="remove file", file=file_id)
        if (left.size or 0) <= _SMALL:
            await asyncio.wait({removal})

    async def close(self) -> None:
        """Stop removing the bytes of deleted files; a sweep goes on with it."""
        await self._removals.close()

    async def sweep(self) -> int:
        """Remove what dead processes have left; return how many files that were, at most a hundred."""
        before = utc_now() - _ABANDONED_AFTER
        left = await self._records.take_unfinished(before, _SWEPT_TOGETHER)
        for one in left:
            await self._remove(one)
        await self._contents.sweep()
        return len(left)


def _place(file: StoredFile) -> Place:
    return file.created_at, file.file_id


def _too_late(name: str) -> Unavailable:
    return Unavailable(f"Storing {name} took too long, or was begun anew: try again.")


@dataclass(slots=True)
class _Upload:
    """An upload in progress. `held` is what the account has for it, `taken` what has come."""

    new: NewFile
    content: str
    source: AsyncIterable[bytes]
    expected: int | None
    held: int = 0
    taken: int = 0
    beginning: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.held = self.expected or 0


@dataclass(frozen=True, slots=True)
class _Left:
    file_id: str
    workspace_id: str
    content: str
    size: int | None = None
