"""What a run gets of a crew, and what a crew lacks to run."""

from common.contracts.crew import (
    AgentSnapshot,
    CrewSnapshot,
    Lack,
    MemorySnapshot,
    TaskSnapshot,
    ToolSnapshot,
)
from common.contracts.memory import key_input
from common.contracts.model_access import OwnModels, access_name, own_models
from crews.domain.crew import Crew
from crews.domain.crew_editor import CrewEditor
from crews.domain.endpoint_names import endpoint_faults, new_endpoint_models
from crews.domain.memory import memory_id
from crews.domain.model_names import named_models
from crews.domain.ports import Memories, OwnModelStore
from crews.domain.tool_names import every_name, tool_faults, tool_names
from crews.domain.tools import RegisteredTool
from crews.domain.version_catalog import VersionCatalog
from crews.domain.workspace_tools import NamedTools, WorkspaceTools


class Snapshots:
    """Takes snapshots of crews for the executor."""

    def __init__(
        self,
        editor: CrewEditor,
        versions: VersionCatalog,
        tools: WorkspaceTools,
        memories: Memories,
        own: OwnModelStore,
    ) -> None:
        self._editor = editor
        self._versions = versions
        self._tools = tools
        self._memories = memories
        self._own = own

    async def snapshot(
        self, workspace_id: str, crew_id: str, version: int | None = None
    ) -> CrewSnapshot:
        """Return the crew as a run sees it. Raises as `VersionCatalog.to_run`."""
        newest = await self._editor.find(workspace_id, crew_id)
        crew = await self._versions.to_run(newest, version)
        switches = crew.configuration.memory
        memory = MemorySnapshot()
        if switches.used and key_input(switches.scope) is None:
            memory = await self.memory(workspace_id, crew_id, switches.scope)
        own = await self._tools.find(workspace_id, every_name(crew))
        return CrewSnapshot(
            id=crew.id,
            workspace_id=crew.workspace_id,
            name=crew.name,
            description=crew.description,
            process=crew.process,
            status=crew.status,
            version=crew.version,
            agents=[
                own.agent(AgentSnapshot.model_validate(agent.model_dump())) for agent in crew.agents
            ],
            tasks=[own.task(TaskSnapshot.model_validate(task.model_dump())) for task in crew.tasks],
            tools=self._tools_of(crew, own),
            configuration=crew.configuration,
            memory=memory,
            own_models=await self._own_models(crew),
        )

    async def unknown_prices(
        self, workspace_id: str, crew_id: str, version: int | None = None
    ) -> list[dict[str, str]]:
        """Return a fault for each model whose price is not known. Raises as `VersionCatalog.to_run`."""
        newest = await self._editor.find(workspace_id, crew_id)
        return await self._editor.unknown_prices(await self._versions.to_run(newest, version))

    async def memory(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        """Return what a run gets from one of the crew's memories."""
        memory = await self._memories.newest(memory_id(workspace_id, crew_id, shelf))
        if memory is None or memory.workspace_id != workspace_id:
            return MemorySnapshot(shelf=shelf)
        return memory.snapshot()

    async def missing(self, crew: Crew) -> list[Lack]:
        """Return what the crew still needs: to be active, and for its tools to work."""
        lacking = [*crew.lacks, *await self._missing_endpoints(crew)]
        own = tool_names(crew) - self._tools.offered.reserved
        if not own:
            return lacking
        held = await self._tools.find(crew.workspace_id, every_name(crew))
        there = {tool.name: tool for tool in held.custom}
        gone = [
            Lack(field=fault["field"], reason=fault["reason"])
            for fault in tool_faults(crew, held.names | self._tools.offered.keys())
        ]
        unsigned = [
            _missing_credentials(there[name])
            for name in sorted(own & there.keys())
            if there[name].lacks_credentials
        ]
        return [*lacking, *gone, *unsigned]

    def _tools_of(self, crew: Crew, own: NamedTools) -> list[ToolSnapshot]:
        named = tool_names(crew)
        return self._tools.offered.snapshots(named - own.custom_names) + own.snapshots(named)

    async def _missing_endpoints(self, crew: Crew) -> list[Lack]:
        if not new_endpoint_models(crew, None):
            return []
        faults = endpoint_faults(crew, None, await self._own.all(crew.workspace_id))
        return [Lack(field=fault["field"], reason=fault["reason"]) for fault in faults]

    async def _own_models(self, crew: Crew) -> OwnModels:
        names = {name for name in named_models(crew).values() if access_name(name)}
        there = await self._own.all(crew.workspace_id) if names else []
        return own_models(
            names,
            [one.name for one in there if one.kind == "provider"],
            [one.name for one in there if one.kind == "endpoint"],
        )


def _missing_credentials(tool: RegisteredTool) -> Lack:
    return Lack(
        field=f"tools.{tool.name}.credentials",
        reason=f"The credentials of the tool {tool.name} are missing: its calls fail until "
        f"PUT /tools/custom/{tool.id} gives some",
    )
