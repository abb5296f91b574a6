"""Checks values against foreign JSON Schemas (draft 2020-12), within a budget of steps.

Schemas come from users and values from models, and both are checked in processes that many jobs
share. Small checks run on the event loop, within 3,000 steps (a few milliseconds); the rest run on
separate threads, within 400,000 steps (about two seconds). jsonschema does the checking; each of its
keywords is counted, with what it reads and reports.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from typing import Any, Self, TypeVar

from common.schemas import choices, patterns
from common.schemas.checking import resolver_of, schema_fault, serialize, too_deep
from common.schemas.kept import SizedCache

T = TypeVar("T")
QUICK = 3_000
THOROUGH = 400_000
_SMALL = 4_000
_KEPT = 2_000_000
"""Bytes of schemas, as JSON, whose validators are cached; in memory they take about twenty times that."""
_ERRORS = 20
_MESSAGE = 2_000
_DEEPEST = 200


class Complaint(str):
    """One line about how a value violates its schema. `path` is the dotted path of the part in question."""

    __slots__ = ("path",)

    def __init__(self, _text: str, path: str = "") -> None:
        self.path = path

    def __new__(cls, text: str, _path: str = "") -> Self:
        return super().__new__(cls, text)


class TooMuchWork(Exception):  # noqa: N818 - it says what is wrong with schema and value
    """Checking the value takes more steps than the budget has."""


class UnusableSchema(ValueError):  # noqa: N818 - it says what the schema is
    """The schema cannot be used; the message says why."""


@dataclass(slots=True)
class _Budget:
    left: int
    parts: int
    """Size of the schema, for keywords that read all of it."""
    keys: dict[int, frozenset[Any]]
    weight: int = 1

    def spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork


@dataclass(frozen=True, slots=True)
class _Compiled:
    validator: Any
    size: int
    keys: dict[int, frozenset[Any]] = field(default_factory=dict)


_budget: ContextVar[_Budget] = ContextVar("steps left to this validation")


async def complaint(schema: Mapping[str, Any], value: Any) -> str | None:
    """Return one line about how `value` violates `schema`, or None if it is valid.

    An unusable schema and a check that takes too much work are complaints too.
    """
    try:
        return quick_complaint(schema, value)
    except TooMuchWork:
        return await beside_the_loop(partial(complaint_within, schema, value))


def quick_complaint(schema: Mapping[str, Any], value: Any) -> str | None:
    """Do the same on an event loop. Raises `TooMuchWork` if that might block the loop."""
    try:
        text = serialize(schema)
        kept = _validators().find(text)
        if kept is None and (len(text) > _SMALL or b"attern" in text):
            raise TooMuchWork
        return _complaint(kept or _compile(text), value, QUICK)
    except TooMuchWork:
        raise
    except Exception as broken:  # noqa: BLE001 - whatever a foreign schema does to the validator
        return _unusable(broken)


def complaint_within(schema: Mapping[str, Any], value: Any, steps: int = THOROUGH) -> str | None:
    """Do the same, blocking for up to seconds: not for an event loop."""
    try:
        return _complaint(_compile(serialize(schema)), value, steps)
    except TooMuchWork:
        return "it takes too much work to check against its JSON Schema; simplify one of them."
    except Exception as broken:  # noqa: BLE001 - as above
        return _unusable(broken)


async def beside_the_loop(work: Callable[[], T]) -> T:
    """Run `work` on one of the threads for schemas, and return its result."""
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


def _unusable(fault: Exception) -> str:
    return f"its JSON Schema cannot be used: {line(fault)}"


def _complaint(compiled: _Compiled, value: Any, steps: int) -> str | None:
    if too_deep(value, _DEEPEST):
        return "it is nested too deeply."
    token = _budget.set(_Budget(steps, compiled.size // 8, compiled.keys))
    try:
        return _best_complaint(compiled.validator.iter_errors(value))
    except patterns.PatternFault as fault:
        return f"it cannot be checked: the pattern {line(fault)}"
    except RecursionError:
        return "it is nested too deeply."
    finally:
        _budget.reset(token)


def _best_complaint(errors: Iterator[Any]) -> str | None:
    from jsonschema.exceptions import best_match

    found: list[Any] = []
    try:
        for error in islice(errors, _ERRORS):
            found.append(error)  # noqa: PERF402 - what was found before the steps are used up counts
    except TooMuchWork:
        if not found:
            raise
    fault = best_match(found)
    if fault is None:
        return None
    place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.path)
    text = f"{line(place.lstrip('.')) or 'it'}: {line(fault.message)}"
    return Complaint(text, line(".".join(map(str, fault.path))))


def line(text: object) -> str:
    """Return `text` as one line of at most 300 characters."""
    flat = " ".join(str(text)[:2_000].split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"


@lru_cache(maxsize=1)
def _validators() -> SizedCache[bytes, _Compiled]:
    return SizedCache(_KEPT)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(2, "schemas")


def _compile(text: bytes) -> _Compiled:
    import json

    kept = _validators().find(text)
    if kept is None:
        schema = json.loads(text)
        fault = schema_fault(schema)
        if fault is not None:
            raise UnusableSchema(str(fault))
        size = len(text) // 8
        token = _budget.set(_Budget(size + 10, size, {}))
        kept = _Compiled(_bounded_validator()(schema, _resolver=resolver_of(schema)), size)
        _budget.reset(token)
        _validators().keep(text, kept, len(text))
    return kept


@lru_cache(maxsize=1)
def _bounded_validator() -> Any:
    from jsonschema import Draft202012Validator as Known
    from jsonschema.validators import create

    own = {
        "anyOf": choices.any_of,
        "oneOf": choices.one_of,
        "const": _const,
        "enum": _enum,
        "uniqueItems": _unique,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _leave_out_matches(Known.VALIDATORS["additionalProperties"]),
        "unevaluatedItems": _count_whole_schema(Known.VALIDATORS["unevaluatedItems"]),
        "unevaluatedProperties": _count_whole_schema(
            _refusing_patterns(Known.VALIDATORS["unevaluatedProperties"])
        ),
    }
    made: Any = create(
        meta_schema=Known.META_SCHEMA,
        validators={n: _count_steps(c) for n, c in {**Known.VALIDATORS, **own}.items()},
        type_checker=Known.TYPE_CHECKER,
        id_of=Known.ID_OF,  # type: ignore[arg-type]  # typeshed's own two differ
        applicable_validators=_applicable,  # type: ignore[arg-type]
    )
    made.evolve = _evolve
    return made


def _evolve(self: Any, **changes: Any) -> Any:
    """Return a validator of a subschema. jsonschema's own switches classes at an inner `$schema`."""
    budget = _budget.get()
    budget.spend(budget.weight)
    changes.setdefault("schema", self.schema)
    changes.setdefault("_resolver", self._resolver)
    return type(self)(**changes)


