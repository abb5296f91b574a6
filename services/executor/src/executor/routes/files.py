"""Upload, list, read and delete files, and read what jobs have made."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from common.errors import InvalidRequest, NotFound, RangeNotSatisfiable
from common.idempotency.header import IdempotencyKey, creating
from common.idempotency.keys import GivenKey
from common.idempotency.once import Once
from common.identity import Identity
from common.ids import new_id
from common.times import utc_now
from common.web.access import Editor, Viewer
from common.web.http import error_response
from common.web.models import CursorPageQuery, failures
from common.web.requests import current_request_id
from executor.domain.files.file import NewFile, StoredFile
from executor.domain.files.files import OnceFor, WorkspaceFiles
from executor.domain.files.ranges import Part, matches, wanted_part
from executor.routes.file_bodies import (
    ArtifactList,
    FileAnswer,
    FileList,
    ListFiles,
    artifact_list,
    facts_of,
    file_answer,
    file_list,
)
from executor.routes.uploads import DOCUMENTED, Upload
from executor.routes.use_cases import ExecutorUseCases, Use

router = APIRouter(tags=["Files"])
artifacts = APIRouter(tags=["Executions"])

FilePath = Annotated[str, Path(description="A file")]
JobPath = Annotated[str, Path(description="A job")]
_BYTES: dict[str, Any] = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
_CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file's bytes, with its media type", **_BYTES},
    206: {"description": "The part that `Range` asks for", **_BYTES},
    304: {"description": "`If-None-Match` has the file's ETag"},
    **failures(416),
}
_REFUSALS = failures(400, 409, 413)


class ContentHeaders(BaseModel):
    range: Annotated[
        str | None,
        Field(description="One range of bytes: `bytes=0-1023`, `bytes=500-`, `bytes=-500`"),
    ] = None
    if_range: Annotated[
        str | None,
        Field(description="The ETag that `Range` is meant for: of another, all bytes come"),
    ] = None
    if_none_match: Annotated[
        str | None, Field(description="ETags that the client has: 304 if the file's is among them")
    ] = None


@router.post(
    "/files",
    status_code=201,
    summary="Upload a file",
    responses={**creating(201), **_REFUSALS},
    openapi_extra=DOCUMENTED,
)
async def upload_file(
    request: Request, caller: Editor, use: Use, key: IdempotencyKey
) -> FileAnswer:
    upload = Upload(request)
    try:
        source = await upload.open()
        new = NewFile(
            new_id("file"),
            caller.workspace_id,
            upload.name,
            utc_now(),
            caller.acts_as,
            upload.media_type,
        )
        once = None if key is None else _once(use, key, caller.workspace_id)
        file = await use.files.put(new, source, expected=upload.expected, once=once)
    except ClientDisconnect:
        raise InvalidRequest("The upload was broken off.", field="body") from None
    return file_answer(file)


def _once(use: ExecutorUseCases, key: GivenKey, scope: str) -> OnceFor:
    def of(file: StoredFile) -> Once[StoredFile] | None:
        return use.keys.once(key, scope, facts_of(file), file_answer)

    return of


@router.get("/files", summary="List files, newest first")
async def list_files(asked: Annotated[ListFiles, Query()], caller: Viewer, use: Use) -> FileList:
    found = await use.files.page(
        caller.workspace_id,
        kind=asked.kind,
        skip=asked.skip,
        limit=asked.page_size,
        after=asked.after,
    )
    return file_list(found, asked)


@router.get("/files/{file_id}", summary="Get a file's details")
async def get_file(file_id: FilePath, caller: Viewer, use: Use) -> FileAnswer:
    return file_answer(await use.files.get(caller.workspace_id, file_id))


@router.get(
    "/files/{file_id}/content",
    summary="Download a file",
    response_class=Response,
    responses=_CONTENT,
)
async def get_content(
    file_id: FilePath, headers: Annotated[ContentHeaders, Header()], caller: Viewer, use: Use
) -> Response:
    file = await use.files.get(caller.workspace_id, file_id)
    return await _content(file, headers, use.files)


@router.delete("/files/{file_id}", status_code=204, summary="Delete a file")
async def delete_file(file_id: FilePath, caller: Editor, use: Use) -> None:
    await use.files.delete(caller.workspace_id, file_id)


@artifacts.get("/executions/{job_id}/artifacts", summary="List what a job has made, newest first")
async def list_artifacts(
    job_id: JobPath, asked: Annotated[CursorPageQuery, Query()], caller: Viewer, use: Use
) -> ArtifactList:
    job = await use.reading.execution(caller.workspace_id, job_id)
    found = await use.files.artifacts(
        caller.workspace_id,
        job_id,
        [artifact.file_id for artifact in job.state.artifacts],
        skip=asked.skip,
        limit=asked.page_size,
        after=asked.after,
    )
    return artifact_list(found, asked)


@artifacts.get(
    "/executions/{job_id}/artifacts/{file_id}/content",
    summary="Download what a job has made",
    response_class=Response,
    responses=_CONTENT,
)
async def get_artifact_content(
    job_id: JobPath,
    file_id: FilePath,
    headers: Annotated[ContentHeaders, Header()],
    caller: Viewer,
    use: Use,
) -> Response:
    file = await use.files.get(caller.workspace_id, file_id)
    if file.origin is None or not await _is_artifact(file, job_id, caller, use):
        raise NotFound(f"The job {job_id} has no artifact {file_id}.")
    return await _content(file, headers, use.files)


async def _is_artifact(
    file: StoredFile, job_id: str, caller: Identity, use: ExecutorUseCases
) -> bool:
    if file.origin is not None and file.origin.job_id == job_id:
        return True
    job = await use.reading.execution(caller.workspace_id, job_id)
    return any(artifact.file_id == file.file_id for artifact in job.state.artifacts)


async def _content(file: StoredFile, asked: ContentHeaders, files: WorkspaceFiles) -> Response:
    """Return a file's bytes, or the part that is asked for; the first of them have been read."""
    headers = {
        "ETag": file.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": _disposition(file.name),
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    if asked.if_none_match is not None and matches(asked.if_none_match, file.etag):
        return Response(status_code=304, headers=headers)
    is_meant = asked.if_range is None or matches(asked.if_range, file.etag)
    part = wanted_part(asked.range, file.size) if asked.range and is_meant else None
    if part is not None and part.start == part.stop:
        fault = RangeNotSatisfiable(f"The file has {file.size:,} bytes.", field="Range")
        size = {"Content-Range": f"bytes */{file.size}"}
        return error_response(fault, current_request_id(), headers=size)
    status = 200
    if part is not None:
        status = 206
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
    part = part or Part(0, file.size)
    headers["Content-Length"] = str(part.stop - part.start)
    pieces = files.read(file, part.start, part.stop)
    first = await anext(pieces, b"")  # what is gone or damaged is an error yet
    return StreamingResponse(
        _all_pieces(first, pieces), status, headers={**headers, "Content-Type": file.media_type}
    )


async def _all_pieces(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _disposition(name: str) -> str:
    """Return the header that has browsers save a file under its name (RFC 6266, appendix D)."""
    base = name.rpartition("/")[2]
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in base)
    extended = f"; filename*=UTF-8''{quote(base, safe='')}" if plain != base else ""
    return f'attachment; filename="{plain}"{extended}'
