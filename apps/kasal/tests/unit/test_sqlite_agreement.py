"""Indexes say what documents say, whatever is written; and the check finds it where they do not."""

import asyncio
import sqlite3
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from pymongo import IndexModel
from pymongo.errors import PyMongoError

from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import SqliteClient

SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 1.5, "", "a", "b", b"x"])
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.just("z"), SCALARS)
INNER = st.dictionaries(st.sampled_from(["x", "y"]), VALUES, max_size=2)
DOCUMENTS = st.fixed_dictionaries(
    {"_id": st.integers(0, 5)},
    optional={"a": VALUES, "b": VALUES, "c": VALUES | INNER | st.lists(INNER, max_size=3)},
)
CHANGES = st.one_of(
    st.builds(lambda name, value: {"$set": {name: value}}, st.sampled_from("abc"), VALUES),
    st.builds(lambda name: {"$unset": {name: ""}}, st.sampled_from(["a", "b", "c", "c.x"])),
    st.builds(lambda value: {"$push": {"a": value}}, SCALARS),
    st.builds(lambda value: {"$pull": {"a": value}}, SCALARS),
    st.just({"$inc": {"b": 1}}),
)
QUERIES = st.one_of(
    st.just({}),
    st.builds(lambda one: {"_id": one}, st.integers(0, 5)),
    st.builds(lambda one: {"a": one}, SCALARS),
)
OPERATIONS = st.one_of(
    st.tuples(st.just("insert_one"), DOCUMENTS),
    st.tuples(st.just("update_one"), QUERIES, CHANGES),
    st.tuples(st.just("update_many"), QUERIES, CHANGES),
    st.tuples(st.just("replace_one"), QUERIES, st.builds(lambda one: {"a": one}, VALUES)),
    st.tuples(st.just("delete_one"), QUERIES),
    st.tuples(st.just("delete_many"), QUERIES),
)
INDEXES = [
    IndexModel([("a", 1), ("b", 1)], name="both"),
    IndexModel("c.x", name="inner", unique=True, sparse=True),
    IndexModel([("b", 1), ("c.y", 1)], name="some", partialFilterExpression={"a": None}),
    IndexModel("a", name="there", partialFilterExpression={"a": {"$exists": True}}),
]


@settings(max_examples=60, deadline=None)
@given(
    before=st.lists(OPERATIONS, max_size=8),
    chosen=st.lists(st.sampled_from(INDEXES), max_size=3),
    after=st.lists(OPERATIONS, max_size=15),
)
def test_indexes_agree_with_documents_after_any_writes(before, chosen, after) -> None:
    async def write(folder: Path) -> None:
        async with SqliteClient(folder) as client:
            things = client["db"]["things"]
            await client["db"].command("ping")  # which makes the file
            for index in chosen:
                try:
                    await things.create_indexes([index])
                except PyMongoError:
                    continue
            for name, *arguments in [*before, *after]:
                try:
                    await getattr(things, name)(*arguments)
                except PyMongoError:
                    continue

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(write(Path(folder)))
        assert disagreements_in(Path(folder) / "db.sqlite") == []


async def test_the_check_finds_what_is_wrong(tmp_path) -> None:
    async with SqliteClient(tmp_path) as client:
        things = client["db"]["things"]
        await things.create_indexes([IndexModel("n", name="n")])
        await things.insert_many([{"_id": one, "n": one} for one in range(3)])
    path = tmp_path / "db.sqlite"
    assert disagreements_in(path) == []
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM i2 WHERE row = 2")
    connection.execute("UPDATE c1 SET doc = x'00' WHERE row = 3")
    connection.execute("INSERT INTO i2 VALUES (x'00', 1)")
    connection.commit()
    connection.close()
    told = disagreements_in(path)
    assert any("n has no entry of 1" in line for line in told)
    assert any("row 3 cannot be read" in line for line in told)
    assert any("n has 3 entries, and the documents 2" in line for line in told)
