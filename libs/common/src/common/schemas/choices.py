"""`anyOf` and `oneOf`, which keep a bounded number of the errors of the choices that a value does not fit.

jsonschema keeps all of them, each with those of its own choices. They refer to one another in circles,
so some hundred thousand wait for a collection of garbage that holds every thread of the process.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

_OF_ONE = 20
"""Errors looked at of one choice."""
_KEPT = 100
"""Errors kept of all choices, with all that these have kept."""


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
    """Return where the first choice is that `value` fits, and what was wrong with those before it."""
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
