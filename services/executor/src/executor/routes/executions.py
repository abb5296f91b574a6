"""Start, watch, answer and stop executions."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from pydantic import Field

from common.access import Editor, Viewer
from common.contracts.events import ExecutionStatus
from common.contracts.ids import id_of
from common.idempotency.header import IdempotencyKey, creating
from common.logs import bind_job
from common.models import (
    AnswerModel,
    CursorPage,
    ErrorEnvelope,
    NextPage,
    RequestModel,
    Timestamp,
    text,
)
from common.telemetry import inject
from executor.domain.api.reading import TraceRow, trace_row
from executor.domain.api.submission import Accepted
from executor.domain.log.execution import Execution
from executor.domain.log.questions import Answer, Kind, Outcome, Question
from executor.routes.access import use_cases

router = APIRouter(tags=["Executions"])

JobPath = Annotated[str, Path(description="A job")]
_Words: Any = text(50_000)
_Remark: Any = text(4_000)
_QuestionId: Any = text(100)
_CrewId: Any = id_of("crew_id")
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorEnvelope, "description": "The job's present status does not allow it"}
}


class StartExecution(RequestModel):
    crew_id: _CrewId
    inputs: dict[str, Any] = Field(
        default={}, description="What fills in the placeholders `{name}` of the crew's texts"
    )


class ExecutionAccepted(AnswerModel):
    job_id: str
    status: Literal["queued"]
    estimated_duration: Annotated[int, Field(description="Seconds")]


class ExecutionError(AnswerModel):
    code: str
    message: str


class TaskProgress(AnswerModel):
    task_id: str
    status: str
    output: Any = None


class UsageAnswer(AnswerModel):
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class ExecutionSummary(AnswerModel):
    job_id: str
    crew_id: str
    status: ExecutionStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    current_task: str | None
    created_at: Timestamp
    started_at: Timestamp | None
    finished_at: Timestamp | None
    attempt: int


class QuestionView(AnswerModel):
    question_id: str
    task_id: str | None
    agent: Annotated[str, Field(description="Who asks; empty for jobs of older versions")]
    kind: Kind
    prompt: str
    answer: Annotated[Any, Field(description="Of a review: what goes on as it is if approved")] = (
        None
    )
    asked_at: Timestamp


class ExecutionDetail(ExecutionSummary):
    last_seq: int
    questions: Annotated[list[QuestionView], Field(description="What the job waits for")]
    result: Any = None
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
        int | None, Field(description="What to ask for next; null when this was all there is")
    ]


class ExecutionStopped(AnswerModel):
    job_id: str
    status: Literal["stopped"]


class ExecutionInput(RequestModel):
    outcome: Annotated[
        Outcome,
        Field(
            description="`approved` keeps the reviewed answer as it is, `rejected` ends the job, "
            "`answered` says in `input` what should change (or what came of a call of unknown "
            "outcome), `retry` has such a call made again. A text alone is never an approval"
        ),
    ] = "answered"
    input: Annotated[_Words | None, Field(description="Needed by `answered`")] = None
    comment: Annotated[_Remark | None, Field(description="Kept with the answer")] = None
    question_id: Annotated[
        _QuestionId | None,
        Field(description="Which question this answers; without it the open one"),
    ] = None


class InputTaken(AnswerModel):
    job_id: str
    status: Annotated[ExecutionStatus, Field(description="What the job is now")]


class ListExecutions(CursorPage):
    crew_id: Annotated[_CrewId | None, Query()] = None
    status: ExecutionStatus | None = None


class ListTraces(RequestModel):
    after_seq: Annotated[int, Query(ge=0, le=2**53, description="Only events after this one")] = 0
    limit: Annotated[int, Query(ge=1, le=500)] = 100


@router.post(
    "/executions", status_code=202, responses=creating(202), summary="Start crew execution"
)
async def start_execution(
    body: StartExecution, caller: Editor, request: Request, key: IdempotencyKey
) -> ExecutionAccepted:
    carrier: dict[str, str] = {}
    inject(carrier)
    use = use_cases(request)
    accepted = await use.submission.submit(
        caller.workspace_id,
        body.crew_id,
        body.inputs,
        requested_by=caller.user_id,
        traceparent=carrier.get("traceparent", ""),
        once=use.keys.once(key, caller.workspace_id, body, _accepted),
    )
    bind_job(accepted.job.job_id)
    return _accepted(accepted)


def _accepted(accepted: Accepted) -> ExecutionAccepted:
    return ExecutionAccepted(
        job_id=accepted.job.job_id,
        status="queued",
        estimated_duration=accepted.estimated_duration,
    )


@router.get("/executions", summary="List executions, newest first")
async def list_executions(
    asked: Annotated[ListExecutions, Query()], caller: Viewer, request: Request
) -> ExecutionList:
    found = await use_cases(request).reading.page(
        caller.workspace_id,
        crew_id=asked.crew_id,
        status=asked.status,
        skip=asked.skip,
        limit=asked.page_size,
        after=asked.after,
    )
    return ExecutionList(
        executions=[ExecutionSummary(**_summary(job)) for job in found.jobs],
        total=found.total,
        page=asked.page,
        page_size=asked.page_size,
        next=found.next,
    )


@router.get("/executions/{job_id}", summary="Get execution status")
async def get_execution(job_id: JobPath, caller: Viewer, request: Request) -> ExecutionDetail:
    reading = use_cases(request).reading
    job = await reading.execution(caller.workspace_id, job_id)
    return _detail(job, await reading.questions(job))


@router.get("/executions/{job_id}/traces", summary="Get execution trace")
async def list_traces(
    job_id: JobPath, asked: Annotated[ListTraces, Query()], caller: Viewer, request: Request
) -> TraceList:
    found = await use_cases(request).reading.events(
        caller.workspace_id, job_id, asked.after_seq, asked.limit
    )
    last = found.records[-1].seq if found.records else asked.after_seq
    return TraceList(
        traces=[_entry(trace_row(record.event())) for record in found.records],
        last_seq=found.job.seq,
        next_after_seq=last if last < found.job.seq else None,
    )


@router.post("/executions/{job_id}/stop", summary="Stop execution", responses=_CONFLICT)
async def stop_execution(job_id: JobPath, caller: Editor, request: Request) -> ExecutionStopped:
    job = await use_cases(request).control.stop(caller.workspace_id, job_id)
    return ExecutionStopped(job_id=job.job_id, status="stopped")


@router.post("/executions/{job_id}/input", summary="Answer a task that waits", responses=_CONFLICT)
async def answer_execution(
    job_id: JobPath, body: ExecutionInput, caller: Editor, request: Request
) -> InputTaken:
    job = await use_cases(request).control.answer(
        caller.workspace_id,
        job_id,
        Answer(body.outcome, body.input, body.comment),
        by=caller.acts_as,
        question_id=body.question_id,
    )
    return InputTaken(job_id=job.job_id, status=job.status)


def _summary(job: Execution) -> dict[str, Any]:
    state = job.state
    return {
        "job_id": job.job_id,
        "crew_id": job.crew_id,
        "status": job.status,
        "progress": state.progress,
        "current_task": state.current_task,
        "created_at": job.created_at,
        "started_at": state.started_at,
        "finished_at": state.finished_at,
        "attempt": job.attempt,
    }


def _detail(job: Execution, questions: Sequence[Question]) -> ExecutionDetail:
    state = job.state
    return ExecutionDetail(
        **_summary(job),
        last_seq=job.seq,
        questions=[QuestionView(**asdict(question)) for question in questions],
        result=state.result,
        error=None if state.error is None else ExecutionError(**state.error),
        tasks=[
            TaskProgress(task_id=task.task_id, status=task.status, output=task.output)
            for task in state.tasks
        ],
        usage=UsageAnswer(
            requests=state.usage.requests,
            input_tokens=state.usage.input_tokens,
            output_tokens=state.usage.output_tokens,
            cost_usd=state.usage.cost_usd,
        ),
    )


def _entry(row: TraceRow) -> TraceEntry:
    return TraceEntry(
        timestamp=row.event.timestamp,
        agent=row.agent,
        action=row.action,
        result=row.result,
        seq=row.event.seq,
        type=row.event.type.value,
        task_id=row.task_id,
    )
