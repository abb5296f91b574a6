"""The use cases that the routes call; `wiring` puts them on the application."""

from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from common.idempotency.keys import IdempotencyKeys
from executor.domain.api.budgeting import Budgeting
from executor.domain.api.calls import Calls
from executor.domain.api.control import Control
from executor.domain.api.forks.forking import Forking
from executor.domain.api.inbox import Inbox
from executor.domain.api.reading import Reading
from executor.domain.api.submission import Submission
from executor.domain.api.usage import UsageTables
from executor.domain.files.files import WorkspaceFiles
from executor.models.published import ModelListing
from executor.models.trial import Trial


class ModelAnswers(Protocol):
    """What is known of models, and whether they answer."""

    async def listing(self, workspace_id: str, only: str | None) -> ModelListing: ...

    async def check(self, workspace_id: str, model: str) -> Trial: ...


@dataclass(frozen=True, slots=True)
class ExecutorUseCases:
    submission: Submission
    forking: Forking
    control: Control
    reading: Reading
    inbox: Inbox
    calls: Calls
    files: WorkspaceFiles
    budgeting: Budgeting
    usage: UsageTables
    keys: IdempotencyKeys
    models: ModelAnswers


async def use_cases(request: Request) -> ExecutorUseCases:
    """Return the use cases of the application that serves `request`.

    It is a coroutine because FastAPI would call a plain function on another thread.
    """
    held: ExecutorUseCases = request.app.state.use_cases
    return held


Use = Annotated[ExecutorUseCases, Depends(use_cases)]
"""The parameter type by which routes get the use cases."""
