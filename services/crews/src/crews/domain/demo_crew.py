"""The demo crew, under the ids of the API document."""

from common.contracts.crew import Configuration
from common.times import utc_now
from crews.domain.crew import Agent, Crew, Task
from crews.domain.crew_catalog import CrewCatalog
from crews.domain.crew_changes import change
from crews.domain.ports import CrewStore

CREW_ID = "crew_abc123"


class DemoCrew:
    """Makes the demo's data."""

    def __init__(self, catalog: CrewCatalog, crews: CrewStore) -> None:
        self._catalog = catalog
        self._crews = crews

    async def ensure(self, workspace_id: str) -> None:
        """Make the demo crew in this workspace, or what is missing of it.

        Ids are unique in the platform: raises `Conflict` when another workspace has them.
        """
        whole = _crew(workspace_id)
        stored = await self._crews.find(workspace_id, CREW_ID)
        if stored is None:
            await self._catalog.keep(whole)
            return
        # What is missing goes to the end, so that no task comes to name a later one.
        present = {entry.id for entry in (*stored.agents, *stored.tasks)}
        agents = [agent for agent in whole.agents if agent.id not in present]
        tasks = [task for task in whole.tasks if task.id not in present]
        if agents or tasks:
            restored = change(
                stored, utc_now(), agents=(*stored.agents, *agents), tasks=(*stored.tasks, *tasks)
            )
            await self._crews.replace(stored, restored)


def _crew(workspace_id: str) -> Crew:
    now = utc_now()
    return Crew(
        id=CREW_ID,
        workspace_id=workspace_id,
        name="Customer Support Crew",
        description="Looks into a question and answers the customer",
        process="sequential",
        agents=_agents(),
        tasks=_tasks(),
        configuration=Configuration(),
        created_at=now,
        updated_at=now,
    )


def _agents() -> tuple[Agent, ...]:
    return (
        Agent(
            id="agent_001",
            name="Research Agent",
            role="Research Agent",
            goal="Find out what is known about {topic}",
            backstory="Reads everything, believes half of it",
            model="gpt-4",
            tools=["web_search", "calculator"],
        ),
        Agent(
            id="agent_010",
            name="Support Analyst",
            role="Support Analyst",
            goal="Tell what matters from what does not",
            model="gpt-4",
        ),
        Agent(
            id="agent_011",
            name="Response Writer",
            role="Response Writer",
            goal="Answer in words a customer understands",
            model="gpt-4",
        ),
    )


def _tasks() -> tuple[Task, ...]:
    return (
        Task(
            id="task_001",
            description="Generate report on {topic}: what 4 teams at 12 * 250 euros cost",
            expected_output="A short report",
            agent_id="agent_001",
        ),
        Task(
            id="task_010",
            description="Analyze the report for what must be done by {deadline}",
            expected_output="Three points",
            agent_id="agent_010",
            context=["task_001"],
        ),
        Task(
            id="task_011",
            description="Write the answer to the customer about {topic}",
            expected_output="A friendly answer",
            agent_id="agent_011",
        ),
    )
