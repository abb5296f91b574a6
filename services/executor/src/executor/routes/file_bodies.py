"""The bodies of files and artifacts."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, Field

from common.contracts.events import Artifact
from common.web.models import AnswerModel, CursorPageQuery, NextPage, Timestamp
from executor.domain.files.file import StoredFile
from executor.domain.files.files import FilePage


class ArtifactBrief(AnswerModel):
    file_id: Annotated[
        str, Field(description="Names the file in requests", examples=["file_01jd7v6q"])
    ]
    name: Annotated[
        str, Field(description="What it is called; need not be unique", examples=["report.md"])
    ]
    size: Annotated[int, Field(description="Bytes", examples=[1_482])]
    media_type: Annotated[
        str,
        Field(
            description="What it contains, by its first bytes, the upload, or the ending of its name",
            examples=["text/markdown"],
        ),
    ]


class FileAnswer(ArtifactBrief):
    sha256: Annotated[
        str,
        Field(
            description="SHA-256 of its bytes, in hex; in quotes, the `ETag` of its content",
            examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
        ),
    ]
    kind: Annotated[
        Literal["upload", "artifact"],
        Field(description="`artifact` if a job has made it", examples=["upload"]),
    ]
    created_at: Timestamp
    created_by: Annotated[
        str, Field(description="The user, API key or job that made it", examples=["usr_01jd7v6q"])
    ]
    job_id: Annotated[
        str | None, Field(description="The job that made an artifact", examples=["job_qwerty123"])
    ] = None
    task_id: Annotated[
        str | None, Field(description="The task that made it", examples=["task_7hq2kd90s1"])
    ] = None


class FileList(AnswerModel):
    files: Annotated[list[FileAnswer], Field(description="Newest first")]
    total: Annotated[int, Field(description="All there are, counted up to 10,000", examples=[3])]
    page: int
    page_size: int
    next: NextPage


class ArtifactList(AnswerModel):
    artifacts: Annotated[list[FileAnswer], Field(description="Newest first")]
    total: Annotated[int, Field(description="All there are, counted up to 10,000", examples=[3])]
    page: int
    page_size: int
    next: NextPage


class ListFiles(CursorPageQuery):
    kind: Annotated[
        Literal["upload", "artifact"] | None,
        Query(description="Only what was facts_of, or only what jobs have made"),
    ] = None


class Uploaded(BaseModel):
    """What was sent, as far as it decides whether a request repeats another."""

    name: str
    media_type: str
    sha256: str


def facts_of(file: StoredFile) -> Uploaded:
    return Uploaded(name=file.name, media_type=file.media_type, sha256=file.sha256)


def file_answer(file: StoredFile) -> FileAnswer:
    """Return a file as callers see it."""
    origin = file.origin
    return FileAnswer(
        file_id=file.file_id,
        name=file.name,
        size=file.size,
        media_type=file.media_type,
        sha256=file.sha256,
        kind=file.kind,
        created_at=file.created_at,
        created_by=file.created_by,
        job_id=None if origin is None else origin.job_id,
        task_id=None if origin is None else origin.task_id,
    )


def file_list(found: FilePage, asked: CursorPageQuery) -> FileList:
    """Return a page of a workspace's files."""
    return FileList(
        files=[file_answer(file) for file in found.files],
        total=found.total,
        page=asked.page,
        page_size=asked.page_size,
        next=found.next,
    )


def artifact_list(found: FilePage, asked: CursorPageQuery) -> ArtifactList:
    """Return a page of a job's artifacts."""
    return ArtifactList(
        artifacts=[file_answer(file) for file in found.files],
        total=found.total,
        page=asked.page,
        page_size=asked.page_size,
        next=found.next,
    )


def artifact_briefs(artifacts: Sequence[Artifact]) -> list[ArtifactBrief]:
    """Return the artifacts that a job shows by itself."""
    return [
        ArtifactBrief(file_id=a.file_id, name=a.name, size=a.size, media_type=a.media_type)
        for a in artifacts
    ]
