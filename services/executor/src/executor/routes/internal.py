"""What other services ask: heads of jobs and their events. The gateway routes none of it."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from common.access import Overseer, PeerService
from common.models import AnswerModel, RequestModel
from executor.routes.access import use_cases

router = APIRouter(prefix="/internal/executions", include_in_schema=False)


class Head(AnswerModel):
    job_id: str
    workspace_id: str
    status: str
    last_seq: int


class HeadsWanted(RequestModel):
    job_ids: Annotated[list[str], Field(max_length=5_000)]


class ShortHead(AnswerModel):
    status: str
    last_seq: int


class Heads(AnswerModel):
    heads: dict[str, ShortHead]


@router.get("/{job_id}")
async def get_head(job_id: str, peer: PeerService, request: Request) -> Head:
    job = await use_cases(request).reading.execution(peer.workspace_id, job_id)
    return Head(
        job_id=job.job_id, workspace_id=job.workspace_id, status=job.status, last_seq=job.seq
    )


@router.get("/{job_id}/events")
async def get_events(
    job_id: str,
    peer: PeerService,
    request: Request,
    after_seq: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    found = await use_cases(request).reading.events(peer.workspace_id, job_id, after_seq, limit)
    # The frames are passed on as they were serialised when the events were written.
    frames = b",".join(record.frame for record in found.records)
    head = orjson.dumps({"last_seq": found.job.seq, "status": found.job.status})
    return Response(b'{"events":[' + frames + b"]," + head[1:], media_type="application/json")


@router.post("/heads")
async def get_heads(body: HeadsWanted, _: Overseer, request: Request) -> Heads:
    heads = await use_cases(request).reading.heads(body.job_ids)
    return Heads(
        heads={
            job_id: ShortHead(status=status, last_seq=last_seq)
            for job_id, (status, last_seq) in heads.items()
        }
    )
