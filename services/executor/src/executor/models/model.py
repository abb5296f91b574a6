"""What a run expects of a model, and how a model fails."""

from collections.abc import Sequence
from typing import Protocol

from executor.models.dialogue import Dialogue, Reply, Tokens
from executor.models.draft import Draft
from executor.tools.spec import ToolSpec


class ModelFault(Exception):  # noqa: N818 - it becomes an `error` event, not a bug
    """A model gave no reply and will not give one.

    `code` is `RATE_LIMIT` (its provider refuses for now), `MODEL_ERROR` (it refuses this request),
    `MODEL_UNAVAILABLE` (the model is unknown, has no key, or cannot be reached), or
    `CONTENT_FILTERED` (its provider filters this request). `unusable`: it refuses every request, as it
    does not accept the key or does not know the model.
    """

    def __init__(self, code: str, message: str, *, unusable: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self._unusable = unusable

    def with_words(self, words: str) -> "ModelFault":
        """Return the same fault with some `words` behind its message."""
        message = f"{self.message} {words}".strip()
        return ModelFault(self.code, message, unusable=self._unusable)

    @property
    def another_may_answer(self) -> bool:
        """Whether it is about the model, so that another one may answer the same request."""
        return self._unusable or self.code in {"MODEL_UNAVAILABLE", "RATE_LIMIT"}


class Listener(Protocol):
    """Is told about the requests that a model's reply takes, and shown the text as it is written."""

    @property
    def patience(self) -> float | None:
        """For how many seconds at most a failed request is made again; None for as long as usual."""

    @property
    def watched(self) -> bool:
        """Whether somebody wants to see the text while the model writes it."""

    def on_text(self, draft: Draft) -> None:
        """Note that the reply to the newest request has more text; it is called for each piece."""

    def on_request(self) -> None:
        """Note that a request goes out."""

    def on_waste(self, tokens: Tokens) -> None:
        """Note that a useless reply, which is requested again, used `tokens`."""

    def on_wait(self, why: str, seconds: float) -> None:
        """Note that the last request failed because of `why`; the next one goes out in `seconds`."""


class SilentListener:
    """A `Listener` that does nothing."""

    watched = False
    patience: float | None = None

    def on_text(self, draft: Draft) -> None:
        pass

    def on_request(self) -> None:
        pass

    def on_waste(self, tokens: Tokens) -> None:
        pass

    def on_wait(self, why: str, seconds: float) -> None:
        pass


_SILENT = SilentListener()


class Model(Protocol):
    """A model that answers.

    `label` names it in traces, `provider` says where it runs, `server` is the host and port that are asked,
    if any, and `stands_for` is the model it replaces, if any.
    """

    @property
    def label(self) -> str: ...

    @property
    def provider(self) -> str: ...

    @property
    def server(self) -> str: ...

    @property
    def stands_for(self) -> str | None: ...

    async def request(
        self, dialogue: Dialogue, tools: Sequence[ToolSpec], listener: Listener = _SILENT
    ) -> Reply:
        """Return the next reply in `dialogue`. Raises `ModelFault`. Safe to cancel."""

    def price(self, tokens: Tokens) -> float | None:
        """Return what `tokens` cost in US dollars, or None if no price is known."""
