"""A workspace's inbox: the questions of all its jobs that wait for a person, oldest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from common.contracts.events import QuestionKind
from common.storage.cursors import Place, check_reach, cursor, place_of
from executor.domain.log.questions import Question

_READS = 5
"""Parts that are read for one page where questions were answered meanwhile."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An open question of a job. `cut` says that its call's arguments are too long to be shown here.

    The answer under review is left out, and a long prompt is shortened: the job shows all of it.
    """

    job_id: str
    crew_id: str
    question: Question
    cut: bool = False


@dataclass(frozen=True, slots=True)
class InboxPart:
    """Open questions in order. `last` is where reading ended, None if nothing follows."""

    asked: Sequence[Asked]
    last: Place | None


class OpenQuestions(Protocol):
    """Reading open questions. Calls raise `Unavailable` while a backend is down."""

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None,
        kind: QuestionKind | None,
        skip: int,
        limit: int,
        after: Place | None,
    ) -> InboxPart:
        """Return questions, oldest first, from the first `limit` rows behind `skip` or `after`.

        Rows of questions that are not open any more are left out.
        """

    async def count(
        self, workspace_id: str, *, crew_id: str | None, kind: QuestionKind | None
    ) -> int:
        """Return how many questions are open, at most 10,000."""


@dataclass(frozen=True, slots=True)
class InboxPage:
    """A page of the inbox. `next` is the cursor of the next page, None at the end."""

    asked: Sequence[Asked]
    total: int
    next: str | None


class Inbox:
    """Reads the inboxes of workspaces."""

    def __init__(self, questions: OpenQuestions) -> None:
        self._questions = questions

    async def page(
        self,
        workspace_id: str,
        *,
        crew_id: str | None = None,
        kind: QuestionKind | None = None,
        skip: int = 0,
        limit: int,
        after: str | None = None,
    ) -> InboxPage:
        """Return a page of open questions, oldest first.

        Raises `InvalidRequest` for a cursor of another list and for a page too far down.
        """
        scope = ("questions", workspace_id, crew_id, kind)
        behind = None if after is None else place_of(after, scope)
        check_reach(skip)
        total = await self._questions.count(workspace_id, crew_id=crew_id, kind=kind)
        found: list[Asked] = []
        for _ in range(_READS):
            part = await self._questions.page(
                workspace_id,
                crew_id=crew_id,
                kind=kind,
                skip=skip,
                limit=limit - len(found),
                after=behind,
            )
            found += part.asked
            behind, skip = part.last, 0
            if behind is None or len(found) >= limit:
                break
        return InboxPage(found, total, None if behind is None else cursor(behind, scope))
