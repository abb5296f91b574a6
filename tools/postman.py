"""Make the Postman collection (v2.1) out of the joined OpenAPI document.

`python tools/postman.py` writes it; with `--check` it only says whether it is up to date. Run from top
to bottom (`newman run`) against a platform with the demo user, every request succeeds: first the log
in, then each resource is made before it is read, changed and used, and at the end all of it is
deleted again and the session closed.
"""

import argparse
import json
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any

from openapi import TARGET as OPENAPI
from openapi import operations, write_or_check

Json = dict[str, Any]

TARGET = Path(OPENAPI).with_name("postman.json")
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_CLEAN_UP = "Clean up"
_ABOUT = (
    "Generated from /openapi.json. Set `baseUrl`, `rootUrl`, `email` and `password`, then run the folders from "
    "top to bottom: the first request logs in and keeps the token."
)

_FOLDERS = (
    "Platform",
    "Auth",
    "Workspace",
    "Crews",
    "Agents",
    "Tasks",
    "Tools",
    "Executions",
    "Files",
    "Live events",
    "Memory",
    "Analytics",
    "Models",
    _CLEAN_UP,
)
_NOT_RUN = {"live_events"}
"""A WebSocket, which collections of this format cannot hold."""
_FIRST = ("login", "me", "refresh", "register")
_LAST = "logout"
_RANK = {"post": 0, "get": 1, "put": 2, "patch": 2, "delete": 4}

_BODIES: dict[str, Json] = {
    "login": {"email": "{{email}}", "password": "{{password}}"},
    "refresh": {"refresh_token": "{{refresh_token}}"},
    "register": {
        "email": "postman-{{$randomUUID}}@example.com",
        "password": "a-long-password",
        "name": "Postman",
    },
    "invite": {"email": "guest-{{$randomUUID}}@example.com", "role": "viewer"},
    "add_member": {"email": "member-{{$randomUUID}}@example.com", "role": "viewer"},
    "accept_invitation": {"token": "{{invitation_token}}", "password": "a-long-password"},
    "change_password": {"current_password": "{{password}}", "new_password": "{{password}}"},
    "update_plan": {"tier": "pro"},
    "fork_execution": {"after_seq": 0},
    "register_tool": {
        "name": "salesforce_{{$randomInt}}",
        "description": "Query Salesforce data",
        "endpoint": "https://api.example.com/salesforce",
        "auth_type": "bearer",
        "credentials": {"token": "a token of that system"},
    },
}
"""Bodies that an example cannot stand in for: they name variables, must differ in every run, or would not
be right for the demo's workspace."""

_UPLOAD = "upload_file"
"""The request whose body is a file."""
_FILE = "name,n\ntea,1\n"

_KEPT = {
    "login": {"token": "access_token", "refresh_token": "refresh_token"},
    "refresh": {"token": "access_token", "refresh_token": "refresh_token"},
    "add_member": {"invitation_token": "token"},
    "accept_invitation": {"member_id": "id"},
}
"""What is kept of an answer, besides the id of what was made: variable and field."""
_GIVEN = {"n": "3", "provider": "openai", "endpoint": "corp", "version": "1", "other": "1"}
"""Variables that nothing makes, with their values."""
_DRY = "dry_run"
"""The parameter that is sent: nothing below would delete what such a request makes."""
_MAKES_LATER = {"add_member"}
"""Its answer has no id yet of what the path below it is about."""

_ALSO = {
    "publish_version": [409],
    "unpublish_version": [409],
    "reset_password": [400],
    "stop_execution": [409],
    "get_artifact_content": [404],
    "answer_execution": [409],
    "update_plan": [403],
    "get_call": [404],
}
"""Statuses that are right too: no letter with a token has been read, a job may not have come to its first call, a quick job is over before it can be stopped, none of the demo's waits
for an answer or makes a file, the crew that was made cannot run in its first version, and an operator may keep plans to himself."""


