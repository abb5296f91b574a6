"""The tools that packages beside the platform bring along: entry points of the group `kasal.tools`."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from common.contracts.tools import BUILT_IN_BY_NAME
from common.logs import get_logger
from common.python_tools.signatures import PythonTool, UnusableTool, python_tool

log = get_logger(__name__)

GROUP = "kasal.tools"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_MOST = 500


@cache
def installed_tools() -> Mapping[str, PythonTool]:
    """Return the installed tools by name, read once for this process; blocks.

    One that cannot be used is logged and left out: the others, and the platform, work without it.
    """
    return read_tools(entry_points(group=GROUP))


def read_tools(named: Iterable[EntryPoint]) -> Mapping[str, PythonTool]:
    """Return the tools that entry points name; blocks while it imports their modules."""
    tools: dict[str, PythonTool] = {}
    for point in sorted(named, key=lambda point: (point.name, point.value)):
        try:
            _check_name(point.name, tools)
            tools[point.name] = python_tool(point.name, point.load())
        except UnusableTool as fault:
            _tell(point, str(fault))
        except (Exception, SystemExit) as fault:  # noqa: BLE001 - it is the operator's code
            _tell(point, f"it cannot be imported ({type(fault).__name__}: {fault})"[:1_000])
    return tools


def _check_name(name: str, taken: Mapping[str, PythonTool]) -> None:
    if not _NAME.fullmatch(name):
        raise UnusableTool("its name must be letters, digits, _ and -, at most 64")
    if name in BUILT_IN_BY_NAME:
        raise UnusableTool("it has the name of a built-in tool; give the entry point another")
    if name in taken:
        raise UnusableTool("another entry point has the same name; give one of them another")
    if len(taken) >= _MOST:
        raise UnusableTool(f"there are {_MOST} already")


def _tell(point: EntryPoint, reason: str) -> None:
    package = point.dist.name if point.dist is not None else None
    log.error(
        "a Python tool cannot be used",
        tool=point.name,
        entry_point=point.value,
        package=package,
        reason=reason,
    )
