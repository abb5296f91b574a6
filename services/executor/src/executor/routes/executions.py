"""Start, watch, answer and stop executions."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from common.idempotency.header import IdempotencyKey, creating
from common.logs import bind_job
from common.telemetry import inject
from common.web.access import Editor, Viewer
from common.web.models import ErrorEnvelope, failures
from executor.domain.api.reading import trace_row
from executor.routes.bodies import (
    ExecutionAccepted,
    ExecutionDetail,
    ExecutionList,
    ExecutionStopped,
    InputTaken,
    ListExecutions,
    ListTraces,
    StartExecution,
    TraceList,
    accepted_execution,
    execution_detail,
    execution_summary,
    trace_entry,
)
from executor.routes.fork_bodies import ForkAccepted, ForkExecution, accepted_fork
from executor.routes.question_bodies import ExecutionInput
from executor.routes.use_cases import Use

router = APIRouter(tags=["Executions"])

JobPath = Annotated[str, Path(description="A job")]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ErrorEnvelope, "description": "The job's present status does not allow it"}
}


@router.post(
    "/executions",
    status_code=202,
    responses={**creating(202), **failures(402)},
    summary="Start crew execution",
)
async def start_execution(
    body: StartExecution, caller: Editor, use: Use, key: IdempotencyKey
) -> ExecutionAccepted:
    carrier: dict[str, str] = {}
    inject(carrier)
    accepted = await use.submission.submit(
        caller.workspace_id,
        body.crew_id,
        body.inputs if "inputs" in body.model_fields_set else None,
        requested_by=caller.user_id,
        traceparent=carrier.get("traceparent", ""),
        version=body.version,
        replay=body.replay_wish(),
        once=use.keys.once(key, caller.workspace_id, body, accepted_execution),
    )
    bind_job(accepted.job.job_id)
    return accepted_execution(accepted)


@router.post(
    "/executions/{job_id}/fork",
    status_code=202,
    responses={**creating(202), **failures(402)},
    summary="Run a job again from somewhere in its history",
)
async def fork_execution(
    job_id: JobPath, body: ForkExecution, caller: Editor, use: Use, key: IdempotencyKey
) -> ForkAccepted:
    carrier: dict[str, str] = {}
    inject(carrier)
    accepted = await use.forking.fork(
        caller.workspace_id,
        job_id,
        body.as_wish(),
        requested_by=caller.user_id,
        traceparent=carrier.get("traceparent", ""),
        once=use.keys.once(key, f"{caller.workspace_id} {job_id}", body, accepted_fork),
    )
    bind_job(accepted.job.job_id)
    return accepted_fork(accepted)


@router.get("/executions", summary="List executions, newest first")
async def list_executions(
    asked: Annotated[ListExecutions, Query()], caller: Viewer, use: Use
) -> ExecutionList:
    found = await use.reading.page(
        caller.workspace_id,
        crew_id=asked.crew_id,
        status=asked.status,
        skip=asked.skip,
        limit=asked.page_size,
        after=asked.after,
    )
    return ExecutionList(
        executions=[execution_summary(job) for job in found.jobs],
        total=found.total,
        page=asked.page,
        page_size=asked.page_size,
        next=found.next,
    )


@router.get("/executions/{job_id}", summary="Get execution status")
async def get_execution(job_id: JobPath, caller: Viewer, use: Use) -> ExecutionDetail:
    job = await use.reading.execution(caller.workspace_id, job_id)
    return execution_detail(job, await use.reading.questions(job))


@router.get("/executions/{job_id}/traces", summary="Get execution trace")
async def list_traces(
    job_id: JobPath, asked: Annotated[ListTraces, Query()], caller: Viewer, use: Use
) -> TraceList:
    found = await use.reading.events(caller.workspace_id, job_id, asked.after_seq, asked.limit)
    last = found.records[-1].seq if found.records else asked.after_seq
    return TraceList(
        traces=[trace_entry(trace_row(record.shown_entry())) for record in found.records],
        last_seq=found.job.seq,
        next_after_seq=last if last < found.job.seq else None,
    )


@router.post("/executions/{job_id}/stop", summary="Stop execution", responses=_CONFLICT)
async def stop_execution(job_id: JobPath, caller: Editor, use: Use) -> ExecutionStopped:
    job = await use.control.stop(caller.workspace_id, job_id)
    return ExecutionStopped(job_id=job.job_id, status="stopped")


@router.post(
    "/executions/{job_id}/input", summary="Answer a question of a job", responses=_CONFLICT
)
async def answer_execution(
    job_id: JobPath, body: ExecutionInput, caller: Editor, use: Use
) -> InputTaken:
    job = await use.control.answer(
        caller.workspace_id,
        job_id,
        body.as_answer(),
        by=caller.acts_as,
        role=caller.role,
        question_id=body.question_id,
    )
    return InputTaken(job_id=job.job_id, status=job.status)
