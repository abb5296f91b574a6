"""A JSON Schema validator that a workspace's own schemas can neither keep busy nor send away.

Schemas come from users and run in a process that many jobs share. So patterns are matched by
pydantic's linear-time engine and not by `re`; references are counted, since a few nested ones
multiply to billions of steps; and no reference is ever fetched.
"""

from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import lru_cache
from typing import Any

import orjson

_REFERENCES = 10_000
_followed: ContextVar[list[int]] = ContextVar("references followed by this validation")


class TooMuchWork(Exception):  # noqa: N818 - it says what is wrong with the schema
    """Validating would take too long."""


def errors(schema: Mapping[str, Any], value: Any) -> Iterator[Any]:
    """Yield jsonschema's errors of `value`.

    Raises `TooMuchWork`, or what jsonschema or the pattern engine raise for a schema that is wrong.
    """
    _followed.set([0])
    found: Iterator[Any] = _validator(orjson.dumps(schema)).iter_errors(value)
    return found


@lru_cache(maxsize=256)
def _validator(schema: bytes) -> Any:
    from jsonschema import Draft202012Validator
    from referencing import Registry

    decoded = orjson.loads(schema)
    Draft202012Validator.check_schema(decoded)
    return _bounded()(decoded, registry=Registry())


@lru_cache(maxsize=1)
def _bounded() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    known = Draft202012Validator.VALIDATORS
    return extend(  # type: ignore[no-untyped-call]
        Draft202012Validator,
        {
            "pattern": _pattern,
            "patternProperties": _pattern_properties,
            "additionalProperties": _matched_apart(known["additionalProperties"]),
            "unevaluatedProperties": _refusing_patterns(known["unevaluatedProperties"]),
            "$ref": _counted(known["$ref"]),
            "$dynamicRef": _counted(known["$dynamicRef"]),
        },
    )


@lru_cache(maxsize=1_000)
def _matcher(pattern: str) -> Any:
    from pydantic_core import SchemaValidator, core_schema

    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


def _matches(pattern: str, text: str) -> bool:
    return bool(_matcher(pattern).isinstance_python(text))


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema.exceptions import ValidationError

    if isinstance(value, str) and not _matches(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Any, patterns: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[Any]:
    for pattern, schema in patterns.items() if isinstance(value, dict) else ():
        for name, entry in value.items():
            if _matches(pattern, name):
                yield from validator.descend(entry, schema, path=name, schema_path=pattern)


def _matched_apart(known: Any) -> Any:
    """Take what `patternProperties` match out first: jsonschema would match it with `re`."""

    def check(validator: Any, rule: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        patterns = schema.get("patternProperties")
        if patterns and isinstance(value, dict):
            value = {n: v for n, v in value.items() if not any(_matches(p, n) for p in patterns)}
            schema = {name: part for name, part in schema.items() if name != "patternProperties"}
        yield from known(validator, rule, value, schema) or ()

    return check


def _refusing_patterns(known: Any) -> Any:
    def check(validator: Any, rule: Any, value: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if b'"patternProperties"' in orjson.dumps(validator.schema):
            raise TooMuchWork("unevaluatedProperties cannot be used with patternProperties")
        yield from known(validator, rule, value, schema) or ()

    return check


def _counted(known: Any) -> Any:
    def check(validator: Any, rule: Any, value: Any, schema: Any) -> Iterator[Any]:
        followed = _followed.get()
        followed[0] += 1
        if followed[0] > _REFERENCES:
            raise TooMuchWork(f"it takes more than {_REFERENCES} references to check")
        yield from known(validator, rule, value, schema) or ()

    return check
