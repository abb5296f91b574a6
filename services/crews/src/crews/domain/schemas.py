"""Whether the JSON Schemas and patterns of crews and tools can be used, checked before they are stored."""

from collections.abc import Iterable, Mapping
from typing import Any

from common.contracts.guardrails import AnyRule, JsonSchemaRule, RegexRule, rules_of
from common.schemas.checking import SchemaFault, schema_fault
from common.schemas.patterns import PatternFault, check_pattern
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


async def pattern_faults(patterns: Iterable[tuple[str, str]]) -> list[Fault]:
    """Return a fault for each regular expression that cannot be used."""
    named = list(patterns)
    return await beside_the_loop(lambda: _unusable(named)) if named else []


def _unusable(patterns: list[tuple[str, str]]) -> list[Fault]:
    found: list[Fault] = []
    for field, pattern in patterns:
        try:
            check_pattern(pattern)
        except PatternFault as fault:
            found.append({"field": field, "reason": f"The pattern cannot be used: {fault}"})
    return found


def new_patterns(crew: Crew, before: Crew | None = None) -> list[tuple[str, str]]:
    """Return the regular expressions in guardrails that the crew's tasks did not have `before`."""
    return [
        (f"{field}.pattern", rule.pattern)
        for field, rule in _new_rules(crew, before)
        if isinstance(rule, RegexRule)
    ]


def _new_rules(crew: Crew, before: Crew | None) -> Iterable[tuple[str, str | AnyRule]]:
    """Yield the rules of guardrails that are new, with their dotted paths."""
    held = {task.id: task.guardrail for task in before.tasks} if before is not None else {}
    for index, task in enumerate(crew.tasks):
        if task.guardrail is None or task.guardrail == held.get(task.id):
            continue
        field = f"tasks.{index}.guardrail"
        for place, rule in enumerate(rules_of(task.guardrail)):
            yield f"{field}.{place}" if isinstance(task.guardrail, list) else field, rule


def new_schemas(crew: Crew, before: Crew | None = None) -> list[Named]:
    """Return the schemas that the crew's tasks did not have `before`."""
    held = {task.id: task.output_schema for task in before.tasks} if before is not None else {}
    found: list[Named] = [
        (f"tasks.{index}.output_schema", task.output_schema)
        for index, task in enumerate(crew.tasks)
        if task.output_schema is not None and task.output_schema != held.get(task.id)
    ]
    rules = _new_rules(crew, before)
    return found + [
        (f"{field}.schema", rule.schema_)
        for field, rule in rules
        if isinstance(rule, JsonSchemaRule)
    ]
