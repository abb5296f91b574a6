"""The rate windows, over any traffic."""

import asyncio

from fakeredis import FakeAsyncRedis, FakeServer
from hypothesis import given, settings
from hypothesis import strategies as st

from common.telemetry import Telemetry
from gateway.domain.windows import HOUR, MINUTE, LocalUsage, RateLimits, WindowUsage, standings
from gateway.store.counters import RedisCounters

START = 1_764_000_000_000
gaps = st.lists(
    st.one_of(
        st.integers(0, 3_000),
        st.integers(50_000, 130_000),
        st.integers(HOUR - 5_000, 2 * HOUR + 5_000),
    ),
    min_size=1,
    max_size=80,
)
limits = st.builds(
    RateLimits,
    per_hour=st.one_of(st.none(), st.integers(1, 40)),
    per_minute=st.one_of(st.none(), st.integers(1, 12)),
)


def _moments(waits: list[int]) -> list[int]:
    now, found = START, []
    for wait in waits:
        now += wait
        found.append(now)
    return found


@given(gaps, st.integers(1, 12), st.integers(1, 40))
def test_no_span_holds_more_than_its_share(waits, per_minute, per_hour):
    usage = WindowUsage()
    taken = [now for now in _moments(waits) if usage.take(RateLimits(per_hour, per_minute), now)]
    for length, limit in ((MINUTE, per_minute), (HOUR, per_hour)):
        for first in range(len(taken)):
            for last in range(first, len(taken)):
                span = taken[last] - taken[first]
                if span <= length:
                    assert last - first + 1 <= limit * (1 + span / length) + 1e-6


@given(st.integers(1, 50), st.integers(0, MINUTE - 1))
def test_a_fresh_client_gets_exactly_its_limit(limit, late):
    usage = WindowUsage()
    moments = [START, *([START + late] * (2 * limit))]
    assert sum(usage.take(RateLimits(per_minute=limit), now) for now in moments) == limit


@given(gaps, limits)
def test_whoever_waits_as_told_is_let_in(waits, given_limits):
    usage = WindowUsage()
    for now in _moments(waits):
        admitted = usage.take(given_limits, now)
        told = standings(usage, given_limits)
        if admitted:
            continue
        wait = max(standing.wait for standing in told)
        assert wait >= 1
        later = WindowUsage(_copy(usage.hour), _copy(usage.minute))
        assert later.take(given_limits, now + wait * 1_000)
        early = WindowUsage(_copy(usage.hour), _copy(usage.minute))
        assert not early.take(given_limits, now + max(0, (wait - 1) * 1_000 - 1))


def _copy(window):
    return type(window)(window.start, window.count, window.previous)


@given(gaps, limits)
def test_what_is_told_fits_what_is_done(waits, given_limits):
    usage = WindowUsage()
    for now in _moments(waits):
        before = standings(WindowUsage(_copy(usage.hour), _copy(usage.minute), now), given_limits)
        admitted = usage.take(given_limits, now)
        after = standings(usage, given_limits)
        for standing in after:
            assert 0 <= standing.remaining <= standing.limit
            assert standing.reset >= standing.wait
        if not admitted:
            assert after[0].remaining == 0
        assert [s.name for s in before].sort() == [s.name for s in after].sort()
        assert after == sorted(after, key=lambda s: (s.remaining, -s.reset))


@settings(max_examples=40)
@given(gaps, limits, st.integers(1, 9))
def test_redis_counts_as_this_process_does(waits, given_limits, together):
    """Both are given the same moments; requests of one batch share a moment."""
    moments = _moments(waits)
    asyncio.run(_compare(moments, given_limits, together))


async def _compare(moments: list[int], given_limits: RateLimits, together: int) -> None:
    clock = [0]
    telemetry = Telemetry("test")
    redis = FakeAsyncRedis(server=FakeServer(), decode_responses=True)
    counters = RedisCounters(redis, telemetry.meter, lambda: clock[0])
    running = asyncio.create_task(counters.run())
    local = LocalUsage()
    for clock[0] in moments:
        counted = await asyncio.gather(
            *(counters.check("kasal:rate:ws", given_limits, None) for _ in range(together))
        )
        for one in counted:
            admitted, usage = local.take("ws", given_limits, clock[0])
            assert (one.admitted, one.revoked) == (admitted, False)
            assert standings(one.usage, given_limits) == standings(usage, given_limits)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await redis.aclose()
    telemetry.close()


def test_the_least_recent_clients_are_forgotten():
    local = LocalUsage(remembered=2)
    once = RateLimits(per_minute=1)
    for key in ("a", "b", "a", "c"):
        local.take(key, once, START)
    assert local.take("a", once, START)[0] is False
    assert local.take("b", once, START)[0] is True


def test_an_unlimited_client_has_nothing_to_be_told():
    usage = WindowUsage()
    assert usage.take(RateLimits(), START)
    assert standings(usage, RateLimits()) == []