def collection(document: Json) -> Json:
    """Return the collection for `document`."""
    folders: dict[str, list[tuple[tuple[int, ...], Json]]] = {name: [] for name in _FOLDERS}
    captures = _captures(document)
    for path, method, operation in operations(document):
        name = operation["operationId"]
        if name in _NOT_RUN:
            continue
        ends = method == "delete" or name == _LAST
        folder = _CLEAN_UP if ends else operation["tags"][0]
        item = _item(document, path, method, operation, captures)
        folders[folder].append((_order(path, method, name), item))
    return {
        "info": {"name": document["info"]["title"], "description": _ABOUT, "schema": _SCHEMA},
        "auth": {"type": "bearer", "bearer": [_pair("token", "{{token}}")]},
        "variable": [
            _pair("baseUrl", "http://localhost:8000/api/v1"),
            _pair("rootUrl", "http://localhost:8000"),
            _pair("email", "user@example.com"),
            _pair("password", "secure_password"),
            *(_pair(name, _GIVEN.get(name, "")) for name in _variables(captures)),
        ],
        "item": [
            {"name": name, "item": [item for _, item in sorted(items, key=lambda i: i[0])]}
            for name, items in folders.items()
            if items
        ],
    }


def _pair(key: str, value: str) -> Json:
    return {"key": key, "value": value, "type": "string"}


def _variables(captures: dict[str, Json]) -> list[str]:
    kept = {name: None for fields in captures.values() for name in fields}
    return sorted({**kept, **_GIVEN})


def _order(path: str, method: str, name: str) -> tuple[int, ...]:
    if name == _LAST:
        return (9, 0, 0)
    if name in _FIRST:
        return (0, _FIRST.index(name), 0)
    depth = path.count("/")
    if method == "delete":  # what is inside goes before what it is in
        inside = (
            "memory",
            "tasks",
            "agents",
            "tools",
            "models",
            "files",
            "workspace",
            "auth",
            "crews",
        )
        return (1, inside.index(path.split("/")[1]), depth)
    action = method == "post" and bool(re.search(r"\}/", path))  # /crews/{id}/clear: needs the id
    return (1, 3 if action else _RANK[method], depth)


def _captures(document: Json) -> dict[str, Json]:
    """Return, for each operation that makes something, the variables its answer fills."""
    found: dict[str, Json] = {name: dict(fields) for name, fields in _KEPT.items()}
    for path in document["paths"]:
        parameter = re.search(r"^(.*)/\{(\w+)\}$", path)
        parent = document["paths"].get(parameter[1], {}) if parameter else {}
        if parameter and parent.get("post", {}).get("operationId", "") not in {"", *_MAKES_LATER}:
            fields = _answer_fields(document, parent["post"])
            name = next((n for n in (parameter[2], "id") if n in fields), None)
            if name is None:
                raise SystemExit(f"The answer of POST {parameter[1]} has no id of what it made.")
            found[parent["post"]["operationId"]] = {parameter[2]: name}
    return found


def _answer_fields(document: Json, operation: Json) -> set[str]:
    for status, answer in operation["responses"].items():
        if status < "300":
            content = answer.get("content", {}).get("application/json", {})
            return set(_resolve(document, content.get("schema", {})).get("properties", {}))
    return set()


def _resolve(document: Json, value: Json) -> Json:
    while "$ref" in value:
        target: Any = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        value = target
    return value


def _item(
    document: Json, path: str, method: str, operation: Json, captures: dict[str, Json]
) -> Json:
    name = operation["operationId"]
    known = set(_variables(captures))
    request: Json = {
        "method": method.upper(),
        "description": operation.get("description", operation["summary"]),
        "header": [_pair("Accept", _media_type(operation))],
        "url": _url(document, path, operation, known),
    }
    parameters = (_resolve(document, one) for one in operation.get("parameters", ()))
    if any(one["name"] == "Idempotency-Key" for one in parameters):
        key = _pair(
            "Idempotency-Key", '"{{$guid}}"'
        )  # to be switched on by who wants to repeat one
        request["header"].append({**key, "disabled": True})
    if not operation["security"]:
        request["auth"] = {"type": "noauth"}
    if name == _UPLOAD:
        disposition = _pair("Content-Disposition", 'attachment; filename="sales.csv"')
        request["header"] += [_pair("Content-Type", "text/csv"), disposition]
        request["body"] = {"mode": "raw", "raw": _FILE}
    body = None if name == _UPLOAD else _body(operation, known)
    if body is not None:
        request["header"].append(_pair("Content-Type", "application/json"))
        text = json.dumps(body, indent=2, ensure_ascii=False)
        language = {"raw": {"language": "json"}}
        request["body"] = {"mode": "raw", "raw": text, "options": language}
    script = _script(operation, captures.get(name, {}))
    test = {"listen": "test", "script": {"type": "text/javascript", "exec": script}}
    return {
        "name": operation["summary"],
        "event": [test],
        "request": request,
        "response": _answers(document, operation),
    }


