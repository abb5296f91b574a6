"""The open questions of jobs in memory, read from the jobs themselves."""

from collections.abc import Iterator
from datetime import datetime

from common.contracts.events import QuestionKind
from common.storage.cursors import Place
from devkit.stores.executions import MemoryExecutions
from executor.domain.api.inbox import Asked, InboxPart
from executor.domain.log.questions import question_of


class MemoryQuestions:
    """Fulfils `OpenQuestions` and `ExpiringQuestions`."""

    def __init__(self, executions: MemoryExecutions) -> None:
        self._executions = executions

    def _open(self) -> Iterator[tuple[str, Asked]]:
        for job in self._executions.jobs.values():
            held = self._executions.traces[job.job_id] | {r.seq: r for r in job.tail}
            for place in job.open_questions:
                question = question_of(held[place.asked].entry())
                yield job.workspace_id, Asked(job.job_id, job.crew_id, question)

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
        found = sorted(self._of(workspace_id, crew_id, kind), key=_place)
        behind = [asked for asked in found if after is None or _place(asked) > after][skip:]
        last = _place(behind[limit - 1]) if len(behind) > limit else None
        return InboxPart(behind[:limit], last)

    async def count(
        self, workspace_id: str, *, crew_id: str | None, kind: QuestionKind | None
    ) -> int:
        return sum(1 for _ in self._of(workspace_id, crew_id, kind))

    def _of(
        self, workspace_id: str, crew_id: str | None, kind: QuestionKind | None
    ) -> Iterator[Asked]:
        for workspace, asked in self._open():
            fits = crew_id in {None, asked.crew_id} and kind in {None, asked.question.kind}
            if workspace == workspace_id and fits:
                yield asked

    async def expired_questions(self, now: datetime, limit: int) -> list[tuple[str, str]]:
        due = [
            (asked.question.expires_at, asked.job_id, asked.question.question_id)
            for _, asked in self._open()
            if asked.question.expires_at is not None and asked.question.expires_at <= now
        ]
        return [(job_id, question_id) for _, job_id, question_id in sorted(due)[:limit]]


def _place(asked: Asked) -> Place:
    return asked.question.asked_at, asked.question.question_id
