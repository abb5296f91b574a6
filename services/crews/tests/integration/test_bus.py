"""What comes over the bus: runs' events and what they want remembered."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pytest

from common.bus import Message, encode
from common.contracts.events import events_key
from common.contracts.memory import shelf_of
from common.contracts.messages import TRACE_EVENT_TYPE, MemoryRemembered
from common.contracts.topology import DEAD_LETTERS_QUEUE, EVENTS, HEADER_REASON, MEMORY
from common.ids import new_id
from common.times import utc_now
from crews.wiring import build_app


async def until(told: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what the service does in its own time; the bus tells nobody when it is done."""
    async with asyncio.timeout(60):
        while not await told():  # noqa: ASYNC110 - it is asked over HTTP, as a client would
            await asyncio.sleep(0.005)


class Job:
    def __init__(self, service: Any, crew_id: str) -> None:
        self.service, self.crew_id, self.id, self.seq = service, crew_id, new_id("job"), 0

    async def tell(self, kind: str, task_id: str | None = None, **more: Any) -> None:
        self.seq += 1
        body = {
            "type": kind,
            "job_id": self.id,
            "seq": self.seq,
            "timestamp": utc_now().isoformat(),
            "attempt": 1,
            **({"task_id": task_id} if task_id else {}),
            **more,
        }
        message = Message(
            type=TRACE_EVENT_TYPE,
            body=orjson.dumps(body),
            headers={"workspace_id": "ws_test", "crew_id": self.crew_id},
        )
        await self.service.bus.publish(EVENTS, events_key("ws_test", self.id, kind), message)


async def statuses(service: Any, crew_id: str) -> tuple[list[str], list[str]]:
    crew = await service.call("GET", f"/crews/{crew_id}", expect=200)
    return [one["status"] for one in crew["agents"]], [one["status"] for one in crew["tasks"]]


async def test_traffic_comes_while_the_broker_is_away(settings, backends, verifier, served) -> None:
    away = settings.model_copy(update={"amqp_url": "amqp://127.0.0.1:1/"})
    async with served(build_app(away, backends)) as running:
        async with running.http.get("/readyz") as answer:
            assert (await answer.json())["error"]["details"]["missing"] == ["bus"]
        async with running.http.get("/readyz?for=traffic") as answer:
            told = await answer.json()
            assert (answer.status, told["checks"]) == (200, {"mongo": "ok", "bus": "missing"})


async def test_a_run_shows_in_its_tasks_and_agents_and_moves_no_etag(service: Any) -> None:
    crew_id, _, (first, second) = await service.crew(tasks=2)
    await service.call("GET", f"/crews/{crew_id}", expect=200)
    tag = service.headers["etag"]
    job = Job(service, crew_id)
    await job.tell("execution_start")
    await job.tell("task_start", first)

    async def shows(agent: str, *tasks: str) -> bool:
        return await statuses(service, crew_id) == ([agent], list(tasks))

    await until(lambda: shows("busy", "running", "created"))
    for status, ids in {"running": [first], "created": [second], "failed": []}.items():
        told = await service.call("GET", f"/tasks?status={status}", expect=200)
        assert ([one["id"] for one in told["tasks"]], told["total"]) == (ids, len(ids))
    await job.tell("task_complete", first)
    await job.tell("task_start", second)
    await until(lambda: shows("busy", "completed", "running"))
    await job.tell("execution_stopped")
    await until(lambda: shows("ready", "completed", "stopped"))
    await service.call("GET", f"/crews/{crew_id}", expect=200)
    assert service.headers["etag"] == tag


async def test_what_comes_for_a_crew_that_is_gone_leaves_nothing(
    service: Any, store_database: Any
) -> None:
    gone, _, (task_id,) = await service.crew()
    await service.call("DELETE", f"/crews/{gone}", expect=204)
    await Job(service, gone).tell("task_start", task_id)
    await service.bus.publish(MEMORY, MemoryRemembered.message_type, remembered(gone, 1))
    kept, _, (last,) = await service.crew()
    await Job(service, kept).tell("task_start", last)
    await service.bus.publish(MEMORY, MemoryRemembered.message_type, remembered(kept, 1))

    async def arrived() -> bool:
        memory = await service.call("GET", f"/memory/{kept}", expect=200)
        return bool(memory["short_term"]) and (await statuses(service, kept))[1] == ["running"]

    await until(arrived)
    held = store_database("crews")
    for name in ("crews", "activities", "memories"):
        assert [one["_id"] async for one in held[name].find({}, {"_id": 1})] == [kept], name


