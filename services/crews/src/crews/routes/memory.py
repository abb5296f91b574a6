"""The routes below /memory."""

from fastapi import APIRouter

from common.access import Editor, Viewer
from common.models import failures
from crews.domain.memory import MemoryKind
from crews.routes.bodies import ClearRequest, InsightView, MemoryView, ShortTermView
from crews.routes.parts import Use

router = APIRouter(tags=["Memory"])


@router.get("/memory/{crew_id}", summary="Get crew memory")
async def get_memory(crew_id: str, caller: Viewer, use: Use) -> MemoryView:
    memory = await use.remembering.memory(caller.workspace_id, crew_id)
    return MemoryView(
        short_term=[
            ShortTermView(timestamp=entry.timestamp, content=entry.content)
            for entry in reversed(memory.short_term)
        ],
        long_term=[
            InsightView(category=one.category, insights=one.insights) for one in memory.insights()
        ],
    )


@router.post(
    "/memory/{crew_id}/clear", status_code=204, responses=failures(409), summary="Clear memory"
)
async def clear_memory(crew_id: str, body: ClearRequest, caller: Editor, use: Use) -> None:
    await _clear(caller, crew_id, body.type, use)


@router.delete(
    "/memory/{crew_id}",
    status_code=204,
    responses=failures(409),
    summary="Clear memory (all of it without a body)",
)
async def delete_memory(
    crew_id: str, caller: Editor, use: Use, body: ClearRequest | None = None
) -> None:
    await _clear(caller, crew_id, body.type if body else "all", use)


async def _clear(caller: Editor, crew_id: str, kind: MemoryKind, use: Use) -> None:
    await use.remembering.clear(caller.workspace_id, crew_id, kind)
