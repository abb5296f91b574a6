"""A tool as a value: its specification, whether it is safe to repeat, and what it does."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.errors import KasalError
from common.logs import get_logger
from common.process.cancellation import told_to_stop
from executor.tools import arguments as checking
from executor.tools.call import Call, InputWanted
from executor.tools.secrets import Mask
from executor.tools.spec import FailedResult, ToolSpec

log = get_logger(__name__)

RESULT_LIMIT = 20_000
"""How many characters of a result a model sees."""
_AT_ONCE = 4_000
"""Longer texts are searched for secrets on a thread."""


class ToolFault(Exception):  # noqa: N818 - it becomes a result, not a bug
    """A tool cannot do what it was asked. The message says why, and the agent reads it."""


@dataclass(frozen=True, slots=True)
class SimpleTool:
    """Implements the engine's `Tool`. `timeout` is in seconds and covers the whole call."""

    spec: ToolSpec
    run: Callable[[Mapping[str, Any], Call], Awaitable[str]]
    safe: bool = False
    reads: bool = False
    timeout: float = 30.0
    asks: bool = False
    mask: Mask = field(default_factory=lambda: Mask(()))
    """Removes the process's own secrets from every result."""

    async def fit_arguments(self, arguments: Mapping[str, Any] | None) -> Mapping[str, Any] | str:
        """Return the arguments to call the tool with, or why they do not fit its schema."""
        return await checking.fit_arguments(self.spec.parameters, arguments)

    async def call(self, arguments: Mapping[str, Any], call: Call) -> str:
        """Return the result, or what went wrong as `FailedResult`; raises only `InputWanted`, and if cancelled."""
        try:
            async with asyncio.timeout(self.timeout):
                return await self._present(await self.run(arguments, call))
        except (ToolFault, KasalError) as fault:
            return FailedResult(await self._present(f"Error: {fault}"))
        except InputWanted:
            raise
        except TimeoutError:
            return FailedResult(f"Error: {self.spec.name} took longer than {self.timeout:g} s.")
        except asyncio.CancelledError as fault:
            if told_to_stop():
                raise
            return self._failure(fault, call)  # the tool, or a library of it, cancelled itself
        except Exception as fault:  # noqa: BLE001 - the agent reads it, and the log has it
            return self._failure(fault, call)

    def _failure(self, fault: BaseException, call: Call) -> FailedResult:
        log.error("a tool failed", tool=self.spec.name, call=call.key, exc_info=fault)
        return FailedResult(f"Error: {self.spec.name} failed ({type(fault).__name__}).")

    async def _present(self, text: str) -> str:
        if len(text) <= _AT_ONCE:
            return self.mask.hide(text)
        return cut_result(await asyncio.to_thread(hide_secrets, self.mask, text))


def hide_secrets(mask: Mask, text: str) -> str:
    """Return `text` without secrets and about as long, with dots for what is never shown.

    The text is only cut far behind what is shown, so that no secret there is cut in two.
    """
    return mask.hide(text[: 2 * RESULT_LIMIT]) + "." * max(len(text) - 2 * RESULT_LIMIT, 0)


async def hide_secrets_beside(mask: Mask, read: Callable[[], str]) -> str:
    """Return the text that `read` returns, without secrets; works on a thread."""
    return await asyncio.to_thread(lambda: hide_secrets(mask, read()))


def cut_result(text: str) -> str:
    """Return `text`, cut to what a model sees of a result, with a note that it was cut."""
    if len(text) <= RESULT_LIMIT:
        return text
    return f"{text[:RESULT_LIMIT]}\n… (cut: {len(text)} characters in all)"
