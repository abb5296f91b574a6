"""What the log says of why a job ended."""

from common.times import utc_now
from executor.domain import moves
from executor.domain.execution import Execution


def ended(code: str, message: str) -> Execution:
    job = Execution("job_1", "ws_1", "crew_1", utc_now())
    return moves.refuse(job, None, utc_now(), code=code, message=message).after


def test_an_ended_job_names_its_code_and_reason_shortened():
    told = "The model gpt-4 (https://models.example) answered 503. "
    cause = ended("MODEL_UNAVAILABLE", told * 20).cause
    assert cause["error_code"] == "MODEL_UNAVAILABLE"
    assert cause["reason"].startswith(told)
    assert len(cause["reason"]) == 300


def test_a_reason_that_may_quote_an_answer_is_left_out():
    assert ended("OUTPUT_INVALID", "not JSON: 'my IBAN is'").cause == {
        "error_code": "OUTPUT_INVALID"
    }


def test_a_job_without_a_fault_has_no_cause():
    assert Execution("job_1", "ws_1", "crew_1", utc_now()).cause == {}