def _applicable(schema: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the keywords to check; those that depend on the results of others come last."""
    _budget.get().spend(1 + len(schema) // 4)
    rules = list(schema.items())
    if "unevaluatedProperties" in schema or "unevaluatedItems" in schema:
        rules.sort(key=lambda entry: entry[0].startswith("unevaluated"))
    return rules


def _count_steps(known: Any) -> Any:
    def check(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        read = len(rule) if isinstance(rule, list | dict) else 0
        read += len(value) if isinstance(value, list | dict) else 0
        budget.spend(1 + read // 4)
        for error in known(validator, rule, value, schema) or ():
            budget.spend(3 + len(error.message) // 200)
            if len(error.message) > _MESSAGE:
                error.message = error.message[:_MESSAGE]
                error.args = (error.message,)
            yield error

    return check


def _count_whole_schema(known: Any) -> Any:
    """Charge a keyword that rereads the whole schema at each reference it follows."""

    def check(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
        budget = _budget.get()
        weight = budget.weight
        budget.weight = 1 + budget.parts
        try:
            budget.spend(budget.weight)
            yield from known(validator, rule, value, schema) or ()
        finally:
            budget.weight = weight

    return check


def _key(value: Any) -> Any:
    """Return a hashable that is equal for values that are equal in JSON Schema."""
    _budget.get().spend(1)
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, list):
        return (list, tuple(_key(one) for one in value))
    if isinstance(value, dict):
        return (dict, frozenset((name, _key(one)) for name, one in value.items()))
    return value


def _error(message: str) -> Any:
    from jsonschema.exceptions import ValidationError

    return ValidationError(message)


def _const(_validator: Any, rule: Any, value: Any, _schema: Any) -> Iterator[Any]:
    if _key(rule) != _key(value):
        yield _error(f"{rule!r} was expected")


def _enum(_validator: Any, rule: Any, value: Any, _schema: Any) -> Iterator[Any]:
    budget = _budget.get()
    keys = budget.keys.get(id(rule))
    if keys is None:
        keys = budget.keys[id(rule)] = frozenset(_key(one) for one in rule)
    if _key(value) not in keys:
        yield _error(f"{value!r} is not one of {rule!r}")


def _unique(_validator: Any, rule: Any, value: Any, _schema: Any) -> Iterator[Any]:
    if rule and isinstance(value, list) and len({_key(one) for one in value}) < len(value):
        yield _error(f"{value!r} has non-unique elements")


def _matches(pattern: str, text: str) -> bool:
    _budget.get().spend(patterns.cost(pattern, text))
    return patterns.matches(pattern, text)


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    if isinstance(value, str) and not _matches(pattern, value):
        yield _error(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, rules: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[Any]:
    for pattern, schema in rules.items() if isinstance(value, dict) else ():
        for name, entry in value.items():
            if _matches(pattern, name):
                yield from validator.descend(entry, schema, path=name, schema_path=pattern)


def _leave_out_matches(known: Any) -> Any:
    """First take out what `patternProperties` match: jsonschema would use `re` for it."""

    def check(validator: Any, rule: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        rules = schema.get("patternProperties")
        if rules and isinstance(value, dict):
            value = {n: v for n, v in value.items() if not any(_matches(p, n) for p in rules)}
            schema = {name: part for name, part in schema.items() if name != "patternProperties"}
        yield from known(validator, rule, value, schema) or ()

    return check


def _refusing_patterns(known: Any) -> Any:
    def check(validator: Any, rule: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if b'"patternProperties"' in serialize(validator.schema):
            raise UnusableSchema("unevaluatedProperties cannot be used with patternProperties")
        yield from known(validator, rule, value, schema) or ()

    return check
