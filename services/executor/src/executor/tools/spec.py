"""What a model is told about a tool, and the result of a failed call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class FailedResult(str):
    """The result of a failed tool call: a text for the agent, distinguishable from other results."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """The name and purpose of a tool; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
