"""Reading events of this version, and of newer ones.

Covers: common.contracts.event_base
"""

import json

import pytest

from common.contracts.event_json import read_any_event, read_event
from common.contracts.events import InputRequired, ProgressUpdate, UnknownEvent

HEADER = {"job_id": "job_1", "seq": 3, "timestamp": "2024-01-15T14:00:05.000Z", "attempt": 1}
READERS = [read_event, read_any_event]


def frame(**fields: object) -> str:
    return json.dumps({**HEADER, **fields})


@pytest.mark.parametrize("read", READERS)
def test_an_event_is_its_header_and_its_body(read) -> None:
    event = read(frame(type="progress", progress=40, added_later=True))
    assert (event.job_id, event.seq, event.attempt) == ("job_1", 3, 1)
    assert event.body == ProgressUpdate(progress=40)


@pytest.mark.parametrize("read", READERS)
def test_a_type_of_a_newer_version_is_unknown(read) -> None:
    event = read(frame(type="model_switched", to="m"))
    assert (event.type, event.body) == (
        "model_switched",
        UnknownEvent("model_switched", {"to": "m"}),
    )


def test_a_value_of_a_newer_version_is_refused_or_only_shown() -> None:
    newer = frame(type="input_required", kind="a-newer-kind", prompt="Who?")
    with pytest.raises(ValueError, match="kind"):
        read_event(newer)
    shown = read_any_event(newer)
    assert not isinstance(shown.body, InputRequired)
    assert shown.body == UnknownEvent("input_required", {"kind": "a-newer-kind", "prompt": "Who?"})


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("broken", ["", "[]", "{", '{"type": "progress", "progress": 1}'])
def test_what_has_no_header_is_no_event(read, broken) -> None:
    with pytest.raises(ValueError):
        read(broken)
