"""Many workers: the store is asked as often as by few, and what the dead leave is found as soon."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executor.domain.leases import LeaseWatch
from executor.domain.worker.lookout import LOOKERS, Lookout

BEAT, SILENCE = 0.5, 2.0


class Observer:
    """A worker that lives on, at its own phase: beats, then takes care, every half a second."""

    def __init__(self, phase, full, rng):
        self.phase, self.full = phase, full
        self.watch = LeaseWatch(SILENCE)
        self.lookout = Lookout(rng.random)

    def round(self, now, counters, full):
        """Return whether the victim's jobs are found in this round."""
        self.watch.look(counters, now)
        self.lookout.learn(self.watch.alive(now), full)
        looks = not self.full and self.lookout.takes()
        return looks, looks and "victim" in self.watch.dead(now)


def found_after(workers, full_part, seed):
    """Return seconds from a worker's death until another asks for its jobs, and looks a second.

    Each counter is told as it stood a moment ago, by the beat of its own phase.
    """
    rng = random.Random(seed)
    count_full = min(workers - 1, round(workers * full_part))
    observers = [Observer(rng.uniform(0, BEAT), n < count_full, rng) for n in range(workers)]
    full = frozenset(f"worker_{n}" for n in range(count_full))
    died, looks, rounds = rng.uniform(2.0, 2.0 + BEAT), 0, 0
    moments = sorted(
        (o.phase + BEAT * n, i) for i, o in enumerate(observers) for n in range(int(8 / BEAT))
    )
    for now, place in moments:
        counters = {f"worker_{i}": int((now - o.phase) // BEAT) for i, o in enumerate(observers)}
        del counters[f"worker_{place}"]
        counters["victim"] = int(min(now, died) // BEAT)
        looked, found = observers[place].round(now, counters, full)
        looks, rounds = looks + looked, rounds + 1
        if found and now > died:
            return now - died, looks / (rounds / workers * BEAT)
    pytest.fail(f"nobody found the jobs of the dead one among {workers}")


@pytest.mark.parametrize("workers", [1, 2, 16, 17, 100, 250])
@pytest.mark.parametrize("full_part", [0.0, 0.5, 0.95])
def test_what_a_dead_worker_leaves_is_found_within_three_seconds(workers, full_part):
    """Silence of 2 s, a beat until it is seen to begin, one until the next look."""
    for seed in range(3):
        after, _ = found_after(workers, full_part, seed)
        assert after + BEAT >= SILENCE
        assert after <= SILENCE + 2 * BEAT


def test_many_workers_look_no_more_often_than_few():
    _, few = found_after(LOOKERS, 0.0, 1)
    _, many = found_after(250, 0.0, 1)
    assert few == pytest.approx(LOOKERS / BEAT, rel=0.1)
    assert 0.7 * few < many < 1.3 * few


@settings(deadline=None)  # of a busy machine, not of what it tests
@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_lots_are_so_many_that_about_as_many_look_as_are_wanted(others, full):
    alive = [f"worker_{n}" for n in range(others)]
    steps = [n / 10_000 for n in range(10_000)]
    draws = iter(steps * 2)
    lookout = Lookout(lambda: next(draws))
    lookout.learn(alive, alive[:full])
    roomy = others + 1 - min(full, others)
    looks = sum(lookout.takes() for _ in steps)
    sweeps = sum(lookout.sweeps() for _ in steps)
    assert looks / 10_000 * roomy == pytest.approx(min(roomy, LOOKERS), abs=roomy / 5_000)
    assert sweeps / 10_000 * (others + 1) == pytest.approx(
        min(others + 1, LOOKERS), abs=(others + 1) / 5_000
    )


def test_who_is_full_and_dead_is_not_counted_twice():
    lookout = Lookout(lambda: 15.9 / 17)
    alive = {f"worker_{n}" for n in range(16)}
    lookout.learn(alive, {"worker_dead", "worker_0"})
    assert lookout.takes(), "16 with room: all look"
    lookout.learn(alive, {"worker_dead"})
    assert lookout.takes()
    lookout = Lookout(lambda: 16.1 / 17)
    lookout.learn(alive, {"worker_dead"})
    assert not lookout.takes(), "17 with room: one in seventeen does not"
