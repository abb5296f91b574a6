"""Join the services' OpenAPI documents into the one that the gateway serves.

`python tools/openapi.py` writes it; with `--check` it only says whether it is up to date.
"""

import argparse
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from event_schemas import event_schemas
from openapi_examples import Examples
from openapi_links import add_links
from openapi_socket import socket_schemas
from openapi_texts import (
    ABOUT,
    CODES,
    LIMIT_HEADERS,
    SOCKET,
    TAG_BY_LOWER,
    TAGS,
    TITLES,
    headers,
)

from common.backends import Backends
from kasal_platform.services import services

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "services/gateway/src/gateway/documents/openapi.json"
SERVICES = tuple(name for name, service in services().items() if service.documented)
METHODS = ("get", "post", "put", "patch", "delete")
_OUTSIDE = [{"url": "/"}]
"""Servers of the paths that have no version prefix."""
_VALIDATION = {"HTTPValidationError", "ValidationError"}
"""FastAPI's own error models; the platform answers 400 with its envelope instead."""

_DUMMY = {
    "mongo_url": "mongodb://127.0.0.1:27017",
    "amqp_url": "amqp://127.0.0.1",
    "redis_url": "redis://127.0.0.1",
    "service_secret": "only for reading the routes",
    "secret_key": "only for reading the routes, and long enough for it",
}


class Clash(Exception):  # noqa: N818 - it says what happened
    """The services' documents cannot be joined; the text says why."""


def service_document(service: str) -> Json:
    """Return the OpenAPI document of one service's application, `/internal` left out."""
    config = importlib.import_module(f"{service}.config")
    wiring = importlib.import_module(f"{service}.wiring")
    app = wiring.build_app(config.Settings(**_DUMMY), Backends())
    document: Json = app.openapi()
    document["paths"] = {
        path: methods
        for path, methods in document["paths"].items()
        if not path.startswith("/internal")
    }
    return document


def join() -> Json:
    """Return the public API as one document. Raises `Clash`."""
    result = _frame()
    for service in SERVICES:
        _add(result, service, service_document(service))
    result["paths"].update(_own_paths())
    result["components"]["schemas"] |= event_schemas() | socket_schemas()
    for _, _, operation in operations(result):
        _finish(operation)
    _check_names(result)
    _give_examples(result)
    try:
        add_links([operation for _, _, operation in operations(result)])
    except ValueError as fault:
        raise Clash(str(fault)) from None
    _share_parameters(result)
    _prune(result)
    result["paths"] = dict(sorted(result["paths"].items(), key=_by_tag))
    return result


