"""The routes below /crews/{crew_id}/versions."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import JSONResponse

from common.web.access import Editor, Viewer
from common.web.models import CursorPageQuery, failures
from crews.domain.versions import VersionRow
from crews.routes.use_cases import IfMatch, Use, condition, crew_tag
from crews.routes.version_bodies import (
    PatchOperation,
    Published,
    Restored,
    VersionList,
    VersionView,
    version_entry,
    version_view,
)

router = APIRouter(tags=["Crews"])
Number = Annotated[int, Path(ge=1, le=2**53, description="A version of the crew", examples=[2])]


_PATCH = "application/json-patch+json"  # RFC 6902, section 6
_PATCHES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "What makes the other version of the one",
        "content": {
            _PATCH: {"schema": {"type": "array", "items": PatchOperation.model_json_schema()}}
        },
    }
}


@router.get("/crews/{crew_id}/versions", summary="List a crew's versions, newest first")
async def list_versions(
    crew_id: str, caller: Viewer, query: Annotated[CursorPageQuery, Query()], use: Use
) -> VersionList:
    crew, rows = await use.version_catalog.rows(caller.workspace_id, crew_id)
    part = query.part(rows, _place, ("versions", caller.workspace_id, crew_id))
    return VersionList(
        versions=[version_entry(row, crew.published_version) for row in part.shown],
        total=part.total,
        page=query.page,
        page_size=query.page_size,
        next=part.next,
    )


def _place(row: VersionRow) -> tuple[int, str]:
    return row.number, ""


@router.get("/crews/{crew_id}/versions/{version}", summary="Get a crew as it was in a version")
async def get_version(crew_id: str, version: Number, caller: Viewer, use: Use) -> VersionView:
    return version_view(await use.version_catalog.find(caller.workspace_id, crew_id, version))


@router.get(
    "/crews/{crew_id}/versions/{version}/diff/{other}",
    summary="Compare two versions of a crew",
    response_class=Response,  # not one of patches, which errors would be documented as, too
    responses=_PATCHES,
)
async def compare_versions(
    crew_id: str, version: Number, other: Number, caller: Viewer, use: Use
) -> Response:
    """Return what makes `other` of `version`: a JSON Patch (RFC 6902) of what a version is made of.

    Agents and tasks are compared by their ids.
    """
    patch = await use.version_catalog.diff(caller.workspace_id, crew_id, version, other)
    return JSONResponse(patch, media_type=_PATCH)


@router.post(
    "/crews/{crew_id}/versions/{version}/restore",
    responses=failures(409, 412),
    summary="Make a version of a crew its newest",
)
async def restore_version(
    crew_id: str,
    version: Number,
    caller: Editor,
    response: Response,
    use: Use,
    if_match: IfMatch = None,
) -> Restored:
    crew = await use.version_catalog.restore(
        caller.workspace_id, crew_id, version, condition(if_match, crew_tag)
    )
    response.headers["ETag"] = crew_tag(crew)
    return Restored(id=crew_id, restored=version, version=crew.version)


@router.post(
    "/crews/{crew_id}/versions/{version}/publish",
    responses=failures(409),
    summary="Publish a version of a crew",
)
async def publish_version(crew_id: str, version: Number, caller: Editor, use: Use) -> Published:
    await use.version_catalog.publish(caller.workspace_id, crew_id, version)
    return Published(id=crew_id, published_version=version)


@router.delete(
    "/crews/{crew_id}/versions/{version}/publish",
    status_code=204,
    responses=failures(409),
    summary="Take the publication of a version back",
)
async def unpublish_version(crew_id: str, version: Number, caller: Editor, use: Use) -> None:
    await use.version_catalog.unpublish(caller.workspace_id, crew_id, version)
