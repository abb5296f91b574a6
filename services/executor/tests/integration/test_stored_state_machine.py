"""The machine of `unit/domain/log/test_state_machine.py` over each kind of database: the same promises."""

import asyncio
import importlib.util
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.migrations import indexes

_MACHINE = Path(__file__).parents[1] / "unit" / "domain" / "log" / "test_state_machine.py"


def _loaded():
    spec = importlib.util.spec_from_file_location("job_machine", _MACHINE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_random_orders_of_moves_keep_every_promise(store_settings, backends):
    machine = _loaded().JobMachine
    with asyncio.Runner() as runner:
        opened = backends.database(store_settings, "executor")
        stored = opened.database
        runner.run(indexes(stored))

        class Stored(machine):
            def now(self, coroutine):
                return runner.run(coroutine)

            def stores(self):
                for name in ("executions", "traces", "counters"):
                    self.now(stored[name].delete_many({}))
                return MongoExecutions(stored), MongoCounters(stored)

        chosen = settings(
            max_examples=20,
            stateful_step_count=25,
            suppress_health_check=[HealthCheck.too_slow],
        )
        try:
            run_state_machine_as_test(Stored, settings=chosen)
        finally:
            runner.run(opened.close())
