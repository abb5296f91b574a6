"""What ids look like, and the error for a caller who sends something else, such as a crew's name."""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote as encoded

from pydantic import AfterValidator, Field

from common.contracts.texts import quote

_SHOWN = 40
_REST = re.compile(r"[A-Za-z0-9_-]{1,60}")
_KINDS: Mapping[str, tuple[str, str, str]] = {
    "crew_id": ("crew id", "crew_", "GET /crews?name=…"),
    "agent_id": ("agent id", "agent_", "GET /agents?crew_id=…"),
    "task_id": ("task id", "task_", "GET /tasks?crew_id=…"),
    "tool_id": ("id of a custom tool", "tool_", "GET /tools"),
    "job_id": ("job id", "job_", "GET /executions"),
    "file_id": ("file id", "file_", "GET /files"),
    "key_id": ("id of an API key", "key_", "GET /auth/api-keys"),
    "member_id": ("id of a member", "usr_", "GET /workspace/members"),
    "invitation_id": ("id of an invitation", "inv_", "GET /workspace/invitations"),
    "workspace_id": ("id of a workspace", "ws_", "GET /auth/workspaces"),
}
"""By the name of the field or path parameter: its description, its prefix, and the request that lists it."""


def id_fault(field: str, value: str) -> str | None:
    """Return why `value` cannot be an id of `field`, and what to do; None if it can."""
    if field not in _KINDS:
        return None
    what, prefix, lists = _KINDS[field]
    if value.startswith(prefix) and _REST.fullmatch(value.removeprefix(prefix)):
        return None
    article = "an" if what[0] in "ai" else "a"
    told = f"no {what}" if " of " not in what else f"not {article} {what}"
    lists = lists.replace("name=…", f"name={encoded(value[:_SHOWN], safe='')}")
    return f"{quote(value)} is {told}: ids look like {prefix}…; list them with {lists}"


def item_id(task_id: str, place: int) -> str:
    """Return the id of the work that a task with `for_each` does on the entry at `place` (from 0)."""
    return f"{task_id}-{place}"


def id_of(field: str, *, shown: bool = True) -> Any:
    """Return the type of an id of `field`. With `shown`, the API document has its pattern."""

    def check(value: str) -> str:
        fault = id_fault(field, value)
        if fault is not None:
            raise ValueError(fault)
        return value

    pattern: dict[str, Any] = {"pattern": f"^{_KINDS[field][1]}{_REST.pattern}$"}
    documented = Field(json_schema_extra=pattern) if shown else Field()
    return Annotated[str, documented, AfterValidator(check)]
