"""Write the tables of docs/reference/api.md: the routes from the OpenAPI document, the error codes from the code.

`python tools/api_reference.py` writes them; with `--check` it only says whether they are up to date.
"""

import argparse
import json
from collections.abc import Iterator
from typing import Any

from openapi import ROOT, TARGET, operations, write_or_check

from common.errors import ALL_ERRORS

PAGE = ROOT / "docs/reference/api.md"


def main() -> None:
    """Write or check the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    document = json.loads(TARGET.read_text("utf-8"))
    text = PAGE.read_text("utf-8")
    text = _with_section(text, "routes", "\n".join(_routes(document)))
    text = _with_section(text, "errors", "\n".join(_errors()))
    write_or_check(
        PAGE, text, check=parser.parse_args().check, command="python tools/api_reference.py"
    )


def _with_section(text: str, name: str, table: str) -> str:
    begin, end = f"<!-- {name}: made by tools/api_reference.py -->", f"<!-- end of {name} -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table}\n{end}{rest.split(end)[1]}"


def _routes(document: dict[str, Any]) -> Iterator[str]:
    tags = [tag["name"] for tag in document["tags"]]
    for tag in tags:
        yield f"\n### {tag}\n\n| route | what it does | takes | answers |\n|---|---|---|---|"
        for path, method, operation in operations(document):
            if operation["tags"] == [tag]:
                yield _row(document, f"{method.upper()} {path}", operation)


def _row(document: dict[str, Any], route: str, operation: dict[str, Any]) -> str:
    takes = [*_queries(document, operation), *_fields(document, operation.get("requestBody", {}))]
    status, answer = next(iter(operation["responses"].items()))
    fields = ", ".join(f"`{name}`" for name in _fields(document, answer))
    answers = f"{status} {fields}".strip()
    return f"| `{route}` | {operation['summary']} | {', '.join(takes)} | {answers} |"


def _queries(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        found = _resolve(document, parameter)
        if found["in"] != "path":
            mark = "?" if found["in"] == "query" else ""
            yield f"`{mark}{found['name']}`"


def _fields(document: dict[str, Any], content: dict[str, Any]) -> list[str]:
    """Return the names of a JSON body's fields; those of a request are marked where they are required."""
    schema = content.get("content", {}).get("application/json", {}).get("schema", {})
    request = "headers" not in content and "description" not in content
    options = schema.get("anyOf", [schema])
    found = _resolve(document, next(one for one in options if one.get("type") != "null"))
    required = found.get("required", ()) if request else ()
    names = found.get("properties", {})
    return [f"**`{name}`**" if name in required else _plain(name, request) for name in names]


def _plain(name: str, request: bool) -> str:
    return f"`{name}`" if request else name


def _resolve(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def _errors() -> Iterator[str]:
    yield "\n| status | code | when |\n|---|---|---|"
    for kind in sorted(ALL_ERRORS, key=lambda kind: kind.status):
        when = " ".join((kind.__doc__ or "").split())
        yield f"| {kind.status} | `{kind.code}` | {when} |"
    yield ""


if __name__ == "__main__":
    main()