def _media_type(operation: Json) -> str:
    for status, answer in operation["responses"].items():
        if status < "300" and answer.get("content"):
            return str(next(iter(answer["content"])))
    return "application/json"


def _url(document: Json, path: str, operation: Json, known: set[str]) -> Json:
    outside = "servers" in document["paths"][path]
    segments = path.strip("/").split("/")
    shown = []
    for segment in segments:
        parameter = re.fullmatch(r"\{(\w+)\}", segment)
        if parameter and parameter[1] not in known:
            raise SystemExit(f"Nothing in the collection makes the {parameter[1]} of {path}.")
        shown.append(f"{{{{{parameter[1]}}}}}" if parameter else segment)
    host = "{{rootUrl}}" if outside else "{{baseUrl}}"
    query = [
        {"key": p["name"], "value": _example(document, p), "disabled": p["name"] != _DRY}
        for p in (_resolve(document, p) for p in operation.get("parameters", ()))
        if p["in"] == "query"
    ]
    return {"raw": "/".join([host, *shown]), "host": [host], "path": shown, "query": query}


def _example(document: Json, parameter: Json) -> str:
    """Return the parameter's example, or the first of the values that it may have."""
    schema = _resolve(document, parameter["schema"])
    choices = [_resolve(document, one) for one in schema.get("anyOf", (schema,))]
    listed = [value for one in choices for value in one.get("enum", ())]
    told = parameter["example"] if "example" in parameter else listed[0]
    return str(told).lower() if isinstance(told, bool) else str(told)


def _body(operation: Json, known: set[str]) -> Any:
    given = _BODIES.get(operation["operationId"])
    if given is not None:
        return given
    if "requestBody" not in operation:
        return None
    example = operation["requestBody"]["content"]["application/json"]["example"]
    # what was made before stands in for the example's ids
    return {key: f"{{{{{key}}}}}" if key in known else value for key, value in example.items()}


def _answers(document: Json, operation: Json) -> list[Json]:
    """Return what is particular to the operation's answers, as Postman shows it beside the request."""
    told = []
    for status, given in operation["responses"].items():
        if status >= "300" and status != "409":
            continue
        answer = _resolve(document, given)
        for kind, media in answer.get("content", {}).items():
            text = _sample(kind, media["example"])
            told.append(
                {
                    "name": _phrase(status, answer),
                    "code": int(status),
                    "status": HTTPStatus(int(status)).phrase,
                    "header": [_pair("Content-Type", kind)],
                    "body": text,
                }
            )
    return told


def _sample(kind: str, example: Any) -> str:
    if kind == "text/event-stream":
        return "".join(f"{field}: {value}\n" for field, value in example.items()) + "\n"
    return example if isinstance(example, str) else json.dumps(example, indent=2)


def _phrase(status: str, answer: Json) -> str:
    described = answer["description"]
    known = HTTPStatus(int(status)).phrase
    return f"{status} {known if described == 'Successful Response' else described}"


def _script(operation: Json, kept: Json) -> list[str]:
    right = sorted(int(s) for s in operation["responses"] if s < "300")
    right += _ALSO.get(operation["operationId"], [])
    lines = [
        f"pm.test('answers {' or '.join(map(str, right))}', () => {{",
        f"  pm.expect(pm.response.code).to.be.oneOf({json.dumps(right)});",
        "});",
    ]
    if "Platform" not in operation["tags"]:
        lines.append(
            "pm.test('names the request', () => pm.response.to.have.header('X-Request-ID'));"
        )
    for variable, field in kept.items():
        value = f"pm.response.json().{field}"
        lines.append(
            f"if (pm.response.code < 300) pm.collectionVariables.set('{variable}', {value});"
        )
    return lines


def main() -> None:
    """Write the collection, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    arguments = parser.parse_args()
    made = collection(json.loads(OPENAPI.read_text()))
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    write_or_check(TARGET, text, check=arguments.check, command="python tools/postman.py")


if __name__ == "__main__":
    main()
