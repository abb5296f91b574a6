"""The models of a custom tool derive from one declaration."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from common.times import utc_now
from crews.domain.mcp_servers import ServerDraft
from crews.domain.tool_catalog import Changed
from crews.domain.tools import RegisteredTool, ToolChanges, ToolDraft, ToolFields, path_fault
from crews.routes.bodies import ToolView, update_answer

SENT: dict[str, Any] = {"name": "crm", "description": "d", "endpoint": "https://a.example"}
STORED = {**SENT, "id": "tool_custom_1", "workspace_id": "ws_1", "created_at": utc_now()}


@pytest.mark.parametrize("model", [ToolDraft, ToolChanges, RegisteredTool, ToolView])
def test_every_model_has_every_declared_field(model: type[BaseModel]) -> None:
    assert set(ToolFields.model_fields) <= set(model.model_fields)


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "two words"), ("description", "d" * 2_001), ("endpoint", "ftp://a")],
)
def test_rules_hold_for_what_is_sent_and_not_for_what_is_stored(field: str, value: str) -> None:
    for model, sent in ((ToolDraft, SENT), (ToolChanges, {})):
        with pytest.raises(ValidationError):
            model.model_validate({**sent, field: value})
    assert getattr(RegisteredTool.model_validate({**STORED, field: value}), field) == value


@pytest.mark.parametrize(
    ("auth_type", "credentials", "told"),
    [
        ("none", {"token": "t"}, "With auth_type none they are not sent"),
        ("bearer", {"key": "t"}, "Credentials of kind bearer need token"),
    ],
)
def test_credentials_that_would_not_be_sent_are_refused_at_their_place(
    auth_type: str, credentials: dict[str, str], told: str
) -> None:
    server = {"name": "crm", "url": "https://a.example"}
    for model, sent in ((ToolDraft, SENT), (ServerDraft, server)):
        with pytest.raises(ValidationError) as caught:
            model.model_validate({**sent, "auth_type": auth_type, "credentials": credentials})
        (fault,) = caught.value.errors()
        assert fault["loc"] == ("credentials",)
        assert told in fault["msg"]


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ({"properties": {"nummber": {}}}, "did you mean {nummber}?"),
        ({"properties": {}}, "the argument {number}"),
        ({"properties": {"number": {}}}, None),
        ({"properties": {}, "additionalProperties": {"type": "string"}}, None),
        ({"type": "object"}, None),
        (None, None),
    ],
)
def test_what_a_path_needs_is_one_of_the_parameters(parameters: Any, told: str | None) -> None:
    fault = path_fault("https://a.example/orders/{number}?q={other}", parameters)
    assert fault is None if told is None else told in str(fault)


def test_a_tool_that_was_stored_before_a_field_has_its_default() -> None:
    tool = RegisteredTool.model_validate(STORED)
    assert (tool.auth_type, tool.method, tool.headers) == ("none", "POST", {})
    assert (tool.parameters, tool.idempotent, tool.has_credentials) == (None, False, False)


def test_an_answer_leaves_nothing_out() -> None:
    assert {
        name for name, field in ToolView.model_fields.items() if not field.is_required()
    } == set()


def test_a_change_of_nothing_sets_nothing() -> None:
    assert ToolChanges.model_validate({}).model_dump(exclude_unset=True) == {}
    assert ToolChanges.model_validate({"headers": None}).headers is None


@pytest.mark.parametrize(
    ("sent", "told"), [({"credentials": None}, 0), ({"endpoint": "https://b.example"}, 1)]
)
def test_only_keys_that_nobody_took_off_are_told_of_as_dropped(
    sent: dict[str, Any], told: int
) -> None:
    changed = Changed(RegisteredTool.model_validate(STORED), "dropped")
    assert len(update_answer(changed, ToolChanges(**sent)).warnings) == told
