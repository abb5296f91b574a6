"""Links from routes that create something to all routes that take its id (OpenAPI 3.1, Link Object)."""

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

CREATORS = {
    "create_crew": ("id", "crew_id"),
    "create_agent": ("id", "agent_id"),
    "create_task": ("id", "task_id"),
    "start_execution": ("job_id", "job_id"),
    "fork_execution": ("job_id", "job_id"),
    "import_crew": ("id", "crew_id"),
    "register_tool": ("tool_id", "tool_id"),
    "upload_file": ("file_id", "file_id"),
    "register_server": ("server_id", "server_id"),
    "create_api_key": ("id", "key_id"),
    "add_member": ("id", "invitation_id"),
    "invite": ("id", "invitation_id"),
}
"""By operation: the field of its answer that is the new id, and the parameter that takes it."""
_BODIES: dict[str, dict[str, Any]] = {
    "crew_id": {"start_execution": {"crew_id": "$response.body#/id", "inputs": {}}},
}
"""Operations that take the id in their body."""


def add_links(operations: Iterable[Json]) -> None:
    """Give each creating operation its links. Raises `ValueError` for a creator that is not there."""
    by_id = {one["operationId"]: one for one in operations}
    gone = CREATORS.keys() - by_id.keys()
    if gone:
        raise ValueError(f"There are links of what does not exist: {', '.join(sorted(gone))}.")
    for name, (field, parameter) in CREATORS.items():
        links = {
            other: {"operationId": other, "parameters": {parameter: f"$response.body#/{field}"}}
            for other, one in by_id.items()
            if _takes(one, parameter)
        }
        for other, body in _BODIES.get(parameter, {}).items():
            links[other] = {"operationId": other, "requestBody": body}
        answers = by_id[name]["responses"]
        created = answers[next(code for code in ("201", "202", "200") if code in answers)]
        created["links"] = dict(sorted(links.items()))


def _takes(operation: Json, parameter: str) -> bool:
    """Say whether an operation takes the id, and no other that the answer does not have."""
    given = [(one.get("name"), one.get("in")) for one in operation.get("parameters", ())]
    named = [place for name, place in given if name == parameter and place in {"path", "query"}]
    return bool(named) and not any(place == "path" and name != parameter for name, place in given)
