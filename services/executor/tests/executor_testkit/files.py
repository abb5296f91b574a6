"""Files for tests: kept in a moment, and read as a whole."""

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from common.ids import new_id
from common.times import utc_now
from executor.domain.files.file import NewFile, Origin, StoredFile
from executor.domain.files.files import WorkspaceFiles

_NUMBERS = itertools.count()


def new_file(name: str = "a.txt", workspace_id: str = "ws_1", **given: Any) -> NewFile:
    """Return a file whose content is yet to come."""
    file_id = given.pop("file_id", None) or new_id("file")
    made = utc_now() + timedelta(milliseconds=next(_NUMBERS))  # so that each has a place in lists
    return NewFile(file_id, workspace_id, name, made, "usr_1", **given)


def made_by(job_id: str = "job_1", call: int = 1) -> Origin:
    return Origin(job_id, "task_1", call)


async def parts(*data: bytes) -> AsyncIterator[bytes]:
    for one in data:
        yield one


async def kept(
    files: WorkspaceFiles, name: str, content: bytes, workspace_id: str = "ws_1"
) -> StoredFile:
    """Keep an upload."""
    return await files.put(new_file(name, workspace_id), parts(content))


async def whole(files: WorkspaceFiles, file: StoredFile, *bounds: int) -> bytes:
    return b"".join([piece async for piece in files.read(file, *bounds)])
