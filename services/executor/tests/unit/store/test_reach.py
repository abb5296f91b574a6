"""Every method of every store raises errors of ours when the driver fails."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo import AsyncMongoClient
from pymongo.errors import (
    AutoReconnect,
    DocumentTooLarge,
    NetworkTimeout,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from common.errors import DatabaseUnavailable, InternalError
from common.idempotency.once import Receipt
from common.times import utc_now
from executor.domain.ending.tallies import ending_of
from executor.domain.log import moves
from executor.domain.log.execution import Execution
from executor.domain.log.journal import TooLarge
from executor.store.counters import MongoCounters
from executor.store.executions import MongoExecutions
from executor.store.lists import MongoExecutionLists
from executor.store.workers import MongoLeases

NOW = utc_now()
JOB = Execution("job_1", "ws_1", "crew_1", NOW)
STEP = moves.stop(JOB, NOW)
RECEIPT = Receipt("key", "body", b"answer", NOW)
EVENTS = {"job_1": STEP.records}

Call = Callable[[Any], Awaitable[Any]]
CALLS: dict[type, dict[str, Call]] = {
    MongoExecutions: {
        "insert": lambda store: store.insert(JOB, RECEIPT),
        "receipt": lambda store: store.receipt("key", NOW),
        "forget": lambda store: store.forget(NOW),
        "find": lambda store: store.find("job_1"),
        "head": lambda store: store.head("job_1"),
        "apply": lambda store: store.apply(STEP),
        "copy": lambda store: store.copy(EVENTS),
        "records": lambda store: store.records("job_1", 0, 10),
        "traced_records": lambda store: store.traced_records("job_1", 0, 10, 1_000),
        "clear_tail": lambda store: store.clear_tail(JOB),
        "close": lambda store: store.close(["job_1"]),
        "orphans": lambda store: store.orphans(["worker_2"], 10),
        "oldest_queued_jobs": lambda store: store.oldest_queued_jobs(NOW, 10),
        "waiting_workspaces": lambda store: store.waiting_workspaces(),
        "queued_jobs_of": lambda store: store.queued_jobs_of("ws_1", NOW, 10),
        "count_queued": lambda store: store.count_queued("ws_1", 10),
        "unsettled_jobs": lambda store: store.unsettled_jobs(["worker_2"], 10),
        "waiting_jobs": lambda store: store.waiting_jobs(10),
        "running_jobs_of": lambda store: store.running_jobs_of("worker_1"),
        "owners": lambda store: store.owners(),
        "count_live": lambda store: store.count_live(),
        "take_id": lambda store: store.take_id(RECEIPT, "job_1", 0),
        "give_id_back": lambda store: store.give_id_back(RECEIPT, "job_1"),
        "whole_records": lambda store: store.whole_records("job_1", 0, 10, 1_000),
    },
    MongoExecutionLists: {
        "page": lambda store: store.page(
            "ws_1", {"job_1": NOW}, crew_id=None, status=None, skip=0, limit=10
        ),
        "open_jobs": lambda store: store.open_jobs("ws_1", crew_id=None, status=None, limit=10),
        "heads": lambda store: store.heads(["job_1"]),
    },
    MongoCounters: {
        "count": lambda store: store.count("ws_1", "crew_1", [ending_of(STEP.after)]),
        "of_crew": lambda store: store.of_crew("ws_1", "crew_1"),
        "of_workspace": lambda store: store.of_workspace("ws_1"),
        "days": lambda store: anext(store.days("ws_1", "2026-11-01", "2026-11-30")),
        "stored_size": lambda store: store.stored_size("ws_1"),
    },
    MongoLeases: {
        "beat": lambda store: store.beat("worker_1", 1),
        "counters": lambda store: store.counters(),
        "leave": lambda store: store.leave("worker_1"),
    },
}
ALL = [
    pytest.param(store, call, id=f"{store.__name__}.{name}")
    for store, calls in CALLS.items()
    for name, call in calls.items()
]
FAULTS = [
    (AutoReconnect("connection closed"), DatabaseUnavailable),
    (NetworkTimeout("timed out"), DatabaseUnavailable),
    (ServerSelectionTimeoutError("no server"), DatabaseUnavailable),
    (OperationFailure("not primary", 10_107), DatabaseUnavailable),
    (DocumentTooLarge("17 MB"), TooLarge),
    (OperationFailure("the document would be too large", 17_419), TooLarge),
    (OperationFailure("bad value", 2), InternalError),
    (InvalidDocument("cannot encode object"), InternalError),
]


def public_methods(store: type) -> set[str]:
    return {
        name
        for name, one in inspect.getmembers(store, inspect.isfunction)
        if inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
        if not name.startswith("_")
    }


@pytest.fixture
def failing(monkeypatch):
    """Return a database whose driver raises a fault wherever it needs a server."""

    def make(fault: Exception):
        async def select(*_: Any, **__: Any) -> None:
            raise fault

        monkeypatch.setattr(AsyncMongoClient, "_select_server", select)
        return AsyncMongoClient("mongodb://nowhere.invalid", connect=False, tz_aware=True)["test"]

    return make


@pytest.mark.parametrize("store", CALLS)
def test_no_method_of_a_store_is_left_out_here(store):
    assert public_methods(store) == CALLS[store].keys()


@pytest.mark.parametrize(("fault", "ours"), FAULTS, ids=lambda one: repr(one)[:40])
@pytest.mark.parametrize(("store", "call"), ALL)
async def test_the_drivers_errors_become_ours(failing, store, call, fault, ours):
    with pytest.raises(ours) as raised:
        await call(store(failing(fault)))
    assert type(raised.value) is ours
    assert raised.value.__cause__ is fault
