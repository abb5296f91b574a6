"""Every request and answer of the joined OpenAPI document has an example, and each is a true one."""

import importlib
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

Json = dict[str, Any]

ROOT = Path(__file__).parents[2]
DOCUMENT: Json = json.loads(
    (ROOT / "services/gateway/src/gateway/documents/openapi.json").read_text()
)
METHODS = {"get", "post", "put", "patch", "delete"}


def operations(document: Json) -> Iterator[Json]:
    for described in document["paths"].values():
        yield from (operation for method, operation in described.items() if method in METHODS)


def resolved(document: Json, place: Json) -> Json:
    while "$ref" in place:
        target: Any = document
        for key in place["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        place = target
    return place


def bodies(document: Json) -> Iterator[tuple[str, Json]]:
    """Yield what each request and answer with a body is called, and its media type object."""
    for operation in operations(document):
        places = {"request": operation.get("requestBody", {})} | operation["responses"]
        for name, place in places.items():
            for media in resolved(document, place).get("content", {}).values():
                yield f"{operation['operationId']} {name}", media


def closed(value: Any) -> Any:
    """Return the schema with objects that may have no field beyond those it names."""
    if isinstance(value, list):
        return [closed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    made = {key: closed(inner) for key, inner in value.items()}
    if isinstance(made.get("properties"), dict):
        made.setdefault("additionalProperties", False)
    return made


def faults(document: Json) -> list[str]:
    """Return what is wrong with the examples of `document`."""
    components = closed({"schemas": document["components"]["schemas"]})
    found = []
    for name, media in bodies(document):
        if "example" not in media:
            found.append(f"{name} has no example")
            continue
        schema = {**closed(media["schema"]), "components": components}
        checker = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        found += [
            f"{name}: {fault.json_path} {fault.message}"
            for fault in checker.iter_errors(media["example"])
        ]
    return found


def test_every_request_and_answer_has_an_example_that_fits_its_schema():
    assert faults(DOCUMENT) == []
    assert len(list(bodies(DOCUMENT))) > 300


def login(document: Json) -> Json:
    operation = document["paths"]["/auth/login"]["post"]
    media: Json = operation["responses"]["200"]["content"]["application/json"]
    return media


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda media: media.pop("example"), "login 200 has no example"),
        (lambda media: media["example"].pop("expires_in"), "login 200: $ 'expires_in' is a req"),
        (lambda media: media["example"].update(expires_in="1"), "login 200: $.expires_in '1' is"),
        (lambda media: media["example"].update(expires=1), "login 200: $ Additional properties"),
    ],
)
def test_a_missing_or_wrong_example_is_found(change, told):
    document = deepcopy(DOCUMENT)
    change(login(document))
    assert [fault[: len(told)] for fault in faults(document)] == [told]


def test_an_error_s_example_is_of_its_status():
    for name, media in bodies(DOCUMENT):
        status = name.partition(" ")[2]
        if status >= "400" and status != "request":
            assert media["example"]["error"]["message"], name
            assert media["example"]["error"]["code"] == CODES[int(status)], name


CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    402: "BUDGET_EXCEEDED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    412: "PRECONDITION_FAILED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    416: "RANGE_NOT_SATISFIABLE",
    422: "IDEMPOTENCY_KEY_REUSED",
    429: "RATE_LIMIT",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}
"""As the contract has them."""


def test_every_path_parameter_has_an_example():
    for operation in operations(DOCUMENT):
        for given in operation.get("parameters", ()):
            parameter = resolved(DOCUMENT, given)
            assert parameter["in"] != "path" or parameter["example"], operation["operationId"]


def test_an_example_of_what_does_not_exist_is_refused(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    tool = importlib.import_module("openapi_examples")
    source = tmp_path / "examples.yaml"
    source.write_text(
        "{parameters: {}, missing: {}, errors: {}, operations: {me: {200: {}, 201: {}}}}"
    )
    examples = tool.Examples(source)
    assert examples.unknown({"login"}) == ["me"]
    with pytest.raises(ValueError, match=r"me has examples.*201"):
        examples.put_into({"operationId": "me", "responses": {"200": {}}, "parameters": []})
