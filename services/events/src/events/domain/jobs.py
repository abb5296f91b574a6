"""Names of jobs, as far as this service judges them."""

from common.contracts.ids import id_fault
from common.errors import NotFound


def valid_job_id(job_id: str) -> str:
    """Return `job_id` if it can name a job.

    Raises `NotFound`: nothing else may reach a routing key, where `*` and `#` have a meaning, or a
    peer's path.
    """
    if id_fault("job_id", job_id) is not None:
        raise NotFound(f"{id_fault('job_id', job_id)}.")
    return job_id
