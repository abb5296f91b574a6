"""The use cases of custom tools."""

from common.contracts.tools import BUILT_IN_BY_NAME
from common.errors import Conflict, InvalidRequest, NotFound
from common.idempotency.once import Once, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from crews.domain.crew import tools_named
from crews.domain.ports import Crews, CustomTools
from crews.domain.tools import CustomTool, ToolChanges, ToolDraft, check_credentials


class Toolbox:
    """Registers, changes and removes a workspace's own tools."""

    def __init__(self, tools: CustomTools, crews: Crews) -> None:
        self._tools = tools
        self._crews = crews

    async def register(
        self, workspace_id: str, draft: ToolDraft, once: Once[CustomTool] | None = None
    ) -> CustomTool:
        """Store a new tool. Raises `Conflict` for a name that is taken, and as `at_most_once`."""
        _check_name(draft.name)
        tool = CustomTool(
            id=new_id("tool_custom"),
            workspace_id=workspace_id,
            created_at=utc_now(),
            **draft.model_dump(exclude={"credentials"}),
        )

        async def make() -> CustomTool:
            await self._tools.add(tool, draft.credentials, receipt_of(once, tool))
            return tool

        return await at_most_once(once, self._tools, make)

    async def find(self, workspace_id: str, tool_id: str) -> CustomTool:
        """Return the tool. Raises `NotFound`."""
        tool = await self._tools.find(workspace_id, tool_id)
        if tool is None:
            raise NotFound(f"There is no tool {tool_id}.")
        return tool

    async def update(self, workspace_id: str, tool_id: str, changes: ToolChanges) -> None:
        """Change a tool. A new kind of credentials drops the old ones unless new ones come too.

        Raises `InvalidRequest`, `NotFound`, and `Conflict` for a taken name or one in use.
        """
        tool = await self.find(workspace_id, tool_id)
        given = changes.model_dump(exclude_unset=True, exclude={"credentials"})
        values = {k: v for k, v in given.items() if v is not None or k == "parameters"}
        changed = CustomTool.model_validate({**tool.model_dump(), **values})
        if changed.name != tool.name:
            _check_name(changed.name)
            await self._check_unused(tool)
        try:
            check_credentials(changed.auth_type, changes.credentials)
        except ValueError as fault:
            raise InvalidRequest("Invalid tool", field="credentials", reason=str(fault)) from None
        keep = "credentials" not in changes.model_fields_set and changed.auth_type == tool.auth_type
        await self._tools.replace(changed, changes.credentials, keep=keep)

    async def remove(self, workspace_id: str, tool_id: str) -> None:
        """Remove a tool. Raises `NotFound`, and `Conflict` while a crew uses it."""
        await self._check_unused(await self.find(workspace_id, tool_id))
        if not await self._tools.remove(workspace_id, tool_id):
            raise NotFound(f"There is no tool {tool_id}.")

    async def _check_unused(self, tool: CustomTool) -> None:
        users = [
            crew.id
            for crew in await self._crews.all(tool.workspace_id)
            if tool.name in tools_named(crew)
        ]
        if users:
            raise Conflict(f"The tool {tool.name} is used by crews.", details={"crews": users[:20]})


def _check_name(name: str) -> None:
    if name in BUILT_IN_BY_NAME:
        raise Conflict(f"{name} is the name of a built-in tool.", field="name")
