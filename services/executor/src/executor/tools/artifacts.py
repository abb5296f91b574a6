"""What tools make for people: bytes that a call keeps as an artifact of its job."""

import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from common.times import utc_now
from executor.domain.files.file import NewFile, Origin, StoredFile, clean_name
from executor.domain.files.files import WorkspaceFiles
from executor.tools.call import Call

_ID = 26


class Artifacts:
    """Keeps artifacts. Any tool may use it."""

    def __init__(self, files: WorkspaceFiles) -> None:
        self._files = files

    async def keep(
        self,
        call: Call,
        name: str,
        content: bytes | AsyncIterable[bytes],
        *,
        media_type: str = "",
        part: int = 0,
    ) -> StoredFile:
        """Keep `content` as an artifact of the job of `call`, and return it.

        A call has one artifact for each `part`: if it is made again after a crash, the artifact is there
        already, is returned, and `content` is not read. The id follows from the call. The artifact is added
        to `call.kept`, from where it gets into the job's log. Raises `InvalidRequest` for a name that cannot
        be, `PayloadTooLarge`, `Conflict` if the workspace may keep no more, and `Unavailable`.
        """
        new = NewFile(
            artifact_id(call, part),
            call.workspace_id,
            clean_name(name),
            utc_now(),
            call.job_id,
            media_type,
            Origin(call.job_id, call.task_id, call.number, part),
        )
        if isinstance(content, bytes):
            file = await self._files.put(new, _one(content), expected=len(content))
        else:
            file = await self._files.put(new, content)
        call.kept.append(file)
        return file


def artifact_id(call: Call, part: int = 0) -> str:
    """Return the id of what a call makes: the same however often it is made."""
    digest = hashlib.sha256(f"{call.workspace_id}:{call.key}:{part}".encode()).hexdigest()
    return f"file_{digest[:_ID]}"


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content
