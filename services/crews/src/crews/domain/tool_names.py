"""The tools that a crew names."""

import difflib
from collections.abc import Collection

from common.contracts.tools import BUILT_IN_BY_NAME
from crews.domain.crew import Crew
from crews.domain.faults import Fault

_SAME_TOOLS = {
    "serper_dev": "web_search", "serperdevtool": "web_search", "duckduckgo": "web_search",
    "scrape_website": "web_fetch", "scrapewebsitetool": "web_fetch",
    "filereadtool": "file_reader", "file_read": "file_reader", "directoryreadtool": "file_reader",
}  # fmt: skip
"""Names that other platforms give to our built-in tools."""


def same_tool(name: str) -> str | None:
    """Return our built-in tool that another platform calls `name`."""
    return _SAME_TOOLS.get(name.lower())


def _unknown_tool(name: str, there: Collection[str]) -> str:
    switched_off = BUILT_IN_BY_NAME.get(name)
    if switched_off is not None and switched_off.setting is not None:
        return (
            f"The tool {name} is switched off: the platform's operator has not set "
            f"KASAL_{switched_off.setting.upper()}"
        )
    close = difflib.get_close_matches(name, list(there), 1, 0.6)
    meant = same_tool(name) or (close[0] if close else None)
    hint = f"; did you mean {meant}?" if meant else "."
    return f"There is no tool {name}{hint} There are {', '.join(sorted(there))[:500]}"


def tool_faults(crew: Crew, there: Collection[str]) -> list[Fault]:
    """Return a fault for each tool that an agent or a task names and that is not `there`."""
    parts = [(f"agents.{index}", agent) for index, agent in enumerate(crew.agents)]
    named = [(f"{at}.tools", agent.tools) for at, agent in parts]
    named += [(f"{at}.approvals", agent.approvals) for at, agent in parts]
    for index, task in enumerate(crew.tasks):
        named += [
            (f"tasks.{index}.tools", task.tools),
            (f"tasks.{index}.approvals", task.approvals),
        ]
    return [
        {"field": f"{field}.{place}", "reason": _unknown_tool(name, there)}
        for field, tools in named
        for place, name in enumerate(tools)
        if name not in there
    ]


def tool_names(crew: Crew) -> set[str]:
    """Return the names of all tools that the crew's agents and tasks may call."""
    by_agents = {name for agent in crew.agents for name in agent.tools}
    return by_agents | {name for task in crew.tasks for name in task.tools}


def every_name(crew: Crew) -> set[str]:
    """Return the names of all tools that the crew may call or asks about."""
    by_agents = {name for agent in crew.agents for name in agent.approvals}
    return tool_names(crew) | by_agents | {n for task in crew.tasks for n in task.approvals}
