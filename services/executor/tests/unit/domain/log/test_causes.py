"""What the log says of why a job ended."""

from dataclasses import replace

from structlog.testing import capture_logs

from common.times import utc_now
from devkit.stores.executions import MemoryExecutions
from executor.domain.api.control import Control
from executor.domain.log import moves
from executor.domain.log.execution import Execution

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Deaf:
    """Takes what nobody here looks at."""

    def __getattr__(self, _):
        return lambda *_: None


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


async def test_a_job_that_is_stopped_by_the_api_says_so_with_all_its_ids():
    store = MemoryExecutions()
    job = Execution(
        "job_1", "ws_1", "crew_1", utc_now(), traceparent=f"00-{TRACE}-b7ad6b71692033-01"
    )
    await store.insert(job)
    control = Control(store, Deaf(), Deaf())
    with capture_logs() as lines:
        await control.stop("ws_1", "job_1")
        await control.stop("ws_1", "job_1")
    [line] = [line for line in lines if line.get("job_id") == "job_1"]
    assert line["event"] == "a job has ended"
    told = {"workspace_id": "ws_1", "crew_id": "crew_1", "attempt": 0, "status": "stopped"}
    assert told.items() <= line.items()
    assert line["trace_id"] == TRACE


def test_the_line_of_a_failed_job_names_everything_that_leads_to_its_cause():
    told = "The model gpt-4 (models.example:443) cannot be reached (refused)."
    job = replace(ended("MODEL_UNAVAILABLE", told), traceparent=f"00-{TRACE}-b7ad6b71692033-01")
    assert job.log_fields == {
        "job_id": "job_1",
        "workspace_id": "ws_1",
        "crew_id": "crew_1",
        "attempt": 0,
        "status": "failed",
        "seconds": None,
        "trace_id": TRACE,
        "error_code": "MODEL_UNAVAILABLE",
        "reason": told,
    }


def test_a_traceparent_that_is_none_names_no_trace():
    assert (
        "trace_id"
        not in Execution("job_1", "ws_1", "crew_1", utc_now(), traceparent="?").log_fields
    )
