"""Frames of both directions."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from websockets.frames import Frame, Opcode

from common.errors import NotFound
from events.config import Settings
from events.domain.event import (
    Batch,
    EventFrame,
    frame_from_json,
    frame_from_message,
    frames_from_lines,
    runs,
)
from events.domain.jobs import valid_job_id
from events.routes import bodies
from events.routes.sinks import text_frame_of
from events.routes.stream import sse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NEARLY = st.fixed_dictionaries(
    {"type": st.sampled_from(["subscribe", "unsubscribe", "ping", "authenticate"]) | JSON},
    optional={"job_id": JSON, "after_seq": JSON, "token": JSON},
)


@given(st.text() | (JSON | NEARLY).map(json.dumps))
def test_whatever_a_client_says_is_understood_or_refused_with_a_frame(text):
    try:
        bodies.parse_message(text)
    except bodies.BadMessage as fault:
        told = orjson.loads(bodies.error_message(fault, fault.job_id))
        assert (told["type"], told["code"]) == ("error", "VALIDATION_ERROR")
        assert "seq" not in told


@pytest.mark.parametrize(
    ("sent", "field", "advice"),
    [
        ({"job_id": "job_1", "delta": True}, "delta", "did you mean deltas?"),
        ({"jobid": "job_1"}, "jobid", "did you mean job_id?"),
        ({"job_id": "job_1", "ping": 1}, "ping", "There is no field ping"),
        ({"job_id": "job_1", "after_seq": True}, "after_seq", "integer"),
    ],
)
def test_a_field_that_subscribe_does_not_have_is_named(sent, field, advice):
    with pytest.raises(bodies.BadMessage) as told:
        bodies.parse_message(json.dumps({"type": "subscribe", **sent}))
    assert told.value.details["field"] == field
    assert advice in told.value.details["reason"]
    assert told.value.job_id == sent.get("job_id")


@pytest.mark.parametrize("kind", ["ping", "unsubscribe", "authenticate"])
def test_messages_without_options_may_have_more_fields(kind):
    sent = {"type": kind, "job_id": "job_1", "token": "t", "sent_at": 5}
    assert bodies.parse_message(json.dumps(sent)).type == kind


@given(st.binary(max_size=200) | st.integers(0, 3).map(lambda n: b"x" * (n * 32_767 + 100)))
def test_frames_built_here_are_those_of_the_protocol(body):
    assert text_frame_of(body) == Frame(Opcode.TEXT, body).serialize(mask=False)


def test_frames_of_the_bounds():
    for size in (125, 126, 127, 65_535, 65_536):
        body = b"x" * size
        assert text_frame_of(body) == Frame(Opcode.TEXT, body).serialize(mask=False)


def test_an_event_over_several_lines_stays_one_in_sse():
    body = b'{"type": "progress",\n "seq": 1}'
    assert sse(EventFrame(1, "progress", body)) == (
        b'id: 1\nevent: progress\ndata: {"type": "progress",\ndata:  "seq": 1}\n\n'
    )


@pytest.mark.parametrize(
    "facts",
    [
        {"type": "progress", "job_id": "job_1"},
        {"type": "progress", "job_id": "job_1", "seq": 0},
        {"type": "progress", "job_id": "job_1", "seq": True},
        {"type": "progress", "job_id": "job_1", "seq": "1"},
        {"type": "a\nb", "job_id": "job_1", "seq": 1},
        {"type": None, "job_id": "job_1", "seq": 1},
        {"type": "progress", "job_id": "job_2", "seq": 1},
    ],
)
def test_what_is_no_event_is_refused(facts):
    with pytest.raises(ValueError, match="event"):
        frame_from_message("job_1", f"ws.job_1.{facts['type']}", None, orjson.dumps(facts))


def test_a_message_says_what_it_is_without_its_body():
    frame = frame_from_message("job_1", "ws.job_1.progress", "job_1:12", b"not looked at")
    assert (frame.seq, frame.type, frame.body) == (12, "progress", b"not looked at")


@pytest.mark.parametrize("message_id", [None, "", "job_2:3", "job_1:x", "job_1:0", "3"])
def test_where_the_id_of_a_message_says_nothing_its_body_does(message_id):
    body = b'{"type": "progress", "job_id": "job_1", "seq": 7}'
    frame = frame_from_message("job_1", "ws.job_1.progress", message_id, body)
    assert (frame.seq, frame.body) == (7, body)


def test_events_in_lines_are_numbered_from_the_first():
    frames = frames_from_lines(3, ["progress", "something_new"], [b"{1}", b"{2}"])
    assert [(f.seq, f.type, f.body) for f in frames] == [
        (3, "progress", b"{1}"),
        (4, "something_new", b"{2}"),
    ]
    for first, types in ((0, ["a", "b"]), (1, ["a"]), (1, ["a\nb", "c"])):
        with pytest.raises(ValueError):
            frames_from_lines(first, types, [b"{}", b"{}"])


def test_what_is_no_object_is_refused():
    with pytest.raises(TypeError):
        frame_from_json([])


def test_batches_are_runs_cut_into_pieces():
    events = [
        EventFrame(seq, "progress", b"x" * size) for seq, size in ((1, 5), (2, 5), (3, 50), (5, 1))
    ]
    first, second = runs(events)
    assert (first.first, first.last, second.first) == (1, 3, 5)
    assert [(p.first, p.last) for p in first.pieces(10)] == [(1, 2), (3, 3)]
    assert list(second.pieces(10)) == [second]
    assert [event.seq for event in first.since(2).events] == [2, 3]


def test_a_batch_is_encoded_once():
    made = []

    def encoder(event: EventFrame) -> bytes:
        made.append(event.seq)
        return event.body

    batch = Batch([EventFrame(1, "progress", b"a"), EventFrame(2, "progress", b"b")])
    assert batch.encoding(encoder) == batch.encoding(encoder) == b"ab"
    assert made == [1, 2]


@pytest.mark.parametrize("job_id", ["", "job_", "crew_1", "job_a.b", "job_*", "job_1\n", "job_é"])
def test_names_that_cannot_be_a_jobs(job_id):
    with pytest.raises(NotFound):
        valid_job_id(job_id)


def test_settings_name_their_origins(monkeypatch):
    monkeypatch.setenv("KASAL_ALLOWED_ORIGINS", "https://A.example/, http://b.example:81 ,")
    given = {
        "amqp_url": "memory://",
        "redis_url": "memory://",
        "service_secret": "0123456789abcdef",
    }
    origins = Settings(**given).origins
    assert origins.include("https://a.example")
    assert origins.include("http://b.example:81")
    assert not origins.include("http://b.example")
    assert Settings(**given).port == 8004
    with pytest.raises(ValidationError):
        Settings(**given, socket_limit=0)
