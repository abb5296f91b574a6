"""The databases of a process lie in the files of one folder, and say when there is no room for more."""

import shutil
from pathlib import Path

import pytest
from pymongo.errors import AutoReconnect, OperationFailure, PyMongoError

from common.settings import MongoSettings
from common.storage.mongo import is_away
from common.telemetry import Telemetry
from kasal_platform.data_folder import database_file, databases_url
from kasal_platform.embedded import databases
from kasal_platform.embedded.backends import InProcessBackends


@pytest.fixture
def settings(tmp_path: Path) -> MongoSettings:
    return MongoSettings(mongo_url=databases_url(tmp_path / "a folder"))


async def test_each_service_has_a_file_in_the_folder_that_the_url_names(
    settings: MongoSettings, tmp_path: Path
) -> None:
    backends = InProcessBackends()
    auth, crews = backends.database(settings, "auth"), backends.database(settings, "crews")
    await auth.database["things"].insert_one({"_id": 1})
    assert await crews.database["things"].find_one({"_id": 1}) is None
    for opened in (auth, crews):
        await opened.close()
    for service in ("auth", "crews"):
        assert database_file(tmp_path / "a folder", service).exists()


async def test_who_has_the_same_database_sees_the_same_and_the_last_to_leave_closes_it(
    settings: MongoSettings,
) -> None:
    backends = InProcessBackends()
    api, worker = (backends.database(settings, "executor") for _ in range(2))
    await api.database["things"].insert_one({"_id": 1})
    await api.close()
    assert await worker.database["things"].find_one({"_id": 1}) == {"_id": 1}
    await worker.close()
    with pytest.raises(AutoReconnect):
        await worker.database["things"].find_one({"_id": 1})


async def test_it_is_not_ready_without_room(
    settings: MongoSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = InProcessBackends().database(settings, "auth")
    await opened.check()
    free = shutil.disk_usage(tmp_path)._replace(free=databases.ROOM - 1)
    monkeypatch.setattr(databases.shutil, "disk_usage", lambda folder: free)
    full = InProcessBackends().database(settings, "auth")
    with pytest.raises(OperationFailure, match="is full") as fault:
        await full.check()
    assert is_away(fault.value)
    for one in (opened, full):
        await one.close()


async def test_failures_are_counted(settings: MongoSettings, telemetry: Telemetry) -> None:
    opened = InProcessBackends().database(settings, "auth", telemetry)
    with pytest.raises(PyMongoError):
        await opened.database.command("fly")
    with pytest.raises(PyMongoError):
        await opened.database["things"].drop_index("nothing")
    await opened.close()
    found = {
        sample.labels["db_operation_name"]: sample.value
        for metric in telemetry.registry.collect()
        for sample in metric.samples
        if sample.name == "kasal_db_errors_total"
    }
    assert found == {"dropIndexes": 1.0}
