"""Events as bytes."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.contracts.events import EventType
from executor.domain.log.events import Draft
from executor.domain.log.records import json_bytes, number, seal

NOW = datetime(2024, 1, 15, 14, 0, 5, tzinfo=UTC)


def test_a_frame_is_what_a_client_gets():
    draft = Draft(
        EventType.TASK_START, {"task_id": "task_001", "agent": "Research Agent"}, {"p": 1}
    )
    (record,) = number([draft], "job_qwerty123", 1, 1, NOW)
    assert orjson.loads(record.frame) == {
        "type": "task_start",
        "job_id": "job_qwerty123",
        "seq": 2,
        "timestamp": "2024-01-15T14:00:05.000Z",
        "attempt": 1,
        "task_id": "task_001",
        "agent": "Research Agent",
    }
    event = record.event()
    assert (event.seq, event.timestamp, event.attempt) == (2, NOW, 1)
    assert (event.fields, event.private) == (draft.fields, draft.private)


def test_fields_cannot_overwrite_the_header():
    draft = Draft(EventType.PROGRESS, {"seq": 99, "job_id": "job_other"})
    (record,) = number([draft], "job_1", 0, 1, NOW)
    assert orjson.loads(record.frame)["seq"] == 1
    assert orjson.loads(record.frame)["job_id"] == "job_1"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters()), JSON, max_size=4))
def test_whatever_a_model_or_tool_says_becomes_a_frame(fields):
    (record,) = number([Draft(EventType.TOOL_RESULT, {"result": fields})], "job_1", 0, 1, NOW)
    assert record.event().type == EventType.TOOL_RESULT


def test_what_json_cannot_hold_is_refused_when_it_is_written():
    with pytest.raises(TypeError):
        seal(Draft(EventType.TOOL_RESULT, {"result": object()}), NOW)


def test_broken_text_and_huge_numbers_are_made_harmless():
    assert orjson.loads(json_bytes({"\ud800": [2**70, "a\udfff"]})) == {"?": [str(2**70), "a?"]}
