"""A query that SQLite reads otherwise than MongoDB would is noticed, and it is known who asked."""

from common.contracts.events import ExecutionStatus
from devkit.embedded_plans import EmbeddedPlans, plan_fault
from executor.store.lists import MongoExecutionLists
from kasal_platform.embedded.sqlite.client import SqliteClient
from kasal_platform.embedded.sqlite.scanning import Examined

CLOSED = {"workspace_id": "ws_1", "open": None, "status": {"$in": ["completed", "failed"]}}
NEWEST = (("created_at", -1), ("_id", -1))


def page(**changes) -> Examined:
    found = {"index": "list_of_workspace", "keys": 20, "documents": 20, "returned": 20, **changes}
    return Examined("find", "executions", CLOSED, NEWEST, 20, **found)


def test_what_mongodb_would_do_is_no_fault() -> None:
    assert plan_fault("executor", page()) is None
    assert plan_fault("executor", page(documents=24)) is None, "two ranges are merged"
    assert plan_fault("executor", Examined("find", "workers", {}, documents=3)) is None
    assert plan_fault("executor", Examined("find", "schema", {}, documents=1)) is None


def test_a_scan_a_sort_and_a_read_beyond_the_limit_are_faults() -> None:
    for changes, told in (
        ({"index": None}, "MongoDB reads it in order by list_of_workspace"),
        ({"index": "_id_"}, "list_of_workspace"),
        ({"sorts": True}, "in order by"),
        ({"documents": 25}, "more than its limit of 20"),
    ):
        assert told in (plan_fault("executor", page(**changes)) or ""), changes
    swept = Examined("write", "receipts", {"until": {"$lte": 1}})
    assert "until" in (plan_fault("executor", swept) or ""), "an accepted query uses its index"
    new = Examined("find", "executions", {"crew_id": "c"}, index="_id_", documents=9)
    assert "no limit and no index" in (plan_fault("executor", new) or "")


async def test_queries_of_our_code_are_judged_and_those_of_a_test_are_not(
    tmp_path, monkeypatch
) -> None:
    told: list[Examined] = []
    plans = EmbeddedPlans(told.append)
    with plans.watching(monkeypatch):
        async with SqliteClient(tmp_path) as client:
            database = client["executor"]
            await database["executions"].insert_one({"_id": "job_1", "workspace_id": "ws_1"})
            assert await database["executions"].find({"workspace_id": "ws_1"}).to_list()
            assert not plans.faults
            lists = MongoExecutionLists(database)
            wanted = {"crew_id": None, "status": ExecutionStatus.COMPLETED, "skip": 0, "limit": 9}
            assert await lists.page("ws_1", {}, **wanted) == []
    assert [one.operation for one in told] == ["find", "find"]
    (fault,) = plans.faults
    assert "by None: MongoDB reads it in order by list_of_workspace" in fault
