"""A test whose stand-in for MongoDB hangs is run again, with a new server."""

import os
import signal
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from kasal_platform.local.finding import FoundBackend

_runs: list[str] = []


@pytest.mark.skipif(
    "KASAL_TEST_MONGO_URL" in os.environ, reason="a MongoDB of somebody else's is not stopped"
)
def test_a_test_whose_database_hangs_is_run_again(
    mongo_server: FoundBackend, mongo_url: str
) -> None:
    _runs.append(mongo_url)
    with MongoClient[dict[str, Any]](mongo_url, timeoutMS=2_000) as client:
        if len(_runs) == 1:
            assert mongo_server.program is not None
            mongo_server.program.signal(signal.SIGSTOP)
            with pytest.raises(PyMongoError):
                client["test_hung"]["things"].insert_one({"_id": 1})
            pytest.fail("This is seen only if the test is not run again.")
        client["test_hung"]["things"].replace_one({"_id": 1}, {"n": 1}, upsert=True)
    assert len(_runs) == 2
