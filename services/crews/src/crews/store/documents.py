"""Crews as MongoDB documents.

Callers' JSON objects are stored as text: BSON cannot hold their keys (`$ref`, `a.b`) and numbers of any
size faithfully.
"""

import json
from typing import Any, get_args

from common.contracts.crew import needs_newer_code
from common.contracts.fields import json_objects
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Document
from crews.domain.crew import Crew, Task

NEWEST = 2
"""The newest format of these documents that this code reads."""
WRITES = 1
"""The format in which it writes crews, except those with fields that older code would pass over."""

_AS_TEXT = json_objects(Task)
_OR_TEXT = frozenset(
    name for name in _AS_TEXT if str in get_args(Task.model_fields[name].annotation)
)


def crew_document(crew: Crew) -> Document:
    """Return the document of `crew`; lists read `status` and `task_ids` from it.

    What is published is not in it: only publishing writes that.
    """
    fields = crew.model_dump(exclude={"published_version"})
    fields["_id"] = fields.pop("id")
    for task in fields["tasks"]:
        task.update({name: _pack(name, task[name]) for name in _AS_TEXT})
    if crew.tasks:  # left out when there are none: the index on it is unique, and sparse
        fields["task_ids"] = [task.id for task in crew.tasks]
    return {**fields, "status": crew.status, FORMAT: crew_format(crew)}


def crew_format(crew: Crew) -> int:
    """Return the format in which `crew` is written."""
    newer = needs_newer_code(crew.agents, crew.tasks, configuration=crew.configuration)
    return NEWEST if newer else WRITES


def crew_changes(crew: Crew) -> Document:
    """Return the update operators that make a stored document that of `crew`.

    Its idempotency receipts stay as they are.
    """
    fields = crew_document(crew)
    del fields["_id"]
    dropped = {"gone_until": 1} if crew.tasks else {"gone_until": 1, "task_ids": 1}
    return {"$set": fields, "$unset": dropped}


def crew_of(document: Document) -> Crew:
    """Return the crew that `document` holds. Raises `NewerFormat`."""
    format_of(document, NEWEST, f"The crew {document['_id']}")
    tasks = [
        {**task, **{name: _unpack(name, task[name]) for name in _AS_TEXT & task.keys()}}
        for task in document["tasks"]
    ]
    configuration = _with_safe_memory(document["configuration"])
    return Crew.model_validate(
        {**document, "id": document["_id"], "tasks": tasks, "configuration": configuration}
    )


def _pack(name: str, value: Any) -> str | bytes | None:
    """Return the value of one of these fields for the store: its JSON as text.

    Where a text is a value too, it stays as it is, and JSON is kept as bytes.
    """
    if name not in _OR_TEXT:
        return as_text(value)
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


def _unpack(name: str, stored: str | bytes | None) -> Any:
    if name in _OR_TEXT and not isinstance(stored, bytes):
        return stored
    return None if stored is None else json.loads(stored)


def _with_safe_memory(configuration: Document) -> Document:
    """Return the configuration with memory off where nobody has said who shares it.

    Before there was a scope it was on for every crew, and all its runs read what any had kept.
    """
    memory = configuration.get("memory", {})
    return configuration if "scope" in memory else {**configuration, "memory": {}}


def as_text(value: Any) -> str | None:
    """Return JSON for the store; None stays None."""
    return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False)


def from_text(text: str | None) -> Any:
    """Return what `as_text` was given."""
    return None if text is None else json.loads(text)
