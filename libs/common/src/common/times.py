"""Times: UTC everywhere, at the millisecond precision that MongoDB keeps."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Return the present UTC time, cut to milliseconds so that it survives the store unchanged."""
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def rfc3339(moment: datetime) -> str:
    """Return `moment` as RFC 3339 in UTC with `Z`; milliseconds only when there are any."""
    text = moment.astimezone(UTC).isoformat(
        timespec="milliseconds" if moment.microsecond else "seconds"
    )
    return text.replace("+00:00", "Z")
