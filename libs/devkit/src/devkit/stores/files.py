"""Files in memory: their records, their bytes and the accounts of their workspaces."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from common.contracts.uploads import MB
from common.errors import NotFound, PayloadTooLarge
from common.idempotency.once import KeyTaken, Receipt
from common.ids import new_id
from common.storage.blobs import Blob, BlobGone
from common.storage.cursors import Place
from common.times import utc_now
from executor.domain.files.file import FileKind, NewFile, StoredFile
from executor.domain.files.files import FileLimits, WorkspaceFiles

_PIECE = 255 * 1024


@dataclass
class Row:
    """A record. Fulfils `Unfinished`."""

    file_id: str
    workspace_id: str
    content: str
    since: datetime
    state: str = "put"
    file: StoredFile | None = None
    receipt: Receipt | None = None

    @property
    def size(self) -> int | None:
        return None if self.file is None else self.file.size


class MemoryFileRecords:
    """Fulfils `FileRecords`."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    async def begin(self, new: NewFile, content: str) -> StoredFile | Row | None:
        earlier = self.rows.get(new.file_id)
        if earlier is not None and earlier.state == "whole":
            return earlier.file
        self.rows[new.file_id] = Row(new.file_id, new.workspace_id, content, utc_now())
        return earlier

    async def publish(self, file: StoredFile, receipt: Receipt | None) -> bool:
        row = self.rows.get(file.file_id)
        if row is None or (row.content, row.state) != (file.content, "put"):
            return False
        if receipt is not None and await self.receipt(receipt.key, utc_now()):
            raise KeyTaken
        row.state, row.file, row.receipt = "whole", file, receipt
        return True

    async def receipt(self, key: str, now: datetime) -> Receipt | None:
        held = (row.receipt for row in self.rows.values() if row.receipt is not None)
        return next((one for one in held if one.key == key and one.until > now), None)

    async def forget(self, now: datetime) -> None:
        for row in self.rows.values():
            if row.receipt is not None and row.receipt.until <= now:
                row.receipt = None

    async def find(self, workspace_id: str, file_id: str) -> StoredFile | None:
        return next((f for f in self._whole(workspace_id) if f.file_id == file_id), None)

    async def find_all(self, workspace_id: str, file_ids: Sequence[str]) -> Sequence[StoredFile]:
        return [file for file in self._whole(workspace_id) if file.file_id in file_ids]

    async def newest(self, workspace_id: str, name: str, job_id: str | None) -> StoredFile | None:
        named = (file for file in self._whole(workspace_id) if file.name == name)
        return max((f for f in named if _job_of(f) == job_id), key=_place, default=None)

    async def page(
        self,
        workspace_id: str,
        *,
        kind: FileKind | None,
        job_id: str | None,
        skip: int,
        limit: int,
        before: Place | None,
    ) -> Sequence[StoredFile]:
        found = sorted(self._of(workspace_id, kind, job_id), key=_place, reverse=True)
        left = [file for file in found if before is None or _place(file) < before]
        return left[skip : skip + limit]

    async def count(self, workspace_id: str, *, kind: FileKind | None, job_id: str | None) -> int:
        return sum(1 for _ in self._of(workspace_id, kind, job_id))

    async def doom(self, workspace_id: str, file_id: str) -> Row | None:
        row = self.rows.get(file_id)
        if row is None or (row.workspace_id, row.state) != (workspace_id, "whole"):
            return None
        row.state, row.receipt = "doomed", None
        return row

    async def give_up(self, file_id: str, content: str) -> bool:
        row = self.rows.get(file_id)
        if row is None or (row.content, row.state) != (content, "put"):
            return False
        row.state = "doomed"
        return True

    async def erase(self, file_id: str, content: str) -> None:
        row = self.rows.get(file_id)
        if row is not None and (row.content, row.state) == (content, "doomed"):
            del self.rows[file_id]

    async def take_unfinished(self, before: datetime, limit: int) -> Sequence[Row]:
        left = [r for r in self.rows.values() if r.state != "whole" and r.since < before]
        for row in left[:limit]:
            row.state = "doomed"
        return left[:limit]

    def _whole(self, workspace_id: str) -> Iterator[StoredFile]:
        for row in self.rows.values():
            if row.state == "whole" and row.file and row.workspace_id == workspace_id:
                yield row.file

    def _of(
        self, workspace_id: str, kind: FileKind | None, job_id: str | None
    ) -> Iterator[StoredFile]:
        for file in self._whole(workspace_id):
            if kind in {None, file.kind} and job_id in {None, _job_of(file)}:
                yield file


