"""Whoever reads the document finds the way from what creates a thing to what is done with it."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

_DOCUMENT = Path("services/gateway/src/gateway/documents/openapi.json")
_WITHOUT_ROUTES = {"register"}
"""What it makes, a user, has no routes that take its id."""
_MADE_AT = {
    "add_member": "/workspace/invitations",
    "fork_execution": "/executions",
    "import_crew": "/crews",
}
"""Where the routes of what is made are, when not below the route that makes it: a member is invited."""


def _operations() -> dict[str, Any]:
    document = json.loads(_DOCUMENT.read_text())
    return {
        operation["operationId"]: {**operation, "path": path, "method": method}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if isinstance(operation, dict) and "operationId" in operation
    }


def test_every_creating_route_leads_to_all_that_take_its_id() -> None:
    operations = _operations()
    creating = [
        one
        for one in operations.values()
        if one["method"] == "post"
        and {"201", "202"} & one["responses"].keys()
        and any("Idempotency-Key" in str(p) for p in one.get("parameters", ()))
        and one["operationId"] not in _WITHOUT_ROUTES
    ]
    assert len(creating) >= 8
    for one in creating:
        status = ({"201", "202"} & one["responses"].keys()).pop()
        links = one["responses"][status]["links"]
        path = _MADE_AT.get(one["operationId"], one["path"])
        inner = re.compile(re.escape(path) + r"/\{[a-z_]+\}(?:/[a-z_-]+)*")
        wanted = {name for name, other in operations.items() if inner.fullmatch(other["path"])}
        assert wanted, one["operationId"]
        assert wanted <= links.keys(), one["operationId"]
        assert all(link["operationId"] in operations for link in links.values())
    assert {"start_execution", "get_memory", "clear_memory"} <= operations["create_crew"][
        "responses"
    ]["201"]["links"].keys()


def test_links_of_what_is_gone_are_refused() -> None:
    with pytest.raises(ValueError, match="create_crew"):
        importlib.import_module("tools.openapi_links").add_links([])
