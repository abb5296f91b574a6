import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from common.errors import (
    ALL_ERRORS,
    Conflict,
    Forbidden,
    InternalError,
    InvalidRequest,
    Unavailable,
    envelope,
    from_status,
    problem,
    several,
)
from common.identity import Identity, Role
from common.ids import new_id
from common.models import failures
from common.requests import take_request_id
from common.times import rfc3339, utc_now


def test_ids_are_unique_url_safe_and_sort_by_time(monkeypatch):
    made = []
    for moment in (1_700_000_000_000, 1_700_000_000_001, 1_900_000_000_000):
        monkeypatch.setattr("common.ids.time.time_ns", lambda moment=moment: moment * 1_000_000)
        made += [new_id("job") for _ in range(50)]
    assert len(set(made)) == 150
    assert all(re.fullmatch(r"job_[0-9a-z]{26}", one) for one in made)
    assert max(made[:50]) < min(made[50:100])
    assert max(made[50:100]) < min(made[100:])


def test_times_keep_their_milliseconds_and_end_in_z():
    assert utc_now().microsecond % 1000 == 0
    assert rfc3339(datetime(2024, 1, 15, 10, 30, tzinfo=UTC)) == "2024-01-15T10:30:00Z"
    later = datetime(2024, 1, 15, 12, 30, 0, 5000, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(later) == "2024-01-15T10:30:00.005Z"


@pytest.mark.parametrize("given", ["", "short", "a" * 129, "with space", "new\nline-----", "é" * 9])
def test_a_request_id_that_is_not_well_formed_is_replaced(given):
    assert take_request_id(given).startswith("req_")


def test_a_well_formed_request_id_is_taken():
    assert take_request_id("trace-0001:a.b") == "trace-0001:a.b"


@pytest.mark.parametrize("kind", ALL_ERRORS)
def test_an_error_survives_the_way_between_two_services(kind):
    told = kind("It went wrong.", field="agents.0", reason="odd")
    back = from_status(told.status, envelope(told, "req_1"))
    assert type(back) is kind
    assert (back.message, back.details) == (told.message, told.details)


@pytest.mark.parametrize("body", [None, [], {"error": "text"}, {"detail": "x"}, "html"])
def test_an_error_with_no_envelope_keeps_its_status(body):
    assert type(from_status(409, body)) is Conflict
    assert type(from_status(418, body)) is InvalidRequest
    assert type(from_status(599, body)) is InternalError


def test_the_two_shapes_tell_the_same_facts():
    error = Unavailable("Down.", details={"missing": ["mongo"]})
    assert problem(error, "req_1")["detail"] == envelope(error, "req_1")["error"]["message"]
    assert problem(error, "req_1")["type"] == "urn:kasal:error:service-unavailable"
    assert error.retry_after == 2


def test_more_than_one_fault_is_listed():
    one = several([{"field": "a", "reason": "x"}], "Bad.")
    two = several([{"field": "a", "reason": "x"}, {"field": "b", "reason": "y"}], "Bad.")
    assert one.details == {"field": "a", "reason": "x"}
    assert two.details["errors"] == [{"field": "a", "reason": "x"}, {"field": "b", "reason": "y"}]


def test_each_role_may_do_what_the_lower_ones_may():
    for held in Role:
        who = Identity("u", "w", held, "s", 0, 0)
        for needed in Role:
            if held >= needed:
                who.require(needed)
            else:
                with pytest.raises(Forbidden, match=needed.label):
                    who.require(needed)


def test_the_failures_of_a_route_are_documented_by_status():
    told = failures(409, 412)
    assert {status: entry["description"] for status, entry in told.items()} == {
        409: "Conflict",
        412: "Precondition Failed",
    }
