"""Reading a crew and storing it changed, while others may change it too."""

import asyncio
from collections.abc import Awaitable, Callable

from common.errors import Conflict, NotFound, PreconditionFailed
from common.idempotency.once import Receipt
from crews.domain.crew import Crew
from crews.domain.endpoint_names import endpoint_faults, new_endpoint_models
from crews.domain.faults import Fault, refuse
from crews.domain.model_names import ModelNames
from crews.domain.ports import CrewStore, OwnModelStore
from crews.domain.schemas import new_patterns, new_schemas, pattern_faults, schema_faults
from crews.domain.tool_names import every_name, tool_faults
from crews.domain.versions import same_content
from crews.domain.workspace_tools import WorkspaceTools

_RACES = 5
Matches = Callable[[Crew], bool]
"""Says whether `If-Match` names what is stored; it is asked again after a race."""
Finder = Callable[[], Awaitable[Crew]]


def anything(_: Crew) -> bool:
    """The condition of a caller who sent no `If-Match`."""
    return True


class CrewEditor:
    """Finds crews, checks them as a whole and stores their changes."""

    def __init__(
        self, crews: CrewStore, tools: WorkspaceTools, models: ModelNames, own: OwnModelStore
    ) -> None:
        self._crews = crews
        self._tools = tools
        self._models = models
        self._own = own

    async def find(self, workspace_id: str, crew_id: str) -> Crew:
        """Return the crew. Raises `NotFound`."""
        return _present(await self._crews.find(workspace_id, crew_id), "crew", crew_id)

    async def find_by_agent(self, workspace_id: str, agent_id: str) -> Crew:
        """Return the crew that has the agent. Raises `NotFound`."""
        return _present(await self._crews.with_agent(workspace_id, agent_id), "agent", agent_id)

    async def find_by_task(self, workspace_id: str, task_id: str) -> Crew:
        """Return the crew that has the task. Raises `NotFound`."""
        return _present(await self._crews.with_task(workspace_id, task_id), "task", task_id)

    async def check(self, crew: Crew, before: Crew | None = None, at: str = "") -> None:
        """Raise `InvalidRequest` for models, tools or schemas of `crew` that cannot be used.

        What was accepted `before` is not checked again; `at` as in `crew_rules.check`.
        """
        concerned = self._models.concern(crew, before)
        if concerned or new_endpoint_models(crew, before):
            own = await self._own.all(crew.workspace_id)
            refuse(endpoint_faults(crew, before, own), at)
            if concerned:
                refuse(await asyncio.to_thread(self._models.faults, crew, before, own), at)
        refuse(await self.tool_faults(crew), at)
        refuse(await schema_faults(new_schemas(crew, before)), at)
        refuse(await pattern_faults(new_patterns(crew, before)), at)

    async def tool_faults(self, crew: Crew) -> list[Fault]:
        """Return a fault for each tool that `crew` names and that is not there."""
        if not tool_faults(crew, self._tools.offered):
            return []
        own = await self._tools.find(crew.workspace_id, every_name(crew))
        return tool_faults(crew, own.names | self._tools.offered.keys())

    async def unknown_prices(self, crew: Crew) -> list[dict[str, str]]:
        """Return a fault for each model of `crew` whose price is not known."""
        own = await self._own.all(crew.workspace_id)
        return await asyncio.to_thread(self._models.unknown_prices, crew, own)

    async def edit(
        self,
        find: Finder,
        change: Callable[[Crew], Crew],
        matches: Matches = anything,
        at: Callable[[Crew], str] = lambda _: "",
        receipt: Receipt | None = None,
    ) -> Crew:
        """Store what `change` makes of the crew that `find` returns, again after each lost race.

        If it makes the same, nothing is stored, and the crew keeps its version. Raises
        `PreconditionFailed` unless it `matches`, and `Conflict` after too many races.
        """
        for _ in range(_RACES):
            crew = await find()
            require(crew, matches)
            changed = change(crew)
            if receipt is None and same_content(crew, changed):
                return crew
            await self.check(changed, crew, at(crew))
            if await self._crews.replace(crew, changed, receipt):
                return changed
        raise Conflict("The crew is being changed from several places at once.")

    async def remove(self, workspace_id: str, crew_id: str, matches: Matches) -> Crew:
        """Remove the crew and return it. Raises `NotFound`, and as `edit` does."""
        for _ in range(_RACES):
            crew = await self.find(workspace_id, crew_id)
            require(crew, matches)
            if await self._crews.remove(crew):
                return crew
        raise Conflict(f"The crew {crew_id} is being changed from several places at once.")


def require(crew: Crew, matches: Matches) -> None:
    """Raise `PreconditionFailed` unless the crew is the one that the caller has read."""
    if not matches(crew):
        raise PreconditionFailed("It has changed since it was read; read it again.")


def _present(crew: Crew | None, kind: str, its_id: str) -> Crew:
    if crew is None:
        raise NotFound(f"There is no {kind} {its_id}.")
    return crew
