"""Outputs that a person gives for tasks: they are what the tasks themselves could have made."""

from collections.abc import Mapping
from typing import Any

import orjson

from common.contracts.crew import CrewSnapshot, TaskSnapshot
from common.errors import InvalidRequest
from common.schemas.validation import Complaint, complaint

_LARGEST = 2**20


async def check_outputs(crew: CrewSnapshot, given: Mapping[str, Any]) -> None:
    """Raise `InvalidRequest` for an output that its task could not have, with its dotted path."""
    for task in crew.tasks:
        if task.id in given:
            value, path = given[task.id], f"outputs.{task.id}"
            if len(orjson.dumps(value)) > _LARGEST:
                raise _refusal(path, f"An output may have at most {_LARGEST:,} bytes as JSON")
            if task.for_each is None:
                await _check(task, value, path)
            elif not isinstance(value, list):
                raise _refusal(path, "The task is done for each entry of a list: give a list")
            else:
                for place, one in enumerate(value):
                    await _check(task, one, f"{path}.{place}")


async def _check(task: TaskSnapshot, value: Any, path: str) -> None:
    if task.output_schema is None:
        if not isinstance(value, str):
            raise _refusal(path, "The task has no output_schema: give a text")
        return
    said = await complaint(task.output_schema, value)
    if said is not None:
        inner = said.path if isinstance(said, Complaint) else ""
        raise _refusal(f"{path}.{inner}" if inner else path, said.rstrip("."))


def _refusal(field: str, reason: str) -> InvalidRequest:
    return InvalidRequest(f"This output cannot be given: {reason}.", field=field, reason=reason)
