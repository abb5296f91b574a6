"""Whether the JSON Schemas of crews and tools can be used, checked before they are stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.schemas.checking import SchemaFault, schema_fault
from common.schemas.validation import beside_the_loop
from crews.domain.crew import Crew
from crews.domain.faults import Fault

Named = tuple[str, Mapping[str, Any]]
"""The dotted path of a field, and the schema in it."""


async def schema_faults(schemas: Iterable[Named]) -> list[Fault]:
    """Return a fault for each schema that no run could use, with the path to what is wrong in it."""
    named = list(schemas)
    if not named:
        return []
    return [
        {"field": ".".join([field, *map(str, fault.path)]), "reason": fault.reason}
        for field, fault in await beside_the_loop(lambda: _first_faults(named))
    ]


def _first_faults(schemas: list[Named]) -> list[tuple[str, SchemaFault]]:
    found = ((field, schema_fault(schema)) for field, schema in schemas)
    return [(field, fault) for field, fault in found if fault is not None]


def new_schemas(crew: Crew, before: Crew | None = None) -> list[Named]:
    """Return the schemas that the crew's tasks did not have `before`."""
    held = {task.id: task.output_schema for task in before.tasks} if before is not None else {}
    return [
        (f"tasks.{index}.output_schema", task.output_schema)
        for index, task in enumerate(crew.tasks)
        if task.output_schema is not None and task.output_schema != held.get(task.id)
    ]
