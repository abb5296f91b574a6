"""What the jobs of the chaos journey do, written so that it can be read back from anywhere.

A task says, in words that the model server understands, which tools to call in which turn:
`Job {n} task 2: do look_up+append_entry / charge.` are two turns with calls and one with the answer.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

LOOK_UP, APPEND, CHARGE = "look_up", "append_entry", "charge"
"""The tools: one reads, one may be repeated with its key, one may not be repeated."""

_WORDS = re.compile(r"Job (\S+) task (\d+): do ([a-z_+/ ]+)\.")


@dataclass(frozen=True)
class TaskScript:
    """The turns of one task: the tools that each of them calls. The last turn, which answers, is
    not among them. `beside` has it run beside the others."""

    turns: tuple[tuple[str, ...], ...]
    beside: bool = False

    def description(self, place: int) -> str:
        said = " / ".join("+".join(tools) for tools in self.turns)
        return f"Job {{n}} task {place}: do {said}."

    @property
    def calls(self) -> int:
        return sum(len(tools) for tools in self.turns)


@dataclass(frozen=True)
class CrewScript:
    """A crew of the journey, by its tasks."""

    name: str
    tasks: tuple[TaskScript, ...]


def _task(said: str, *, beside: bool = False) -> TaskScript:
    return TaskScript(tuple(tuple(turn.split("+")) for turn in said.split("/")), beside)


CREWS: Sequence[CrewScript] = (
    CrewScript(
        "reads and notes",
        (
            _task("look_up+append_entry/append_entry"),
            _task("look_up/look_up+append_entry"),
            _task("append_entry"),
        ),
    ),
    CrewScript(
        "charges",
        (_task("look_up/charge"), _task("append_entry/charge"), _task("look_up+charge")),
    ),
    CrewScript(
        "works side by side",
        (
            _task("look_up/append_entry", beside=True),
            _task("append_entry/look_up", beside=True),
            _task("append_entry+look_up"),
            _task("append_entry"),
        ),
    ),
)


@dataclass(frozen=True)
class Said:
    """What a prompt asks for: job `n`, the task's place in its crew, and its turns."""

    n: str
    place: int
    turns: tuple[tuple[str, ...], ...]


def read(prompt: str) -> Said | None:
    """Return what the prompt asks for, or None for one that is not of this journey."""
    found = _WORDS.search(prompt)
    if found is None:
        return None
    turns = tuple(tuple(part.strip().split("+")) for part in found[3].split("/"))
    return Said(found[1], int(found[2]), turns)


def done_twice(crew: CrewScript, task_ids: Sequence[str], events: Sequence[dict]) -> list[str]:
    """Return what of the crew's tasks the job's events have more often than once."""
    counted = Counter((event.get("task_id"), event["type"]) for event in events)
    told = []
    for task, task_id in zip(crew.tasks, task_ids, strict=True):
        most = {
            "task_start": 1,
            "task_complete": 1,
            "llm_call": len(task.turns) + 1,
            "tool_call": task.calls,
            "tool_result": task.calls,
        }
        for kind, times in most.items():
            if counted[task_id, kind] > times:
                told.append(f"{kind} of {task_id}: {counted[task_id, kind]} times, not {times}")
    return told


def left_out(crew: CrewScript, task_ids: Sequence[str], events: Sequence[dict]) -> list[str]:
    """Return what a completed job's events have less often than its tasks ask for."""
    counted = Counter((event.get("task_id"), event["type"]) for event in events)
    return [
        f"{kind} of {task_id}: {counted[task_id, kind]} times, not {times}"
        for task, task_id in zip(crew.tasks, task_ids, strict=True)
        for kind, times in (
            ("task_start", 1),
            ("task_complete", 1),
            ("llm_call", len(task.turns) + 1),
            ("tool_result", task.calls),
        )
        if counted[task_id, kind] < times
    ]
