"""The inbox: what waits for a person, over all jobs of a workspace."""

from typing import Annotated

from fastapi import APIRouter, Query

from common.web.access import Viewer
from executor.routes.question_bodies import InboxAnswer, ListQuestions, inbox_entry
from executor.routes.use_cases import Use

router = APIRouter(tags=["Executions"])


@router.get("/questions", summary="List open questions, oldest first")
async def list_questions(
    asked: Annotated[ListQuestions, Query()], caller: Viewer, use: Use
) -> InboxAnswer:
    found = await use.inbox.page(
        caller.workspace_id,
        crew_id=asked.crew_id,
        kind=asked.kind,
        skip=asked.skip,
        limit=asked.page_size,
        after=asked.after,
    )
    return InboxAnswer(
        questions=[inbox_entry(one) for one in found.asked],
        total=found.total,
        page=asked.page,
        page_size=asked.page_size,
        next=found.next,
    )
