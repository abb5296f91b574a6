"""When a request is sent again.

Covers: kasal_client.retries
"""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from kasal_client.retries import LONGEST_WAIT, RetryPolicy, backoff, is_repeatable, retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("", None), ("soon", None), ("-1", None), ("9" * 40, 999999999)],
)
def test_retry_after_is_a_number(value: str, seconds: float | None):
    assert retry_after({"Retry-After": value}) == seconds


def test_retry_after_is_a_date():
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 28 < (retry_after({"Retry-After": later}) or 0) <= 30
    assert retry_after({"Retry-After": "Fri, 27 Nov 2020 10:00:00 GMT"}) == 0


def test_waits_grow_to_a_bound():
    assert all(0.1 <= backoff(0) <= 0.25 for _ in range(50))
    assert all(4.0 <= backoff(99) <= 8.0 for _ in range(50))


@pytest.mark.parametrize(
    ("attempt", "repeatable", "status", "asked", "waits"),
    [
        (0, True, 0, None, True),
        (0, False, 0, None, False),
        (0, False, 429, 1.0, True),
        (0, False, 503, 1.0, False),
        (3, True, 503, None, False),
        (0, True, 409, None, False),
        (0, True, 409, 1.0, True),
        (0, True, 400, None, False),
        (0, True, 429, LONGEST_WAIT + 1, False),
    ],
)
def test_only_what_passes_and_may_arrive_twice_is_repeated(
    attempt: int, repeatable: bool, status: int, asked: float | None, waits: bool
):
    wait = RetryPolicy(3).wait(attempt, is_repeatable=repeatable, status=status, asked=asked)
    assert (wait is not None) == waits
    assert wait is None or wait >= (asked or 0)


def test_a_key_makes_a_post_repeatable_and_a_condition_makes_a_put_unrepeatable():
    assert is_repeatable("POST", {"Idempotency-Key": "1"})
    assert not is_repeatable("POST", {})
    assert is_repeatable("PUT", {})
    assert not is_repeatable("PUT", {"If-Match": '"v1"'})
