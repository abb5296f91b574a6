"""What files need from outside. Calls raise `Unavailable` while a backend is down."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from common.idempotency.once import Receipt, Receipts
from common.storage.blobs import Blob
from common.storage.cursors import Place
from executor.domain.files.file import FileKind, NewFile, StoredFile


class Contents(Protocol):
    """The bytes of files. `common.storage.blobs.Blobs` fulfils it."""

    async def put(
        self, owner: str, name: str, source: AsyncIterable[bytes], *, limit: int
    ) -> Blob: ...

    async def stat(self, owner: str, name: str) -> Blob: ...

    def read(self, blob: Blob, start: int = 0, stop: int | None = None) -> AsyncIterator[bytes]: ...

    async def delete(self, owner: str, name: str) -> bool: ...

    async def sweep(self) -> int: ...


class Unfinished(Protocol):
    """A file that is being uploaded or deleted: enough to remove all of it."""

    @property
    def file_id(self) -> str: ...

    @property
    def workspace_id(self) -> str: ...

    @property
    def content(self) -> str: ...

    @property
    def size(self) -> int | None:
        """Its bytes if it was whole, else None."""


class FileRecords(Receipts, Protocol):
    """What is known about files. Only whole files can be seen."""

    async def begin(self, new: NewFile, content: str) -> StoredFile | Unfinished | None:
        """Note that `content` is being uploaded as `new`, and return None.

        If there is a whole file of that id, return it and change nothing. If another upload of that id
        has begun or its file is being deleted, take the id over and return what is left of the other.
        """

    async def publish(self, file: StoredFile, receipt: Receipt | None) -> bool:
        """Make `file` visible unless its upload was given up meanwhile; return whether it is.

        Raises `KeyTaken` if another file has a receipt with the same key.
        """

    async def find(self, workspace_id: str, file_id: str) -> StoredFile | None:
        """Return a whole file of the workspace."""

    async def find_all(self, workspace_id: str, file_ids: Sequence[str]) -> Sequence[StoredFile]:
        """Return those of the files that are whole, in any order."""

    async def newest(self, workspace_id: str, name: str, job_id: str | None) -> StoredFile | None:
        """Return the newest upload of that name, or the newest artifact of the job."""

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
        """Return files, newest first, from behind `skip` or `before`."""

    async def count(self, workspace_id: str, *, kind: FileKind | None, job_id: str | None) -> int:
        """Return how many there are, at most 10,000."""

    async def doom(self, workspace_id: str, file_id: str) -> Unfinished | None:
        """Hide a whole file for good, and return what is left to be removed."""

    async def give_up(self, file_id: str, content: str) -> bool:
        """Doom an upload unless it was published; return whether it is now doomed."""

    async def erase(self, file_id: str, content: str) -> None:
        """Remove the record of a doomed file, the last trace of it."""

    async def take_unfinished(self, before: datetime, limit: int) -> Sequence[Unfinished]:
        """Doom uploads that began before, and return them with all that were doomed before."""


class FileAccounts(Protocol):
    """How many files and bytes each workspace has, uploads in progress included.

    A change of an account is one write, on the condition that it stays within the limits.
    """

    async def hold(self, workspace_id: str, content: str, size: int) -> bool:
        """Count a new file of `size` bytes; return whether there is room."""

    async def resize(self, workspace_id: str, content: str, before: int, after: int) -> bool | None:
        """Change the size of what is held; return whether there is room, or None if it is not held any more."""

    async def settle(self, workspace_id: str, content: str) -> None:
        """End a hold: what it held stays counted."""

    async def release(self, workspace_id: str, content: str) -> None:
        """End a hold and count its file no longer. A second time does nothing."""

    async def remove(self, workspace_id: str, content: str, size: int) -> None:
        """Count a whole file no longer. A second time does nothing, until it is forgotten."""

    async def forget(self, workspace_id: str, content: str) -> None:
        """Forget a removal that is over: nothing will repeat it."""

    async def usage(self, workspace_id: str) -> tuple[int, int]:
        """Return the bytes and the number of files."""
