"""Crews from files: our own format, or a CrewAI project's `agents.yaml` and `tasks.yaml`."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from pathlib import PurePosixPath
from typing import Any

from common.errors import InvalidRequest
from common.idempotency.once import Once
from common.times import utc_now
from crews.domain.composition import applied_crew, new_crew
from crews.domain.crew import Crew
from crews.domain.crew_catalog import CrewCatalog
from crews.domain.crew_editor import CrewEditor, Matches, anything, require
from crews.domain.crew_file import FORMAT, MARK, draft_fields
from crews.domain.crewai_crew import is_managed, set_crew
from crews.domain.crewai_project import crew_of_project
from crews.domain.crewai_values import names_in
from crews.domain.drafts import CrewDraft
from crews.domain.imported import Imported
from crews.domain.workspace_tools import WorkspaceTools
from crews.domain.yaml_reading import YamlFault, json_value, read_yaml

MOST_FILES = 20
_UNNAMED = "Imported crew"
_HOW = (
    f"Send one file that begins with `{MARK}: {FORMAT}`, as GET /crews/{{crew_id}}/export gives it, or a CrewAI "
    "project's agents.yaml and tasks.yaml"
)
_IN_CODE = (
    "Only files in YAML are read: put the tools, the llm and the output_json (a JSON Schema) that this code gives to "
    "agents and tasks into agents.yaml and tasks.yaml, and process and manager_llm into a crew.yaml beside them"
)
Check = Callable[[Mapping[str, Any]], CrewDraft]
"""Makes a draft of its fields. Raises `InvalidRequest`."""


class Importing:
    """Reads crews from files, makes them, and applies them to crews that exist."""

    def __init__(self, catalog: CrewCatalog, editor: CrewEditor, tools: WorkspaceTools) -> None:
        self._catalog = catalog
        self._editor = editor
        self._tools = tools

    async def read(self, workspace_id: str, files: Mapping[str, str], name: str | None) -> Imported:
        """Return what `files`, by their names, say of a crew. Raises `InvalidRequest`."""
        read = await asyncio.to_thread(_parse_all, files)
        named = await asyncio.to_thread(_tools_in, read)
        own = (await self._tools.find(workspace_id, named)).names
        made = await asyncio.to_thread(_crew_in, read, own)
        for one in files:
            if one not in read:
                made.warn(one, _IN_CODE if one.endswith(".py") else "Only files in YAML are read")
        if name is not None:
            made.fields["name"] = name
        made.fields.setdefault("name", _UNNAMED)
        return made

    async def make(
        self, workspace_id: str, made: Imported, check: Check, once: Once[Crew] | None
    ) -> Crew:
        """Store the crew. Raises `InvalidRequest` with paths into the files, and as `CrewCatalog.create`."""
        with _Paths(made):
            draft = check(made.fields)
            return await self._catalog.create(workspace_id, draft, once, made.nobody)

    async def propose(self, workspace_id: str, made: Imported, check: Check) -> Crew:
        """Return the crew that `make` would store. Raises as that does."""
        with _Paths(made):
            crew = new_crew(check(made.fields), workspace_id, utc_now(), made.nobody)
            await self._editor.check(crew)
            return crew

    async def apply(
        self,
        workspace_id: str,
        crew_id: str,
        made: Imported,
        check: Check,
        matches: Matches = anything,
    ) -> Crew:
        """Make a crew what the files say. Raises as `make` and `CrewEditor.edit` do.

        Agents and tasks keep their ids by their names. If nothing is different, nothing is stored.
        """
        with _Paths(made):
            draft = check(made.fields)
            return await self._editor.edit(
                lambda: self._editor.find(workspace_id, crew_id),
                lambda crew: applied_crew(crew, draft, utc_now(), made.nobody),
                matches,
            )

    async def compare(
        self,
        workspace_id: str,
        crew_id: str,
        made: Imported,
        check: Check,
        matches: Matches = anything,
    ) -> tuple[Crew, Crew]:
        """Return the crew as it is, and as `apply` would leave it. Raises as that does."""
        crew = await self._editor.find(workspace_id, crew_id)
        require(crew, matches)
        with _Paths(made):
            after = applied_crew(crew, check(made.fields), utc_now(), made.nobody)
            await self._editor.check(after, crew)
            return crew, after


class _Paths:
    """Has faults name where in the files they are."""

    def __init__(self, made: Imported) -> None:
        self._places = made.places

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, fault: object, trace: object) -> None:
        if isinstance(fault, InvalidRequest):
            details = fault.details
            if "field" in details:
                details["field"] = self._path(str(details["field"]))
                fault.message = (
                    f"The files make no crew: {details['field']}: {details.get('reason')}"
                )
            for error in details.get("errors", ()):
                error["field"] = self._path(str(error["field"]))

    def _path(self, field: str) -> str:
        parts = field.split(".")
        there = self._places.get(".".join(parts[:2]))
        return field if there is None else ".".join([there, *parts[2:]])


def _parse_all(files: Mapping[str, str]) -> dict[str, Any]:
    return {name: _parse(name, text) for name, text in files.items() if _is_yaml(name)}


def _tools_in(read: Any) -> set[str]:
    """Return the names of all tools that are named anywhere in what was read."""
    found: set[str] = set()
    waiting = [read]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found.update(names_in(one.get("tools")))
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def _crew_in(read: Mapping[str, Any], own_tools: Collection[str]) -> Imported:
    ours = [name for name, one in read.items() if isinstance(one, dict) and MARK in one]
    if ours:
        return _of_our_format(ours[0], read)
    both = [
        one for one in read.values() if isinstance(one, dict) and {"agents", "tasks"} <= set(one)
    ]
    if len(read) == 1 and both:
        (whole,) = both
        made = crew_of_project(
            whole["agents"], whole["tasks"], own_tools, managed=is_managed(whole)
        )
        set_crew(whole, "", {"agents", "tasks"}, made)
        return made
    return _of_files(read, own_tools)


def _of_files(read: Mapping[str, Any], own_tools: Collection[str]) -> Imported:
    agents, tasks, crew = (_find_file(read, word) for word in ("agent", "task", "crew"))
    if agents is None:
        reason = _HOW if tasks is None else f"{tasks} has tasks only: send agents.yaml with it"
        raise InvalidRequest("There is no crew in these files.", field="files", reason=reason)
    whole = read.get(crew or "")
    whole = whole if isinstance(whole, dict) else {}
    made = crew_of_project(
        read[agents], read.get(tasks or ""), own_tools, managed=is_managed(whole)
    )
    set_crew(whole, "crew.", (), made)
    for name in read:
        if name not in {agents, tasks, crew}:
            made.warn(
                name, "Of a CrewAI project only agents.yaml, tasks.yaml and crew.yaml are read"
            )
    return made


def _of_our_format(name: str, read: Mapping[str, Any]) -> Imported:
    told = json_value(read[name][MARK])
    if told != FORMAT:
        reason = f"This release reads format {FORMAT}; the file has {str(told)[:20]}"
        raise InvalidRequest("The file cannot be read.", field=MARK, reason=reason)
    fields, nobody = draft_fields(read[name])
    made = Imported(fields, nobody=nobody)
    for other in read:
        if other != name:
            made.warn(other, f"{name} has the whole crew: this file was not read")
    return made


def _find_file(read: Mapping[str, Any], word: str) -> str | None:
    found = [name for name in read if word in PurePosixPath(name).stem.lower()]
    exact = [name for name in found if PurePosixPath(name).stem.lower() == f"{word}s"]
    return next(iter([*exact, *found]), None)


def _is_yaml(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in {".yaml", ".yml", ""}


def _parse(name: str, text: str) -> Any:
    try:
        return read_yaml(text)
    except YamlFault as fault:
        raise InvalidRequest(
            f"The file {name[:100]} cannot be read: {fault}", field=name[:100], reason=str(fault)
        ) from None
