"""Puts the examples of openapi_examples.yaml into the joined OpenAPI document."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from openapi_texts import CODES

Json = dict[str, Any]

_SOURCE = Path(__file__).with_name("openapi_examples.yaml")
_REQUEST_ID = "req_01jd7v6q"


class Examples:
    """The examples of each operation, parameter and error."""

    def __init__(self, source: Path = _SOURCE) -> None:
        told = yaml.safe_load(source.read_text())
        self._parameters: Json = told["parameters"]
        self._errors: dict[int, Json] = told["errors"]
        self._missing: dict[str, str] = told["missing"]
        self._operations: dict[str, Json] = told["operations"]

    def put_into(self, operation: Json) -> None:
        """Give the operation's request, answers and parameters their examples.

        Raises `ValueError` for an example of an answer that the operation does not have.
        """
        told: dict[Any, Any] = self._missing_of(operation)
        told |= self._operations.get(operation["operationId"], {})
        for media in _media(operation.get("requestBody", {})):
            if "request" in told:
                media["example"] = told.pop("request")
        for status, answer in operation["responses"].items():
            example = told.pop(int(status), None)
            for media in _media(answer):
                made = example if status < "400" else self._of_error(int(status), example)
                if made is not None:
                    media["example"] = made
        if told:
            name = operation["operationId"]
            raise ValueError(f"{name} has examples, but no answers or body, of {list(told)}")
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in self._parameters:
                parameter["example"] = self._parameters[parameter["name"]]

    def unknown(self, operation_ids: set[str]) -> list[str]:
        """Return the operations that have examples, but are none of these."""
        return sorted(self._operations.keys() - operation_ids)

    def _missing_of(self, operation: Json) -> dict[Any, Any]:
        named = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
        return {404: {"message": self._missing[named[-1]]}} if named else {}

    def _of_error(self, status: int, told: Json | None) -> Json | None:
        told = told or self._errors.get(status)
        return None if told is None else _envelope(status, told)


def _media(place: Json) -> Iterator[Json]:
    yield from place.get("content", {}).values()


def _envelope(status: int, told: Json) -> Json:
    body = {"code": CODES[status], "message": told["message"], "details": told.get("details", {})}
    return {"error": {**body, "request_id": _REQUEST_ID}}
