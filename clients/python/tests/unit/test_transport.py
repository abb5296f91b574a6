"""What is sent, what is sent again, and what refusals become."""

import json

import httpx2
import pytest

from kasal_client import ConflictError, Kasal, NotFoundError, RateLimitError
from kasal_client.errors import ConnectionFailedError, ServiceUnavailableError


def refusal(status: int, code: str, **headers: str) -> httpx2.Response:
    error = {"code": code, "message": "No.", "details": {"field": "name"}, "request_id": "req_1"}
    return httpx2.Response(status, json={"error": error}, headers=headers)


def client(*answers: httpx2.Response | Exception, requests: list[httpx2.Request]) -> Kasal:
    left = list(answers)

    def answer(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        given = left.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    return Kasal("http://there", "key", transport=httpx2.MockTransport(answer))


MADE = {"job_id": "job_1", "status": "queued", "estimated_duration": 1}


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """The seconds that were waited for, at once."""
    found: list[float] = []
    monkeypatch.setattr("kasal_client.io_sync.sleep", found.append)
    return found


def test_a_creating_post_is_sent_again_with_its_key(waits):
    requests: list[httpx2.Request] = []
    answers = (
        refusal(503, "SERVICE_UNAVAILABLE", **{"Retry-After": "2"}),
        httpx2.ReadError("broken"),
        httpx2.Response(202, json=MADE),
    )
    with client(*answers, requests=requests) as kasal:
        assert kasal.executions.start("crew_1", {"topic": "tea"}).id == "job_1"
    keys = {request.headers["Idempotency-Key"] for request in requests}
    assert len(requests) == 3
    assert len(keys) == 1
    assert json.loads(requests[0].content) == {"crew_id": "crew_1", "inputs": {"topic": "tea"}}
    assert 2 <= waits[0] < 2.2


def test_what_may_not_arrive_twice_is_sent_once():
    requests: list[httpx2.Request] = []
    faulty = client(refusal(503, "SERVICE_UNAVAILABLE"), requests=requests)
    with faulty as kasal, pytest.raises(ServiceUnavailableError):
        kasal.models.check("gpt-4o")
    assert len(requests) == 1


class BreaksOff(httpx2.SyncByteStream):
    def __iter__(self):
        yield b'{"id": "cr'
        raise httpx2.ReadError("broken")


def test_an_answer_that_breaks_off_is_asked_for_again():
    requests: list[httpx2.Request] = []
    answers = (
        httpx2.Response(200, stream=BreaksOff()),
        httpx2.Response(200, json={"id": "crew_1"}),
    )
    with client(*answers, requests=requests) as kasal:
        assert kasal.crews.get("crew_1").id == "crew_1"
    assert len(requests) == 2


def test_a_limit_that_is_far_away_is_not_waited_for(waits):
    requests: list[httpx2.Request] = []
    answer = refusal(429, "RATE_LIMIT", **{"Retry-After": "1800"})
    with client(answer, requests=requests) as kasal, pytest.raises(RateLimitError) as raised:
        kasal.crews.get("crew_1")
    assert raised.value.retry_after == 1800
    assert waits == []


def test_a_delete_that_was_repeated_finds_nothing():
    requests: list[httpx2.Request] = []
    answers = (httpx2.ReadError("broken"), refusal(404, "NOT_FOUND"))
    with client(*answers, requests=requests) as kasal:
        kasal.crews.delete("crew_1")
    assert [request.method for request in requests] == ["DELETE", "DELETE"]


def test_a_refusal_says_all_that_is_known():
    requests: list[httpx2.Request] = []
    faulty = client(refusal(404, "NOT_FOUND"), requests=requests)
    with faulty as kasal, pytest.raises(NotFoundError) as raised:
        kasal.crews.get("../x")
    fault = raised.value
    assert requests[0].url.raw_path == b"/api/v1/crews/..%2Fx"
    assert (fault.code, fault.status, fault.request_id, fault.field) == (
        "NOT_FOUND",
        404,
        "req_1",
        "name",
    )
    assert "req_1" in str(fault)


def test_a_newer_code_is_an_error_of_its_status():
    requests: list[httpx2.Request] = []
    faulty = client(refusal(409, "NEWER_CODE"), requests=requests)
    with faulty as kasal, pytest.raises(ConflictError) as raised:
        kasal.executions.run("job_1").stop()
    assert raised.value.code == "NEWER_CODE"


def test_no_repr_shows_the_key():
    with Kasal("http://there", "sk-secret") as kasal:
        assert "sk-secret" not in repr(kasal) + repr(kasal.executions.run("job_1"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx2.Response(301, headers={"Location": "https://there/x"}), "301, for https://there/x"),
        (httpx2.Response(200, html="<p>Welcome</p>"), "200, with text/html"),
    ],
)
def test_what_is_no_platform_is_told_so(answer: httpx2.Response, words: str):
    requests: list[httpx2.Request] = []
    stranger = client(answer, requests=requests)
    with stranger as kasal, pytest.raises(ConnectionFailedError, match=words):
        kasal.crews.get("crew_1")
    assert len(requests) == 1
