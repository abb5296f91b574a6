from datetime import UTC, datetime, timedelta, timezone

import pytest

from common import times
from common.times import rfc3339, utc_now


@pytest.mark.parametrize("millisecond", range(0, 1000, 37))
def test_the_present_is_cut_to_the_millisecond(monkeypatch, millisecond):
    seconds = 1_772_368_215
    nanoseconds = (seconds * 1000 + millisecond) * 1_000_000 + 999_999
    monkeypatch.setattr(times.time, "time_ns", lambda: nanoseconds)
    expected = datetime(2026, 3, 1, 12, 30, 15, millisecond * 1000, tzinfo=UTC)
    assert utc_now() == expected


def test_times_keep_their_milliseconds_and_end_in_z():
    assert utc_now().microsecond % 1000 == 0
    assert rfc3339(datetime(2024, 1, 15, 10, 30, tzinfo=UTC)) == "2024-01-15T10:30:00Z"
    later = datetime(2024, 1, 15, 12, 30, 0, 5000, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(later) == "2024-01-15T10:30:00.005Z"
