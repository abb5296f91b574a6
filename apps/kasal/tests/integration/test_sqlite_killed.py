"""A process that writes is killed at any moment: what it acknowledged is there, and nothing is half written."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from kasal_platform.embedded.sqlite.agreement import disagreements_in
from kasal_platform.embedded.sqlite.client import SqliteClient

ROUNDS = 8

WRITER = """
import asyncio, sys
from pathlib import Path
from pymongo import IndexModel, UpdateOne
from kasal_platform.embedded.sqlite.client import SqliteClient

def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

async def chain(things, number, start):
    for seq in range(start, 100_000):
        name = f"w{number}-{seq}"
        await things.insert_one({"_id": name, "n": seq, "who": number, "tail": []})
        tell("inserted", name)
        both = {"$set": {"n": -seq, "padding": "x" * (seq % 5_000)}, "$push": {"tail": seq}}
        await things.update_one({"_id": name, "n": seq}, both)
        tell("updated", name)
        if seq % 3 == 0:
            await things.delete_one({"_id": f"w{number}-{seq - 1}"})
            tell("deleted", f"w{number}-{seq - 1}")
        if seq % 5 == 0:
            await things.bulk_write([
                UpdateOne({"_id": name}, {"$push": {"tail": "bulk"}}),
                UpdateOne({"_id": f"b-{name}"}, {"$set": {"who": number}}, upsert=True),
            ], ordered=False)
            tell("bulk", name)

async def main(folder, start):
    async with SqliteClient(Path(folder)) as client:
        things = client["db"]["things"]
        await things.create_indexes([
            IndexModel([("who", 1), ("n", 1)], name="n"),
            IndexModel("tail", name="tail"),
            IndexModel([("n", 1), ("_id", 1)], name="live", unique=True,
                       partialFilterExpression={"n": {"$exists": True}}),
        ])
        tell("ready")
        await asyncio.gather(*(chain(things, number, start) for number in range(6)))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.timeout(1_800)
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_written(tmp_path: Path) -> None:
    chance = random.Random(59)
    acknowledged: dict[str, str] = {}
    for number in range(ROUNDS):
        lines = await killed_writer(tmp_path, number * 10_000, chance.uniform(0.02, 0.6))
        assert lines[:1] == ["ready"]
        for line in lines[1:]:
            done, name = line.split()
            acknowledged[name] = done
        assert disagreements_in(tmp_path / "db.sqlite") == []
        await check(tmp_path, acknowledged)
    assert len(acknowledged) > 100


async def killed_writer(folder: Path, start: int, seconds: float) -> list[str]:
    """Run the writer, kill it so long after its first line, and return the whole lines it has told."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(folder), str(start), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    first = await child.stdout.readline()
    reading = asyncio.create_task(child.stdout.read())
    await asyncio.wait((reading,), timeout=seconds)
    child.send_signal(signal.SIGKILL)
    text = (first + await reading).decode()
    await child.wait()
    return text[: text.rfind("\n")].split("\n")


async def check(folder: Path, acknowledged: dict[str, str]) -> None:
    async with SqliteClient(folder) as client:
        things = client["db"]["things"]
        found = {one["_id"]: one async for one in things.find({})}
        for name, done in acknowledged.items():
            seq = int(name.rpartition("-")[2])
            if done == "deleted":
                assert name not in found, name
            elif name in found:
                assert_whole(found[name], seq, done)
            else:  # the writer's next step may have deleted it, and been killed before it said so
                assert seq % 3 == 2, name
        for name, one in found.items():
            if "n" in one and one["n"] <= 0 and name not in acknowledged:
                assert_whole(one, -one["n"], "updated")


def assert_whole(one: dict[str, object], seq: int, done: str) -> None:
    updated = {"_id": one["_id"], "n": -seq, "who": one["who"], "padding": "x" * (seq % 5_000)}
    assert one["who"] == int(str(one["_id"])[1 : str(one["_id"]).index("-")])
    if one["n"] == seq and seq > 0:
        assert done == "inserted"
        assert one == {"_id": one["_id"], "n": seq, "who": one["who"], "tail": []}
    elif done == "bulk":
        assert one == {**updated, "tail": [seq, "bulk"]}
    else:
        assert one in ({**updated, "tail": [seq]}, {**updated, "tail": [seq, "bulk"]})
