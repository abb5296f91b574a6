"""Which crew and inputs a replay runs: those of the recorded job, or the crew as it is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from common.contracts.crew import CrewSnapshot
from common.errors import Conflict, InvalidRequest
from executor.domain.api.control import job_of_workspace
from executor.domain.inputs.checks import check_runnable, with_memory
from executor.domain.inputs.lists import MOST_ITEMS
from executor.domain.inputs.ports import Crews
from executor.domain.log.execution import Execution
from executor.domain.log.journal import OnMiss, PlayMode, Replay
from executor.domain.log.ports import Executions
from executor.domain.log.reading import MOST_EVENTS

CrewChoice = Literal["recorded", "current"]


@dataclass(frozen=True, slots=True)
class ReplayWish:
    """What is played: a recorded job, its models and tools, by its own crew or by the crew as it is now."""

    job_id: str
    models: PlayMode = "recorded"
    tools: PlayMode = "recorded"
    on_miss: OnMiss = "fail"
    crew: CrewChoice = "recorded"

    @property
    def modes(self) -> Replay:
        return Replay(self.job_id, self.models, self.tools, self.on_miss)


@dataclass(frozen=True, slots=True)
class Recordings:
    """Finds the crews and inputs of recorded jobs."""

    executions: Executions
    crews: Crews
    most_items: int = MOST_ITEMS

    async def crew_and_inputs(
        self,
        workspace_id: str,
        crew_id: str,
        inputs: Mapping[str, Any] | None,
        wish: ReplayWish,
        version: int | None = None,
    ) -> tuple[CrewSnapshot, Mapping[str, Any]]:
        """Return what a replay runs: with a `version`, that of the crew. Without `inputs`, those of the recorded job.

        Raises `NotFound` for a job or crew of another workspace, `Conflict` for a job that has not ended or whose log
        is too long, and `InvalidRequest` for one of another crew, and as `check_runnable`.
        """
        source, recorded = await self._recorded_job(workspace_id, wish.job_id)
        current = wish.crew == "current" or version is not None
        if not current and source.crew_id != crew_id:
            reason = f"The recorded job is one of the crew {source.crew_id}"
            raise InvalidRequest(
                f"This replay cannot be made: {reason}.", field="crew_id", reason=reason
            )
        wanted = source.inputs if inputs is None else inputs
        crew = recorded
        if current:
            now = await self.crews.snapshot(workspace_id, crew_id, version)
            same = source.crew_id == crew_id
            crew = now.model_copy(update={"memory": recorded.memory}) if same else now
        check_runnable(crew, wanted, self.most_items)
        return await with_memory(self.crews, workspace_id, crew_id, crew, wanted), wanted

    async def _recorded_job(self, workspace_id: str, job_id: str) -> tuple[Execution, CrewSnapshot]:
        head = await job_of_workspace(self.executions, workspace_id, job_id)
        if not head.final:
            raise Conflict(
                f"The job {job_id} is {head.status}: it can be replayed when it has ended.",
                details={"status": head.status.value},
            )
        if head.seq > MOST_EVENTS:
            raise Conflict(
                f"The log of the job {job_id} is too long to be replayed: at most {MOST_EVENTS:,} events.",
                details={"status": head.status.value},
            )
        source = await self.executions.find(job_id)
        if source is None or source.snapshot is None:
            raise Conflict(f"The job {job_id} ended before it began: nothing is recorded.")
        return source, source.snapshot