def remembered(crew_id: str, number: int, kind: Any = "short_term", **more: Any) -> Message:
    body = MemoryRemembered(
        memory_id=f"job_1:{number}",
        workspace_id="ws_test",
        crew_id=crew_id,
        job_id="job_1",
        kind=kind,
        content=f"thing {number}",
        timestamp=more.pop("at", datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)),
        **more,
    )
    return encode(body)


async def test_memory_is_kept_shown_and_cleared(service: Any) -> None:
    crew_id, _, _ = await service.crew(configuration={"memory": {"short_term": True}})
    path = f"/memory/{crew_id}"

    async def tell(*messages: Message) -> None:
        for message in messages:
            await service.bus.publish(MEMORY, MemoryRemembered.message_type, message)

    async def shows(short: int, long: int) -> bool:
        told = await service.call("GET", path, expect=200)
        return (len(told["short_term"]), len(told["long_term"])) == (short, long)

    await tell(remembered(crew_id, 1), remembered(crew_id, 2), remembered(crew_id, 1))
    await tell(remembered(crew_id, 3, "long_term", category="preferences"))
    await until(lambda: shows(2, 1))
    assert await service.call("GET", path, expect=200) == {
        "short_term": [
            {"timestamp": "2026-01-01T00:00:02Z", "content": "thing 2"},
            {"timestamp": "2026-01-01T00:00:01Z", "content": "thing 1"},
        ],
        "long_term": [{"category": "preferences", "insights": ["thing 3"]}],
    }
    peer = service.as_(kind="service")
    raw = await peer.call("GET", f"/internal/crews/{crew_id}/snapshot", expect=200)
    assert raw["memory"]["short_term"] == ["thing 2", "thing 1"]
    await service.call("POST", f"{path}/clear", {"type": "short_term"}, expect=204)
    assert await shows(0, 1)
    await tell(remembered(crew_id, 4), remembered(crew_id, 5, at=utc_now() + timedelta(hours=1)))
    await until(lambda: shows(1, 1))
    await service.call("DELETE", path, {"type": "long_term"}, expect=204)
    assert await shows(1, 0)
    await service.call("DELETE", path, expect=204)
    assert await shows(0, 0)
    await service.call("POST", f"{path}/clear", {"type": "everything"}, expect=400)
    await service.as_(workspace_id="ws_2").call("GET", path, expect=404)


class Shelves:
    """A crew whose runs remember by the input `customer_id`, and its memory as users read it."""

    def __init__(self, service: Any, crew_id: str) -> None:
        self.service, self.crew_id, self.path = service, crew_id, f"/memory/{crew_id}"

    async def remember(self, number: int, key: Any, **more: Any) -> None:
        told = remembered(self.crew_id, number, shelf=shelf_of("customer_id", key), **more)
        await self.service.bus.publish(MEMORY, MemoryRemembered.message_type, told)

    async def read(self, value: Any) -> list[str]:
        kind = "number" if isinstance(value, int) else "string"
        query = urlencode({"key": value, "key_type": kind})
        told = await self.service.call("GET", f"{self.path}?{query}", expect=200)
        return [entry["content"] for entry in told["short_term"]]

    async def read_all(self) -> list[list[str]]:
        return [await self.read(key) for key in ODD_KEYS]


ODD_KEYS = ["1", 1, "crew", "workspace", "../1", "crew_1/key:", "a/b", "A/B", "é"]


@pytest.fixture
async def shelves(service: Any) -> Shelves:
    """Shelves with an entry under each odd key."""
    memory = {"short_term": True, "scope": "{customer_id}"}
    crew_id, _, _ = await service.crew(configuration={"memory": memory})
    made = Shelves(service, crew_id)
    for number, key in enumerate(ODD_KEYS):
        await made.remember(number, key)

    async def arrived() -> bool:
        return all(await made.read_all())

    await until(arrived)
    return made


async def test_each_key_has_a_memory_of_its_own(service: Any, shelves: Shelves) -> None:
    assert await shelves.read_all() == [[f"thing {n}"] for n in range(len(ODD_KEYS))]
    assert await shelves.read("e\u0301") == await shelves.read("é")  # one text, in two spellings
    inner, peer = f"/internal/crews/{shelves.crew_id}", service.as_(kind="service")
    assert (await peer.call("GET", f"{inner}/snapshot", expect=200))["memory"]["short_term"] == []
    first = quote(shelf_of("customer_id", ODD_KEYS[0]))
    first_shelf = await peer.call("GET", f"{inner}/memory/{first}", expect=200)
    assert first_shelf["short_term"] == ["thing 0"]


