"""Lists of crews, agents and tasks read on by cursors, while entries come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.backends import Backends
from common.settings import MongoSettings
from common.times import utc_now
from crews.domain.activity import Activity
from crews.domain.composition import new_crew
from crews.domain.crew import Crew
from crews.domain.drafts import CrewDraft
from crews.domain.ports import Stretch
from crews.store.activities import MongoActivities
from crews.store.crews import MongoCrews
from crews.store.lists import MongoLists
from crews.store.migrations import indexes
from crews.store.totals import MongoTotals
from crews.store.versions import MongoVersions
from devkit.events import make_event

Made = tuple[str, int, bool]
"""A crew's name, how many tasks it has, and whether they have run."""
CREWS = st.lists(
    st.tuples(st.sampled_from(["Straße", "street"]), st.integers(0, 3), st.booleans()), max_size=7
)
CHANGES = st.lists(st.none() | CREWS.filter(len).map(lambda crews: crews[0]), max_size=4)
LISTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "crews": ("crews", {}),
    "active": ("crews", {"status": "active"}),
    "configuring": ("crews", {"status": "configuring"}),
    "named": ("crews", {"name": "STRASS"}),
    "named and active": ("crews", {"name": "e", "status": "active"}),
    "agents": ("agents", {}),
    "tasks": ("tasks", {}),
    "created": ("tasks", {"status": "created"}),
    "completed": ("tasks", {"status": "completed"}),
    "failed": ("tasks", {"status": "failed"}),
}


@dataclass
class World:
    """The stores, and the crews that are in them."""

    held: Any
    crews: MongoCrews = field(init=False)
    lists: MongoLists = field(init=False)
    there: dict[str, tuple[Crew, bool]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        totals, self.activities = MongoTotals(self.held), MongoActivities(self.held)
        self.crews = MongoCrews(self.held, totals, MongoVersions(self.held), 1_000)
        self.lists = MongoLists(self.held, totals, self.activities)

    async def empty(self) -> None:
        for name in ("crews", "activities", "totals"):
            await self.held[name].delete_many({})
        self.there.clear()

    async def add(self, made: Made) -> None:
        name, tasks, ran = made
        agent = {"role": "Writer", "goal": "Write", "model": "gpt-4"}
        task = {"description": "Write it down", "expected_output": "A text", "agent": 0}
        draft = {"name": name, "process": "sequential", "agents": [agent], "tasks": [task] * tasks}
        crew = new_crew(CrewDraft.model_validate(draft), "ws_1", utc_now())
        await self.activities.add(self._activity(crew, ran=ran))
        await self.crews.add(crew)
        held = await self.crews.find("ws_1", crew.id)
        assert held is not None
        self.there[crew.id] = (held, ran)

    def _activity(self, crew: Crew, *, ran: bool) -> Activity:
        fresh = Activity(crew_id=crew.id, workspace_id="ws_1")
        now = utc_now()
        events = [
            make_event("task_complete", "job_1", place, now, task_id=task.id)
            for place, task in enumerate(crew.tasks, 1)
        ]
        return fresh.after(events) if ran and events else fresh

    async def remove(self) -> None:
        if self.there:
            _, (crew, _) = self.there.popitem()
            assert await self.crews.remove(crew)

    async def part(self, name: str, **where: Any) -> Stretch[Any]:
        kind, filters = LISTS[name]
        reads: Callable[..., Awaitable[Stretch[Any]]] = getattr(self.lists, kind)
        return await reads("ws_1", **filters, **where)

    def expected(self, name: str) -> list[str]:
        """Return the ids that a list should hold, the newest first."""
        kind, filters = LISTS[name]
        found: list[tuple[int, str]] = []
        for crew, ran in self.there.values():
            if kind == "crews":
                named = filters.get("name", "").casefold() in crew.name.casefold()
                if named and filters.get("status") in {None, crew.status}:
                    found.append((crew.number, crew.id))
            elif kind == "agents":
                found += [(agent.number, agent.id) for agent in crew.agents]
            elif filters.get("status") in {None, "completed" if ran else "created"}:
                found += [(task.number, task.id) for task in crew.tasks]
        return [one for _, one in sorted(found, reverse=True)]


def ids(part: Stretch[Any]) -> list[str]:
    return [one.id if isinstance(one, Crew) else one[1].id for one in part.entries]


@pytest.fixture
def world(
    store_settings: MongoSettings, backends: Backends, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[Any], World]]:
    """Stores whose windows and blocks are so narrow that a few crews are many."""
    for place, small in {
        "windows._FIRST": 2,
        "windows._WIDEST": 4,
        "windows._LISTED": 4,
        "windows.LOOKED_AT": 3,
        "lists.LOOKED_AT": 3,
        "lists._FEW": 1,
        "totals.BLOCK": 2,
    }.items():
        monkeypatch.setattr(f"crews.store.{place}", small)
    with asyncio.Runner() as runner:
        opened = backends.database(store_settings, "crews")
        made = World(opened.database)
        runner.run(indexes(made.held))

        def emptied(asked: Any) -> World:
            runner.run(made.empty())
            return runner.run(asked(made))

        yield emptied
        runner.run(opened.close())


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(CREWS, CHANGES, st.integers(1, 5))
def test_lists_are_read_through_while_crews_come_and_go(
    world: Any, crews: list[Made], changes: list[Made | None], size: int
) -> None:
    async def asked(world: World) -> World:
        for made in crews:
            await world.add(made)
        before = {name: world.expected(name) for name in LISTS}
        readers = {name: Reader(world, name, size) for name in LISTS}
        await _all_read_on(readers)
        for change in changes:
            await (world.remove() if change is None else world.add(change))
            await _all_read_on(readers)
        for name, reader in readers.items():
            await reader.to_the_end()
            _check(name, reader.shown, before[name], set(world.expected(name)))
        return world

    world(asked)


@dataclass
class Reader:
    """Reads a list on, a page at a time."""

    world: World
    name: str
    size: int
    shown: list[str] = field(default_factory=list)
    end: int | None = 2**53

    async def on(self) -> None:
        if self.end is None:
            return
        before = {} if self.end == 2**53 else {"before": self.end}
        part = await self.world.part(self.name, skip=0, limit=self.size, **before)
        assert len(part.entries) <= self.size
        assert part.end is None or part.end < self.end
        self.shown += ids(part)
        self.end = part.end

    async def to_the_end(self) -> None:
        while self.end is not None:
            await self.on()


async def _all_read_on(readers: Mapping[str, Reader]) -> None:
    for reader in readers.values():
        await reader.on()


def _check(name: str, shown: list[str], before: list[str], there: set[str]) -> None:
    """Nothing comes twice, and what was there from first to last comes once, in order."""
    assert len(shown) == len(set(shown)), name
    stayed = [one for one in before if one in there]
    assert stayed == [one for one in shown if one in stayed], name
    assert set(shown) <= {*before, *there}, name


def test_totals_and_pages_are_exact_where_an_index_knows_them(world: Any) -> None:
    async def asked(world: World) -> World:
        for place in range(9):
            await world.add(("street", place % 3, place == 4))
        for name in ("crews", "active", "configuring", "agents", "tasks", "completed", "failed"):
            wanted = world.expected(name)
            for skip in range(0, 12, 2):
                part = await world.part(name, skip=skip, limit=2)
                assert (ids(part), part.total) == (wanted[skip : skip + 2], len(wanted)), name
        return world

    world(asked)
