"""The routes below /memory."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from common.contracts.memory import LONGEST_KEY, Scope, key_input, shelf_of
from common.errors import InvalidRequest
from common.web.access import Editor, Viewer
from common.web.models import failures
from crews.domain.memory import MemoryKind
from crews.routes.bodies import ClearRequest, InsightView, MemoryView, ShortTermView
from crews.routes.use_cases import Use

router = APIRouter(tags=["Memory"])

_WHOLE = re.compile(r"-?[0-9]+")


class Shelf(BaseModel):
    """Which of a crew's memories is meant."""

    model_config = ConfigDict(frozen=True)

    scope: Annotated[
        Scope | None,
        Query(
            description="`crew`, `workspace` or an input such as `{customer_id}`; what the crew's "
            "configuration says when left out",
        ),
    ] = None
    key: Annotated[
        str | None,
        Query(
            max_length=LONGEST_KEY, description="The value of the input that keeps memories apart"
        ),
    ] = None
    key_type: Annotated[
        Literal["string", "number"], Query(description="Whether the input was a text or a number")
    ] = "string"


Which = Annotated[Shelf, Query()]


@router.get("/memory/{crew_id}", summary="Get crew memory")
async def get_memory(crew_id: str, caller: Viewer, use: Use, which: Which) -> MemoryView:
    scope = which.scope
    if scope is None:
        crew = await use.crew_catalog.find(caller.workspace_id, crew_id)
        scope = crew.configuration.memory.scope
    memory = await use.remembering.memory(caller.workspace_id, crew_id, _shelf(scope, which))
    return MemoryView(
        short_term=[
            ShortTermView(timestamp=entry.timestamp, content=entry.content)
            for entry in reversed(memory.short_term)
        ],
        long_term=[
            InsightView(category=insight.category, insights=insight.insights)
            for insight in memory.insights()
        ],
    )


@router.post(
    "/memory/{crew_id}/clear", status_code=204, responses=failures(409), summary="Clear memory"
)
async def clear_memory(
    crew_id: str, body: ClearRequest, caller: Editor, use: Use, which: Which
) -> None:
    await _clear(caller, crew_id, body.type, use, which)


@router.delete(
    "/memory/{crew_id}",
    status_code=204,
    responses=failures(409),
    summary="Clear memory (all of it without a body)",
)
async def delete_memory(
    crew_id: str, caller: Editor, use: Use, which: Which, body: ClearRequest | None = None
) -> None:
    await _clear(caller, crew_id, body.type if body else "all", use, which)


async def _clear(caller: Editor, crew_id: str, kind: MemoryKind, use: Use, which: Shelf) -> None:
    """Clear one memory, or without a choice all that are the crew's: its own and every key's."""
    shelf = None
    if which.scope is not None or which.key is not None:
        crew = await use.crew_catalog.find(caller.workspace_id, crew_id)
        shelf = _shelf(which.scope or crew.configuration.memory.scope, which)
    await use.remembering.clear(caller.workspace_id, crew_id, kind, shelf)


def _shelf(scope: str, which: Shelf) -> str:
    name = key_input(scope)
    if name is None and which.key is None:
        return scope
    if name is None:
        raise _unclear("key", f"The scope {scope} has no keys; name an input as the scope")
    if which.key is None:
        raise _unclear("key", f"Memory is kept apart by {name}: say whose, as in ?key=value")
    if which.key_type == "number" and not _WHOLE.fullmatch(which.key):
        raise _unclear("key", "It is not a whole number")
    try:
        return shelf_of(name, int(which.key) if which.key_type == "number" else which.key)
    except ValueError as fault:
        raise _unclear("key", str(fault)) from None


def _unclear(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest("It is not clear which memory is meant.", field=field, reason=reason)
