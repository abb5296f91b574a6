"""What functions are marked with that `kasal tools serve` gives to agents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])
_MARK = "__kasal_served_tool__"


@dataclass(frozen=True)
class ServedTool:
    """What a function's signature does not say. See `tool`."""

    name: str = ""
    reads: bool = False
    idempotent: bool = False


@overload
def tool(function: Function) -> Function: ...


@overload
def tool(
    *, name: str = "", reads: bool = False, idempotent: bool = False
) -> Callable[[Function], Function]: ...


def tool(function: Callable[..., Any] | None = None, **options: Any) -> Callable[..., Any]:
    """Mark a function as a tool for agents.

    Its docstring tells models what it does; its types are the arguments. `Annotated[int, Field(ge=1,
    description="…")]` says more about one. It may be async. What it returns becomes text or JSON; the agent reads
    the text of an exception.

    Parameters
    ----------
    name : str
        How agents call it, if not by the function's name.
    reads : bool
        Whether a call changes nothing; it needs no approval by `approval: destructive`, and may be repeated.
    idempotent : bool
        Whether a call whose outcome is unknown may be made again.
    """

    def mark(marked: Callable[..., Any]) -> Callable[..., Any]:
        setattr(marked, _MARK, ServedTool(**options))
        return marked

    return mark if function is None else mark(function)


def served_tool(function: object) -> ServedTool | None:
    """Return what `tool` said about a function, None if it is not marked."""
    found = getattr(function, _MARK, None)
    return found if isinstance(found, ServedTool) else None
