"""Queries use indexes for what MongoDB uses them for, and stop reading at their limit."""

import asyncio
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import IndexModel

from kasal_platform.embedded.sqlite.catalog import Table, index_of
from kasal_platform.embedded.sqlite.client import Files, SqliteClient
from kasal_platform.embedded.sqlite.matching import compile_query
from kasal_platform.embedded.sqlite.planning import ReadPlan, plan_of

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
NEWEST = [("made", -1), ("_id", -1)]


def indexed(**indexes: dict[str, object]) -> Table:
    table = Table(1, "things")
    for number, (name, definition) in enumerate(indexes.items(), start=2):
        keys = dict.fromkeys(definition.pop("key"), 1)
        table.indexes[name] = index_of(number, {"name": name, "key": keys, **definition})
    return table


def planned(table: Table, query: dict[str, object], sort=()) -> ReadPlan:
    return plan_of(table, compile_query(query), sort)


TABLE = indexed(
    by_state={"key": ["owner", "state", "made", "_id"]},
    open_only={"key": ["open", "made"], "partialFilterExpression": {"open": True}},
    token={"key": ["token"], "unique": True, "sparse": True},
)


@pytest.mark.parametrize(
    ("query", "sort", "index", "scans", "ordered"),
    [
        ({"_id": 1}, [], "_id_", 1, True),
        ({"_id": {"$in": [1, 2]}, "owner": "a"}, [], "_id_", 1, True),
        ({"token": "t", "owner": "a"}, [], "token", 1, True),
        ({"owner": "a"}, [], "by_state", 1, True),
        ({"owner": "a", "state": "x"}, NEWEST, "by_state", 1, True),
        ({"owner": "a", "state": {"$in": ["x", "y", "z"]}}, NEWEST, "by_state", 3, True),
        ({"owner": "a", "state": "x", "made": {"$lt": BEGUN}}, NEWEST, "by_state", 1, True),
        ({"owner": "a"}, [("made", 1)], "by_state", 1, False),
        ({"open": True}, [("made", 1)], "open_only", 1, True),
        ({"open": False}, [("made", 1)], None, 1, False),
        ({"open": {"$ne": False}}, [], None, 1, True),
        ({"token": None}, [], None, 1, True),  # a sparse index has no missing ones
        ({"state": "x"}, [], None, 1, True),
        ({}, [("_id", -1)], "_id_", 1, True),
        ({}, [("owner", 1)], "by_state", 1, True),
        ({}, [("owner", 1), ("state", -1)], None, 1, False),
    ],
)
def test_the_index_that_mongodb_would_use_is_used(query, sort, index, scans, ordered) -> None:
    plan = planned(TABLE, query, sort)
    assert (plan.name, len(plan.scans), plan.is_ordered) == (index, scans, ordered)


def test_an_array_takes_its_index_no_order_and_no_two_bounds() -> None:
    table = indexed(tags={"key": ["owner", "tags"]})
    table.indexes["tags"].multikey = True
    plan = planned(table, {"owner": "a", "tags": {"$gt": 1, "$lt": 3}}, [("tags", 1)])
    assert (plan.name, plan.is_ordered, plan.is_exact) == ("tags", False, False)


@pytest.fixture
async def jobs(tmp_path):
    files = Files(tmp_path, observe=(seen := []).append)
    things = SqliteClient(files)["db"]["jobs"]
    keys = [("owner", 1), ("state", 1), ("made", 1), ("_id", 1)]
    await things.create_indexes([IndexModel(keys, name="list")])
    rows = [
        {
            "_id": f"{n:05}",
            "owner": "a",
            "state": "xyz"[n % 3],
            "made": BEGUN + timedelta(seconds=n),
        }
        for n in range(3_000)
    ]
    random.Random(1).shuffle(rows)
    await things.insert_many(rows)
    seen.clear()
    yield things, seen
    files.close()


async def test_a_page_reads_about_its_limit(jobs) -> None:
    things, seen = jobs
    query = {
        "owner": "a",
        "state": {"$in": ["x", "y", "z"]},
        "made": {"$lt": BEGUN + timedelta(seconds=2_000)},
    }
    page = await things.find(query, {"_id": 1}).sort(NEWEST).limit(50).to_list()
    assert [one["_id"] for one in page] == [f"{n:05}" for n in range(1_999, 1_949, -1)]
    (examined,) = seen
    assert (examined.index, examined.sorts) == ("list", False)
    assert examined.documents <= 2 * 50 + 2 * 3


async def test_a_count_with_a_limit_stops_there_and_reads_no_document(jobs) -> None:
    things, seen = jobs
    assert await things.count_documents({"owner": "a", "state": "x"}, limit=100) == 100
    assert (seen[0].keys, seen[0].documents) == (100, 0)


async def test_distinct_values_are_skipped_through(jobs) -> None:
    things, seen = jobs
    assert await things.distinct("state", {"owner": "a"}) == ["x", "y", "z"]
    assert (seen[0].index, seen[0].keys) == ("list", 3)


async def test_an_update_by_another_field_reads_one_document(jobs) -> None:
    things, seen = jobs
    done = await things.update_one({"owner": "a", "state": "y"}, {"$set": {"new": 1}})
    assert done.matched_count == 1
    assert (seen[0].operation, seen[0].index, seen[0].documents) == ("write", "list", 1)


FIELDS = st.sampled_from(["a", "b", "c"])
VALUES = st.sampled_from([None, 0, 1, 2, "s", "t", True])
CONDITIONS = st.one_of(
    VALUES,
    st.builds(lambda values: {"$in": values}, st.lists(VALUES, max_size=3)),
    st.builds(
        lambda op, value: {op: value},
        st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$ne"]),
        VALUES,
    ),
)


ROWS = st.fixed_dictionaries(
    {}, optional={"a": VALUES, "b": VALUES, "c": VALUES | st.lists(VALUES, max_size=2)}
)
SORTS = st.lists(
    st.tuples(FIELDS, st.sampled_from([1, -1])), max_size=2, unique_by=lambda pair: pair[0]
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(ROWS, max_size=25),
    indexes=st.lists(st.lists(FIELDS, min_size=1, max_size=3, unique=True), min_size=1, max_size=3),
    query=st.dictionaries(FIELDS, CONDITIONS, max_size=3),
    sort=SORTS,
    limit=st.integers(0, 5),
    skip=st.integers(0, 3),
)
def test_an_index_never_changes_an_answer(rows, indexes, query, sort, limit, skip) -> None:
    way = sort[0][1] if sort else 1
    order = [*sort, ("_id", way)]

    async def answers(things) -> list[object]:
        return [
            await things.find(query).sort(order).skip(skip).limit(limit).to_list(),
            await things.count_documents(query),
            *[await things.distinct(field, query) for field in "abc"],
        ]

    async def compare(folder: Path) -> None:
        async with SqliteClient(folder) as client:
            plain, other = client["db"]["plain"], client["db"]["indexed"]
            for place, fields in enumerate(indexes):
                await other.create_index([(field, 1) for field in fields], name=str(place))
            for things in (plain, other):
                for place, row in enumerate(rows):
                    await things.insert_one({"_id": place, **row})
            assert await answers(other) == await answers(plain)

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(compare(Path(name)))
