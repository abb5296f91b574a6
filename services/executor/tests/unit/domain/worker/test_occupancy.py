"""Who holds the places of a worker, and who is let in."""

from executor.domain.worker.occupancy import Occupancy
from executor.domain.worker.turns import Places


def test_a_job_takes_one_place_and_gives_it_back():
    places = Occupancy(Places(2))
    assert places.take("job_1", "ws_1")
    assert not places.take("job_1", "ws_1"), "it has one"
    assert (places.free, places.count_of("ws_1"), places.held_jobs()) == (1, 1, {"job_1"})
    places.leave("job_1")
    assert (places.free, places.count_of("ws_1"), places.held_jobs()) == (2, 0, frozenset())


def test_the_reserve_is_closed_to_a_workspace_that_has_filled_the_slots():
    places = Occupancy(Places(2, 2))
    assert all(places.take(f"job_{n}", "ws_large") for n in range(2))
    assert (places.free, places.room, places.taken) == (0, 2, 2)
    assert places.shut_out() == ["ws_large"]
    assert not places.take("job_2", "ws_large")
    assert places.take("job_3", "ws_small")


def test_a_worker_that_drains_lets_nobody_in():
    places = Occupancy(Places(2, 1))
    assert places.take("job_1", "ws_1")
    places.close()
    assert (places.free, places.room, places.taken) == (0, 0, 3)
    assert not places.admits("ws_1")
    assert not places.take("job_2", "ws_2")
    assert places.held_jobs() == {"job_1"}
