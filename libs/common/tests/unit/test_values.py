import json

import bson
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.contracts.messages import JobSubmitted
from common.contracts.values import check_storable
from common.web.models import RequestModel

ANY_TEXT = st.text(st.characters(blacklist_categories=()))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
)


@given(st.dictionaries(ANY_TEXT, ANYTHING, max_size=4))
def test_what_passes_survives_the_store_and_the_wire(value):
    try:
        check_storable(value)
    except ValueError:
        return
    assert bson.decode(bson.encode(value)) == value
    assert orjson.loads(orjson.dumps(value)) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"inputs": {"a": "\ud800"}}, "inputs.a holds text that is not valid Unicode"),
        ({"agents": [{"goal": "\udfff"}]}, "agents.0.goal holds text"),
        ({"a": {"\ud800": 1}}, "a name in a holds text"),
        ({"a": 2**63}, "a is a number that does not fit"),
        ({"a": -(2**63) - 1}, "a is a number that does not fit"),
        ({"a": float("nan")}, "a is not a finite number"),
        ({"a\0b": 1}, "a name in the body holds a NUL"),
    ],
)
def test_what_cannot_be_stored_is_named(value, told):
    with pytest.raises(ValueError, match=told):
        check_storable(value)


def test_depth_has_an_end():
    value: object = 1
    for _ in range(2_000):
        value = [value]
    with pytest.raises(ValueError, match="nested too deeply"):
        check_storable(value)


class Body(RequestModel):
    name: str


def test_a_request_refuses_them():
    with pytest.raises(ValidationError, match="not valid Unicode"):
        Body.model_validate({"name": "\ud800"})


def test_a_message_refuses_them():
    job = {"job_id": "job_1", "workspace_id": "ws_1", "crew_id": "crew_1"}
    with pytest.raises(ValidationError, match="64 bits"):
        JobSubmitted.model_validate({**job, "inputs": {"n": 10**30}})
