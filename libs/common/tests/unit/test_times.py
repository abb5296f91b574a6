from datetime import UTC, datetime, timedelta, timezone

from common.times import rfc3339, utc_now


def test_times_keep_their_milliseconds_and_end_in_z():
    assert utc_now().microsecond % 1000 == 0
    assert rfc3339(datetime(2024, 1, 15, 10, 30, tzinfo=UTC)) == "2024-01-15T10:30:00Z"
    later = datetime(2024, 1, 15, 12, 30, 0, 5000, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(later) == "2024-01-15T10:30:00.005Z"