def _frame() -> Json:
    return {
        "openapi": "3.1.0",
        "info": {"title": "Kasal API", "version": "1", "description": ABOUT},
        "servers": [
            {"url": "/api/v1", "description": "This installation"},
            {"url": "https://api.example.com/v1", "description": "Production"},
            {"url": "https://staging-api.example.com/v1", "description": "Staging"},
            {"url": "http://localhost:8000/api/v1", "description": "Local"},
        ],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": {},
        "components": {
            "schemas": {"ErrorEnvelope": {}},
            "responses": {},
            "headers": headers(),
            "parameters": {},
            "securitySchemes": {},
        },
    }


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield each operation of `document` with its path and method."""
    for path, described in document["paths"].items():
        for method in METHODS:
            if method in described:
                yield path, method, described[method]


def _add(result: Json, service: str, document: Json) -> None:
    components = document.get("components", {})
    known = result["components"]["schemas"]
    renamed = {}
    for name, schema in components.get("schemas", {}).items():
        if name in _VALIDATION:
            continue
        if known.get(name) in (None, {}, schema):
            known[name] = schema
        else:
            renamed[name] = f"{service.capitalize()}{name}"
            known[renamed[name]] = schema
    for name, scheme in components.get("securitySchemes", {}).items():
        if result["components"]["securitySchemes"].setdefault(name, scheme) != scheme:
            raise Clash(f"{service} describes the security scheme {name} in another way.")
    for name in renamed.values():
        known[name] = _rename(known[name], renamed)
    for path, described in document["paths"].items():
        place = result["paths"].setdefault(path, {})
        for method, operation in described.items():
            if method in place:
                raise Clash(f"{service} describes {method.upper()} {path}, and so does another.")
            place[method] = _rename(operation, renamed)


def _rename(value: Any, renamed: dict[str, str]) -> Any:
    def new_ref(ref: str) -> str:
        base, _, name = ref.rpartition("/")
        return f"{base}/{renamed[name]}" if name in renamed else ref

    return _map_refs(value, new_ref) if renamed else value


def _map_refs(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {
            key: change(inner) if key == "$ref" else _map_refs(inner, change)
            for key, inner in value.items()
        }
    return [_map_refs(inner, change) for inner in value] if isinstance(value, list) else value


def _finish(operation: Json) -> None:
    """Add what the gateway adds to every route: limits, headers, errors."""
    operation["tags"] = [TAG_BY_LOWER.get(tag.lower(), tag) for tag in operation.get("tags", ())]
    answers = operation["responses"]
    if "HTTPValidationError" in json.dumps(answers.get("422", {})):
        del answers["422"]
    operation.setdefault("security", [])
    if "Platform" in operation["tags"]:
        return
    needed = [400, 404, 429, 500, 503, 504]
    needed += [401] if operation["security"] else []
    if "requestBody" in operation:
        needed += [413, 415]
    else:
        answers.pop("413", None)
        answers.pop("415", None)
    for status in needed:
        answers.setdefault(str(status), _error(status))
    for status, answer in answers.items():
        if "$ref" not in answer and status < "300":
            names = ("X-Request-ID", *LIMIT_HEADERS)
            answer.setdefault("headers", {}).update({name: _ref("headers", name) for name in names})
    operation["responses"] = dict(sorted(answers.items()))


def _error(status: int) -> Json:
    return {
        "description": TITLES[status],
        "content": {"application/json": {"schema": _ref("schemas", "ErrorEnvelope")}},
    }


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _check_names(result: Json) -> None:
    seen: dict[str, str] = {}
    for path, method, operation in operations(result):
        name = operation["operationId"]
        place = f"{method.upper()} {path}"
        if name in seen:
            raise Clash(f"{place} and {seen[name]} are both named {name}.")
        seen[name] = place
        unknown = set(operation["tags"]) - set(TAGS)
        if unknown:
            raise Clash(f"{place} has the unknown tag {', '.join(sorted(unknown))}.")


def _give_examples(result: Json) -> None:
    """Put in the examples, and describe each common error with its own once."""
    examples = Examples()
    unknown = examples.unknown({operation["operationId"] for _, _, operation in operations(result)})
    if unknown:
        raise Clash(f"There are examples of what does not exist: {', '.join(unknown)}.")
    for _, _, operation in operations(result):
        try:
            examples.put_into(operation)
        except ValueError as fault:
            raise Clash(str(fault)) from None
    _share_errors(result)


def _share_errors(result: Json) -> None:
    """Describe each error that several routes have in common once, and let the routes refer to it.

    The most common one of a status has its title for a name, others also the tag of their routes, and
    a number where there are several of a tag.
    """
    shared = result["components"]["responses"]
    for (status, _), alike in _errors_alike(result).items():
        answer = alike[0]["responses"][status]
        for operation in alike:
            operation["responses"][status]["headers"] = _error_headers(int(status))
        if len(alike) > 1 and answer["description"] == TITLES[int(status)]:
            name = re.sub(r"\W", "", TITLES[int(status)].title())
            name += alike[0]["tags"][0] if name in shared else ""
            name += str(sum(other.startswith(name) for other in shared) + 1) * (name in shared)
            shared[name] = answer
            for operation in alike:
                operation["responses"][status] = _ref("responses", name)


def _errors_alike(result: Json) -> dict[tuple[str, str], list[Json]]:
    """Return the operations that have each error, by its status and text, the most common first."""
    found: dict[tuple[str, str], list[Json]] = {}
    for _, _, operation in operations(result):
        for status, answer in operation["responses"].items():
            if int(status) in CODES:
                found.setdefault((status, json.dumps(answer)), []).append(operation)
    return dict(sorted(found.items(), key=lambda entry: -len(entry[1])))


def _share_parameters(result: Json) -> None:
    """Describe each header that several routes read once, and let the routes refer to it."""
    told = [
        (place, parameter)
        for _, _, operation in operations(result)
        for place in [operation.get("parameters", [])]
        for parameter in place
        if parameter["in"] == "header"
    ]
    for place, parameter in told:
        if sum(parameter == other for _, other in told) > 1:
            name = parameter["name"]
            result["components"]["parameters"][name] = parameter
            place[place.index(parameter)] = _ref("parameters", name)


def _error_headers(status: int) -> Json:
    names = ["X-Request-ID"]
    names += [*LIMIT_HEADERS, "Retry-After"] if status == 429 else []
    names += ["Retry-After"] if status == 503 else []
    return {name: _ref("headers", name) for name in names}


def _prune(result: Json) -> None:
    """Drop schemas that nothing refers to, and make sure that everything referred to is there."""
    schemas = result["components"]["schemas"]
    wanted: set[str] = set()
    shared = result["components"]
    waiting: list[Any] = [result["paths"], shared["responses"], shared["parameters"]]
    while waiting:
        for ref in re.findall(
            r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(waiting.pop())
        ):
            if ref not in wanted:
                if ref not in schemas:
                    raise Clash(f"Something refers to the schema {ref}, which is not there.")
                wanted.add(ref)
                waiting.append(schemas[ref])
    result["components"]["schemas"] = {name: schemas[name] for name in sorted(wanted)}


def _by_tag(entry: tuple[str, Json]) -> int:
    first = next(operation for operation in entry[1].values() if isinstance(operation, dict))
    return list(TAGS).index(first["tags"][0])


def _own_paths() -> Json:
    """What the gateway answers itself."""
    return {
        "/ws": {"get": SOCKET},
        "/.well-known/jwks.json": _platform(
            "jwks", "Public keys of the access tokens (RFC 7517)", failing=(429, 503, 504)
        ),
        "/healthz": _platform("healthz", "Whether the process is up", failing=()),
        "/readyz": _platform("readyz", "Whether everything behind it answers"),
        "/openapi.json": _platform("openapi", "This document"),
        "/docs": _platform("docs", "This document, rendered", kind="text/html"),
        "/postman/kasal-api-v1.json": _platform("postman", "This API as a Postman collection"),
    }


def _platform(
    name: str, summary: str, kind: str = "application/json", failing: tuple[int, ...] = (503,)
) -> Json:
    schema = {"type": "string"} if kind == "text/html" else {"type": "object"}
    answers: Json = {"200": {"description": "OK", "content": {kind: {"schema": schema}}}}
    answers |= {str(status): _error(status) for status in failing}
    operation = {
        "operationId": name,
        "summary": summary,
        "tags": ["Platform"],
        "responses": answers,
    }
    return {"servers": _OUTSIDE, "get": operation}


def main() -> None:
    """Write the document, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    for name in [name for name in os.environ if name.startswith("KASAL_")]:
        del os.environ[name]
    text = json.dumps(join(), indent=2, ensure_ascii=False) + "\n"
    write_or_check(TARGET, text, check=arguments.check, command="python tools/openapi.py")


def write_or_check(target: Path, text: str, *, check: bool, command: str) -> None:
    """Write `text` to `target`, or end the process when it is not what is there."""
    if not check:
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        sys.exit(f"{target.relative_to(ROOT)} is out of date; run: {command}")


if __name__ == "__main__":
    main()
