"""`anyOf` and `oneOf` that keep a bounded number of errors of the choices that a value does not fit.

jsonschema keeps all errors, each with those of its own choices. They form reference cycles, so hundreds of
thousands wait for a garbage collection, which stops every thread of the process.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

_OF_ONE = 20
"""Errors examined per choice."""
_KEPT = 100
"""Errors kept of all choices, including those that they contain."""


def any_of(validator: Any, choices: list[Any], value: Any, _schema: Any) -> Iterator[Any]:
    """Yield an error unless `value` fits one of `choices`."""
    place, causes = _first_fitting(validator, choices, value)
    if place is None:
        yield _unfit(value, causes)


def one_of(validator: Any, choices: list[Any], value: Any, _schema: Any) -> Iterator[Any]:
    """Yield an error unless `value` fits exactly one of `choices`."""
    place, causes = _first_fitting(validator, choices, value)
    if place is None:
        yield _unfit(value, causes)
        return
    further = [
        choice for choice in choices[place + 1 :] if validator.evolve(schema=choice).is_valid(value)
    ]
    if further:
        told = ", ".join(repr(choice)[:200] for choice in [choices[place], *further][:_OF_ONE])
        yield _error(f"{value!r} is valid under each of {told}")


def _first_fitting(validator: Any, choices: list[Any], value: Any) -> tuple[int | None, list[Any]]:
    """Return the index of the first choice that `value` fits, and the errors of those before it."""
    causes: list[Any] = []
    room = _KEPT
    for place, choice in enumerate(choices):
        errors = list(islice(validator.descend(value, choice, schema_path=place), _OF_ONE))
        if not errors:
            return place, causes
        for error in errors:
            weight = getattr(error, "kept", 1)
            if weight <= room:
                causes.append(error)
                room -= weight
    return None, causes


def _unfit(value: Any, causes: list[Any]) -> Any:
    error = _error(f"{value!r} is not valid under any of the given schemas", causes)
    error.kept = 1 + sum(getattr(cause, "kept", 1) for cause in causes)
    return error


def _error(message: str, causes: list[Any] | None = None) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message, context=causes or ())
