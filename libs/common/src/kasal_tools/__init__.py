"""What an operator's own tools, written in Python, are declared with.

A tool is a function with types and a docstring, named by an entry point of the group `kasal.tools`
in a package that is installed beside the platform. See docs/guide/python-tools.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., object])
_ATTRIBUTE = "__kasal_tool__"


class ToolError(Exception):
    """Raise it when a tool cannot do what it was asked; the agent reads the message."""


@dataclass(frozen=True, slots=True)
class CallContext:
    """Which call this is. A parameter of this type is filled in by the platform, not by a model.

    `key` stays the same if the platform repeats the call after a worker was lost: use it as the
    idempotency key of what the tool does.
    """

    workspace_id: str
    job_id: str
    task_id: str
    key: str


@dataclass(frozen=True, slots=True)
class ToolOptions:
    """What a function's signature does not say. See `tool`."""

    category: str = "python"
    idempotent: bool = False
    reads: bool = False
    requires_approval: bool = False
    timeout: float = 30.0


@overload
def tool(function: Function) -> Function: ...


@overload
def tool(
    *,
    category: str = "python",
    idempotent: bool = False,
    reads: bool = False,
    requires_approval: bool = False,
    timeout: float = 30.0,
) -> Callable[[Function], Function]: ...


def tool(
    function: Callable[..., object] | None = None, **options: str | bool | float
) -> Callable[..., object]:
    """Mark a function as a tool, with options; one without options needs no mark.

    Parameters
    ----------
    category : str
        Where lists of tools show it.
    idempotent : bool
        Whether a call whose outcome is unknown may be made again.
    reads : bool
        Whether a call changes nothing; such calls are also idempotent, and run side by side.
    requires_approval : bool
        Whether a person has to approve every call.
    timeout : float
        Seconds, at most 600, after which the agent is told that the call took too long.
    """
    chosen = ToolOptions(**options)  # type: ignore[arg-type]  # the overloads say which there are

    def mark(marked: Callable[..., object]) -> Callable[..., object]:
        setattr(marked, _ATTRIBUTE, chosen)
        return marked

    return mark if function is None else mark(function)


def options_of(function: object) -> ToolOptions:
    """Return the options that `tool` marked a function with, or the usual ones."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, ToolOptions) else ToolOptions()
