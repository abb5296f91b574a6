"""The use cases of crews, agents and tasks."""

import asyncio
from collections.abc import Awaitable, Callable

from common.contracts.crew import (
    AgentSnapshot,
    CrewSnapshot,
    Lack,
    MemorySnapshot,
    TaskSnapshot,
    ToolSnapshot,
)
from common.contracts.memory import key_input
from common.contracts.tools import BUILT_IN_BY_NAME
from common.errors import Conflict, InvalidRequest, NotFound, PreconditionFailed
from common.idempotency.once import Once, Receipt, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from crews.domain.activity import Activity
from crews.domain.composition import changed_crew, given, new_crew
from crews.domain.crew import (
    Agent,
    Crew,
    Entry,
    Task,
    new_schemas,
    refuse,
    tool_faults,
    tools_named,
)
from crews.domain.drafts import (
    AgentChanges,
    AgentRequest,
    CrewChanges,
    CrewDraft,
    TaskChanges,
    TaskRequest,
)
from crews.domain.memory import Memory, memory_id
from crews.domain.model_names import ModelNames
from crews.domain.ports import Activities, CrewStore, CustomTools, Memories
from crews.domain.schemas import schema_faults

_RACES = 5
Matches = Callable[[Crew], bool]
"""Says whether `If-Match` names what is stored; it is asked again after a race."""
Finder = Callable[[], Awaitable[Crew]]


def anything(_: Crew) -> bool:
    """The condition of a caller who sent no `If-Match`."""
    return True