async def test_a_memory_by_key_is_read_with_a_key(service: Any, shelves: Shelves) -> None:
    told = await service.call("GET", shelves.path, expect=400)
    assert told["error"]["details"]["field"] == "key"
    for scope in ("crew", "workspace", "%7Bother%7D&key=1"):
        told = await service.call("GET", f"{shelves.path}?scope={scope}", expect=200)
        assert told["short_term"] == [], scope


async def test_a_memory_by_key_is_cleared_alone_or_with_all(service: Any, shelves: Shelves) -> None:
    await service.call("DELETE", f"{shelves.path}?key=1", expect=204)
    assert [await shelves.read("1"), await shelves.read(1)] == [[], ["thing 1"]]
    await service.call("POST", f"{shelves.path}/clear", {"type": "all"}, expect=204)
    assert await shelves.read_all() == [[]] * len(ODD_KEYS)
    await shelves.remember(1, "late")
    await shelves.remember(2, "1", at=utc_now() + timedelta(hours=1))

    async def again() -> bool:
        return await shelves.read("1") == ["thing 2"]

    await until(again)
    assert await shelves.read("late") == []  # sent before all was cleared


async def test_no_key_outlives_its_crew_and_the_workspace_shares_one(
    service: Any, store_database: Any
) -> None:
    shared = {"memory": {"long_term": True, "scope": "workspace"}}
    kept, _, _ = await service.crew(configuration=shared)
    gone, _, _ = await service.crew(configuration=shared)
    places = [shelf_of("customer_id", one) for one in ("ann", "bob")]
    for number, (crew_id, place) in enumerate(
        [(gone, "crew"), (gone, places[0]), (gone, "workspace"), (kept, places[1])]
    ):
        told = remembered(crew_id, number, "long_term", shelf=place, category="c")
        await service.bus.publish(MEMORY, MemoryRemembered.message_type, told)

    async def stored() -> list[str]:
        held = store_database("crews")["memories"]
        return sorted([one["_id"] async for one in held.find({}, {"_id": 1})])

    wanted = [f"{gone}/{places[0]}", f"{kept}/{places[1]}", gone, kept, "workspace/ws_test"]
    await until(lambda: _same(stored(), sorted(wanted)))
    await service.call("DELETE", f"/crews/{gone}", expect=204)
    late = remembered(gone, 9, shelf=places[1])
    await service.bus.publish(MEMORY, MemoryRemembered.message_type, late)
    await service.bus.publish(
        MEMORY, MemoryRemembered.message_type, remembered(kept, 10, shelf=places[0])
    )
    wanted = [f"{kept}/{one}" for one in places] + [kept, "workspace/ws_test"]
    await until(lambda: _same(stored(), sorted(wanted)))
    told = await service.call("GET", f"/memory/{kept}", expect=200)
    assert told["long_term"] == [{"category": "c", "insights": ["thing 2"]}]
    elsewhere = service.as_(workspace_id="ws_2")
    other, _, _ = await elsewhere.crew(configuration=shared)
    told = await elsewhere.call("GET", f"/memory/{other}", expect=200)
    assert told == {"short_term": [], "long_term": []}


async def _same(found: Any, wanted: list[str]) -> bool:
    return await found == wanted


@pytest.mark.parametrize("fault", ["body", "header", "memory"])
async def test_what_cannot_be_read_is_a_dead_letter_with_its_reason(
    service: Any, fault: str
) -> None:
    letters: asyncio.Queue[Message] = asyncio.Queue()
    await service.bus.consume(DEAD_LETTERS_QUEUE, letters.put)
    crew_id, _, (task_id,) = await service.crew()
    if fault == "memory":
        message = Message(type=MemoryRemembered.message_type, body=b'{"memory_id": 1}')
        await service.bus.publish(MEMORY, MemoryRemembered.message_type, message)
    elif fault == "header":
        await Job(service, "").tell("task_start", task_id)
    else:
        await Job(service, crew_id).tell("task_start", task_id, timestamp="soon")
    letter = await asyncio.wait_for(letters.get(), 60)
    wanted = {"body": "timestamp", "header": "crew_id", "memory": "memory_id"}[fault]
    assert wanted in letter.headers[HEADER_REASON]
