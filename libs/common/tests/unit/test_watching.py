"""A process says which backends it reaches."""

import asyncio

from structlog.testing import capture_logs

from common.process.watching import BackendWatch


class Backend:
    def __init__(self) -> None:
        self.here = True
        self.asked = asyncio.Event()

    async def ping(self) -> None:
        self.asked.set()
        if not self.here:
            raise ConnectionError("away")


def up(telemetry, backend: str) -> float | None:
    labels = {"service_name": "test", "backend": backend}
    return telemetry.registry.get_sample_value("kasal_backend_up", labels)


async def test_what_answers_is_up_and_only_a_change_is_logged(telemetry):
    one, other = Backend(), Backend()
    watch = BackendWatch(telemetry, {"mongo": one.ping, "bus": other.ping})
    assert up(telemetry, "mongo") is None
    with capture_logs() as lines:
        await watch.look()
        assert (up(telemetry, "mongo"), up(telemetry, "bus")) == (1, 1)
        other.here = False
        await watch.look()
        await watch.look()
        assert (up(telemetry, "mongo"), up(telemetry, "bus")) == (1, 0)
        other.here = True
        await watch.look()
        assert up(telemetry, "bus") == 1
    assert [(line["event"], line["backend"]) for line in lines] == [
        ("a backend is away", "bus"),
        ("a backend is back", "bus"),
    ]


async def test_what_is_not_there_at_the_start_is_no_news(telemetry):
    backend = Backend()
    backend.here = False
    with capture_logs() as lines:
        await BackendWatch(telemetry, {"mongo": backend.ping}).look()
    assert (up(telemetry, "mongo"), lines) == (0, [])


async def test_it_looks_at_once_and_ends_with_its_block(telemetry):
    backend = Backend()
    async with BackendWatch(telemetry, {"mongo": backend.ping}).looking():
        await asyncio.wait_for(backend.asked.wait(), 60)
    assert [task for task in asyncio.all_tasks() if task.get_name() == "backends"] == []
