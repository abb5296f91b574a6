"""Crews as MongoDB documents.

Callers' JSON objects are stored as text: BSON cannot hold their keys (`$ref`, `a.b`) and numbers of any
size faithfully.
"""

import json
from typing import Any

from common.contracts.fields import json_objects
from common.storage.formats import FIELD as FORMAT
from common.storage.formats import format_of
from common.storage.ports import Document
from crews.domain.crew import Crew, Task

NEWEST = 1
"""The newest format of these documents that this code reads, and the one it writes."""

_AS_TEXT = json_objects(Task)


def crew_document(crew: Crew) -> Document:
    """Return the document of `crew`; lists read `status` and `task_ids` from it."""
    fields = crew.model_dump()
    fields["_id"] = fields.pop("id")
    for task in fields["tasks"]:
        task.update({name: as_text(task[name]) for name in _AS_TEXT})
    if crew.tasks:  # left out when there are none: the index on it is unique, and sparse
        fields["task_ids"] = [task.id for task in crew.tasks]
    return {**fields, "status": crew.status, FORMAT: NEWEST}


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
        {**task, **{name: from_text(task[name]) for name in _AS_TEXT & task.keys()}}
        for task in document["tasks"]
    ]
    configuration = _with_safe_memory(document["configuration"])
    return Crew.model_validate(
        {**document, "id": document["_id"], "tasks": tasks, "configuration": configuration}
    )


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
