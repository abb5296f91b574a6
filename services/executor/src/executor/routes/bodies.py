"""The bodies of requests and responses, made from the domain's values."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field

from common.contracts.events import ExecutionStatus
from common.contracts.ids import id_of
from common.errors import InvalidRequest
from common.web.models import AnswerModel, CursorPageQuery, NextPage, RequestModel, Timestamp, text
from executor.domain.api.reading import TraceRow
from executor.domain.api.replays import CrewChoice, ReplayWish
from executor.domain.api.submission import Accepted
from executor.domain.ending.tallies import CrewStats
from executor.domain.log.execution import Execution
from executor.domain.log.journal import OnMiss, PlayMode
from executor.domain.log.questions import Question
from executor.routes.file_bodies import ArtifactBrief, artifact_briefs
from executor.routes.fork_bodies import ForkOrigin, fork_origin
from executor.routes.question_bodies import QuestionView, question_view
from executor.routes.task_bodies import TaskProgress, tasks_progress

_WORDS = 50_000
_Remark: Any = text(4_000)
_QuestionId: Any = text(100)
_CrewId: Any = id_of("crew_id")
_JobId: Any = id_of("job_id")
_SHARE = Field(ge=0, le=1, description="Completed runs among all that have ended, without replays")
_SECONDS = Field(ge=0, description="Seconds from start to end")


class ReplaySettings(RequestModel):
    models: Annotated[
        PlayMode,
        Field(
            description="`recorded`: replies come from the recorded job; `live`: from the models",
            examples=["recorded"],
        ),
    ] = "recorded"
    tools: Annotated[
        PlayMode,
        Field(
            description="`recorded`: results come from the recorded job; `live`: tools are called again",
            examples=["recorded"],
        ),
    ] = "recorded"
    on_miss: Annotated[
        OnMiss,
        Field(
            description="What happens where nothing the same is recorded. `fail`: the job ends with `REPLAY_MISS` and "
            "the difference; `live`: the model or tool is asked, with a warning",
            examples=["fail"],
        ),
    ] = "fail"
    crew: Annotated[
        CrewChoice,
        Field(
            description="`recorded`: the crew as the recorded job had it; `current`: as it is now",
            examples=["recorded"],
        ),
    ] = "recorded"


class StartExecution(RequestModel):
    crew_id: _CrewId
    version: int | None = Field(
        default=None,
        ge=1,
        le=2**53,
        description="Which version of the crew runs: by default the published one, or else the newest",
        examples=[2],
    )
    inputs: dict[str, Any] = Field(
        default={},
        description='What fills in the placeholders `{name}` of the crew\'s texts. `{"file": "file_…"}`, alone or in a '
        "list, gives the agents that file to read",
    )
    replay_of: Annotated[
        _JobId | None,
        Field(
            description="Replay this ended job: replies and results come from it where the same is asked. Its inputs "
            "are used if none are sent",
            examples=["job_qwerty123"],
        ),
    ] = None
    replay: Annotated[
        ReplaySettings | None,
        Field(description="How `replay_of` is replayed: by default everything comes from it"),
    ] = None

    def replay_wish(self) -> ReplayWish | None:
        """Return what is to be replayed. Raises `InvalidRequest` for settings without a job."""
        if self.replay_of is None:
            if self.replay is not None:
                reason = "It says how replay_of is replayed: name a job there"
                raise InvalidRequest("Invalid field replay", field="replay", reason=reason)
            return None
        how = self.replay or ReplaySettings()
        return ReplayWish(self.replay_of, how.models, how.tools, how.on_miss, how.crew)


class ExecutionAccepted(AnswerModel):
    job_id: str
    status: Literal["queued"]
    estimated_duration: Annotated[int, Field(description="Seconds")]


class ExecutionError(AnswerModel):
    code: str
    message: str


class UsageAnswer(AnswerModel):
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class ExecutionSummary(AnswerModel):
    job_id: str
    crew_id: str
    version: Annotated[
        int | None,
        Field(
            description="The version of the crew that runs; null until a worker has taken a job that came over "
            "the bus, and for jobs of older releases",
            examples=[2],
        ),
    ]
    status: ExecutionStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    current_task: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    attempt: int
    forked_from: Annotated[
        ForkOrigin | None, Field(description="Where the job's history was copied from, if it was")
    ] = None
    replay_of: Annotated[
        str | None,
        Field(description="The job that this one replays, if it does", examples=["job_qwerty123"]),
    ] = None


class ExecutionDetail(ExecutionSummary):
    last_seq: int
    questions: Annotated[list[QuestionView], Field(description="What the job waits for")]
    result: Annotated[
        Any, Field(description="The output of the crew's last task that was not skipped")
    ] = None
    outputs: Annotated[
        dict[str, Any],
        Field(
            description="Once the job is completed: what each end of its graph made, by task id. An end is a task "
            "whose output no other task has read",
            examples=[{"task_01jd3a": "The report …"}],
        ),
    ]
    artifacts: Annotated[
        list[ArtifactBrief],
        Field(
            description="The first 100 files that the job has made; `GET /executions/{job_id}/artifacts` has all"
        ),
    ]
    error: ExecutionError | None
    tasks: list[TaskProgress]
    usage: UsageAnswer


class ExecutionList(AnswerModel):
    executions: list[ExecutionSummary]
    total: int
    page: int
    page_size: int
    next: NextPage


class TraceEntry(AnswerModel):
    timestamp: Timestamp
    agent: str
    action: str
    result: Any
    seq: int
    type: str
    task_id: str | None


class TraceList(AnswerModel):
    traces: list[TraceEntry]
    last_seq: Annotated[int, Field(description="The job's newest event")]
    next_after_seq: Annotated[
        int | None, Field(description="What to send as `after_seq` next; null if nothing follows")
    ]


class ExecutionStopped(AnswerModel):
    job_id: str
    status: Literal["stopped"]


class InputTaken(AnswerModel):
    job_id: str
    status: Annotated[ExecutionStatus, Field(description="What the job is now")]


class ListExecutions(CursorPageQuery):
    crew_id: Annotated[_CrewId | None, Query()] = None
    status: ExecutionStatus | None = None


class ListTraces(RequestModel):
    after_seq: Annotated[int, Query(ge=0, le=2**53, description="Only events after this one")] = 0
    limit: Annotated[int, Query(ge=1, le=500)] = 100


class CrewFigures(AnswerModel):
    crew_id: str
    executions: int
    success_rate: Annotated[float, _SHARE]
    avg_duration: Annotated[float, _SECONDS]


class PerformanceFigures(AnswerModel):
    crews: list[CrewFigures]


def accepted_execution(accepted: Accepted) -> ExecutionAccepted:
    """Return the response to the submission of a job."""
    return ExecutionAccepted(
        job_id=accepted.job.job_id,
        status="queued",
        estimated_duration=accepted.estimated_duration,
    )


def execution_summary(job: Execution) -> ExecutionSummary:
    """Return a job as lists show it."""
    return ExecutionSummary(**_summary_fields(job))


def _summary_fields(job: Execution) -> dict[str, Any]:
    state = job.state
    return {
        "job_id": job.job_id,
        "crew_id": job.crew_id,
        "version": job.crew_version,
        "status": job.status,
        "progress": state.progress,
        "current_task": state.current_task,
        "created_at": job.created_at,
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "attempt": job.attempt,
        "forked_from": fork_origin(job),
        "replay_of": None if job.replay is None else job.replay.job_id,
    }


def execution_detail(job: Execution, questions: Sequence[Question]) -> ExecutionDetail:
    """Return a job with all its details and open questions."""
    state = job.state
    return ExecutionDetail(
        **_summary_fields(job),
        last_seq=job.seq,
        questions=[question_view(question) for question in questions],
        result=state.result,
        outputs=state.outputs,
        artifacts=artifact_briefs(state.artifacts),
        error=None if state.error is None else ExecutionError(**state.error),
        tasks=tasks_progress(state),
        usage=UsageAnswer(
            requests=state.usage.requests,
            input_tokens=state.usage.input_tokens,
            output_tokens=state.usage.output_tokens,
            cost_usd=state.usage.cost_usd,
        ),
    )


def trace_entry(row: TraceRow) -> TraceEntry:
    """Return an event as traces show it."""
    return TraceEntry(
        timestamp=row.entry.timestamp,
        agent=row.agent,
        action=row.action,
        result=row.result,
        seq=row.entry.seq,
        type=row.entry.type,
        task_id=row.task_id,
    )


def crew_figures(crew: CrewStats) -> CrewFigures:
    """Return the figures of a crew over all months."""
    total = crew.total
    return CrewFigures(
        crew_id=crew.crew_id,
        executions=total.runs,
        success_rate=total.success_rate,
        avg_duration=total.avg_duration,
    )
