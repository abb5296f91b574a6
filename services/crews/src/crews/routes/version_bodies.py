"""Answer bodies of the routes of versions."""

from typing import Any, Literal

from pydantic import Field

from common.contracts.crew import AgentSnapshot, Configuration, TaskSnapshot
from common.web.models import AnswerModel, NextPage, Timestamp
from crews.domain.crew import Crew
from crews.domain.versions import VersionRow
from crews.routes.bodies import PUBLISHED, VERSION, CrewState

_MADE = Field(description="When the crew was changed to this", examples=["2026-11-27T10:00:00Z"])


class VersionEntry(AnswerModel):
    version: int = VERSION
    created_at: Timestamp = _MADE
    name: str = Field(description="The crew's name in it", examples=["Marketing Crew"])
    status: CrewState = Field(description="Whether it can run", examples=["active"])
    agents_count: int = Field(examples=[3])
    tasks_count: int = Field(examples=[3])
    published: bool = Field(description="A job that names no version runs this", examples=[True])
    published_at: Timestamp | None = Field(
        description="When it was last published, if ever", examples=["2026-11-27T11:00:00Z"]
    )


class VersionList(AnswerModel):
    versions: list[VersionEntry]
    total: int
    page: int
    page_size: int
    next: NextPage


class VersionView(AnswerModel):
    """A crew as it was. `PUT /crews/{crew_id}` takes it, as it takes what `GET` gives."""

    id: str = Field(description="The crew", examples=["crew_abc123"])
    version: int = VERSION
    published_version: int | None = PUBLISHED
    created_at: Timestamp = _MADE
    name: str
    description: str
    process: str
    status: CrewState
    agents: list[AgentSnapshot]
    tasks: list[TaskSnapshot]
    configuration: Configuration


class PatchOperation(AnswerModel):
    """An operation of a JSON Patch (RFC 6902, section 4)."""

    op: Literal["add", "remove", "replace", "move"] = Field(examples=["replace"])
    path: str = Field(description="A JSON Pointer", examples=["/tasks/0/description"])
    value: Any = Field(default=None, description="Of `add` and `replace`", examples=["Write it"])
    source: str | None = Field(
        default=None, alias="from", description="Of `move`", examples=["/tasks/2"]
    )


class Restored(AnswerModel):
    id: str = Field(description="The crew", examples=["crew_abc123"])
    restored: int = Field(description="The version whose content it has now", examples=[1])
    version: int = Field(
        description="The new version; the newest one as before if it was the same", examples=[4]
    )


class Published(AnswerModel):
    id: str = Field(description="The crew", examples=["crew_abc123"])
    published_version: int = PUBLISHED


def version_entry(row: VersionRow, published: int | None) -> VersionEntry:
    """Return a version as lists show it."""
    return VersionEntry(
        version=row.number,
        created_at=row.created_at,
        name=row.name,
        status=row.status,
        agents_count=row.agents_count,
        tasks_count=row.tasks_count,
        published=row.number == published,
        published_at=row.published_at,
    )


def version_view(crew: Crew) -> VersionView:
    """Return a crew as it was in a version."""
    return VersionView(
        id=crew.id,
        version=crew.version,
        published_version=crew.published_version,
        created_at=crew.updated_at,
        name=crew.name,
        description=crew.description,
        process=crew.process,
        status=crew.status,
        agents=[AgentSnapshot.model_validate(agent.model_dump()) for agent in crew.agents],
        tasks=[TaskSnapshot.model_validate(task.model_dump()) for task in crew.tasks],
        configuration=crew.configuration,
    )
