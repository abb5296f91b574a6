"""Checks whether a value is a JSON Schema (draft 2020-12) that can be stored and used."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from common.schemas.patterns import PatternFault, check_pattern

MOST_BYTES = 50_000
DEEPEST = 100
_META = "https://json-schema.org/draft/2020-12/schema"
_ONE = (
    "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not", "propertyNames",
    "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_LIST = ("allOf", "anyOf", "oneOf", "prefixItems")
_MAP = ("$defs", "definitions", "dependentSchemas", "patternProperties", "properties")
_IN_PLACE = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "$ref"})
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class SchemaFault:
    """What is wrong with a schema, and where in it."""

    path: Path
    reason: str

    def __str__(self) -> str:
        place = ".".join(str(step) for step in self.path)
        return f"{self.reason} (at {place})" if place else self.reason


def schema_fault(schema: Any) -> SchemaFault | None:
    """Return why `schema` cannot be used, or None. The largest schemas take up to 200 ms.

    Its references must point inside it, and its patterns must be executable.
    """
    return form_fault(schema) or _invalid(schema) or _Walk(schema).fault()


def form_fault(schema: Any) -> SchemaFault | None:
    """Return why `schema` cannot even be stored: it is not JSON, too long or too deep."""
    if too_deep(schema, DEEPEST):
        return SchemaFault((), f"The schema is nested more than {DEEPEST} deep")
    try:
        length = len(serialize(schema))
    except (ValueError, TypeError) as fault:  # NaN, or text that is not Unicode
        return SchemaFault((), f"The schema is not JSON: {_line(fault)}")
    if length > MOST_BYTES:
        return SchemaFault((), f"The schema is longer than {MOST_BYTES} bytes")
    return None


def too_deep(value: Any, most: int) -> bool:
    """Return whether lists and objects are nested more than `most` levels deep."""
    level = [value]
    for _ in range(most + 1):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def serialize(value: Any) -> bytes:
    """Return `value` as JSON. Raises `ValueError` if it is not JSON, and `RecursionError`."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache(maxsize=1)
def _meta() -> Any:
    from jsonschema_rs import Draft202012Validator

    return Draft202012Validator({"$ref": _META})


def _invalid(schema: Any) -> SchemaFault | None:
    from jsonschema_rs import ValidationError

    try:
        _meta().validate(schema)
    except ValidationError as fault:
        return SchemaFault(
            tuple(fault.instance_path), f"Not a valid JSON Schema: {_line(fault.message)}"
        )
    except ValueError as fault:
        return SchemaFault((), f"Not a valid JSON Schema: {_line(fault)}")
    return None


class _Walk:
    """Visits every schema inside a schema, and the targets of its references."""

    def __init__(self, root: Any) -> None:
        self._root = root
        self._seen: set[int] = set()
        self._applied: dict[int, list[int]] = {}
        """Which schemas apply to the same value, by their object ids."""

    def fault(self) -> SchemaFault | None:
        try:
            waiting: list[tuple[Path, Any, Any]] = [((), self._root, resolver_of(self._root))]
        except (
            ValueError,
            TypeError,
            LookupError,
            AttributeError,
        ) as broken:  # such as a bad `$id`
            return SchemaFault((), f"Its identifiers cannot be read: {_line(broken)}")
        while waiting:
            path, schema, resolver = waiting.pop()
            if not isinstance(schema, Mapping) or id(schema) in self._seen:
                continue
            self._seen.add(id(schema))
            try:
                within = resolver.in_subresource(_resource(schema)) if path else resolver
                waiting += self._inner(path, schema, within)
            except _Found as found:
                return found.fault
        return self._endless()

    def _inner(self, path: Path, schema: Mapping[str, Any], resolver: Any) -> list[Any]:
        applied = self._applied.setdefault(id(schema), [])
        inner = [(path + place, one, resolver) for place, one in _parts(schema)]
        applied += [id(one) for place, one, _ in inner if place[len(path)] in _IN_PLACE]
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(keyword), str):
                contents, beyond = _follow((*path, keyword), schema[keyword], resolver)
                inner.append(((*path, keyword), contents, beyond))
                applied.append(id(contents))
        for place, pattern in _patterns(schema):
            try:
                check_pattern(pattern)
            except PatternFault as fault:
                reason = f"The pattern {pattern[:100]!r} cannot be used: {fault}"
                raise _Found(SchemaFault(path + place, reason)) from None
        return inner

    def _endless(self) -> SchemaFault | None:
        """Return a fault if a schema applies itself to the same value again, without end."""
        done: set[int] = set()
        for start in self._applied:
            under_way: dict[int, Iterator[int]] = {}
            if start not in done:
                under_way[start] = iter(self._applied[start])
            while under_way:
                node = next(reversed(under_way))
                following = next(under_way[node], None)
                if following is None:
                    done.add(node)
                    del under_way[node]
                elif following in under_way:
                    return SchemaFault((), "The schema refers to itself without end")
                elif following not in done and following in self._applied:
                    under_way[following] = iter(self._applied[following])
        return None


class _Found(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, fault: SchemaFault) -> None:
        self.fault = fault


def resolver_of(schema: Any) -> Any:
    """Return a resolver for references inside `schema` and to JSON Schema's own schemas."""
    resource = _resource(schema)
    base = (resource.id() or "") if isinstance(schema, Mapping) else ""
    return _meta_registry().with_resource(base, resource).crawl().resolver(base_uri=base)


@lru_cache(maxsize=1)
def _meta_registry() -> Any:
    """Return JSON Schema's own schemas."""
    from jsonschema_specifications import REGISTRY  # type: ignore[import-untyped]

    return REGISTRY.crawl()


def _resource(schema: Any) -> Any:
    from referencing.jsonschema import DRAFT202012

    return DRAFT202012.create_resource(schema)


def _follow(path: Path, reference: str, resolver: Any) -> tuple[Any, Any]:
    from referencing.exceptions import Unresolvable

    try:
        resolved = resolver.lookup(reference)
    except (Unresolvable, ValueError, TypeError, LookupError, AttributeError):
        inside = reference.startswith("#")
        reason = "to nothing in the schema" if inside else "to something outside of the schema"
        raise _Found(SchemaFault(path, f"{reference[:200]!r} leads {reason}")) from None
    if not isinstance(resolved.contents, Mapping | bool):
        raise _Found(SchemaFault(path, f"{reference[:200]!r} does not lead to a schema"))
    return resolved.contents, resolved.resolver


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    for keyword in _ONE:
        if keyword in schema:
            yield (keyword,), schema[keyword]
    for keyword in _LIST:
        for place, one in enumerate(schema.get(keyword, ())):
            yield (keyword, place), one
    for keyword in _MAP:
        held = schema.get(keyword)
        for name, one in held.items() if isinstance(held, Mapping) else ():
            yield (keyword, name), one


def _patterns(schema: Mapping[str, Any]) -> Iterator[tuple[Path, str]]:
    if "pattern" in schema:
        yield ("pattern",), schema["pattern"]
    for pattern in schema.get("patternProperties", ()):
        yield ("patternProperties", pattern), pattern


def _line(text: object) -> str:
    flat = " ".join(str(text)[:2_000].split())
    return flat if len(flat) <= 300 else f"{flat[:299]}…"
