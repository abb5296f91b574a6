"""What crews used on past days: sums that have left the counters, a document per crew and month.

The counters' document of a crew has the sums of its newest days, so that a job is counted in one write. Days that
nothing can change any more move here, so that the document stays small. A day that is in both, because a
process died in between, is the same in both.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from msgspec import to_builtins

from common.storage.ports import Database, Document
from common.times import utc_now
from executor.domain.ending.tallies import DayUse, ModelUse, Tally
from executor.store.reach import reaching

_LATEST = timedelta(days=30)
"""A job that ended longer ago than this is counted on the day on which it is counted."""
_DAY = timedelta(days=1)
_STAY = timedelta(days=35)
"""Age from which a day moves; later than `_LATEST`, so that nothing is added to it any more."""
TOGETHER = 10
"""Documents that are read at once: one can have a month's days, with the use of many models on each."""
_ESCAPES = str.maketrans({"%": "%25", ".": "%2E", "$": "%24", "\x00": "%00"})

Days = dict[tuple[str, str], DayUse]


class UsageArchive:
    """The collection `usage`."""

    def __init__(self, database: Database) -> None:
        self._usage = database["usage"]
        self._counters = database["counters"]

    async def move(self, key: str, days: Mapping[str, Any]) -> None:
        """Move the old ones of a crew's `days` here; `key` is that of its counters."""
        before = _day(utc_now() - _STAY)
        old = sorted(day for day in days if day < before)
        workspace_id, _, crew_id = key.partition(":")
        for day in old:
            month = day[:7]
            head = {"workspace_id": workspace_id, "crew_id": crew_id, "month": month}
            with reaching():
                await self._usage.update_one(
                    {"_id": f"{key}:{month}"},
                    {"$set": {f"days.{day}": days[day], **head}},
                    upsert=True,
                )
        if old:
            with reaching():
                gone: Document = {f"days.{day}": 1 for day in old}
                await self._counters.update_one({"_id": key}, {"$unset": gone})

    async def days(self, keys: Sequence[str], since: str, until: str) -> AsyncIterator[Days]:
        """Return, crew by crew and month by month, what is here of the days from `since` to `until`."""
        if not keys or since > _day(utc_now() - _STAY + _DAY):
            return
        ids = [f"{key}:{month}" for key in keys for month in _months(since, until)]
        rows = self._usage.find({"_id": {"$in": ids}}, {"crew_id": 1, "days": 1})
        async with rows.batch_size(TOGETHER) as cursor:
            async for row in cursor:
                yield days_of(row["crew_id"], row["days"], since, until)


def counted_day(day: str, now: datetime) -> str:
    """Return the day on which a job is counted that ended on `day`."""
    return day if day >= _day(now - _LATEST) else now.strftime("%Y-%m-%d")


def _day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d")


def _months(since: str, until: str) -> list[str]:
    months = [since[:7]]
    while months[-1] < until[:7]:
        following = date.fromisoformat(f"{months[-1]}-01") + timedelta(days=31)
        months.append(following.isoformat()[:7])
    return months


def days_of(crew_id: str, days: Mapping[str, Any], since: str, until: str) -> Days:
    """Return the stored days of a crew from `since` to `until`."""
    return {
        (crew_id, day): DayUse(
            crew_id,
            day,
            tally_in(sums.get("jobs", {}), sums.get("replays", {})),
            {
                _name(key): use_in(use, sums.get("unpriced", {}).get(key, 0))
                for key, use in sums.get("models", {}).items()
            },
        )
        for day, sums in days.items()
        if since <= day <= until
    }


def tally_in(sums: Mapping[str, Any], replays: Mapping[str, int]) -> Tally:
    """Return a stored sum. The replays are beside it, as `split` leaves them."""
    return Tally(
        **sums, replays=replays.get("ended", 0), completed_replays=replays.get("completed", 0)
    )


def split(tally: Tally) -> tuple[dict[str, Any], dict[str, int]]:
    """Return a sum as it is stored, and the replays in it: an older release reads the sum, too."""
    sums = to_builtins(tally)
    return sums, {"ended": sums.pop("replays"), "completed": sums.pop("completed_replays")}


def use_in(sums: Mapping[str, int], unpriced: int) -> ModelUse:
    """Return a stored sum. The tokens without a price are beside it: an older release reads it, too."""
    return ModelUse(**sums, unpriced=unpriced)


def written_name(model: str) -> str:
    """Return a model's name as a field can have it."""
    return model.encode("utf-8", "replace").decode().translate(_ESCAPES) or "%"


def _name(written: str) -> str:
    for sign, escape in (("\x00", "%00"), ("$", "%24"), (".", "%2E"), ("%", "%25")):
        written = written.replace(escape, sign)
    return written
