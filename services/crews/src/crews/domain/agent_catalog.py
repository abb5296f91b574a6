"""The use cases of agents."""

from common.idempotency.once import Once, at_most_once, receipt_of
from common.ids import new_id
from common.times import utc_now
from crews.domain.composition import changed_values
from crews.domain.crew import Agent, Crew
from crews.domain.crew_changes import drop_agent, put_agent
from crews.domain.crew_editor import CrewEditor, Matches, anything
from crews.domain.drafts import AgentChanges, AgentRequest
from crews.domain.ports import CrewStore


class AgentCatalog:
    """Adds agents to crews, changes and removes them."""

    def __init__(self, editor: CrewEditor, crews: CrewStore) -> None:
        self._editor = editor
        self._crews = crews

    async def crew_of(self, workspace_id: str, agent_id: str) -> Crew:
        """Return the crew that has the agent. Raises `NotFound`."""
        return await self._editor.find_by_agent(workspace_id, agent_id)

    async def add(
        self, workspace_id: str, request: AgentRequest, once: Once[Agent] | None = None
    ) -> Agent:
        """Store a new agent. Raises `NotFound`, `InvalidRequest`, and as `at_most_once`."""
        agent = Agent(
            id=new_id("agent"),
            name=request.name or request.role,
            **request.model_dump(exclude={"crew_id", "name"}),
        )

        async def make() -> Agent:
            await self._editor.edit(
                lambda: self._editor.find(workspace_id, request.crew_id),
                lambda crew: put_agent(crew, agent, utc_now()),
                at=lambda crew: f"agents.{len(crew.agents)}.",
                receipt=receipt_of(once, agent),
            )
            return agent

        return await at_most_once(once, self._crews, make)

    async def update(
        self, workspace_id: str, agent_id: str, changes: AgentChanges, matches: Matches = anything
    ) -> None:
        """Change an agent. Raises `NotFound`, `InvalidRequest`, and as `CrewEditor.edit`."""

        def change(crew: Crew) -> Crew:
            held = crew.agent(agent_id).model_dump()
            agent = Agent.model_validate({**held, **changed_values(changes, Agent)})
            return put_agent(crew, agent, utc_now())

        await self._editor.edit(
            lambda: self.crew_of(workspace_id, agent_id),
            change,
            matches,
            at=lambda crew: f"agents.{crew.agents.index(crew.agent(agent_id))}.",
        )

    async def delete(self, workspace_id: str, agent_id: str, matches: Matches = anything) -> None:
        """Remove an agent. Raises as `drop_agent` and `CrewEditor.edit` do."""
        await self._editor.edit(
            lambda: self.crew_of(workspace_id, agent_id),
            lambda crew: drop_agent(crew, agent_id, utc_now()),
            matches,
        )
