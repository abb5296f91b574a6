"""The use cases of custom tools."""

from collections.abc import Mapping
from dataclasses import dataclass

from common.contracts import query_keys
from common.contracts.tools import BUILT_IN_BY_NAME
from common.errors import Conflict, InvalidRequest, NotFound, several
from common.idempotency.once import Once, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from crews.domain.mcp_servers import SEPARATOR
from crews.domain.offered_tools import OfferedTools
from crews.domain.origins import Fate, harmless_headers, origin, unmask_headers
from crews.domain.ports import CrewStore, CustomTools, McpServers
from crews.domain.schemas import schema_faults
from crews.domain.tools import (
    RegisteredTool,
    ToolChanges,
    ToolDraft,
    ToolFields,
    check_credentials,
    path_fault,
)

_RACES = 5
_USERS_NAMED = 20


@dataclass(frozen=True, slots=True)
class Changed:
    """A tool after a change, and what happened to its keys."""

    tool: RegisteredTool
    credentials: Fate
    dropped_headers: tuple[str, ...] = ()
    dropped_query: tuple[str, ...] = ()


class ToolCatalog:
    """Registers, changes and removes a workspace's own tools."""

    def __init__(
        self, tools: CustomTools, crews: CrewStore, servers: McpServers, offered: OfferedTools
    ) -> None:
        self._tools = tools
        self._offered = offered
        self._crews = crews
        self._servers = servers

    async def register(
        self, workspace_id: str, draft: ToolDraft, once: Once[RegisteredTool] | None = None
    ) -> RegisteredTool:
        """Store a new tool. Raises `Conflict` for a name that is taken, and as `at_most_once`."""
        await self._check_name(workspace_id, draft.name)
        await _check_parameters(draft)
        tool = RegisteredTool(
            id=new_id("tool_custom"),
            workspace_id=workspace_id,
            created_at=utc_now(),
            **{
                **draft.model_dump(exclude={"credentials"}),
                "endpoint": query_keys.unmask(draft.endpoint, None)[0],
                "headers": unmask_headers(draft.headers, {}),
            },
        )

        async def make() -> RegisteredTool:
            await self._tools.add(tool, draft.credentials, receipt_of(once, tool))
            return tool

        return await at_most_once(once, self._tools, make)

    async def find(self, workspace_id: str, tool_id: str) -> RegisteredTool:
        """Return the tool. Raises `NotFound`."""
        tool = await self._tools.find(workspace_id, tool_id)
        if tool is None:
            raise NotFound(f"There is no tool {tool_id}.")
        return tool

    async def update(self, workspace_id: str, tool_id: str, changes: ToolChanges) -> Changed:
        """Change a tool. Its keys do not follow it to another origin, or to another kind of credentials.

        Raises `InvalidRequest`, `NotFound`, and `Conflict` for a taken name or one in use.
        """
        for _ in range(_RACES):
            tool = await self.find(workspace_id, tool_id)
            changed = _apply(tool, changes)
            if (changed.tool.parameters, changed.tool.endpoint) != (tool.parameters, tool.endpoint):
                await _check_parameters(changed.tool)
            if changed.tool.name != tool.name:
                await self._check_name(workspace_id, changed.tool.name)
                await self._check_unused(tool)
            keep = changed.credentials in {"kept", "none"}
            if await self._tools.replace(tool, changed.tool, changes.credentials, keep=keep):
                return changed
        raise Conflict(f"The tool {tool_id} is being changed from several places at once.")

    async def credentials(
        self, workspace_id: str, tool_id: str, endpoint: str | None
    ) -> tuple[RegisteredTool, Mapping[str, str]]:
        """Return the credentials for a call to `endpoint`, if the tool still has that origin.

        Raises `NotFound`, and `Conflict` for a run that began before the tool moved elsewhere.
        """
        tool, credentials = await self._tools.credentials(workspace_id, tool_id)
        if endpoint is not None and origin(endpoint) != tool.origin:
            raise Conflict(
                f"The tool {tool_id} has moved to another host since this run began; its credentials "
                "are only for the new host."
            )
        return tool, credentials

    async def remove(self, workspace_id: str, tool_id: str) -> None:
        """Remove a tool. Raises `NotFound`, and `Conflict` while a crew uses it."""
        await self._check_unused(await self.find(workspace_id, tool_id))
        if not await self._tools.remove(workspace_id, tool_id):
            raise NotFound(f"There is no tool {tool_id}.")

    async def _check_name(self, workspace_id: str, name: str) -> None:
        if name in self._offered or name in BUILT_IN_BY_NAME:
            raise Conflict(f"{name} is the name of a tool that every workspace has.", field="name")
        server, separator, _ = name.partition(SEPARATOR)
        if separator and await self._servers.by_names(workspace_id, [server]):
            raise Conflict(
                f"Names that begin with {server}{SEPARATOR} are for the tools of the MCP server {server}.",
                field="name",
            )

    async def _check_unused(self, tool: RegisteredTool) -> None:
        users = await self._crews.using(tool.workspace_id, tool.name, _USERS_NAMED)
        if users:
            raise Conflict(f"The tool {tool.name} is used by crews.", details={"crews": [*users]})


def _apply(tool: RegisteredTool, changes: ToolChanges) -> Changed:
    sent = changes.model_dump(exclude_unset=True, exclude={"credentials"})
    values = {k: v for k, v in sent.items() if v is not None or k == "parameters"}
    changed = RegisteredTool.model_validate({**tool.model_dump(), **values})
    moved = changed.origin != tool.origin
    wanted = unmask_headers(changed.headers, {} if moved else tool.headers)
    if moved and "headers" not in values:
        wanted = harmless_headers(tool.headers)
    dropped = tuple(name for name in changed.headers if name not in wanted)
    endpoint, lost = query_keys.unmask(changed.endpoint, None if moved else tool.endpoint)
    changed = changed.model_copy(update={"headers": wanted, "endpoint": endpoint})
    try:
        check_credentials(changed.auth_type, changes.credentials)
    except ValueError as fault:
        raise InvalidRequest("Invalid tool", field="credentials", reason=str(fault)) from None
    fate = _fate(tool, changed, changes, moved=moved)
    holds = fate in {"kept", "replaced"}
    kept = changed.model_copy(update={"has_credentials": holds})
    return Changed(kept, fate, dropped, tuple(lost))


def _fate(
    tool: RegisteredTool, changed: RegisteredTool, changes: ToolChanges, *, moved: bool
) -> Fate:
    if changes.credentials:
        return "replaced"
    if not tool.has_credentials:
        return "none"
    taken_off = "credentials" in changes.model_fields_set
    return "dropped" if taken_off or moved or changed.auth_type != tool.auth_type else "kept"


async def _check_parameters(tool: ToolFields) -> None:
    schema = tool.parameters
    faults = await schema_faults([] if schema is None else [("parameters", schema)])
    unfilled = path_fault(tool.endpoint, schema)
    if unfilled is not None:
        faults = [*faults, {"field": "endpoint", "reason": unfilled}]
    if faults:
        raise several(faults, "Invalid tool")
