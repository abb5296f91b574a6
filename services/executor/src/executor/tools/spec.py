"""A tool as a model is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Failed(str):
    """The result of a tool call that failed: a text that the agent reads, told apart from any other."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """Name and purpose of a tool; `parameters` is the JSON Schema of its arguments."""

    name: str
    description: str
    parameters: Mapping[str, Any]
