"""Events as bytes."""

from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from common.contracts.events import (
    EventType,
    ExecutionStart,
    InputReceived,
    InputRequired,
    LlmCall,
    ModelUsage,
    ProgressUpdate,
    TaskComplete,
    ToolCall,
    ToolResult,
    UnknownEvent,
)
from executor.domain.api.reading import trace_row
from executor.domain.log.events import (
    EventDraft,
    LogEntry,
    QuestionKept,
    ReplyKept,
    ResultKept,
    StoredCall,
    StoredReply,
    UnreadableEvent,
)
from executor.domain.log.records import Record, json_bytes, number, seal

NOW = datetime(2024, 1, 15, 14, 0, 5, tzinfo=UTC)


def test_a_frame_is_what_a_client_gets():
    draft = EventDraft(
        ToolResult(task_id="task_001", agent="Ann", action="search", result="found"),
        ResultKept(call=3, text="found it"),
    )
    (record,) = number([draft], "job_qwerty123", 1, 1, NOW)
    assert record.frame == (
        b'{"type":"tool_result","job_id":"job_qwerty123","seq":2,'
        b'"timestamp":"2024-01-15T14:00:05.000Z","attempt":1,'
        b'"task_id":"task_001","agent":"Ann","action":"search","result":"found"}'
    )
    assert record.private == b'{"call":3,"text":"found it"}'


EXACT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(EXACT, st.booleans())
def test_an_event_is_read_as_it_was_written(value, failed):
    drafts = [
        EventDraft(TaskComplete(task_id="t1", agent="Ann", result=value)),
        EventDraft(InputRequired(task_id="t1", kind="review", prompt="?", answer=value)),
        EventDraft(
            ToolResult(task_id="t1", failed=True if failed else UNSET),
            ResultKept(call=1, text="x", failed=True if failed else UNSET),
        ),
    ]
    for record in number(drafts, "job_1", 0, 1, datetime.now(UTC)):
        assert record.known is not None, "nobody parses what this process has just written"
        assert record.entry() == replace(record, known=None).entry()


def test_what_had_to_be_made_storable_is_read_back_as_it_is_stored():
    draft = EventDraft(TaskComplete(task_id="t1", result=["a\udfff", 2**70]))
    (record,) = number([draft], "job_1", 0, 1, NOW)
    assert record.entry().body.result == ["a?", str(2**70)]


@pytest.mark.parametrize(
    ("kind", "fields", "private", "body", "kept"),
    [
        ("execution_start", {"crew": "C", "tasks_count": 1}, None,
         ExecutionStart(crew="C", tasks_count=1), None),
        ("progress", {"progress": 33}, None, ProgressUpdate(progress=33), None),
        ("input_required", {"task_id": "t1", "prompt": "?"}, {"call": 2},
         InputRequired(task_id="t1", prompt="?"), QuestionKept(call=2)),
        ("input_received", {"input": "yes", "by": "usr_1"}, None,
         InputReceived(input="yes", by="usr_1"), None),
        ("llm_call",
         {"task_id": "t1", "agent": "A", "action": "m", "result": "r",
          "usage": {"requests": 1, "input_tokens": 2, "output_tokens": 3, "cost_usd": None}},
         {"scope": "", "reply": {"text": "r", "calls": [{"id": "c", "name": "n", "arguments": {}}]}},
         LlmCall(task_id="t1", agent="A", action="m", result="r",
                 usage=ModelUsage(input_tokens=2, output_tokens=3)),
         ReplyKept(scope="",
                   reply=StoredReply(text="r", calls=[StoredCall(id="c", name="n", arguments={})]))),
    ],
)  # fmt: skip
def test_events_of_earlier_versions_are_read(kind, fields, private, body, kept):
    header = {"job_id": "job_1", "seq": 4, "timestamp": "2024-01-15T14:00:05.000Z", "attempt": 2}
    frame = orjson.dumps({"type": kind, **header, **fields})
    stored = Record(4, kind, frame, None if private is None else orjson.dumps(private))
    assert stored.entry() == LogEntry(4, NOW, 2, body, kept)


def test_fields_and_types_of_newer_versions_are_read():
    header = {"job_id": "job_1", "seq": 1, "timestamp": "2024-01-15T14:00:05.000Z", "attempt": 1}
    more = orjson.dumps({"type": "progress", **header, "progress": 5, "eta": 3})
    assert Record(1, "progress", more).entry().body == ProgressUpdate(progress=5)
    newer = orjson.dumps({"type": "model_switched", **header, "to": "m"})
    entry = Record(1, "model_switched", newer, b'{"why": 1}').entry()
    assert (entry.body, entry.private) == (UnknownEvent("model_switched", {"to": "m"}), None)


@pytest.mark.parametrize(
    "record",
    [
        Record(1, "task_start", b'{"type":"task_start","job_id":"j","seq":1,"attempt":1}'),
        Record(1, "task_start", b"not JSON"),
        Record(1, "tool_call", number([EventDraft(ToolCall(task_id="t"))], "j", 0, 1, NOW)[0].frame,
               b'{"call":"one"}'),
    ],
)  # fmt: skip
def test_an_event_that_cannot_be_read_says_so(record):
    with pytest.raises(UnreadableEvent, match="event 1"):
        record.entry()


def test_an_event_with_a_value_of_a_newer_version_can_still_be_shown():
    header = {"job_id": "job_1", "seq": 1, "timestamp": "2024-01-15T14:00:05.000Z", "attempt": 2}
    frame = orjson.dumps({"type": "input_required", **header, "kind": "poll", "prompt": "Who?"})
    record = Record(1, "input_required", frame)
    with pytest.raises(UnreadableEvent):
        record.entry()
    shown = record.shown_entry()
    newer = UnknownEvent("input_required", {"kind": "poll", "prompt": "Who?"})
    assert (shown.body, shown.seq, shown.attempt) == (newer, 1, 2)
    row = trace_row(shown)
    assert (row.action, row.result) == ("input_required", "Who?")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.text(st.characters()), JSON, max_size=4))
def test_whatever_a_model_or_tool_says_becomes_a_frame(fields):
    (record,) = number([EventDraft(TaskComplete(task_id="t1", result=fields))], "job_1", 0, 1, NOW)
    assert record.entry().type == EventType.TASK_COMPLETE


def test_what_json_cannot_hold_is_refused_when_it_is_written():
    with pytest.raises(TypeError):
        seal(EventDraft(TaskComplete(task_id="t1", result=object())), NOW)


def test_broken_text_and_huge_numbers_are_made_harmless():
    assert orjson.loads(json_bytes({"\ud800": [2**70, "a\udfff"]})) == {"?": [str(2**70), "a?"]}
