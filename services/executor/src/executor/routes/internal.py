"""Routes for other services: heads and events of jobs. The gateway does not expose them."""

from typing import Annotated

import orjson
from fastapi import APIRouter, Query, Request, Response

from common.contracts.replay import EVENT_LINES, ReplayHead, join_lines
from common.web.access import Overseer, PeerService
from executor.routes.internal_bodies import Head, Heads, HeadsWanted, ShortHead
from executor.routes.use_cases import Use

router = APIRouter(prefix="/internal/executions", include_in_schema=False)


@router.get("/{job_id}")
async def get_head(job_id: str, peer: PeerService, use: Use) -> Head:
    job = await use.reading.execution(peer.workspace_id, job_id)
    return Head(
        job_id=job.job_id, workspace_id=job.workspace_id, status=job.status, last_seq=job.seq
    )


@router.get("/{job_id}/events")
async def get_events(
    job_id: str,
    peer: PeerService,
    use: Use,
    request: Request,
    after_seq: Annotated[int, Query(ge=0, le=2**53)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    found = await use.reading.events(peer.workspace_id, job_id, after_seq, limit)
    # Either way, the frames are passed on as serialised when the events were written.
    frames = [record.frame for record in found.records]
    if request.headers.get("accept") == EVENT_LINES:
        head = ReplayHead(
            status=found.job.status,
            last_seq=found.job.seq,
            first_seq=after_seq + 1,
            types=[record.type for record in found.records],
        )
        return Response(join_lines(head, frames), media_type=EVENT_LINES)
    rest = orjson.dumps({"last_seq": found.job.seq, "status": found.job.status})
    body = b'{"events":[' + b",".join(frames) + b"]," + rest[1:]
    return Response(body, media_type="application/json")


@router.post("/heads")
async def get_heads(body: HeadsWanted, _: Overseer, use: Use) -> Heads:
    heads = await use.reading.heads(body.job_ids)
    return Heads(
        heads={
            job_id: ShortHead(status=status, last_seq=last_seq)
            for job_id, (status, last_seq) in heads.items()
        }
    )
