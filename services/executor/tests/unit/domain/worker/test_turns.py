"""Places are shared so that a newcomer starts, nobody starves, and one alone may have them all."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from executor.domain.worker.turns import Places, Turns

PLACES = st.builds(Places, st.integers(1, 40), st.integers(0, 10))
WORKSPACES = st.sampled_from(["ws_1", "ws_2", "ws_3", "ws_4"])


def filled(places: Places, *workspaces: str) -> Counter[str]:
    """Return how many places each has when one after the other takes all it is given."""
    held: Counter[str] = Counter()
    for workspace in workspaces:
        while places.admits(held[workspace], held.total()):
            held[workspace] += 1
    return held


def test_one_alone_has_all_places_and_newcomers_share_the_reserve():
    assert filled(Places(200, 20), "a") == {"a": 200}
    assert filled(Places(200, 20), "a", "b", "c", "d", "e") == {
        "a": 200,
        "b": 10,
        "c": 5,
        "d": 3,
        "e": 1,
    }
    assert filled(Places(1, 1), "a", "b", "c") == {"a": 1, "b": 1}
    assert filled(Places(4, 0), "a", "b") == {"a": 4}


@given(PLACES, st.lists(WORKSPACES, max_size=8))
def test_no_more_are_taken_than_there_are_and_no_place_of_all_is_left_empty(places, workspaces):
    held = filled(places, *workspaces)
    assert held.total() <= places.slots + places.reserve
    assert not workspaces or held.total() >= places.slots


@given(st.integers(1, 40), st.integers(1, 10))
def test_a_newcomer_finds_a_place_however_many_one_has_taken(slots, reserve):
    places = Places(slots, reserve)
    assert places.admits(0, filled(places, "a").total())


@given(PLACES, st.dictionaries(WORKSPACES, st.integers(0, 20)), st.integers(0, 60))
def test_what_is_allotted_evens_out_what_each_has(places, held, most):
    taken = sum(held.values())
    given_out = places.allot(held, taken, most)
    after = {workspace: held[workspace] + many for workspace, many in given_out.items()}
    assert sum(given_out.values()) <= most
    assert taken + sum(given_out.values()) <= max(taken, places.slots + places.reserve)
    for workspace, many in after.items():
        for other in held:
            # Who got any has at most one more than one who could have had it.
            rest = held[other] + given_out.get(other, 0)
            assert many <= rest + 1 or given_out.get(workspace, 0) == 0


class Worker:
    """A worker in a simulation: jobs come, run, and end in the order that hypothesis chose."""

    def __init__(self, places: Places, size: int) -> None:
        self.places, self.turns = places, Turns[tuple[str, int]](size)
        self.held: Counter[str] = Counter()
        self.running: list[tuple[str, int]] = []
        self.started: list[tuple[str, int]] = []
        self.left_in_store = 0

    def serve(self) -> None:
        while (job := self.turns.next(lambda w: self.held[w], self.admits)) is not None:
            self.start(job)

    def admits(self, workspace: str) -> bool:
        return self.places.admits(self.held[workspace], self.held.total())

    def start(self, job: tuple[str, int]) -> None:
        self.held[job[0]] += 1
        self.running.append(job)
        self.started.append(job)

    def comes(self, job: tuple[str, int]) -> None:
        if self.admits(job[0]) and not self.turns.waits(job[0]):
            self.start(job)
        elif not self.turns.add(job[0], job):
            self.left_in_store += 1

    def ends(self, place: int) -> None:
        if self.running:
            workspace, _ = self.running.pop(place % len(self.running))
            self.held[workspace] -= 1
            self.serve()


@given(
    st.builds(Places, st.integers(1, 8), st.integers(0, 4)),
    st.lists(st.one_of(WORKSPACES, st.integers(0, 20)), max_size=120),
)
def test_jobs_start_in_order_none_is_lost_and_all_start_in_the_end(places, happenings):
    worker, made = Worker(places, 50), Counter()
    for happening in happenings:
        if isinstance(happening, str):
            made[happening] += 1
            worker.comes((happening, made[happening]))
        else:
            worker.ends(happening)
        assert worker.held.total() <= places.slots + places.reserve
        waits = [workspace for workspace in made if worker.turns.waits(workspace)]
        assert not any(worker.admits(workspace) for workspace in waits), "a place stays empty"
    while worker.running:
        worker.ends(0)
    assert len(worker.turns) == 0
    assert len(worker.started) + worker.left_in_store == made.total()
    for workspace in made:
        numbers = [n for of, n in worker.started if of == workspace]
        assert numbers == sorted(set(numbers))


@given(st.integers(1, 6), st.integers(2, 4), st.integers(5, 40))
def test_who_waits_is_served_before_another_is_served_twice_as_often(slots, many, rounds):
    """With all of them waiting all the time, the places go round."""
    worker = Worker(Places(slots), 10_000)
    for workspace in [f"ws_{n}" for n in range(many)]:
        for n in range(rounds):
            worker.comes((workspace, n))
    began = len(worker.started)
    for _ in range(rounds):
        worker.ends(0)
    served = Counter(workspace for workspace, _ in worker.started[began:])
    others = [served[f"ws_{n}"] for n in range(1, many)]
    assert max(others) - min(others) <= 1
