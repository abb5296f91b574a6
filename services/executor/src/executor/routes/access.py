"""How routes reach the use cases that `wiring` has put together."""

from dataclasses import dataclass

from fastapi import Request

from common.idempotency.keys import IdempotencyKeys
from executor.domain.api.control import Control
from executor.domain.api.reading import Reading
from executor.domain.api.submission import Submission


@dataclass(frozen=True, slots=True)
class UseCases:
    """What the routes call."""

    submission: Submission
    control: Control
    reading: Reading
    keys: IdempotencyKeys


def use_cases(request: Request) -> UseCases:
    """Return the use cases of the application that serves `request`."""
    found: UseCases = request.app.state.use_cases
    return found
