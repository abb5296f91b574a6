"""Crews: made, changed, compared, brought in and sent out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kasal_client import io_sync
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

from .handles import CrewHandle
from .pages import Pages
from .transport import Transport

if TYPE_CHECKING:
    from .executions import Executions

JsonPatch = list[dict[str, Any]]
"""Changes, as RFC 6902 writes them."""
CrewSource = Crew | Mapping[str, Any] | str | Path
"""A crew as Python describes it, the fields of a crew file, its text or its path."""


class Crews:
    """The workspace's crews."""

    def __init__(self, transport: Transport, executions: Executions) -> None:
        self._transport = transport
        self._executions = executions

    def apply(self, crew: CrewSource, *, id: str | None = None) -> CrewHandle:  # noqa: A002
        """Make the crew, or change the one of its id or name to it; do nothing if nothing is different.

        Agents and tasks keep their ids by their names. Raises `UsageError` if several crews have the name.
        """
        text = io_sync.call(crew_text, crew)
        known = self._find_known(text, id)
        answer = self._import(
            text, {"crew_id": None if known is None else known.id}, creates=known is None
        )
        handle = self._handle(answer)
        is_new = known is None
        return replace(
            handle, is_new=is_new, is_changed=is_new or handle.version != known_version(known)
        )

    def preview(self, crew: CrewSource, *, id: str | None = None) -> ImportAnswer:  # noqa: A002
        """Return what `apply` would do, and do nothing: `changes` is a JSON Patch, None if the crew would be new."""
        text = io_sync.call(crew_text, crew)
        known = self._find_known(text, id)
        params = {"crew_id": None if known is None else known.id, "dry_run": "true"}
        return self._import(text, params)

    def _find_known(self, text: str, crew_id: str | None) -> CrewSummary | CrewView | None:
        if crew_id is not None:
            return self.get(crew_id)
        content = io_sync.call(read_yaml, text)
        return self.find(str(content.get("name", "")))

    def find(self, name: str) -> CrewSummary | None:
        """Return the crew with just this name, None if there is none. Raises `UsageError` if there are several."""
        if not name.strip():
            return None
        found = [one for one in self.list(name=name.strip()) if one.name == name.strip()]
        if len(found) > 1:
            ids = ", ".join(one.id for one in found)
            raise UsageError(f"Several crews are called {name!r}: say which by its id ({ids}).")
        return found[0] if found else None

    def _import(self, text: str, params: dict[str, Any], *, creates: bool = False) -> ImportAnswer:
        headers = {"Content-Type": "application/yaml"}
        return self._transport.create(
            "/crews/import",
            None,
            ImportAnswer,
            content=text.encode,
            params=params,
            headers=headers,
            repeat=True if not creates else None,
        )

    def create(
        self,
        crew: Crew | CrewDraft | Mapping[str, Any] | None = None,
        *,
        idempotency_key: str | None = None,
        **fields: Any,
    ) -> CrewHandle:
        """Make a new crew, also if there is one of its name. `fields` are those of `CrewDraft`."""
        if isinstance(crew, Crew):
            text = io_sync.call(crew.to_yaml)
            answer = self._import(text, {}, creates=True)
            return replace(self._handle(answer), is_new=True, is_changed=True)
        made = self._transport.create(
            "/crews", body_of(crew, fields), CrewCreated, key=idempotency_key
        )
        return CrewHandle(
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

    def import_files(
        self,
        files: Mapping[str, str],
        *,
        name: str | None = None,
        crew_id: str | None = None,
        dry_run: bool = False,
    ) -> ImportAnswer:
        """Make a crew of files by their names, or apply them to one. `warnings` say what has no counterpart."""
        return self._transport.create(
            "/crews/import",
            without_none(name=name, files=dict(files)),
            ImportAnswer,
            params={"crew_id": crew_id, "dry_run": "true" if dry_run else None},
        )

    def from_crewai(
        self, folder: str | Path, *, name: str | None = None, crew_id: str | None = None
    ) -> CrewHandle:
        """Make a crew of the CrewAI project in `folder`, or apply it to one: its YAML files are read, no code.

        `warnings` of what is returned say what has no counterpart here, and `missing` what the crew needs to run.
        """
        project = io_sync.call(read_project, folder)
        answer = self.import_files(project.files, name=name or project.name, crew_id=crew_id)
        return replace(self._handle(answer), is_new=crew_id is None, is_changed=True)

    def _handle(self, answer: ImportAnswer) -> CrewHandle:
        return CrewHandle(
            str(answer.id),
            answer.name,
            answer.status,
            self,
            self._executions,
            version=answer.version,
            missing=answer.missing,
            warnings=answer.warnings,
        )

    def handle(self, crew_id: str) -> CrewHandle:
        """Return a handle on a crew, to start it. Raises `NotFoundError`."""
        known = self.get(crew_id)
        return CrewHandle(
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
    ) -> Pages[CrewSummary]:
        """Return the crews, newest first; `name` is a part of their names."""
        params = {"name": name, "status": status}
        return Pages(self._transport, "/crews", "crews", CrewSummary, params, page_size)

    def get(self, crew_id: str) -> CrewView:
        """Return the whole crew. Raises `NotFoundError`."""
        return self._transport.get(f"/crews/{segment(crew_id)}", CrewView)

    def update(
        self,
        crew_id: str,
        changes: CrewChanges | Mapping[str, Any] | None = None,
        *,
        if_version: int | None = None,
        **fields: Any,
    ) -> None:
        """Change the fields that are given. Raises `PreconditionFailedError` if it is not `if_version` any more."""
        self._transport.json(
            "PUT",
            f"/crews/{segment(crew_id)}",
            json=body_of(changes, fields),
            headers={} if if_version is None else {"If-Match": f'"v{if_version}"'},
        )

    def delete(self, crew_id: str) -> None:
        """Delete the crew; its runs stay."""
        self._transport.json("DELETE", f"/crews/{segment(crew_id)}")

    def graph(self, crew_id: str) -> GraphView:
        """Return which task comes after which."""
        return self._transport.get(f"/crews/{segment(crew_id)}/graph", GraphView)

    def export(self, crew_id: str, *, version: int | None = None) -> str:
        """Return the crew as a YAML file with comments."""
        response = self._transport.send(
            "GET",
            f"/crews/{segment(crew_id)}/export",
            params={"version": version},
            headers={"Accept": "application/yaml"},
        )
        return response.text

    def versions(self, crew_id: str) -> Pages[VersionEntry]:
        """Return the crew's versions, newest first."""
        path = f"/crews/{segment(crew_id)}/versions"
        return Pages(self._transport, path, "versions", VersionEntry)

    def version(self, crew_id: str, version: int) -> VersionView:
        """Return the crew as it was in a version."""
        return self._transport.get(_version_path(crew_id, version), VersionView)

    def diff(self, crew_id: str, version: int, other: int) -> JsonPatch:
        """Return what is different in `other`, as a JSON Patch (RFC 6902)."""
        path = f"{_version_path(crew_id, version)}/diff/{segment(other)}"
        answer = self._transport.json("GET", path, headers={"Accept": "*/*"})
        patch: JsonPatch = answer
        return patch

    def restore(self, crew_id: str, version: int) -> Restored:
        """Make a version the newest again."""
        answer = self._transport.json(
            "POST", f"{_version_path(crew_id, version)}/restore", repeat=True
        )
        return Restored.model_validate(answer)

    def publish(self, crew_id: str, version: int) -> None:
        """Have runs that name no version run this one."""
        self._transport.json("POST", f"{_version_path(crew_id, version)}/publish", repeat=True)

    def unpublish(self, crew_id: str, version: int) -> None:
        """Take the publication of a version back."""
        self._transport.json("DELETE", f"{_version_path(crew_id, version)}/publish")


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
