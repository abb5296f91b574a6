"""The doctor's checks that need no server."""

import contextlib
import os
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from common.settings import MongoSettings
from kasal_platform import doctor
from kasal_platform.commands.doctor import main
from kasal_platform.data_folder import database_file, databases_url, hold
from kasal_platform.doctor import Finding
from kasal_platform.embedded.backends import InProcessBackends

VARIABLES = ("KASAL_MONGO_URL", "KASAL_AMQP_URL", "KASAL_REDIS_URL", "KASAL_SERVICE_SECRET")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (*VARIABLES, "KASAL_SECRET_KEY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("KASAL_DATA_DIR", str(tmp_path / "made" / "later"))


def test_python_is_one_that_the_platform_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.look_at_python().state == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    assert doctor.look_at_python() == Finding(
        "wrong", "Python 3.10.2: Kasal needs 3.11, 3.12 or 3.13"
    )


def test_settings_of_run_alone_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.look_at_settings() == [Finding("ok", "settings of `run`")]
    monkeypatch.setenv("KASAL_LOG_LEVEL", "LOUD")
    [fault] = doctor.look_at_settings()
    assert fault.state == "wrong"
    assert fault.text.startswith("KASAL_LOG_LEVEL is wrong: ")


def test_settings_of_separate_services_are_read_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KASAL_MONGO_URL", "mongodb://nowhere")
    assert [finding.text for finding in doctor.look_at_settings()] == [
        "KASAL_AMQP_URL is not set",
        "KASAL_REDIS_URL is not set",
        "KASAL_SECRET_KEY is not set",
        "KASAL_SERVICE_SECRET is not set",
    ]


def test_missing_stand_ins_are_wrong_and_missing_servers_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor.rabbitmq, "installed", lambda: False)
    monkeypatch.setattr(doctor.redis_program, "installed", lambda: False)
    states = [finding.state for finding in doctor.look_at_stand_ins()]
    assert states == ["wrong", "note", "note"]


def test_a_file_in_the_place_of_the_data_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    finding = doctor.look_at_disk(tmp_path / "file" / "data")
    assert finding.state == "wrong"
    assert f"look at {tmp_path / 'file'}" in finding.text


@pytest.mark.parametrize(("megabytes", "state"), [(100, "wrong"), (1_000, "note"), (10_000, "ok")])
def test_a_disk_needs_room(
    megabytes: int, state: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = doctor.shutil.disk_usage(tmp_path)._replace(free=megabytes * 1024**2)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: usage)
    found = doctor.look_at_disk(tmp_path / "not" / "there")
    assert (found.state, found.text.split(" MB")[0]) == (state, f"{megabytes:,}")


async def test_a_port_that_is_taken_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    async def is_kasal(host: str, port: int) -> bool:
        return False

    monkeypatch.setattr(doctor, "_is_kasal", is_kasal)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = await doctor.look_at_port("127.0.0.1", port)
    assert found.state == "wrong"
    assert f"port {port} of 127.0.0.1 cannot be used" in found.text
    assert (await doctor.look_at_port("127.0.0.1", port)).state == "ok"


async def _file(data_dir: Path, service: str) -> Path:
    url = databases_url(data_dir)
    opened = InProcessBackends().database(MongoSettings(mongo_url=url), service)
    things = opened.database["things"]
    await things.insert_many([{"_id": number, "text": "x" * 500} for number in range(200)])
    await opened.close()
    return database_file(data_dir, service)


async def test_files_of_an_earlier_release_are_worth_a_note(tmp_path: Path) -> None:
    (tmp_path / "files" / "ws_1").mkdir(parents=True)
    (tmp_path / "files" / "ws_1" / "a.csv").touch()
    *_, note = await doctor.look_at_databases(tmp_path)
    assert note.state == "note"
    assert "import-files" in note.text


async def test_databases_are_read_from_end_to_end(tmp_path: Path) -> None:
    [finding] = await doctor.look_at_databases(tmp_path)
    assert finding == Finding("ok", f"{tmp_path} holds no data yet")
    file = await _file(tmp_path, "auth")
    [finding] = await doctor.look_at_databases(tmp_path)
    assert finding == Finding("ok", f"{file} is whole (0 MB)")
    whole = file.read_bytes()
    file.write_bytes(whole[:-20_480] + b"?" * 20_480)
    [finding] = await doctor.look_at_databases(tmp_path)
    assert finding.state == "wrong"
    assert f"{file} is damaged" in finding.text
    assert "make restore" in finding.text
    file.write_bytes(whole)
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("UPDATE c1 SET doc = (SELECT doc FROM c1 WHERE row = 2) WHERE row = 1")
    [finding] = await doctor.look_at_databases(tmp_path)
    assert finding.state == "wrong"
    assert f"{file} is damaged (things: 1 lies under another key)" in finding.text


async def test_a_running_platform_is_nothing_wrong(tmp_path: Path) -> None:
    await _file(tmp_path, "auth")
    with hold(tmp_path):
        states = {found.text: found.state for found in await doctor.look_at_databases(tmp_path)}
    assert states[f"{tmp_path} is in use by process {os.getpid()}"] == "ok"
    assert set(states.values()) == {"ok"}


async def test_data_of_an_earlier_release_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "mongo").mkdir()
    [finding] = await doctor.look_at_databases(tmp_path)
    assert finding.state == "wrong"
    assert "make import-data" in finding.text


def test_it_ends_with_1_when_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KASAL_PORT", "0")
    main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok     Python 3.1")
    assert all(line.startswith(("ok ", "note ")) for line in lines)
    monkeypatch.setenv("KASAL_LOG_LEVEL", "LOUD")
    with pytest.raises(SystemExit) as ended:
        main([])
    assert str(ended.value.code).startswith("1 of ")
    assert "wrong  KASAL_LOG_LEVEL is wrong" in capsys.readouterr().out
