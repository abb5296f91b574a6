"""Pauses between tries grow, up to the longest, and stay near it."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.process.backoff import Backoff

SECONDS = st.floats(0.001, 1_000)


@given(first=SECONDS, longest=SECONDS, failures=st.integers(1, 200))
def test_pauses_double_up_to_the_longest(first: float, longest: float, failures: int) -> None:
    pause = Backoff.doubling(first, longest).pause(failures)
    assert pause == pytest.approx(min(first * 2.0 ** (failures - 1), longest))


@given(steps=st.lists(SECONDS, min_size=1, max_size=8), count=st.integers(1, 30))
def test_steps_are_taken_one_by_one_and_the_last_repeats(steps: list[float], count: int) -> None:
    pauses = list(islice(Backoff(tuple(steps)).pauses(), count))
    assert pauses == (steps + [steps[-1]] * count)[:count]


@given(first=SECONDS, jitter=st.floats(0, 1), failures=st.integers(1, 50))
def test_jitter_moves_a_pause_by_no_more_than_its_share(
    first: float, jitter: float, failures: int
) -> None:
    calm = Backoff.doubling(first, 10 * first).pause(failures)
    pause = Backoff.doubling(first, 10 * first, jitter).pause(failures)
    assert abs(pause - calm) <= calm * (jitter + 1e-12)


def test_jitter_is_not_the_same_each_time() -> None:
    assert len(set(islice(Backoff((1.0,), 0.2).pauses(), 20))) > 1


@pytest.mark.parametrize(("steps", "jitter"), [((), 0), ((-1.0,), 0), ((1.0,), 1.5)])
def test_what_cannot_be_waited_is_refused(steps: tuple[float, ...], jitter: float) -> None:
    with pytest.raises(ValueError, match="a backoff needs"):
        Backoff(steps, jitter)
    with pytest.raises(ValueError, match="cannot double"):
        Backoff.doubling(0, 1)
