"""What a model is to a run, and how it fails."""

from collections.abc import Sequence
from typing import Protocol

from executor.domain.tools import ToolSpec
from executor.models.dialogue import Dialogue, Reply


class ModelFault(Exception):  # noqa: N818 - it becomes an `error` event, not a bug
    """A model gave no reply and will not give one.

    `code` is `RATE_LIMIT` (its provider refuses for now), `MODEL_ERROR` (it refuses this request)
    or `MODEL_UNAVAILABLE` (unknown, without a key, or not to be reached).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Model(Protocol):
    """A model that answers.

    `label` names it in traces, and `provider` where it runs; `stands_for` is the model it answers
    in place of, if any.
    """

    @property
    def label(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def stands_for(self) -> str | None: ...

    async def request(self, dialogue: Dialogue, tools: Sequence[ToolSpec]) -> Reply:
        """Return the next reply in `dialogue`. Raises `ModelFault`; can be cancelled."""
