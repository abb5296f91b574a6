"""Files that a job is given: inputs `{"file": "<file_id>"}`, alone or as entries of a list.

When the job is submitted, each is checked and gets the file's name, media type and size, so that agents know it
by its name.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from common.errors import InvalidRequest, NotFound, several
from executor.domain.files.files import WorkspaceFiles

MOST_GIVEN = 100
_TOLD = frozenset({"file", "name", "media_type", "size"})


class GivenFiles:
    """Checks the files in inputs."""

    def __init__(self, files: WorkspaceFiles) -> None:
        self._files = files

    async def resolve(self, workspace_id: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return `inputs` with what is known of each file. Raises `InvalidRequest`, with the path of each fault."""
        places = list(_places(inputs))
        if not places:
            return inputs
        if len(places) > MOST_GIVEN:
            reason = f"a job is given at most {MOST_GIVEN} files, and these are {len(places)}"
            raise InvalidRequest(f"Too many files: {reason}.", field="inputs", reason=reason)
        known: dict[str, dict[str, Any]] = {}
        faults = []
        for path, file_id in places:
            try:
                known[file_id] = known.get(file_id) or await self._facts_of(workspace_id, file_id)
            except NotFound:
                reason = f"There is no file {file_id[:100]!r}; upload it with POST /files, and name its file_id"
                faults.append({"field": f"{path}.file", "reason": reason})
        if faults:
            raise several(faults, f"A file does not exist: {faults[0]['reason']}.")
        return {name: _with(value, known) for name, value in inputs.items()}

    async def _facts_of(self, workspace_id: str, file_id: str) -> dict[str, Any]:
        file = await self._files.get(workspace_id, file_id)
        return {
            "file": file.file_id,
            "name": file.name,
            "media_type": file.media_type,
            "size": file.size,
        }


def given_files(inputs: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the ids of the files in a job's inputs, by their ids and, for the first of a name, by that."""
    found: dict[str, str] = {}
    for value in inputs.values():
        for one in value if isinstance(value, list) else [value]:
            if _is_file(one):
                found[one["file"]] = one["file"]
                found.setdefault(str(one.get("name", one["file"])), one["file"])
    return found


def _places(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in inputs.items():
        if _is_file(value):
            yield f"inputs.{name}", value["file"]
        elif isinstance(value, list):
            for place, entry in enumerate(value):
                if _is_file(entry):
                    yield f"inputs.{name}.{place}", entry["file"]


def _with(value: Any, known: Mapping[str, dict[str, Any]]) -> Any:
    if _is_file(value):
        return known[value["file"]]
    if isinstance(value, list):
        return [known[entry["file"]] if _is_file(entry) else entry for entry in value]
    return value


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("file"), str) and value.keys() <= _TOLD
