"""Crews: made, changed, compared, brought in and sent out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kasal_client import io_async
from kasal_client.addresses import segment
from kasal_client.bodies import body_of, without_none
from kasal_client.descriptions import Crew, read_yaml, text_of
from kasal_client.errors import UsageError
from kasal_client.models import (
    CrewChanges,
    CrewCreated,
    CrewDraft,
    CrewSummary,
    CrewView,
    GraphView,
    ImportAnswer,
    Restored,
    VersionEntry,
    VersionView,
)
from kasal_client.projects import read_project

from .handles import AsyncCrewHandle
from .pages import AsyncPages
from .transport import AsyncTransport

if TYPE_CHECKING:
    from .executions import AsyncExecutions

JsonPatch = list[dict[str, Any]]
"""Changes, as RFC 6902 writes them."""
CrewSource = Crew | Mapping[str, Any] | str | Path
"""A crew as Python describes it, the fields of a crew file, its text or its path."""


class AsyncCrews:
    """The workspace's crews."""

    def __init__(self, transport: AsyncTransport, executions: AsyncExecutions) -> None:
        self._transport = transport
        self._executions = executions

    async def apply(self, crew: CrewSource, *, id: str | None = None) -> AsyncCrewHandle:  # noqa: A002
        """Make the crew, or change the one of its id or name to it; do nothing if nothing is different.

        Agents and tasks keep their ids by their names. Raises `UsageError` if several crews have the name.
        """
        text = await io_async.call(crew_text, crew)
        known = await self._find_known(text, id)
        answer = await self._import(
            text, {"crew_id": None if known is None else known.id}, creates=known is None
        )
        handle = self._handle(answer)
        is_new = known is None
        return replace(
            handle, is_new=is_new, is_changed=is_new or handle.version != known_version(known)
        )

    async def preview(self, crew: CrewSource, *, id: str | None = None) -> ImportAnswer:  # noqa: A002
        """Return what `apply` would do, and do nothing: `changes` is a JSON Patch, None if the crew would be new."""
        text = await io_async.call(crew_text, crew)
        known = await self._find_known(text, id)
        params = {"crew_id": None if known is None else known.id, "dry_run": "true"}
        return await self._import(text, params)

    async def _find_known(self, text: str, crew_id: str | None) -> CrewSummary | CrewView | None:
        if crew_id is not None:
            return await self.get(crew_id)
        content = await io_async.call(read_yaml, text)
        return await self.find(str(content.get("name", "")))

    async def find(self, name: str) -> CrewSummary | None:
        """Return the crew with just this name, None if there is none. Raises `UsageError` if there are several."""
        if not name.strip():
            return None
        found = [one async for one in self.list(name=name.strip()) if one.name == name.strip()]
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise UsageError(f"Several crews are called {name!r}: say which by its id ({ids}).")
        return found[0] if found else None

    async def _import(
        self, text: str, params: dict[str, Any], *, creates: bool = False
    ) -> ImportAnswer:
        headers = {"Content-Type": "application/yaml"}
        return await self._transport.create(
            "/crews/import",
            None,
            ImportAnswer,
            content=text.encode,
            params=params,
            headers=headers,
            repeat=True if not creates else None,
        )

    async def create(
        self,
        crew: Crew | CrewDraft | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> AsyncCrewHandle:
        """Make a new crew, also if there is one of its name. `fields` are those of `CrewDraft`."""
        if isinstance(crew, Crew):
            text = await io_async.call(crew.to_yaml)
            answer = await self._import(text, {}, creates=True)
            return replace(self._handle(answer), is_new=True, is_changed=True)
        made = await self._transport.create(
            "/crews", body_of(crew, fields), CrewCreated, key=idempotency_key
        )
        return AsyncCrewHandle(
            made.id,
            made.name,
            made.status,
            self,
            self._executions,
            version=1,
            missing=made.missing,
            is_new=True,
            is_changed=True,
        )

    async def import_files(
        self,
        files: Mapping[str, str],
        *,
        name: str | None = None,
        crew_id: str | None = None,
        dry_run: bool = False,
    ) -> ImportAnswer:
        """Make a crew of files by their names, or apply them to one. `warnings` say what has no counterpart."""
        return await self._transport.create(
            "/crews/import",
            without_none(name=name, files=dict(files)),
            ImportAnswer,
            params={"crew_id": crew_id, "dry_run": "true" if dry_run else None},
        )

    async def from_crewai(
        self, folder: str | Path, *, name: str | None = None, crew_id: str | None = None
    ) -> AsyncCrewHandle:
        """Make a crew of the CrewAI project in `folder`, or apply it to one: its YAML files are read, no code.

        `warnings` of what is returned say what has no counterpart here, and `missing` what the crew needs to run.
        """
        project = await io_async.call(read_project, folder)
        answer = await self.import_files(project.files, name=name or project.name, crew_id=crew_id)
        return replace(self._handle(answer), is_new=crew_id is None, is_changed=True)

    def _handle(self, answer: ImportAnswer) -> AsyncCrewHandle:
        return AsyncCrewHandle(
            str(answer.id),
            answer.name,
            answer.status,
            self,
            self._executions,
            version=answer.version,
            missing=answer.missing,
            warnings=answer.warnings,
        )

    async def handle(self, crew_id: str) -> AsyncCrewHandle:
        """Return a handle on a crew, to start it. Raises `NotFoundError`."""
        known = await self.get(crew_id)
        return AsyncCrewHandle(
            known.id,
            known.name,
            known.status,
            self,
            self._executions,
            version=known.version,
            missing=known.missing,
        )

    def list(
        self, *, name: str | None = None, status: str | None = None, page_size: int = 100
    ) -> AsyncPages[CrewSummary]:
        """Return the crews, newest first; `name` is a part of their names."""
        params = {"name": name, "status": status}
        return AsyncPages(self._transport, "/crews", "crews", CrewSummary, params, page_size)

    async def get(self, crew_id: str) -> CrewView:
        """Return the whole crew. Raises `NotFoundError`."""
        return await self._transport.get(f"/crews/{segment(crew_id)}", CrewView)

    async def update(
        self,
        crew_id: str,
        changes: CrewChanges | Mapping[str, Any] | None = None,
        *,
        if_version: int | None = None,
        **fields: Any,
    ) -> None:
        """Change the fields that are given. Raises `PreconditionFailedError` if it is not `if_version` any more."""
        await self._transport.json(
            "PUT",
            f"/crews/{segment(crew_id)}",
            json=body_of(changes, fields),
            headers={} if if_version is None else {"If-Match": f'"v{if_version}"'},
        )

    async def delete(self, crew_id: str) -> None:
        """Delete the crew; its runs stay."""
        await self._transport.json("DELETE", f"/crews/{segment(crew_id)}")

    async def graph(self, crew_id: str) -> GraphView:
        """Return which task comes after which."""
        return await self._transport.get(f"/crews/{segment(crew_id)}/graph", GraphView)

    async def export(self, crew_id: str, *, version: int | None = None) -> str:
        """Return the crew as a YAML file with comments."""
        response = await self._transport.send(
            "GET",
            f"/crews/{segment(crew_id)}/export",
            params={"version": version},
            headers={"Accept": "application/yaml"},
        )
        return response.text

    def versions(self, crew_id: str) -> AsyncPages[VersionEntry]:
        """Return the crew's versions, newest first."""
        path = f"/crews/{segment(crew_id)}/versions"
        return AsyncPages(self._transport, path, "versions", VersionEntry)

    async def version(self, crew_id: str, version: int) -> VersionView:
        """Return the crew as it was in a version."""
        return await self._transport.get(_version_path(crew_id, version), VersionView)

    async def diff(self, crew_id: str, version: int, other: int) -> JsonPatch:
        """Return what is different in `other`, as a JSON Patch (RFC 6902)."""
        path = f"{_version_path(crew_id, version)}/diff/{segment(other)}"
        answer = await self._transport.json("GET", path, headers={"Accept": "*/*"})
        patch: JsonPatch = answer
        return patch

    async def restore(self, crew_id: str, version: int) -> Restored:
        """Make a version the newest again."""
        answer = await self._transport.json(
            "POST", f"{_version_path(crew_id, version)}/restore", repeat=True
        )
        return Restored.model_validate(answer)

    async def publish(self, crew_id: str, version: int) -> None:
        """Have runs that name no version run this one."""
        await self._transport.json(
            "POST", f"{_version_path(crew_id, version)}/publish", repeat=True
        )

    async def unpublish(self, crew_id: str, version: int) -> None:
        """Take the publication of a version back."""
        await self._transport.json("DELETE", f"{_version_path(crew_id, version)}/publish")


def crew_text(crew: CrewSource) -> str:
    """Return a crew as the text of its file. Raises OSError."""
    if isinstance(crew, Crew):
        return crew.to_yaml()
    if isinstance(crew, Mapping):
        return Crew.from_dict(dict(crew)).to_yaml()
    return text_of(crew)


def known_version(known: CrewSummary | CrewView | None) -> int | None:
    """Return the version that a crew had, None if there was none."""
    return None if known is None else known.version


def _version_path(crew_id: str, version: int) -> str:
    return f"/crews/{segment(crew_id)}/versions/{segment(version)}"