def _job_of(file: StoredFile) -> str | None:
    return None if file.origin is None else file.origin.job_id


def _place(file: StoredFile) -> Place:
    return file.created_at, file.file_id


class MemoryContents:
    """Fulfils `Contents`."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], bytes] = {}

    async def put(self, owner: str, name: str, source: AsyncIterable[bytes], *, limit: int) -> Blob:
        data = b""
        async for part in source:
            data += part
            if len(data) > limit:
                raise PayloadTooLarge(f"It is larger than {limit:,} bytes.")
        self.held[owner, name] = data
        return await self.stat(owner, name)

    async def stat(self, owner: str, name: str) -> Blob:
        data = self.held.get((owner, name))
        if data is None:
            raise NotFound(f"There is no blob {name}.")
        digest = hashlib.sha256(data).hexdigest()
        return Blob(new_id("blob"), owner, name, len(data), digest, utc_now())

    async def read(
        self, blob: Blob, start: int = 0, stop: int | None = None
    ) -> AsyncIterator[bytes]:
        end = blob.size if stop is None else stop
        for place in range(start, end, _PIECE):
            data = self.held.get((blob.owner, blob.name))
            if data is None:
                raise BlobGone(f"The blob {blob.name} was deleted while it was read.")
            yield data[place : min(place + _PIECE, end)]

    async def delete(self, owner: str, name: str) -> bool:
        return self.held.pop((owner, name), None) is not None

    async def sweep(self) -> int:
        return 0


@dataclass
class Account:
    bytes: int = 0
    count: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)


class MemoryFileAccounts:
    """Fulfils `FileAccounts`. 0 is no limit."""

    def __init__(self, *, most_bytes: int = 0, most_files: int = 0) -> None:
        self._most_bytes = most_bytes
        self._most_files = most_files
        self.accounts: dict[str, Account] = {}

    def _of(self, workspace_id: str) -> Account:
        return self.accounts.setdefault(workspace_id, Account())

    def _fits(self, account: Account, size: int) -> bool:
        return size <= 0 or not self._most_bytes or account.bytes + size <= self._most_bytes

    async def hold(self, workspace_id: str, content: str, size: int) -> bool:
        account = self._of(workspace_id)
        if self._most_files and account.count >= self._most_files:
            return False
        if not self._fits(account, size):
            return False
        account.bytes, account.count = account.bytes + size, account.count + 1
        account.holds[content] = size
        return True

    async def resize(self, workspace_id: str, content: str, before: int, after: int) -> bool | None:
        account = self._of(workspace_id)
        if content not in account.holds:
            return None
        if not self._fits(account, after - before):
            return False
        account.bytes += after - before
        account.holds[content] = after
        return True

    async def settle(self, workspace_id: str, content: str) -> None:
        self._of(workspace_id).holds.pop(content, None)

    async def release(self, workspace_id: str, content: str) -> None:
        account = self._of(workspace_id)
        if content in account.holds:
            account.bytes, account.count = (
                account.bytes - account.holds.pop(content),
                account.count - 1,
            )

    async def remove(self, workspace_id: str, content: str, size: int) -> None:
        account = self._of(workspace_id)
        account.holds.pop(content, None)
        if content not in account.removed:
            account.removed.add(content)
            account.bytes, account.count = account.bytes - size, account.count - 1

    async def forget(self, workspace_id: str, content: str) -> None:
        self._of(workspace_id).removed.discard(content)

    async def usage(self, workspace_id: str) -> tuple[int, int]:
        account = self._of(workspace_id)
        return account.bytes, account.count


def memory_files(limits: FileLimits | None = None) -> WorkspaceFiles:
    """Return files that are kept in memory."""
    limits = limits or FileLimits()
    accounts = MemoryFileAccounts(most_bytes=limits.total_mb * MB, most_files=limits.count)
    return WorkspaceFiles(MemoryFileRecords(), MemoryContents(), accounts, limits)
