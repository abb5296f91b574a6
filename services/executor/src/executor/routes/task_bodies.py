"""What became of a job's tasks, as responses show it."""

from collections import Counter
from typing import Annotated, Any

from pydantic import Field

from common.web.models import AnswerModel
from executor.domain.log.projection import State


class TaskProgress(AnswerModel):
    task_id: str
    status: Annotated[
        str,
        Field(
            description="`pending`, `running`, `completed`, `skipped`, `failed` or `stopped`",
            examples=["completed"],
        ),
    ]
    output: Any = None
    description: Annotated[
        str | None,
        Field(
            description="What is to be done, cut to 160 characters, once the task has begun",
            examples=["Find facts about bees"],
            exclude_if=lambda text: text is None,
        ),
    ] = None
    item_of: Annotated[
        str | None,
        Field(
            description="The task with `for_each` of which this is the work on one entry",
            exclude_if=lambda task_id: task_id is None,
        ),
    ] = None


def tasks_progress(state: State) -> list[TaskProgress]:
    """Return the tasks of a job; the work on an entry of a list shows its part of the whole output."""
    whole = {task.task_id: task.output for task in state.tasks if task.status == "completed"}
    places: Counter[str] = Counter()
    shown = []
    for task in state.tasks:
        output = task.output
        if task.item_of is not None:
            output = _part(whole.get(task.item_of), places[task.item_of], output)
            places[task.item_of] += 1
        shown.append(
            TaskProgress(
                task_id=task.task_id,
                status=task.status,
                output=output,
                description=task.description or None,
                item_of=task.item_of,
            )
        )
    return shown


def _part(outputs: Any, place: int, otherwise: Any) -> Any:
    return outputs[place] if isinstance(outputs, list) and place < len(outputs) else otherwise
