"""What a model is to a run, and how it fails."""

from collections.abc import Sequence
from typing import Protocol

from executor.models.dialogue import Dialogue, Reply, Tokens
from executor.tools.spec import ToolSpec


class ModelFault(Exception):  # noqa: N818 - it becomes an `error` event, not a bug
    """A model gave no reply and will not give one.

    `code` is `RATE_LIMIT` (its provider refuses for now), `MODEL_ERROR` (it refuses this request),
    `MODEL_UNAVAILABLE` (unknown, without a key, or not to be reached), or `CONTENT_FILTERED` (its
    provider lets nothing through of what was asked).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Listener(Protocol):
    """Hears of the requests that a model's reply takes."""

    def on_request(self) -> None:
        """A request goes out."""

    def on_waste(self, tokens: Tokens) -> None:
        """A reply that is of no use, and is asked for again, used `tokens`."""

    def on_wait(self, why: str, seconds: float) -> None:
        """The last request failed because of `why`; the next one goes out in `seconds`."""


class Unheard:
    """Fulfils `Listener` for who does not want to know."""

    def on_request(self) -> None:
        pass

    def on_waste(self, tokens: Tokens) -> None:
        pass

    def on_wait(self, why: str, seconds: float) -> None:
        pass


_UNHEARD = Unheard()


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

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener = _UNHEARD
    ) -> Reply:
        """Return the next reply in `dialogue`. Raises `ModelFault`; can be cancelled."""

    def price(self, tokens: Tokens) -> float | None:
        """Return what `tokens` cost in US dollars, or None where no price is known."""
