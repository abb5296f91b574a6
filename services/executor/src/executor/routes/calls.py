"""What a job was given, and what it sent to models and tools."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from common.web.access import Editor
from executor.routes.call_bodies import (
    CallDetail,
    CallList,
    GivenInputs,
    ListCalls,
    call_detail,
    call_list,
)
from executor.routes.executions import JobPath
from executor.routes.use_cases import Use

router = APIRouter(tags=["Executions"])


@router.get("/executions/{job_id}/inputs", summary="Get what a job was started with")
async def get_inputs(job_id: JobPath, caller: Editor, use: Use) -> GivenInputs:
    return GivenInputs(inputs=dict(await use.calls.inputs(caller.workspace_id, job_id)))


@router.get("/executions/{job_id}/calls", summary="List calls to models and tools, oldest first")
async def list_calls(
    job_id: JobPath, asked: Annotated[ListCalls, Query()], caller: Editor, use: Use
) -> CallList:
    found = await use.calls.page(caller.workspace_id, job_id, limit=asked.limit, after=asked.after)
    return call_list(found)


@router.get("/executions/{job_id}/calls/{n}", summary="Get what was sent in a call, in full")
async def get_call(
    job_id: JobPath,
    n: Annotated[int, Path(ge=1, le=2**53, description="The `seq` of its event", examples=[4])],
    caller: Editor,
    use: Use,
) -> CallDetail:
    return call_detail(await use.calls.call(caller.workspace_id, job_id, n))
