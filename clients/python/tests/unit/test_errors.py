"""Refusals become exceptions by their codes."""

import json
from pathlib import Path

import pytest

from kasal_client.errors import CLASSES, ApiError, InternalServerError, UsageError, api_error

OPENAPI = Path(__file__).parents[4] / "services/gateway/src/gateway/documents/openapi.json"


def test_every_code_of_the_document_has_a_class():
    responses = json.loads(OPENAPI.read_text())["components"]["responses"]
    codes = {
        one["content"]["application/json"]["example"]["error"]["code"]
        for one in responses.values()
        if "example" in one.get("content", {}).get("application/json", {})
    }
    assert len(codes) > 8
    assert codes <= set(CLASSES)


@pytest.mark.parametrize("body", [None, "text", [], {"error": "text"}, {"error": {"details": []}}])
def test_a_refusal_by_somebody_else_is_an_error_too(body):
    fault = api_error(502, body, request_id="req_1")
    assert isinstance(fault, InternalServerError)
    assert (fault.code, fault.status, fault.request_id, fault.details) == (
        "HTTP_502",
        502,
        "req_1",
        {},
    )
    assert type(api_error(418, body)) is ApiError
    assert not isinstance(fault, UsageError)