class CrewCatalog:
    """Makes, changes and removes crews and what is in them."""

    def __init__(
        self,
        crews: CrewStore,
        tools: CustomTools,
        activities: Activities,
        memories: Memories,
        models: ModelNames,
    ) -> None:
        self._crews = crews
        self._tools = tools
        self._activities = activities
        self._memories = memories
        self._models = models

    async def create(
        self, workspace_id: str, draft: CrewDraft, once: Once[Crew] | None = None
    ) -> Crew:
        """Store the crew that `draft` describes. Raises `InvalidRequest`, and as `at_most_once`."""

        async def make() -> Crew:
            crew = new_crew(draft, workspace_id, utc_now())
            await self._check_models(crew)
            await self._check_tools(crew)
            refuse(await schema_faults(new_schemas(crew)))
            await self.keep(crew, receipt_of(once, crew))
            return crew

        return await at_most_once(once, self._crews, make)

    async def keep(self, crew: Crew, receipt: Receipt | None = None) -> None:
        """Store a new crew. Raises `Conflict` when one of its ids is taken.

        What goes with it comes first: a crew that is there has it, whatever happens in between.
        """
        await asyncio.gather(
            self._activities.add(Activity(crew_id=crew.id, workspace_id=crew.workspace_id)),
            self._memories.add(Memory(crew.id, crew.workspace_id)),
        )
        await self._crews.add(crew, receipt)

    async def find(self, workspace_id: str, crew_id: str) -> Crew:
        """Return the crew. Raises `NotFound`."""
        found = await self._crews.find(workspace_id, crew_id)
        if found is None:
            raise NotFound(f"There is no crew {crew_id}.")
        return found

    async def find_by_agent(self, workspace_id: str, agent_id: str) -> Crew:
        """Return the crew that has the agent. Raises `NotFound`."""
        found = await self._crews.with_agent(workspace_id, agent_id)
        if found is None:
            raise NotFound(f"There is no agent {agent_id}.")
        return found

    async def find_by_task(self, workspace_id: str, task_id: str) -> Crew:
        """Return the crew that has the task. Raises `NotFound`."""
        found = await self._crews.with_task(workspace_id, task_id)
        if found is None:
            raise NotFound(f"There is no task {task_id}.")
        return found

    async def update(
        self, workspace_id: str, crew_id: str, changes: CrewChanges, matches: Matches = anything
    ) -> Crew:
        return await self._change(
            lambda: self.find(workspace_id, crew_id),
            lambda crew: changed_crew(crew, changes, utc_now()),
            matches,
        )

    async def delete(self, workspace_id: str, crew_id: str, matches: Matches = anything) -> None:
        """Remove the crew with its agents and tasks, what runs did to them, and its memory."""
        for _ in range(_RACES):
            crew = await self.find(workspace_id, crew_id)
            _require(crew, matches)
            if await self._crews.remove(crew):
                await self._memories.remove(crew_id)
                await self._activities.remove(crew_id)
                return
        raise Conflict(f"The crew {crew_id} is being changed from several places at once.")

    async def add_agent(
        self, workspace_id: str, request: AgentRequest, once: Once[Agent] | None = None
    ) -> Agent:
        agent = Agent(
            id=new_id("agent"),
            name=request.name or request.role,
            **request.model_dump(exclude={"crew_id", "name"}),
        )

        async def make() -> Agent:
            await self._change(
                lambda: self.find(workspace_id, request.crew_id),
                lambda crew: crew.with_agent(agent, utc_now()),
                at=lambda crew: f"agents.{len(crew.agents)}.",
                receipt=receipt_of(once, agent),
            )
            return agent

        return await at_most_once(once, self._crews, make)

    async def update_agent(
        self, workspace_id: str, agent_id: str, changes: AgentChanges, matches: Matches = anything
    ) -> None:
        await self._change(
            lambda: self.find_by_agent(workspace_id, agent_id),
            lambda crew: crew.with_agent(
                _with(crew.agent(agent_id), given(changes, Agent)), utc_now()
            ),
            matches,
            at=lambda crew: f"agents.{crew.agents.index(crew.agent(agent_id))}.",
        )

    async def delete_agent(
        self, workspace_id: str, agent_id: str, matches: Matches = anything
    ) -> None:
        await self._change(
            lambda: self.find_by_agent(workspace_id, agent_id),
            lambda crew: crew.without_agent(agent_id, utc_now()),
            matches,
        )

    async def add_task(
        self, workspace_id: str, request: TaskRequest, once: Once[Task] | None = None
    ) -> Task:
        task = Task(id=new_id("task"), **request.model_dump(exclude={"crew_id"}))

        async def found() -> Crew:
            if request.crew_id is not None:
                return await self.find(workspace_id, request.crew_id)
            if request.agent_id is not None:
                return await self.find_by_agent(workspace_id, request.agent_id)
            reason = "Say who does it by agent_id, or by crew_id in which crew somebody is found"
            raise InvalidRequest("Invalid task", field="agent_id", reason=reason)

        async def make() -> Task:
            await self._change(
                found,
                lambda crew: crew.with_task(task, utc_now()),
                at=lambda crew: f"tasks.{len(crew.tasks)}.",
                receipt=receipt_of(once, task),
            )
            return task

        return await at_most_once(once, self._crews, make)

    async def update_task(
        self, workspace_id: str, task_id: str, changes: TaskChanges, matches: Matches = anything
    ) -> None:
        await self._change(
            lambda: self.find_by_task(workspace_id, task_id),
            lambda crew: crew.with_task(_with(crew.task(task_id), given(changes, Task)), utc_now()),
            matches,
            at=lambda crew: f"tasks.{crew.tasks.index(crew.task(task_id))}.",
        )

    async def delete_task(
        self, workspace_id: str, task_id: str, matches: Matches = anything
    ) -> None:
        await self._change(
            lambda: self.find_by_task(workspace_id, task_id),
            lambda crew: crew.without_task(task_id, utc_now()),
            matches,
        )

    async def snapshot(self, workspace_id: str, crew_id: str) -> CrewSnapshot:
        """Return the crew as a run sees it. Raises `NotFound`."""
        crew = await self.find(workspace_id, crew_id)
        snapshot = CrewSnapshot(
            id=crew.id,
            workspace_id=crew.workspace_id,
            name=crew.name,
            description=crew.description,
            process=crew.process,
            status=crew.status,
            agents=[AgentSnapshot.model_validate(agent.model_dump()) for agent in crew.agents],
            tasks=[TaskSnapshot.model_validate(task.model_dump()) for task in crew.tasks],
            tools=await self._tools_of(crew),
            configuration=crew.configuration,
        )
        switches = crew.configuration.memory
        if not switches.used or key_input(switches.scope) is not None:
            return snapshot
        memory = await self.remembered(workspace_id, crew_id, switches.scope)
        return snapshot.model_copy(update={"memory": memory})

    async def remembered(self, workspace_id: str, crew_id: str, shelf: str) -> MemorySnapshot:
        """Return what a run is told from one of the crew's memories."""
        memory = await self._memories.newest(memory_id(workspace_id, crew_id, shelf))
        if memory is None or memory.workspace_id != workspace_id:
            return MemorySnapshot(shelf=shelf)
        return memory.snapshot()

    async def missing(self, crew: Crew) -> list[Lack]:
        """Return what the crew still needs: to be active, and for its tools to work."""
        own = tools_named(crew) - BUILT_IN_BY_NAME.keys()
        if not own:
            return crew.lacks
        there = {tool.name: tool for tool in await self._tools.all(crew.workspace_id)}
        gone = [
            Lack(field=fault["field"], reason=fault["reason"])
            for fault in tool_faults(crew, there.keys() | BUILT_IN_BY_NAME.keys())
        ]
        unsigned = [
            Lack(
                field=f"tools.{name}.credentials",
                reason=f"The credentials of the tool {name} are missing: its calls fail until "
                f"PUT /tools/custom/{there[name].id} gives some",
            )
            for name in sorted(own & there.keys())
            if there[name].lacks_credentials
        ]
        return [*crew.lacks, *gone, *unsigned]

    async def _tools_of(self, crew: Crew) -> list[ToolSnapshot]:
        named = tools_named(crew)
        own = named - BUILT_IN_BY_NAME.keys()
        built_in = [
            ToolSnapshot(
                name=tool.name,
                description=tool.description,
                parameters=tool.parameters,
                idempotent=tool.idempotent,
            )
            for name, tool in BUILT_IN_BY_NAME.items()
            if name in named
        ]
        custom = await self._tools.all(crew.workspace_id) if own else []
        return built_in + [tool.snapshot() for tool in custom if tool.name in own]

    async def _change(
        self,
        find: Finder,
        change: Callable[[Crew], Crew],
        matches: Matches = anything,
        at: Callable[[Crew], str] = lambda _: "",
        receipt: Receipt | None = None,
    ) -> Crew:
        for _ in range(_RACES):
            crew = await find()
            _require(crew, matches)
            changed = change(crew)
            await self._check_models(changed, crew, at(crew))
            await self._check_tools(changed, at(crew))
            refuse(await schema_faults(new_schemas(changed, crew)), at(crew))
            if await self._crews.replace(crew, changed, receipt):
                return changed
        raise Conflict("The crew is being changed from several places at once.")

    async def _check_models(self, crew: Crew, before: Crew | None = None, at: str = "") -> None:
        if self._models.concern(crew, before):
            refuse(await asyncio.to_thread(self._models.faults, crew, before), at)

    async def _check_tools(self, crew: Crew, at: str = "") -> None:
        if tool_faults(crew, BUILT_IN_BY_NAME):
            own = {tool.name for tool in await self._tools.all(crew.workspace_id)}
            refuse(tool_faults(crew, own | BUILT_IN_BY_NAME.keys()), at)


def _require(crew: Crew, matches: Matches) -> None:
    if not matches(crew):
        raise PreconditionFailed("It has changed since it was read; read it again.")


def _with(entry: Entry, changes: dict[str, object]) -> Entry:
    return entry.model_validate({**entry.model_dump(), **changes})
