"""What wiring promises: services that share the process do not wait for the engine."""

import asyncio
import gc
import threading
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from executor.models.connections import Access
from executor.process.late_engine import LateEngine


async def test_making_the_engine_does_not_hold_up_the_event_loop(monkeypatch):
    going_on = threading.Event()
    toolbox = Mock()
    parts = ("engine", "models", toolbox)
    monkeypatch.setattr(LateEngine, "_make", lambda _: parts if going_on.wait(60) else None)
    engine = LateEngine(None, None, None, None, None, None)
    warming_up = asyncio.create_task(asyncio.to_thread(engine._get_parts))
    getting = asyncio.create_task(engine.get())
    await asyncio.sleep(0.05)
    going_on.set()
    assert await getting == "engine"
    assert await warming_up == parts
    toolbox.warm_up.assert_called_once()  # before the first run, which would import on the event loop


@pytest.mark.parametrize(("access", "slow"), [({}, False), ({"anthropic": Access("sk-1")}, True)])
def test_only_what_takes_seconds_is_made_before_the_first_job(access, slow):
    settings = SimpleNamespace(model_access=lambda: access)
    assert LateEngine(settings, None, None, None, None, None).is_slow is slow


def test_what_is_imported_is_no_longer_looked_through_for_garbage(monkeypatch):
    parts = (Mock(), Mock(), Mock())
    monkeypatch.setattr(LateEngine, "_make", lambda _: parts)
    gc.unfreeze()
    try:
        LateEngine(None, None, None, None, None, None).warm_up()
        assert gc.get_freeze_count() > 10_000
    finally:
        gc.unfreeze()
