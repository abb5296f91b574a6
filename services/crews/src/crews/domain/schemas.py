"""Whether the JSON Schemas that come with crews and tools can be used, before they are kept."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.schemas.checking import SchemaFault, schema_fault
from common.schemas.validation import beside_the_loop

Named = tuple[str, Mapping[str, Any]]
"""The dotted path of a field, and the schema in it."""


async def schema_faults(schemas: Iterable[Named]) -> list[dict[str, str]]:
    """Return a fault for each schema that no run could use, with the path to what is wrong in it."""
    given = list(schemas)
    if not given:
        return []
    return [
        {"field": ".".join([field, *map(str, fault.path)]), "reason": fault.reason}
        for field, fault in await beside_the_loop(lambda: _found(given))
    ]


def _found(schemas: list[Named]) -> list[tuple[str, SchemaFault]]:
    found = ((field, schema_fault(schema)) for field, schema in schemas)
    return [(field, fault) for field, fault in found if fault is not None]
