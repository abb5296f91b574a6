"""What the database has acknowledged is there after it was killed."""

import pytest

from common import mongo
from common.local import secantus
from common.settings import MongoSettings


@pytest.fixture
def program(tmp_path):
    program = secantus.program(tmp_path / "db")
    program.start()
    program.wait()
    yield program
    program.stop()


async def test_acknowledged_writes_outlive_a_kill(program):
    settings = MongoSettings(mongo_url=program.url)
    count = 0
    for _ in range(3):
        async with mongo.connect(settings) as client:
            jobs = mongo.database(client, settings, "tried")["jobs"]
            for _ in range(40):
                count += 1
                await jobs.insert_one({"_id": count, "seq": 0})
                await jobs.update_one({"_id": count, "seq": 0}, {"$set": {"seq": 1}})
            program.kill()
        program.start()
        await program.ready()
        async with mongo.connect(settings) as client:
            jobs = mongo.database(client, settings, "tried")["jobs"]
            assert await jobs.count_documents({"seq": 1}) == count
