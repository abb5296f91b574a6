"""What the log keeps of a request to a model besides the reply: what it added to its dialogue, how long it took."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET, UnsetType

from executor.domain.log.events import Sent
from executor.domain.log.records import json_bytes
from executor.domain.log.sent import PromptBlocks
from executor.models.dialogue import Dialogue
from executor.tools.spec import ToolSpec


@dataclass(frozen=True, slots=True)
class Request:
    """A request that got its reply, after `seconds`."""

    sent: Sent | UnsetType
    seconds: float


def seconds(begun: float) -> float:
    """Return the seconds since `begun` (of `time.perf_counter`), in milliseconds."""
    return round(time.perf_counter() - begun, 3)


def addition(
    blocks: PromptBlocks | None, dialogue: Dialogue, tools: Sequence[ToolSpec], turn: int
) -> Sent | UnsetType:
    """Return what the `turn`th request of `dialogue` added to it, or nothing if that is not kept."""
    if blocks is None:
        return UNSET
    said = newest_messages(dialogue)
    if turn:
        return blocks.go_on(said) if said else UNSET
    return blocks.begin(
        dialogue.instructions, dialogue.opening, listed_tools(tools), said, dialogue.settings
    )


def listed_tools(tools: Sequence[ToolSpec]) -> str:
    """Return the tools that a request names, as JSON; an empty text for none."""
    listed = [
        {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in tools
    ]
    return json_bytes(listed).decode() if listed else ""


def newest_messages(dialogue: Dialogue) -> list[str]:
    """Return our messages since the last reply."""
    found: list[str] = []
    for turn in reversed(dialogue.turns):
        if not isinstance(turn, str):
            break
        found.append(turn)
    return found[::-1]
