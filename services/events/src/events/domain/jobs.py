"""Names of jobs, as far as this service judges them."""

import re

from common.errors import NotFound

_WELL_FORMED = re.compile(r"job_[A-Za-z0-9_-]{1,60}", re.ASCII)


def checked(job_id: str) -> str:
    """Return `job_id` if it can name a job.

    Raises `NotFound`: nothing else may reach a routing key, where `*` and `#` have a meaning, or a
    peer's path.
    """
    if not _WELL_FORMED.fullmatch(job_id):
        raise NotFound("There is no such execution.")
    return job_id
