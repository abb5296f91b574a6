import pytest

from common.errors import (
    ALL_ERRORS,
    Conflict,
    InternalError,
    InvalidRequest,
    Unavailable,
    cause_text,
    envelope,
    from_status,
    problem,
    several,
)


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


def test_the_cause_of_an_error_is_never_empty():
    assert cause_text(OSError(111, "refused")) == "ConnectionRefusedError: [Errno 111] refused"
    assert cause_text(TimeoutError()) == "TimeoutError"
