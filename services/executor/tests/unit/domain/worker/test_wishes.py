"""Wishes to see texts hold for a while, and are bounded."""

from executor.domain.worker import wishes as module
from executor.domain.worker.wishes import Wishes


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_a_wish_holds_until_it_runs_out_unless_it_is_renewed():
    clock = Clock()
    wishes = Wishes(clock)
    assert not wishes.wanted("job_1")
    wishes.note(["job_1", "job_2"], 10)
    clock.now += 6
    wishes.note(["job_1"], 10)
    clock.now += 6
    assert wishes.wanted("job_1")
    assert not wishes.wanted("job_2")
    clock.now += 6
    assert not wishes.wanted("job_1")


def test_what_has_run_out_is_forgotten_and_the_rest_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MOST", 50)
    clock = Clock()
    wishes = Wishes(clock)
    wishes.note([f"old_{n}" for n in range(40)], 10)
    clock.now += 11
    wishes.note(["new"], 10)
    assert list(wishes._until) == ["new"]
    wishes.note([f"job_{n}" for n in range(100)], 10)
    assert len(wishes._until) == 50
    assert wishes.wanted("job_99")


def test_new_jobs_of_a_workspace_are_expected_to_be_watched_for_a_while():
    clock = Clock()
    wishes = Wishes(clock)
    wishes.note(["job_1"], 10, ["ws_1"])
    assert wishes.expected("ws_1")
    assert not wishes.expected("ws_2")
    clock.now += 11
    assert not wishes.expected("ws_1")
