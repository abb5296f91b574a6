"""A tool as a value: what it is called with, whether it is safe to repeat, and what it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import KasalError
from common.logs import get_logger
from executor.tools import arguments as checking
from executor.tools.call import Call
from executor.tools.secrets import Mask
from executor.tools.spec import Failed, ToolSpec

log = get_logger(__name__)

RESULT_LIMIT = 20_000
"""Characters of a result that a model sees."""
_AT_ONCE = 4_000
"""Characters in which secrets are looked for without a thread."""


class ToolFault(Exception):  # noqa: N818 - it becomes a result, not a bug
    """A tool cannot do what it was asked; the text says why, and the agent reads it."""


@dataclass(frozen=True, slots=True)
class SimpleTool:
    """Fulfils the engine's `Tool`. `timeout` is in seconds and covers the whole call."""

    spec: ToolSpec
    run: Callable[[Mapping[str, Any], Call], Awaitable[str]]
    safe: bool = False
    reads: bool = False
    timeout: float = 30.0
    mask: Mask = field(default_factory=lambda: Mask(()))
    """Takes the process's own secrets out of whatever is returned."""

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        """Return the arguments to call it with, or what does not fit the tool's schema."""
        return await checking.fit_arguments(self.spec.parameters, arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the result, or what went wrong as `Failed`; raises only when cancelled."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._shown(await self.run(arguments, call))
        except (ToolFault, KasalError) as fault:
            return Failed(await self._shown(f"Error: {fault}"))
        except TimeoutError:
            return Failed(f"Error: {self.spec.name} took longer than {self.timeout:g} s.")
        except Exception as fault:
            log.exception("a tool failed", tool=self.spec.name, call=call.key)
            return Failed(f"Error: {self.spec.name} failed ({type(fault).__name__}).")

    async def _shown(self, text: str) -> str:
        if len(text) <= _AT_ONCE:
            return self.mask.hide(text)
        return bounded(await asyncio.to_thread(hidden, self.mask, text))


def hidden(mask: Mask, text: str) -> str:
    """Return `text` without secrets, about as long as it was, blank beyond what could be shown.

    It is cut only behind that: a secret must not be cut in two.
    """
    return mask.hide(text[: 2 * RESULT_LIMIT]) + "." * max(len(text) - 2 * RESULT_LIMIT, 0)


def bounded(text: str) -> str:
    """Return `text`, cut to what a model is shown of a result, with a word that it was cut."""
    if len(text) <= RESULT_LIMIT:
        return text
    return f"{text[:RESULT_LIMIT]}\n… (cut: {len(text)} characters in all)"
