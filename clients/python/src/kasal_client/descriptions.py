"""A crew as Python describes it, and as a file: `crews.apply` takes both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field

from .base import Model
from .errors import UsageError
from .models import AgentDraft, ConfigurationDraft, TaskDraft

if TYPE_CHECKING:
    from yaml import MarkedYAMLError

FORMAT = 1
"""The version of the file format, which stands behind `kasal:`."""


class Agent(AgentDraft):
    """Someone who works in a crew. Tasks name it by its `name`, which is its role if it has none."""


class Task(TaskDraft):
    """Something to be done. `agent` is an agent's name; `context` holds texts and names of tasks."""

    agent: str | int | None = None


class Crew(Model):
    """A crew: who works in it, and what is done."""

    name: str
    description: str = ""
    process: str = "sequential"
    agents: list[Agent] = Field(default_factory=list)
    tasks: list[Task] = Field(default_factory=list)
    configuration: ConfigurationDraft | None = None

    @classmethod
    def from_yaml(cls, source: str | Path) -> Self:
        """Read a crew file: its path, or its text. Raises `UsageError`, and OSError if it cannot be opened."""
        return cls.from_dict(read_yaml(text_of(source)))

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Self:
        """Return the crew that `content`, the fields of a crew file, describes."""
        fields = {key: value for key, value in content.items() if key != "kasal"}
        return cls.model_validate(fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that were set, as a crew file has them."""
        content = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {"kasal": FORMAT, **content}

    def to_yaml(self) -> str:
        """Return the crew as a file."""
        return write_yaml(self.to_dict())


def text_of(source: str | Path) -> str:
    """Return the text of a file: `source` is its path, or the text itself, which has several lines."""
    if isinstance(source, str) and ("\n" in source or source.lstrip().startswith("{")):
        return source
    return Path(source).read_text("utf-8")


def read_yaml(text: str) -> dict[str, Any]:
    """Return what a crew file says. Plain words are texts: `no` is the word. Raises `UsageError`."""
    import yaml

    from .yaml_words import PlainLoader

    try:
        content = yaml.load(text, Loader=PlainLoader)  # noqa: S506 - it makes plain values only
    except yaml.MarkedYAMLError as fault:
        raise UsageError(f"This is no YAML: {_place_and_reason(fault)}") from None
    except yaml.YAMLError as fault:
        raise UsageError(f"This is no YAML: {fault}") from None
    if not isinstance(content, dict):
        raise UsageError("A crew file has fields at its top, such as `name:` and `agents:`.")
    return content


def _place_and_reason(fault: MarkedYAMLError) -> str:
    """Return where a text stops being YAML, and why: the place of the problem, not of what began before it."""
    mark = fault.problem_mark or fault.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + ", ".join(str(part) for part in (fault.context, fault.problem) if part)


def write_yaml(content: dict[str, Any]) -> str:
    """Return `content` as YAML, with its fields in their order and long texts in blocks."""
    import yaml

    from .yaml_words import BlockDumper

    return str(
        yaml.dump(content, Dumper=BlockDumper, sort_keys=False, allow_unicode=True, width=100)
    )
