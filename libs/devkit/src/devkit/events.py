"""Events for tests, by the name of their type."""

from datetime import datetime
from typing import Any

import orjson

from common.contracts.event_json import read_body
from common.contracts.events import Event


def make_event(kind: str, job_id: str, seq: int, timestamp: datetime, **fields: Any) -> Event:
    """Return an event of the first attempt; a field that is None is not set."""
    given = {name: value for name, value in fields.items() if value is not None}
    body = read_body(kind, orjson.dumps({"type": kind, **given}))
    return Event(job_id, seq, timestamp, 1, body)
