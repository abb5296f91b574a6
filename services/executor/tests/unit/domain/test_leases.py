"""When a worker counts as dead."""

from executor.domain.leases import LeaseWatch


def test_a_counter_that_stands_still_for_two_seconds_is_a_dead_worker():
    watch = LeaseWatch(silence=2.0)
    watch.look({"a": 1, "b": 1}, 0.0)
    for beat in range(1, 4):
        assert watch.look({"a": 1, "b": beat + 1}, beat * 0.5) == frozenset()
    assert watch.look({"a": 1, "b": 9}, 2.0) == {"a"}
    assert watch.alive(2.0) == {"b"}


def test_a_worker_that_beats_again_is_alive():
    watch = LeaseWatch(silence=1.0)
    watch.look({"a": 1}, 0.0)
    assert watch.look({"a": 1}, 1.0) == {"a"}
    assert watch.look({"a": 2}, 1.5) == frozenset()
    assert watch.look({"a": 2}, 2.0) == frozenset()


def test_time_without_the_store_does_not_count():
    watch = LeaseWatch(silence=2.0)
    watch.look({"a": 1}, 0.0)
    watch.skip_look()
    assert watch.look({"a": 1}, 100.0) == frozenset()
    assert watch.look({"a": 1}, 100.5) == frozenset()


def test_an_observer_that_was_paused_itself_accuses_nobody():
    watch = LeaseWatch(silence=2.0, longest_gap=1.0)
    watch.look({"a": 1}, 0.0)
    assert watch.look({"a": 1}, 3_600.0) == frozenset()


def test_who_has_not_looked_for_a_while_takes_nobody_for_dead():
    """Paused itself, it must not take jobs from a worker that has come back meanwhile."""
    watch = LeaseWatch(silence=2.0, longest_gap=1.0)
    for now in (0.0, 1.0, 2.0):
        watch.look({"a": 1}, now)
    assert watch.dead(3.0) == {"a"}
    assert watch.dead(3.1) == frozenset()
    assert watch.look({"a": 2}, 8.0) == frozenset()
    watch.look({"a": 2}, 9.0)
    assert watch.look({"a": 2}, 10.0) == {"a"}
    watch.skip_look()
    assert watch.dead(10.1) == frozenset()


def test_a_lease_that_is_gone_is_forgotten():
    watch = LeaseWatch(silence=1.0)
    watch.look({"a": 1}, 0.0)
    watch.look({"a": 1}, 1.0)
    assert watch.look({}, 1.5) == frozenset()


def test_an_owner_without_a_lease_is_dead_until_it_is_seen():
    watch = LeaseWatch(silence=2.0)
    watch.look({"a": 1}, 0.0)
    watch.accuse(frozenset({"a", "gone"}))
    assert watch.dead(0.5) == {"gone"}
    assert watch.look({"a": 2, "gone": 1}, 1.0) == frozenset()
