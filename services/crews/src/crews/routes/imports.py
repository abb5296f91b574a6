"""Crews as files: the routes of export and import."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import ValidationError

from common.errors import InvalidRequest
from common.idempotency.header import IdempotencyKey, creating
from common.idempotency.once import Once
from common.web.access import Editor, Viewer
from common.web.http import invalid_request
from common.web.models import failures
from crews.domain.crew import Crew
from crews.domain.crew_editor import Matches
from crews.domain.crew_file import crew_file
from crews.domain.drafts import CrewDraft, CrewId
from crews.domain.imported import Imported
from crews.domain.json_patch import json_patch
from crews.domain.versions import content_of
from crews.routes.import_bodies import (
    IMPORT_BODY,
    ImportAnswer,
    import_answer,
    import_of,
)
from crews.routes.use_cases import CrewsUseCases, IfMatch, Use, condition, crew_tag

router = APIRouter(tags=["Crews"])
YAML = "application/yaml"  # RFC 9512
MOST_BYTES = 1_048_576
"""The longest body of an import."""
_RESPONSES: dict[int | str, dict[str, Any]] = {
    **creating(201),
    **failures(409, 412),
    200: {
        "model": ImportAnswer,
        "description": "No crew was made: it was a dry run, or an existing crew was changed",
    },
}


_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {YAML: {"schema": {"type": "object"}}}}
}


@router.get(
    "/crews/{crew_id}/export",
    response_class=Response,  # not one of YAML, which errors would be documented as, too
    responses=_FILE,
    summary="Get a crew as a YAML file",
)
async def export_crew(
    crew_id: str,
    caller: Viewer,
    use: Use,
    version: Annotated[
        int | None, Query(ge=1, le=2**53, description="Of this version; by default of the newest")
    ] = None,
) -> Response:
    """Return one file with comments: keep it with your code, change it, and import or apply it again."""
    crew = await use.crew_catalog.find(caller.workspace_id, crew_id)
    told = crew if version is None else await use.version_catalog.version_of(crew, version)
    text = await asyncio.to_thread(crew_file, told)
    named = {"Content-Disposition": f'attachment; filename="{crew_id}.yaml"'}
    headers = {"ETag": crew_tag(told), **named}
    return Response(text, media_type=YAML, headers=headers)


@router.post(
    "/crews/import",
    status_code=201,
    responses=_RESPONSES,
    summary="Make a crew of files, or apply them to one",
    openapi_extra={"requestBody": IMPORT_BODY},
)
async def import_crew(
    request: Request,
    caller: Editor,
    response: Response,
    use: Use,
    key: IdempotencyKey,
    dry_run: Annotated[
        bool, Query(description="Only say what would be made, with its warnings")
    ] = False,
    crew_id: Annotated[
        CrewId | None,
        Query(description="Change this crew to what the files say, instead of making one"),
    ] = None,
    if_match: IfMatch = None,
) -> ImportAnswer:
    """Take our own format as YAML, or a CrewAI project's `agents.yaml` and `tasks.yaml`.

    Agents and tasks of a crew that is changed keep their ids by their names; if nothing is different, it keeps
    its version. What has no counterpart here is listed in `warnings`.
    """
    body, kind = await request.body(), request.headers.get("content-type", "")
    sent = await asyncio.to_thread(import_of, kind, body)
    made = await use.importing.read(caller.workspace_id, sent.files, sent.name)
    if crew_id is None and not dry_run:
        once: Once[Crew] | None = use.keys.once(
            key, caller.workspace_id, sent, lambda crew: import_answer(crew, made.warnings)
        )
        crew = await use.importing.make(caller.workspace_id, made, _draft, once)
        return import_answer(crew, made.warnings)
    response.status_code = 200
    if crew_id is None:
        crew = await use.importing.propose(caller.workspace_id, made, _draft)
        return import_answer(crew, made.warnings, shown=True)
    place, matches = (caller.workspace_id, crew_id), condition(if_match, crew_tag)
    if dry_run:
        return await _compare(use, place, made, matches)
    crew = await use.importing.apply(*place, made, _draft, matches)
    response.headers["ETag"] = crew_tag(crew)
    return import_answer(crew, made.warnings)


async def _compare(
    use: CrewsUseCases, place: tuple[str, str], made: Imported, matches: Matches
) -> ImportAnswer:
    before, after = await use.importing.compare(*place, made, _draft, matches)
    changes = await asyncio.to_thread(json_patch, content_of(before), content_of(after))
    return import_answer(after, made.warnings, shown=True, changes=changes)


def _draft(fields: Any) -> CrewDraft:
    try:
        return CrewDraft.model_validate(fields)
    except ValidationError as fault:
        told = [{**one, "loc": ("body", *one["loc"])} for one in fault.errors(include_url=False)]
        refusal = invalid_request(told, CrewDraft)
        raise InvalidRequest(refusal.message, details=refusal.details) from None
